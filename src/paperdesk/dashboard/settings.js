// How this browser shows the page.
//
// Owns: the page `#/settings`, and where each choice is kept: in this browser's localStorage, for every
// key. The service knows nothing of them.

import { setZone, zone, ZONES } from "./format.js";
import { applyTheme, theme, THEMES } from "./header.js";
import { keysOn, switchKeys } from "./keys.js";
import { canNotify, noticesOn, switchNotices } from "./notices.js";
import { signal } from "./signals.js";
import { html, Panel } from "./ui.js";

const PALETTE_SLOT = "paperdesk.palette";
const PALETTES = { blue: "blue ▲, orange ▼", red: "red ▲, green ▼", green: "green ▲, red ▼", grey: "no colour, only ▲ and ▼" };

const palette = signal(localStorage.getItem(PALETTE_SLOT) ?? "blue");

/** Colour what is bought and sold. The arrows and words say it with every palette. */
export function applyPalette(wanted = palette.value) {
  palette.value = wanted in PALETTES ? wanted : "blue";
  localStorage.setItem(PALETTE_SLOT, palette.value);
  document.documentElement.dataset.palette = palette.value;
}

export function Settings() {
  return html`<${Panel} id="settings" title="Settings" note="of this browser">
    <div class="settings">
      <${Choice} label="Times" value=${zone.value} onChange=${setZone} options=${Object.entries(ZONES).map(([name, { words }]) => [name, words])} />
      <${Choice} label="Bought and sold" value=${palette.value} onChange=${applyPalette} options=${Object.entries(PALETTES)} />
      <${Choice} label="Theme" value=${theme.value} onChange=${applyTheme} options=${THEMES.map((name) => [name, name === "auto" ? "as the system has it" : name])} />
      <label>
        <input type="checkbox" checked=${keysOn.value} onChange=${(event) => switchKeys(event.target.checked)} />
        ${" "}Single keys do what <kbd>?</kbd> lists
      </label>
      <label>
        <input
          type="checkbox"
          disabled=${!canNotify}
          checked=${noticesOn.value}
          onChange=${(event) => switchNotices(event.target.checked)}
        />
        ${" "}Tell the desktop of rejections and lost gateways while the page is out of sight
      </label>
    </div>
  <//>`;
}

function Choice({ label, value, options, onChange }) {
  return html`<label>
    ${label}
    <select value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${options.map(([name, words]) => html`<option key=${name} value=${name}>${words}</option>`)}
    </select>
  </label>`;
}
