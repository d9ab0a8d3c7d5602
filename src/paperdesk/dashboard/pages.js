// Which page is shown, and its address.
//
// Owns: the table of pages, the links to them, and what `#/name` means. Draws none of them.

import { signal } from "./signals.js";
import { html } from "./ui.js";

// name, title, and the key behind `g`
export const PAGES = [
  ["now", "Now", "n"],
  ["orders", "Orders", "o"],
  ["fills", "Fills", "f"],
  ["connections", "Connections", "c"],
  ["events", "Events", "e"],
  ["simulator", "Simulator", "m"],
  ["settings", "Settings", "s"],
];

export const page = signal("now");

export const addressOf = (name) => (name === "now" ? "#/" : `#/${name}`);
export const titleOf = (name) => PAGES.find(([each]) => each === name)[1];

export const open = (name) => (location.hash = addressOf(name));

/** Show the page that the address names, if it names one. */
export function readAddress() {
  const name = /^(#\/?)?$/.test(location.hash) ? "now" : location.hash.slice(2);
  if (page.value === name || !PAGES.some(([each]) => each === name)) return;
  page.value = name;
  requestAnimationFrame(() => {
    scrollTo(0, 0);
    document.querySelector("main")?.focus({ preventScroll: true });
  });
}

export function Nav({ isSimulated }) {
  const shown = PAGES.filter(([name]) => name !== "simulator" || isSimulated);
  return html`<nav class="pages" aria-label="Pages">
    ${shown.map(
      ([name, title]) => html`<a key=${name} href=${addressOf(name)} aria-current=${page.value === name ? "page" : null}>${title}</a>`,
    )}
  </nav>`;
}
