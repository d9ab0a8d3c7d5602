// Which page is shown, and its address.
//
// Owns: the table of pages, the links to them, and what `#/name` means. Draws none of them.

import { signal } from "./signals.js";
import { html } from "./ui.js";

// name, title, and the key behind `g`
export const PAGES = [
  ["now", "Now", "n"],
  ["batches", "Batches", "b"],
  ["orders", "Orders", "o"],
  ["fills", "Fills", "f"],
  ["positions", "Positions", "p"],
  ["accounts", "Accounts", "a"],
  ["connections", "Connections", "c"],
  ["halts", "Halts", "h"],
  ["events", "Events", "e"],
  ["simulator", "Simulator", "m"],
  ["settings", "Settings", "s"],
];

export const page = signal("now");

export const addressOf = (name) => (name === "now" ? "#/" : `#/${name}`);
export const titleOf = (name) => PAGES.find(([each]) => each === name)[1];

let panel = null; // of the page that was asked for, where it is not all of it

/** Go to a page, or to one of its panels. */
export function open(name, id = null) {
  panel = id;
  if (page.value === name) arrive();
  else location.hash = addressOf(name);
}

/** Show the page from its top, or from the panel, and let the keyboard go on there. */
function arrive() {
  const element = document.getElementById(panel ?? "main");
  if (panel) element?.scrollIntoView({ block: "start" });
  else scrollTo(0, 0);
  element?.focus({ preventScroll: true });
  panel = null;
}

/** Show the page that the address names, if it names one. */
export function readAddress() {
  const name = /^(#\/?)?$/.test(location.hash) ? "now" : location.hash.slice(2);
  if (page.value === name || !PAGES.some(([each]) => each === name)) return;
  page.value = name;
  requestAnimationFrame(arrive); // once it is drawn
}

export function Nav({ isSimulated }) {
  const shown = PAGES.filter(([name]) => name !== "simulator" || isSimulated);
  return html`<nav class="pages" aria-label="Pages">
    ${shown.map(
      ([name, title]) => html`<a key=${name} href=${addressOf(name)} aria-current=${page.value === name ? "page" : null}>${title}</a>`,
    )}
  </nav>`;
}
