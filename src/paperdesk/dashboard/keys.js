// The keyboard, and which dialog is open.
//
// Owns: the table of keys. Single letters are off while one types, and can be switched off
// altogether (WCAG 2.1.4).

import { addressOf, page, PAGES } from "./pages.js";
import { signal } from "./signals.js";

const SLOT = "paperdesk.keys";

export const dialog = signal(null); // { name, of }
export const keysOn = signal(localStorage.getItem(SLOT) !== "off");

export const openDialog = (name, of) => (dialog.value = { name, of });

export function closeDialog() {
  dialog.value = null;
  history.replaceState(null, "", page.value === "now" ? location.pathname : addressOf(page.value));
}

export function switchKeys(on) {
  keysOn.value = on;
  localStorage.setItem(SLOT, on ? "on" : "off");
}

const isTyping = (element) => element?.matches?.("input, textarea, select, [contenteditable]");

/** Let keys do what `table` says: { key: action }; a value that is a table is a second key. */
export function listen(table) {
  let within = table;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (!keysOn.value || dialog.value || isTyping(event.target)) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return; // it presses that
    const found = within[event.key] ?? table[event.key];
    within = table;
    if (!found) return;
    event.preventDefault();
    if (typeof found === "object") within = found;
    else found(event);
  });
}

export const KEYS = [
  ["?", "These keys"],
  [PAGES.map(([, , key]) => `g ${key}`).join(", "), `Go to ${PAGES.map(([, title]) => title).join(", ")}`],
  ["g t", "Go to the tape"],
  ["/", "Find a symbol or a batch"],
  ["n", "New batch"],
  ["j, k", "Next, previous batch"],
  ["Enter", "Open it"],
  ["x", "Cancel its open orders"],
  ["Space", "Pause the tape"],
  ["a", "Next account"],
  ["t", "Theme"],
  ["Shift+H", "Halt the account at once"],
  ["Esc", "Close, or leave a question"],
];
