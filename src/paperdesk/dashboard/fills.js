// Every execution of the account, newest first.
//
// Owns: the page `#/fills`: its rows, the older ones on demand, and the file of what is shown.

import { get } from "./api.js";
import { BatchLink } from "./batches.js";
import { cents, exact, gain, price, trade, zone } from "./format.js";
import { useEffect, useRef, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { Filter, html, Panel, saveCsv, Table, Trouble, Waiting } from "./ui.js";

const PAGE = 100;
const PAUSE_MS = 400;
const COLUMNS = ["executed_at", "symbol", "side", "quantity", "price", "commission", "realized_pnl", "exec_id", "batch_id"];

export function Fills() {
  const of = state.account.value;
  const [symbol, setSymbol] = useState("");
  const [rows, setRows] = useState(null);
  const [trouble, setTrouble] = useState(null);
  const cursor = useRef(null);
  const asked = useRef(null); // the symbol that the rows are of

  const read = async (behind) => {
    const wanted = symbol.trim().toUpperCase() || undefined;
    try {
      const query = { account_id: of, symbol: wanted, limit: PAGE, cursor: behind };
      const body = await get("/executions", query);
      if (asked.current !== symbol) return;
      setRows((old) => {
        if (behind || old === null) cursor.current = body.next_cursor;
        return merged(old, body.executions);
      });
      setTrouble(null);
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => {
    asked.current = symbol;
    cursor.current = null;
    setRows(null);
  }, [symbol]);
  useEffect(() => {
    if (!of) return undefined;
    const timer = setTimeout(read, symbol || state.fillsTold.value ? PAUSE_MS : 0);
    return () => clearTimeout(timer);
  }, [symbol, state.fillsTold.value]);

  const tools = html`<${Filter} label="Symbol" value=${symbol} onInput=${setSymbol} />
    <button type="button" disabled=${!rows?.length} onClick=${() => saveCsv(`fills-${of}.csv`, COLUMNS, rows)}>Save as CSV</button>`;
  return html`<${Panel} id="fills" title="Fills" note="executions, newest first" tools=${tools}>
    <${Trouble} words=${trouble} />
    ${rows === null && html`<${Waiting} />`}
    ${rows?.length === 0 && html`<p class="quiet">No execution${symbol ? ` of ${symbol.toUpperCase()}` : " yet"}.</p>`}
    ${rows?.length > 0 &&
    html`<${Table} label="Fills, as a table" heads=${[`Time (${zone.value})`, "Symbol", "#Traded", "#Price", "#Fee", "#Realized", "Exchange", "Batch"]} isTall>
      ${rows.map((row) => html`<${Row} key=${row.exec_id} row=${row} />`)}
    <//>`}
    ${cursor.current && html`<p><button type="button" onClick=${() => read(cursor.current)}>Older fills</button></p>`}
  <//>`;
}

/** Rows with those that were just told, by their time; one that is told again has more of itself. */
function merged(old, told) {
  const found = new Map([...(old ?? []), ...told].map((row) => [row.exec_id, row]));
  return [...found.values()].sort((a, b) => (a.executed_at < b.executed_at ? 1 : -1));
}

function Row({ row }) {
  const { words, kind } = trade(row.side.toUpperCase().startsWith("S") ? -row.quantity : row.quantity);
  return html`<tr>
    <td>${exact(row.executed_at, state.now.peek())}</td>
    <th scope="row">${row.symbol}</th>
    <td class="number ${kind}">${words}</td>
    <td class="number">${price(row.price)}</td>
    <td class="number">${cents(row.commission)}</td>
    <td class="number">${gain(row.realized_pnl)}</td>
    <td>${row.exchange}</td>
    <td>${row.batch_id ? html`<${BatchLink} id=${row.batch_id} />` : "not ours to name"}</td>
  </tr>`;
}
