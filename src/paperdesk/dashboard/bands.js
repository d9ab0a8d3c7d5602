// What stands above everything else: what needs a person, and what is not as it should be.
//
// Owns: the bands and their words. Knows nothing of how the trouble is mended.

import { post } from "./api.js";
import { clock, moment, shares, span, withTimes } from "./format.js";
import { openDialog } from "./keys.js";
import { useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { html, Trouble } from "./ui.js";

const SHOWN = 3;

export function Bands() {
  return html`<${Gone} /><${GatewayDown} /><${Halted} /><${Unread} /><${Needs} />`;
}

function Gone() {
  const since = state.goneSince.value;
  if (since === null) return null;
  return html`<div class="band bad" role="alert">
    <b>The service does not answer</b>
    <span>What is shown is of ${clock(state.freshAt.value)} ET. It is asked again by itself.</span>
  </div>`;
}

function GatewayDown() {
  const now = state.now.value;
  return state.gatewaysDown.value.map(
    (gateway) => html`<div class="band bad" role="alert" key=${gateway.gateway}>
      <b>Gateway ${gateway.gateway} is ${gateway.is_up ? "up, but not for every account" : "down"}</b>
      <span>
        since ${moment(gateway.since, now)} ET <span aria-hidden="true">(${span(now - Date.parse(gateway.since))})</span>: ${gateway.reason}. It is connected again by itself. Positions are the last known; new batches are refused;
        cancels and halts are kept and sent first.
      </span>
    </div>`,
  );
}

function Halted() {
  const halt = state.halt.value;
  if (!halt) return null;
  const what = halt.account_id ?? "Every account";
  return html`<div class="band bad" role="alert">
    <b>■ ${what} is halted</b>
    <span>
      by ${halt.by} since ${moment(halt.since, state.now.value)} ET: ${halt.reason}.
      ${halt.mode === "reduce_only" ? " Orders that reduce a position may leave." : " No new order leaves."}
    </span>
    ${state.may("trade") &&
    html`<button type="button" onClick=${() => openDialog("halt")}>
      ${state.may("admin") ? "Cancel orders, or release…" : "Cancel orders…"}
    </button>`}
  </div>`;
}

function Unread() {
  const found = Object.entries(state.troubles.value).filter(([, words]) => words);
  if (!found.length) return null;
  return html`<div class="band warn" role="status">
    ${found.map(([name, words]) => html`<span key=${name}><b>${name} could not be read:</b> ${words}</span>`)}
  </div>`;
}

function Needs() {
  const [all, setAll] = useState(false);
  const found = state.needs.value;
  if (!found.length) return null;
  const shown = all ? found : found.slice(0, SHOWN);
  return html`<div class="band bad needs" role="alert">
    <b>${found.length} ${found.length === 1 ? "needs" : "need"} you</b>
    <ul>
      ${shown.map((row) => html`<${Need} key=${row.symbol} row=${row} />`)}
      ${found.length > SHOWN &&
      html`<li>
        <button type="button" class="link" onClick=${() => setAll(!all)}>
          ${all ? "Show fewer" : `Show ${found.length - SHOWN} more`}
        </button>
      </li>`}
    </ul>
  </div>`;
}

function Need({ row }) {
  const retry = (quantity) => openDialog("new", [{ symbol: row.symbol, quantity }]);
  return html`<li>
    <span><b>${row.symbol}</b> ${shares(row.position)} held, ${shares(row.target)} wanted: ${withTimes(row.reason ?? "", state.now.value)}</span>
    ${row.batch_id && html`<a href="#batch/${row.batch_id}">See order</a>`}
    ${row.state === "short" &&
    state.may("trade") &&
    html`<button type="button" class="link" onClick=${() => retry(row.target)}>Retry this target</button>
      <button type="button" class="link" onClick=${() => retry(row.position)}>Accept as is</button>`}
    ${row.state === "locked" && state.may("admin") && html`<${AcceptPosition} symbol=${row.symbol} />`}
  </li>`;
}

/** Adopt the broker's position of a locked symbol, where the two figures are known. */
function AcceptPosition({ symbol }) {
  const [trouble, setTrouble] = useState(null);
  const mine = state.accounts.value.find((entry) => entry.account_id === state.account.value);
  const lock = mine?.locks.find((entry) => entry.symbol === symbol && entry.broker_position !== null);
  if (!lock) return null;
  const accept = async () => {
    try {
      await post(`/accounts/${state.account.value}/accept-position`, { symbol });
      state.changed("accounts", "targets", "positions");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  return html`<button type="button" class="link" onClick=${accept}>
      Take IBKR's ${shares(lock.broker_position)} instead of our ${shares(lock.position)}
    </button>
    <${Trouble} words=${trouble} />`;
}
