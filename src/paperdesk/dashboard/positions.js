// What is held against what is wanted.
//
// Owns: the table, its order, and that it stands still while somebody reads it.

import { find } from "./batches.js";
import { price, shares, trade } from "./format.js";
import { useRef, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { html, Panel, Pill, Table, Waiting } from "./ui.js";

const STATES = {
  reached: ["ok", "✓", "on target"],
  working: ["busy", "◐", "working"],
  short: ["bad", "✕", "short"],
  locked: ["bad", "✕", "locked"],
  withdrawn: ["calm", "–", "withdrawn"],
  untargeted: ["calm", "·", "no target"],
};

// What cannot be told in dollars comes first: nobody knows how much it is.
const weight = (row) => (row.gap && row.drift === null ? Infinity : Math.abs(row.drift ?? 0));
const byDrift = (a, b) => (weight(a) === weight(b) ? (a.symbol < b.symbol ? -1 : 1) : weight(b) - weight(a));

export function Positions() {
  const [isRead, setRead] = useState(false); // under the pointer, or focused: no row moves
  const order = useRef([]);
  const found = state.rows.value;
  if (!isRead) order.current = [...found].sort(byDrift).map((row) => row.symbol);
  const place = (row) => {
    const index = order.current.indexOf(row.symbol);
    return index < 0 ? Infinity : index;
  };
  const wanted = find.value.trim().toUpperCase();
  const shown = found
    .filter((row) => row.symbol.includes(wanted) || row.batch_id?.toUpperCase().startsWith(wanted))
    .sort((a, b) => place(a) - place(b));
  const most = Math.max(1, ...found.map(weight).filter(Number.isFinite));
  const note = state.positions.value?.stale ? "last known" : "sorted by what is still to trade, in dollars";
  return html`<${Panel} id="positions" title="Positions against target" note=${note}>
    ${!state.targets.value && html`<${Waiting} />`}
    ${state.targets.value && found.length === 0 && html`<p class="quiet">Nothing is held, and nothing is wanted.</p>`}
    ${found.length > 0 &&
    html`<${Table}
      label="Positions, as a table"
      heads=${["Symbol", "#Held", "#Target", "#To trade", "Drift", "#Last", "State"]}
      onMouseEnter=${() => setRead(true)}
      onMouseLeave=${() => setRead(false)}
      onFocusIn=${() => setRead(true)}
      onFocusOut=${() => setRead(false)}
    >
      ${shown.map((row) => html`<${Row} key=${row.symbol} row=${row} most=${most} />`)}
    <//>`}
  <//>`;
}

function Row({ row, most }) {
  const { words, kind } = trade(row.gap);
  const [pill, glyph, name] = STATES[row.state] ?? ["calm", "", row.state];
  return html`<tr>
    <th scope="row">${row.symbol}</th>
    <td class="number">${shares(row.held)}</td>
    <td class="number">${row.target === undefined ? "–" : shares(row.target)}</td>
    <td class="number ${kind}">${words}</td>
    <td><${Drift} gap=${row.gap} share=${Math.min(1, weight(row) / most)} /></td>
    <td class="number">${price(row.last)}</td>
    <td><${Pill} kind=${pill} glyph=${glyph} title=${row.reason}>${name}<//></td>
  </tr>`;
}

/** To the right what is to be bought, to the left what is to be sold. */
function Drift({ gap, share }) {
  const width = gap ? Math.max(2, 50 * share) : 0;
  const label = gap ? trade(gap).words : "nothing to trade";
  return html`<svg class="drift" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${label}>
    <rect class=${gap > 0 ? "buy" : "sell"} x=${gap > 0 ? 50 : 50 - width} y="0" width=${width} height="8" />
    <rect class="axis" x="49.5" y="0" width="1" height="8" />
  </svg>`;
}
