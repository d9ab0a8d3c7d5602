// The small parts that every panel is made of.
//
// Owns: pills, dialogs, tables, the confirmation in place, bars, copy buttons. Knows nothing of trading.
// All text goes through Preact, which escapes it: nothing here, or elsewhere on the page, writes HTML.

import htm from "./htm.js";
import { h } from "./preact.js";
import { useLayoutEffect, useRef, useState } from "./preact-hooks.js";

export const html = htm.bind(h);

const CONFIRM_MS = 5000;

/** A state in a word and a glyph; never by colour alone. Kinds: ok, busy, warn, bad, calm. */
export function Pill({ kind, glyph, children, title }) {
  return html`<span class="pill ${kind}" title=${title}>
    ${glyph && html`<span aria-hidden="true">${glyph} </span>`}${children}
  </span>`;
}

export function Panel({ id, title, note, tools, children, label }) {
  return html`<section id=${id} class="panel" aria-label=${label ?? title} tabindex="-1">
    <header>
      <h2>${title}</h2>
      ${note && html`<span class="note">${note}</span>`}
      <span class="tools">${tools}</span>
    </header>
    ${children}
  </section>`;
}

/** A modal dialog: the browser keeps the focus in it, Escape closes it, the focus goes back. */
export function Dialog({ title, onClose, children, wide }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    const element = ref.current;
    element.showModal();
    return () => element.close(); // which gives the focus back
  }, []);
  return html`<dialog
    ref=${ref}
    class=${wide ? "wide" : ""}
    aria-labelledby="dialog-title"
    onCancel=${(event) => {
      event.preventDefault();
      onClose();
    }}
  >
    <header>
      <h2 id="dialog-title">${title}</h2>
      <button type="button" class="plain" aria-label="Close" onClick=${onClose}>✕</button>
    </header>
    ${children}
  </dialog>`;
}

/** A button that asks once more in its own place, for five seconds. Escape leaves it. */
export function Confirm({ label, question, yes, onYes, id }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const ref = useRef(null);
  const opener = useRef(null);
  const leave = () => {
    setAsking(false);
    requestAnimationFrame(() => opener.current?.focus());
  };
  useLayoutEffect(() => {
    if (!asking) return undefined;
    ref.current?.focus();
    const timer = setTimeout(() => setAsking(false), CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [asking]);
  if (!asking) {
    return html`<button
      type="button"
      id=${id}
      ref=${opener}
      disabled=${busy}
      onClick=${() => setAsking(true)}
    >
      ${busy ? "Asked…" : label}
    </button>`;
  }
  return html`<span
    class="confirm"
    role="group"
    aria-label=${question}
    onKeyDown=${(event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      leave();
    }}
  >
    <span>${question}</span>
    <button
      type="button"
      class="danger"
      ref=${ref}
      onClick=${async () => {
        setAsking(false);
        setBusy(true);
        try {
          await onYes();
        } finally {
          setBusy(false);
        }
      }}
    >
      ${yes}
    </button>
    <button type="button" onClick=${leave}>No</button>
  </span>`;
}

/** A bar of parts: [{ kind, share, label }]; the shares are of `total`. */
export function Bar({ parts, total, label }) {
  let left = 0;
  const rects = parts.map(({ kind, share }) => {
    const width = total ? (100 * share) / total : 0;
    left += width;
    return html`<rect class=${kind} x=${left - width} y="0" width=${width} height="8" />`;
  });
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${rects}
  </svg>`;
}

/** A table in a box that scrolls by itself; `#` before a head says that figures stand below it. */
export function Table({ label, heads, isTall, children, ...box }) {
  return html`<div class=${isTall ? "scroll tall" : "scroll"} role="region" aria-label=${label} tabindex="0" ...${box}>
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col" key=${head} class=${head.startsWith("#") ? "number" : null}>${head.replace(/^#/, "")}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${children}
      </tbody>
    </table>
  </div>`;
}

/** A field that narrows a list down. */
export function Filter({ label, value, onInput }) {
  return html`<input
    type="search"
    placeholder=${label}
    aria-label=${label}
    value=${value}
    onInput=${(event) => onInput(event.target.value)}
  />`;
}

/** What stands where something is being read, after a moment. */
export function Waiting() {
  return html`<p class="waiting" aria-label="Being read"><span></span><span></span></p>`;
}

/** Give the reader a file. */
export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address));
}

/** Give the reader rows as a file: of each what it has under the names of the columns. */
export function saveCsv(name, columns, rows) {
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))];
  download(name, "text/csv", lines.map((cells) => cells.join(",")).join("\n") + "\n");
}

export function Copy({ text }) {
  const [said, setSaid] = useState("Copy");
  return html`<button
    type="button"
    onClick=${async () => {
      try {
        await navigator.clipboard.writeText(text);
        setSaid("Copied");
      } catch {
        setSaid("Select it and copy"); // a page that is not served securely has no clipboard
      }
    }}
  >
    ${said}
  </button>`;
}

/** What went wrong, told at once to who hears the page, too. */
export function Trouble({ words }) {
  return words ? html`<p class="trouble" role="alert">${words}</p>` : null;
}
