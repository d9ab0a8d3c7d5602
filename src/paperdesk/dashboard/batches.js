// The batches, newest first, with how far each has come.
//
// Owns: the panel of the newest and the page `#/batches` of them all, the cancel in its place, and the
// first steps where there is none yet.

import { remove } from "./api.js";
import { bps, exact, plural, shares, span, zone } from "./format.js";
import { openDialog } from "./keys.js";
import { useBatches } from "./past.js";
import * as state from "./state.js";
import { signal } from "./signals.js";
import { Bar, Confirm, Copy, html, Panel, Pill, Table, Trouble, Waiting } from "./ui.js";

export const find = signal("");
const trouble = signal(null);

export async function cancelBatch(id) {
  trouble.value = null;
  try {
    await remove(`/orders/${id}`);
  } catch (error) {
    trouble.value = `${id} was not cancelled: ${error.message}.`;
  }
  state.changed("batches", "targets");
}

const HEADS = ["Batch", "Client", "State", "Progress", "#Targets", "#Filled", "#Working", "#Exceptions", "#Slippage bps"];

export const Batches = () => html`<${List} entries=${state.batches.value} note="newest first" />`;

export function AllBatches() {
  const { entries, older, trouble: words } = useBatches();
  return html`<${List} entries=${entries} note="newest first; slippage of today's" isWhole>
    <${Trouble} words=${words} />
    ${older && html`<p><button type="button" onClick=${older}>Older batches</button></p>`}
  <//>`;
}

/** The field that narrows batches and positions down. */
export const Find = () => html`<input
  id="find"
  type="search"
  placeholder="Find symbol or batch"
  aria-label="Find a symbol or a batch"
  value=${find.value}
  onInput=${(event) => (find.value = event.target.value)}
/>`;

function List({ entries: found, note, isWhole, children }) {
  const shown = found?.filter((entry) => matches(entry, find.value));
  const heads = [...HEADS, isWhole ? `#Posted (${zone.value})` : "#Age", "Actions"];
  const tools = html`
    <${Find} />
    ${state.may("trade") &&
    html`<button type="button" class="primary" onClick=${() => openDialog("new")}>New batch… <kbd>N</kbd></button>`}
  `;
  return html`<${Panel} id="batches" title="Batches" note=${note} tools=${tools}>
    <${Trouble} words=${trouble.value} />
    ${!found && html`<${Waiting} />`} ${found?.length === 0 && html`<${FirstSteps} />`}
    ${found?.length > 0 &&
    html`<${Table} label="Batches, as a table" heads=${heads} isTall=${isWhole}>
      ${shown.map((entry) => html`<${Row} key=${entry.batch_id} entry=${entry} isWhole=${isWhole} />`)}
    <//>`}
    ${found?.length > 0 && shown.length === 0 && html`<p class="quiet">Nothing fits “${find.value}”.</p>`}
    ${children}
  <//>`;
}

/** The id of a batch, which opens it. */
export const BatchLink = ({ id }) => html`<a class="batch" href="#batch/${id}"><code>${id}</code></a>`;

function matches(entry, text) {
  const wanted = text.trim().toUpperCase();
  if (!wanted || entry.batch_id.toUpperCase().startsWith(wanted)) return true;
  return entry.orders.some((row) => row.symbol.includes(wanted));
}

function Row({ entry, isWhole }) {
  const { filled, working, failed, cancelled, total } = entry.counts;
  const label = `${filled} filled, ${working} working, ${failed} with an exception, ${cancelled} cancelled, of ${total}`;
  const parts = [
    { kind: "ok", share: filled },
    { kind: "busy", share: working },
    { kind: "bad", share: failed },
    { kind: "calm", share: cancelled },
  ];
  return html`<tr>
    <td><${BatchLink} id=${entry.batch_id} /></td>
    <td>${entry.client}</td>
    <td><${Standing} entry=${entry} /></td>
    <td class="progress"><${Bar} parts=${parts} total=${total} label=${label} /></td>
    <td class="number">${shares(total)}</td>
    <td class="number">${shares(filled)}</td>
    <td class="number">${shares(working)}</td>
    <td class="number ${failed ? "bad" : ""}">${shares(failed)}</td>
    <td class="number">${slippageOf(entry.batch_id)}</td>
    <td class="number">
      ${isWhole ? exact(entry.submitted_at, state.now.peek()) : span(state.now.value - Date.parse(entry.submitted_at))}
    </td>
    <td><${CancelOpen} entry=${entry} /></td>
  </tr>`;
}

export function Standing({ entry }) {
  const { final, on_target: onTarget, short } = entry.summary;
  if (!final) return html`<${Pill} kind="busy" glyph="◐">working<//>`;
  if (onTarget) return html`<${Pill} kind="ok" glyph="✓">done<//>`;
  const { filled, failed, cancelled } = entry.counts;
  if (cancelled && !failed) {
    return html`<${Pill} kind="calm" glyph="–">${filled ? `done, ${cancelled} cancelled` : "cancelled"}<//>`;
  }
  return html`<${Pill} kind="warn" glyph="!" title=${short.join(", ")}>done, ${plural(short.length, "exception")}<//>`;
}

export function CancelOpen({ entry, id = `cancel-${entry.batch_id}` }) {
  const { working } = entry.counts;
  if (!working || !state.mayCancel(entry.client)) return null;
  return html`<${Confirm}
    id=${id}
    label="Cancel open (${working})"
    question="Cancel ${plural(working, "open order")}?"
    yes="Yes, cancel ${working}"
    onYes=${() => cancelBatch(entry.batch_id)}
  />`;
}

/** Of its orders by their expected notional, as the report adds it up; none without a price. */
function slippageOf(id) {
  const mine = state.slippage.value?.orders.filter((row) => row.batch_id === id) ?? [];
  const notional = mine.reduce((total, row) => total + row.filled_qty * row.expected_price, 0);
  if (!notional) return "–";
  return bps((10_000 * mine.reduce((total, row) => total + row.slippage_usd, 0)) / notional);
}

const SAMPLE = [
  { symbol: "AAPL", quantity: 100 },
  { symbol: "MSFT", quantity: -50 },
  { symbol: "NVDA", quantity: 80 },
  { symbol: "KO", quantity: 200 },
];

function FirstSteps() {
  const ways = [
    ["From a terminal", "paperdesk submit targets.csv"],
    [
      "Over HTTP",
      `curl -s ${location.origin}/api/v1/orders -H "X-API-Key: $KEY" -d '{"orders":[{"symbol":"AAPL","quantity":100}]}'`,
    ],
    ["From Python", 'import paperdesk\npaperdesk.Client().submit({"AAPL": 100, "MSFT": -50})'],
  ];
  return html`<div class="first">
    <p>No batches yet. Post the positions you want; the difference is traded.</p>
    <div class="ways">
      ${ways.map(
        ([title, code]) => html`<div key=${title}>
          <h3>${title}</h3>
          <pre tabindex="0"><code>${code}</code></pre>
          <${Copy} text=${code} />
        </div>`,
      )}
    </div>
    ${state.may("trade") &&
    state.status.value?.environment === "simulated" &&
    html`<button type="button" onClick=${() => openDialog("new", SAMPLE)}>Try the sample portfolio…</button>`}
  </div>`;
}
