// What is held against what is wanted.
//
// Owns: the table, its order, that it stands still while somebody reads it, and the page `#/positions`,
// which has more of each row, what else the account holds, and the file.

import { find, Find } from "./batches.js";
import { cents, lockWords, price, shares, trade, withTimes } from "./format.js";
import { useRef, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { html, Panel, Pill, saveCsv, Table, Waiting } from "./ui.js";

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

const HEADS = ["Symbol", "#Held", "#Target", "#To trade", "Drift", "#Last", "State"];
const MORE = ["#Average cost", "#Value", "#Unrealized", "Words"];
const COLUMNS = ["symbol", "held", "target", "gap", "state", "avg_cost", "last", "market_value", "unrealized_pnl"];

export const AllPositions = () => html`<${Positions} isWhole /><${Others} />`;

export function Positions({ isWhole }) {
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
  const isKnown = state.targets.value && state.positions.value;
  const note = state.positions.value?.stale ? "last known" : "sorted by what is still to trade, in dollars";
  const save = () => saveCsv(`positions-${state.account.value}.csv`, COLUMNS, shown);
  const tools = isWhole && html`<${Find} />
    <button type="button" disabled=${!isKnown || !shown.length} onClick=${save}>Save as CSV</button>`;
  return html`<${Panel} id="positions" title="Positions against target" note=${note} tools=${tools}>
    ${isWhole && html`<${OtherLocks} rows=${found} />`}
    ${!isKnown && !found.length && html`<${Waiting} />`}
    ${isKnown && found.length === 0 && html`<p class="quiet">Nothing is held, and nothing is wanted.</p>`}
    ${found.length > 0 &&
    html`<${Table}
      label="Positions, as a table"
      heads=${isWhole ? [...HEADS, ...MORE] : HEADS}
      isTall=${isWhole}
      onMouseEnter=${() => setRead(true)}
      onMouseLeave=${() => setRead(false)}
      onFocusIn=${() => setRead(true)}
      onFocusOut=${() => setRead(false)}
    >
      ${shown.map((row) => html`<${Row} key=${row.symbol} row=${row} most=${most} isWhole=${isWhole} />`)}
    <//>`}
  <//>`;
}

function Row({ row, most, isWhole }) {
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
    ${isWhole && html`<${More} row=${row} />`}
  </tr>`;
}

function More({ row }) {
  const lock = state.locks.value.find((each) => each.symbol === row.symbol);
  const words = lock ? `Locked ${lockWords(lock, state.now.value)}` : withTimes(row.reason ?? "", state.now.value);
  return html`<td class="number">${cents(row.avg_cost)}</td>
    <td class="number">${cents(row.market_value)}</td>
    <td class="number">${cents(row.unrealized_pnl)}</td>
    <td class="wrap ${lock ? "bad" : ""}">${words}</td>`;
}

/** Locks that no row tells of: of the account, or of a symbol that is neither held nor wanted. */
function OtherLocks({ rows }) {
  const told = new Set(rows.map((row) => row.symbol));
  const left = state.locks.value.filter((lock) => !told.has(lock.symbol));
  return left.map(
    (lock) => html`<p class="bad" key=${lock.symbol}>
      <b>${lock.symbol === "*" ? state.account.value : lock.symbol}</b> is locked ${lockWords(lock, state.now.value)}
    </p>`,
  );
}

/** What the account holds that cannot be traded here. */
function Others() {
  const found = state.positions.value?.other_positions ?? [];
  if (!found.length) return null;
  return html`<${Panel} id="others" title="Also held" note="not traded here">
    <${Table} label="Other positions, as a table" heads=${["Symbol", "Kind", "Currency", "#Held", "#Average cost"]}>
      ${found.map(
        (row) => html`<tr key=${row.conid}>
          <th scope="row">${row.symbol}</th>
          <td>${row.sec_type}</td>
          <td>${row.currency}</td>
          <td class="number">${price(row.quantity)}</td>
          <td class="number">${price(row.avg_cost)}</td>
        </tr>`,
      )}
    <//>
  <//>`;
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
