// What stands above everything else: what needs a person, and what is not as it should be.
//
// Owns: the bands and their words. Knows nothing of how the trouble is mended.

import { post } from "./api.js";
import { clock, differs as doesDiffer, lockWords, shares, span, stamp, withTimes, zone } from "./format.js";
import { openDialog } from "./keys.js";
import { useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { Confirm, html, Trouble } from "./ui.js";

const SHOWN = 3;

export function Bands() {
  return html`<${Gone} /><${GatewayDown} /><${Halted} /><${Unread} /><${Needs} />`;
}

function Gone() {
  const since = state.goneSince.value;
  if (since === null) return null;
  return html`<div class="band bad" role="alert">
    <b>The service does not answer</b>
    <span>What is shown is of ${clock(state.freshAt.value)} ${zone.value}. It is asked again by itself.</span>
  </div>`;
}

const PHASES = {
  up: "is up, but not for every account",
  reading: "is being compared with IBKR",
  shut: "is not connected to any more",
};
const WORKS = "Positions are the last known; new batches are refused; cancels and halts are kept and sent first.";

function GatewayDown() {
  return state.gatewaysDown.value.map((gateway) => html`<${Down} key=${gateway.gateway} gateway=${gateway} />`);
}

function Down({ gateway }) {
  const now = state.now.value;
  const isTrouble = !state.isExpected(gateway);
  const since = `since ${stamp(gateway.since, now)}`;
  return html`<div class="band ${isTrouble ? "bad" : "busy"}" role=${isTrouble ? "alert" : "status"}>
    <b>Gateway ${gateway.gateway} ${PHASES[gateway.phase] ?? "is down"}</b>
    <span>
      ${gateway.phase === "reading"
        ? `${since}: its lists are read and held against the books. New batches are refused until then.`
        : html`${since} <span aria-hidden="true">(${span(now - Date.parse(gateway.since))})</span>: ${gateway.reason}.
          ${!isTrouble && ` Expected: IBKR resets its servers every night, until about ${stamp(gateway.reset_until, now)}.`}
          ${" "}${WORKS}
          ${" "}<${NextTry} gateway=${gateway} />`}
    </span>
    <a href="#/connections">What to do</a>
  </div>`;
}

/** Not told aloud: it changes each second, and nobody has to wait for it. */
function NextTry({ gateway }) {
  if (gateway.phase === "shut") return "It stays so until the service is started again.";
  const left = gateway.next_try && Date.parse(gateway.next_try) - state.now.value;
  return html`It is connected again by itself<span aria-hidden="true">${left > 0 ? `, next in ${span(left)}` : ""}</span>.`;
}

function Halted() {
  const halt = state.halt.value;
  if (!halt) return null;
  const what = halt.account_id ?? "Every account";
  return html`<div class="band bad" role="alert">
    <b>■ ${what} is halted</b>
    <span>
      by ${halt.by} since ${stamp(halt.since, state.now.value)}: ${halt.reason}.
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
  const found = [...state.locks.value, ...state.needs.value];
  if (!found.length) return null;
  const shown = all ? found : found.slice(0, SHOWN);
  return html`<div class="band bad needs" role="alert">
    <b>${found.length} ${found.length === 1 ? "needs" : "need"} you</b>
    <ul>
      ${shown.map((row) => (row.target === undefined ? html`<${Lock} key=${row.symbol} lock=${row} />` : html`<${Need} key=${row.symbol} row=${row} />`))}
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
  </li>`;
}

/** A symbol, or the account, that is not traded because two figures differ; adopted in its place. */
function Lock({ lock }) {
  const [trouble, setTrouble] = useState(null);
  const of = state.account.value;
  const isWhole = lock.symbol === "*";
  const differs = doesDiffer(lock);
  const accept = async () => {
    try {
      await post(`/accounts/${of}/accept-position`, isWhole ? { all: true } : { symbol: lock.symbol });
      setTrouble(null);
    } catch (error) {
      setTrouble(error.message);
    }
    state.changed("accounts", "targets", "positions");
  };
  return html`<li>
    <span><b>${isWhole ? of : lock.symbol} is locked</b> ${lockWords(lock, state.now.value)}</span>
    ${state.may("admin") &&
    html`<${Confirm}
      label=${differs ? `Adopt ${shares(lock.broker_position)}` : "Adopt IBKR's positions"}
      question=${differs ? `Trade from ${shares(lock.broker_position)} ${lock.symbol} on?` : "Trade from IBKR's positions on?"}
      yes="Yes, adopt"
      onYes=${accept}
    />`}
    <${Trouble} words=${trouble} />
  </li>`;
}
