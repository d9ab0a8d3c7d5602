// A new batch: pasted, dropped or typed targets, and what would be sent for them.
//
// Owns: the dialog. What is sent is exactly what was shown: the preview's id, and no target.

import { newIdempotencyKey, post } from "./api.js";
import { parseTargets, writeTargets } from "./csv.js";
import { cents, dollars, plural, price, shares, trade, withTimes } from "./format.js";
import { closeDialog, openDialog } from "./keys.js";
import { useEffect, useRef, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { Dialog, html, Table, Trouble } from "./ui.js";

const PAUSE_MS = 350; // after the last key, before it is previewed
const EXAMPLE = "symbol,quantity\nAAPL,120\nMSFT,-80\nTSLA,0";
const FILE_MAX = 1_000_000;

export function NewBatch({ orders }) {
  const of = state.account.value;
  const [text, setText] = useState(orders ? writeTargets(orders) : "");
  const [plan, setPlan] = useState(null);
  const [trouble, setTrouble] = useState(null);
  const [busy, setBusy] = useState(false);
  const [round, setRound] = useState(0);
  const idempotencyKey = useRef(null);
  const parsed = parseTargets(text);
  const isSendable = parsed.orders.length > 0 && parsed.errors.length === 0;

  useEffect(() => {
    setPlan(null);
    if (!isSendable) return undefined;
    let current = true;
    const timer = setTimeout(async () => {
      const preview = await post("/orders/preview", { account_id: of, orders: parsed.orders }).catch((error) => error);
      if (!current) return;
      const failed = preview instanceof Error;
      setTrouble(failed ? wordsOf(preview) : null);
      setPlan(failed ? null : preview);
      idempotencyKey.current = newIdempotencyKey();
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, of, round]);

  const send = async (event) => {
    event.preventDefault();
    if (!plan?.preview_id || busy) return;
    setBusy(true);
    try {
      const headers = { "Idempotency-Key": idempotencyKey.current };
      const batch = await post("/orders", { preview_id: plan.preview_id }, headers);
      state.changed("batches", "targets", "positions");
      openDialog("batch", batch.batch_id);
    } catch (error) {
      setBusy(false);
      if (error.status === 0) {
        setTrouble("The answer was lost. Send again: nothing is sent twice.");
        return;
      }
      setTrouble(wordsOf(error));
      if (error.code === "preview-stale") setRound(round + 1);
    }
  };

  const take = async (file) => {
    if (file && file.size <= FILE_MAX) setText(await file.text());
  };
  return html`<${Dialog} title="New batch for ${of}" wide onClose=${closeDialog}>
    <form class="split" onSubmit=${send}>
      <div
        onDragOver=${(event) => event.preventDefault()}
        onDrop=${(event) => {
          event.preventDefault();
          take(event.dataTransfer.files[0]);
        }}
      >
        <label for="targets">Targets, as CSV: the position you want of each symbol</label>
        <textarea
          id="targets"
          spellcheck="false"
          autocapitalize="characters"
          placeholder=${EXAMPLE}
          value=${text}
          aria-describedby="targets-trouble"
          onInput=${(event) => setText(event.target.value)}
        ></textarea>
        <p class="note">
          Columns: symbol, quantity, limit_price, expected_price, tolerance_pct. Drop a file, or
          <label class="file"> choose one<input type="file" accept=".csv,text/csv,text/plain" onChange=${(event) => take(event.target.files[0])} /></label>.
        </p>
        <div id="targets-trouble" role="status">
          ${parsed.errors.slice(0, 8).map((words) => html`<p class="trouble" key=${words}>${words}</p>`)}
          ${parsed.errors.length > 8 && html`<p class="trouble">and ${parsed.errors.length - 8} more</p>`}
        </div>
      </div>
      <div>
        <${Trouble} words=${trouble} />
        ${plan ? html`<${Plan} plan=${plan} />` : html`<p class="quiet">${isSendable ? "Being planned…" : "What would be sent is shown here; nothing is sent yet."}</p>`}
        <div class="choices">
          <button type="submit" class="primary" disabled=${!plan?.preview_id || busy}>${actionOf(plan, of, busy)}</button>
        </div>
      </div>
    </form>
  <//>`;
}

const ordersOf = (plan) => plan.results.filter((row) => row.qty && row.status === "PendingSubmit");

function actionOf(plan, of, busy) {
  if (busy) return "Sending…";
  if (!plan) return "Nothing to send yet";
  if (!plan.preview_id) return "A symbol has to be mended first";
  const count = ordersOf(plan).length;
  return count ? `Send ${plural(count, "order")} to ${of}` : `Set ${plural(plan.results.length, "target")} in ${of}: no order needed`;
}

const wordsOf = (error) =>
  error.errors?.length ? error.errors.map(({ field, message }) => `${field} ${message}`).join("; ") : error.message;

function Plan({ plan }) {
  const sent = ordersOf(plan);
  const side = (action) => sent.filter((row) => row.action === action);
  const notional = (rows) => {
    const known = rows.filter((row) => row.estimated_notional !== null);
    const unknown = rows.length - known.length ? `, ${rows.length - known.length} at no known price` : "";
    return dollars(known.reduce((total, row) => total + Math.abs(row.estimated_notional), 0)) + unknown;
  };
  const listed = new Set(plan.results.map((row) => row.symbol));
  const left = (state.positions.value?.positions ?? []).filter((row) => !listed.has(row.symbol)).length;
  const [buys, sells] = [side("BUY"), side("SELL")];
  const warnings = [...(plan.warnings ?? [])];
  if (left) warnings.push(`${plural(left, "held symbol")} not listed: left alone`);
  if (state.status.value?.session.is_open === false) warnings.push("the market is closed: orders wait for the open");
  return html`<p class="sums">
      <span class="buy">▲ ${plural(buys.length, "buy")} ${buys.length ? notional(buys) : ""}</span>
      <span class="sell">▼ ${plural(sells.length, "sell")} ${sells.length ? notional(sells) : ""}</span>
    </p>
    <${Table} label="What would be sent" heads=${["Symbol", "#Held", "#Target", "#Trade", "#Price", "#About", "Note"]}>
      ${plan.results.map((row) => html`<${PlanRow} key=${row.symbol} row=${row} />`)}
    <//>
    ${warnings.map((words) => html`<p class="note" key=${words}>${words}</p>`)}`;
}

function PlanRow({ row }) {
  const quantity = row.status === "PendingSubmit" ? (row.action === "SELL" ? -row.qty : row.qty) : 0;
  const { words, kind } = trade(quantity);
  const notes = [row.error, ...(row.warnings ?? [])].filter(Boolean);
  if (row.kept) notes.push(`order ${row.kept.ibkr_order_id} works for it already`);
  return html`<tr>
    <th scope="row">${row.symbol}</th>
    <td class="number">${shares(row.current_pos)}</td>
    <td class="number">${shares(row.desired_pos)}</td>
    <td class="number ${kind}">${row.error ? "–" : words}</td>
    <td class="number">${row.limit_price ? price(row.limit_price) : (row.order_type ?? "–")}</td>
    <td class="number">${quantity ? cents(row.estimated_notional) : "–"}</td>
    <td class=${row.error ? "bad" : ""}>${withTimes(notes.join("; "), state.now.value)}</td>
  </tr>`;
}
