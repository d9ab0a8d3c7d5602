// One batch: each order with its state and the broker's words, and what happened to it.
//
// Owns: the dialog behind `#batch/ID`. It follows the batch until it is final.

import { CancelOpen, Standing } from "./batches.js";
import { cents, price, shares, stamp, standing, trade, withTimes } from "./format.js";
import { closeDialog, openDialog } from "./keys.js";
import { useEffect, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { Timeline } from "./timeline.js";
import { Dialog, html, Pill, Table, Trouble } from "./ui.js";

const AGAIN_MS = 1000;
const PILLS = { filled: ["ok", "✓"], working: ["busy", "◐"], failed: ["bad", "✕"], cancelled: ["calm", "–"] };

export function Detail({ id }) {
  const [read, setRead] = useState(null);
  const [trouble, setTrouble] = useState(null);
  const listed = state.batches.value?.find((entry) => entry.batch_id === id);
  const entry = listed ?? read;
  useEffect(() => {
    if (listed) return undefined; // it is kept up to date there
    let timer = null;
    let current = true;
    const ask = async () => {
      const found = await state.readBatch(id).catch((error) => error);
      if (!current) return;
      if (found instanceof Error) setTrouble(found.message);
      else setRead(found);
      if (found instanceof Error ? found.status === 0 : !found.summary.final) timer = setTimeout(ask, AGAIN_MS);
    };
    ask();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [id, listed === undefined]);
  return html`<${Dialog} title="Batch ${id}" wide onClose=${closeDialog}>
    ${!entry && html`<${Trouble} words=${trouble} />`} ${entry && html`<${Body} entry=${entry} />`}
  <//>`;
}

function Body({ entry }) {
  const again = entry.orders.map((row) => ({
    symbol: row.requested_symbol ?? row.symbol,
    quantity: row.desired_pos,
    limit_price: row.limit_price, // as a market order it would be another batch
  }));
  return html`<p>
      <${Standing} entry=${entry} /> ${entry.account_id} · by ${entry.client} ·
      ${" "}${stamp(entry.submitted_at, state.now.value)}
    </p>
    <${Table} label="Orders" heads=${["Symbol", "Status", "#From → to", "#Order", "#Limit", "#Filled", "#Average", "#Fee", "Words"]}>
      ${entry.orders.map((row) => html`<${Row} key=${row.symbol} row=${row} />`)}
    <//>
    <div class="choices">
      <${CancelOpen} entry=${entry} id="cancel-in-detail" />
      ${state.may("trade") &&
      html`<button type="button" onClick=${() => openDialog("new", again)}>Repeat as a new batch…</button>`}
    </div>
    <${Timeline} id=${entry.batch_id} />`;
}

/** The status of an order, coloured by where it stands. */
export function StandingPill({ row }) {
  const [kind, glyph] = PILLS[standing(row)];
  return html`<${Pill} kind=${kind} glyph=${glyph}>${row.status}<//>`;
}

function Row({ row }) {
  const order = row.qty ? trade(row.action === "SELL" ? -row.qty : row.qty) : { words: "–", kind: "none" };
  const code = row.broker_code ? ` (IBKR ${row.broker_code})` : "";
  const words = [row.error && `${row.error}${code}`, ...(row.warnings ?? [])].filter(Boolean).join("; ");
  return html`<tr>
    <th scope="row">${row.symbol}</th>
    <td><${StandingPill} row=${row} /></td>
    <td class="number">${shares(row.current_pos)} → ${shares(row.desired_pos)}</td>
    <td class="number ${order.kind}">${order.words}</td>
    <td class="number">${row.limit_price ? price(row.limit_price) : (row.order_type ?? "–")}</td>
    <td class="number">${shares(row.filled_qty)}</td>
    <td class="number">${price(row.avg_fill_price)}</td>
    <td class="number">${cents(row.commission)}</td>
    <td class=${row.error ? "bad" : ""}>${withTimes(words, state.now.value)}</td>
  </tr>`;
}
