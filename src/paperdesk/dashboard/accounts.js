// The accounts of the key, a row for each.
//
// Owns: the page `#/accounts`. Says what the API says of an account, and of its limits only what is set:
// how much of them is used it does not tell, but for the orders of the day.

import { get } from "./api.js";
import { cents, dollars, lockWords, plural, shares } from "./format.js";
import { haltWords, ModePill } from "./halts.js";
import { useEffect, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { html, Panel, Pill, Table, Waiting } from "./ui.js";

const HEADS = ["Account", "Environment", "Gateway", "#Net liquidation", "#Orders today", "Halt", "Locks", "Limits"];
const LIMITS = {
  max_order_quantity: (most) => `an order at most ${plural(most, "share")}`,
  max_order_notional: (most) => `an order at most ${dollars(most)}`,
  max_position_notional: (most) => `a position at most ${dollars(most)}`,
  max_gross_notional: (most) => `all positions at most ${dollars(most)}`,
  max_orders_per_minute: (most) => `${plural(most, "order")} a minute`,
  max_orders_per_day: (most) => `${plural(most, "order")} a day`,
  max_attempts_per_target: (most) => `${plural(most, "attempt")} a target`,
  price_collar_pct: (most) => `limit prices within ${most}% of the reference`,
  allow_short: (may) => !may && "no short position",
  symbols: (names) => `only ${names.join(", ")}`,
  restricted_symbols: (names) => names.length > 0 && `never ${names.join(", ")}`,
};
const SOURCES = { api: "set over the API", configuration: "by the configuration" };

export function Accounts() {
  const found = state.accounts.value;
  const sent = useSentToday(found);
  return html`<${Panel} id="accounts" title="Accounts" note="of this key">
    ${!found.length && html`<${Waiting} />`}
    ${found.length > 0 &&
    html`<${Table} label="Accounts, as a table" heads=${HEADS} isTall>
      ${found.map((entry) => html`<${Row} key=${entry.account_id} entry=${entry} sent=${sent[entry.account_id]} />`)}
    <//>`}
  <//>`;
}

/** Return how many orders each account sent since midnight in New York, by its id. */
function useSentToday(accounts) {
  const [sent, setSent] = useState({});
  useEffect(() => {
    for (const { account_id: of } of accounts) {
      const take = (count) => setSent((old) => ({ ...old, [of]: count }));
      get("/reports/today", { account_id: of }).then(
        ({ orders }) => take(Object.values(orders).reduce((sum, count) => sum + count, 0)),
        () => take(null), // not known is not none
      );
    }
  }, [accounts]);
  return sent;
}

function Row({ entry, sent }) {
  const now = state.now.value;
  const kinds = [entry.type, entry.default && "the default"].filter(Boolean).join(", ");
  return html`<tr>
    <th scope="row">${entry.account_id}${kinds && html`<br /><span class="note">${kinds}</span>`}</th>
    <td>${state.status.value?.environment ?? "–"}</td>
    <td class="wrap" data-head="Gateway">
      ${entry.connected ? html`<${Pill} kind="ok" glyph="●">up<//>` : html`<${Pill} kind="bad" glyph="✕">down<//>`}
      ${" "}${entry.reason ?? ""}
    </td>
    <td class="number" data-head="Net liquidation">${cents(entry.net_liquidation)}</td>
    <td class="number" data-head="Orders today">${shares(sent)}</td>
    <td class="wrap">${entry.halt ? html`<${ModePill} mode=${entry.halt.mode} /> ${haltWords(entry.halt, now)}` : "not halted"}</td>
    <td class="wrap ${entry.locks.length ? "bad" : ""}" data-head="Locks">
      ${entry.locks.length ? entry.locks.map((lock) => html`<${Lock} key=${lock.symbol} lock=${lock} />`) : "none"}
    </td>
    <td class="wrap" data-head="Limits">${limitWords(entry)}</td>
  </tr>`;
}

const Lock = ({ lock }) => html`<div>
  <b>${lock.symbol === "*" ? "The account" : lock.symbol}</b> ${lockWords(lock, state.now.value)}
</div>`;

function limitWords({ limits, limits_source: source }) {
  const words = Object.entries(LIMITS)
    .filter(([name]) => limits[name] !== null)
    .map(([name, write]) => write(limits[name]))
    .filter(Boolean);
  return `${words.length ? words.join("; ") : "none set"} (${SOURCES[source] ?? source})`;
}
