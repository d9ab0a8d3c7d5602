// Every order of the account, newest batch first.
//
// Owns: the page `#/orders`: its rows, and what they are narrowed to.

import { BatchLink } from "./batches.js";
import { StandingPill } from "./detail.js";
import { cents, exact, price, shares, standing, trade, withTimes, zone } from "./format.js";
import { useBatches } from "./past.js";
import { useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { Filter, html, Panel, Table, Trouble, Waiting } from "./ui.js";

const STATES = ["", "working", "filled", "failed", "cancelled"];

export function Orders() {
  const { entries, older, trouble } = useBatches();
  const [text, setText] = useState("");
  const [wanted, setWanted] = useState("");
  const fits = ({ entry, row }) =>
    (!wanted || standing(row) === wanted) &&
    (row.symbol.includes(text.trim().toUpperCase()) || entry.batch_id.startsWith(text.trim().toLowerCase()));
  const rows = (entries ?? [])
    .flatMap((entry) => entry.orders.map((row) => ({ entry, row })))
    .filter(fits);
  const tools = html`<${Filter} label="Symbol or batch" value=${text} onInput=${setText} />
    <select aria-label="State" value=${wanted} onChange=${(event) => setWanted(event.target.value)}>
      ${STATES.map((name) => html`<option key=${name} value=${name}>${name || "every state"}</option>`)}
    </select>`;
  return html`<${Panel} id="orders" title="Orders" note="one a target, newest first" tools=${tools}>
    <${Trouble} words=${trouble} />
    ${!entries && html`<${Waiting} />`}
    ${entries && rows.length === 0 && html`<p class="quiet">No order ${text || wanted ? "fits" : "yet"}.</p>`}
    ${rows.length > 0 &&
    html`<${Table} label="Orders, as a table" heads=${[`Posted (${zone.value})`, "Symbol", "State", "#Order", "#Limit", "#Filled", "#Average", "#Fee", "Batch", "Client", "Words"]} isTall>
      ${rows.map(({ entry, row }) => html`<${Row} key=${`${entry.batch_id} ${row.symbol}`} entry=${entry} row=${row} />`)}
    <//>`}
    ${older && html`<p><button type="button" onClick=${older}>Older batches</button></p>`}
  <//>`;
}

function Row({ entry, row }) {
  const { words, kind } = trade(row.qty ? (row.action === "SELL" ? -row.qty : row.qty) : 0);
  const said = row.error ? withTimes(row.error, state.now.peek()) : "";
  return html`<tr>
    <td>${exact(entry.submitted_at, state.now.peek())}</td>
    <th scope="row">${row.symbol}</th>
    <td><${StandingPill} row=${row} /></td>
    <td class="number ${kind}">${row.qty ? words : "–"}</td>
    <td class="number">${row.limit_price ? price(row.limit_price) : (row.order_type ?? "–")}</td>
    <td class="number">${shares(row.filled_qty)}</td>
    <td class="number">${price(row.avg_fill_price)}</td>
    <td class="number">${cents(row.commission)}</td>
    <td><${BatchLink} id=${entry.batch_id} /></td>
    <td>${entry.client}</td>
    <td class="words ${row.error ? "bad" : ""}" title=${said}>${said}</td>
  </tr>`;
}
