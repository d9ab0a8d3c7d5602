// Halting: at once, and then the questions.
//
// Owns: the press that stops new orders without asking, the dialog behind it, and the release,
// which needs a reason. Knows nothing of how a halt is kept.

import { post } from "./api.js";
import { plural, stamp } from "./format.js";
import { closeDialog, openDialog } from "./keys.js";
import * as state from "./state.js";
import { signal } from "./signals.js";
import { useState } from "./preact-hooks.js";
import { Dialog, html, Trouble } from "./ui.js";

const REASON = "halted from the dashboard";

export const haltTrouble = signal(null);
const haltAnswer = signal(null);

/** Stop new orders of the account now, then ask what else. */
export async function haltNow() {
  const of = state.account.value;
  if (!of) return;
  haltTrouble.value = null;
  haltAnswer.value = null;
  openDialog("halt");
  await send(of, { reason: REASON });
}

async function send(of, body) {
  try {
    haltAnswer.value = await post(`/accounts/${of}/halt`, body);
    haltTrouble.value = null;
  } catch (error) {
    haltTrouble.value = `The halt was not confirmed: ${error.message}. Press HALT again.`;
  }
  state.changed("status", "accounts", "targets", "batches");
}

export function HaltDialog() {
  const of = state.account.value;
  const answer = haltAnswer.value?.account_id === of ? haltAnswer.value : null;
  const standing = state.halt.value ?? answer;
  const working = answer?.still_working.length ?? state.openOrders.value;
  const title = standing ? `${standing.account_id ?? "Every account"} is halted` : `Halting ${of} …`;
  const [busy, setBusy] = useState(false);
  const during = (work) => async () => {
    setBusy(true);
    await work();
    setBusy(false);
  };
  const reduceOnly = async () => {
    const reason = `${REASON}: orders that reduce may leave`;
    try {
      const { halt } = await post(`/accounts/${of}/resume`, { reason, mode: "reduce_only" });
      haltAnswer.value = { ...answer, ...halt, account_id: of };
      haltTrouble.value = null;
    } catch (error) {
      haltTrouble.value = `It stays halted as it was: ${error.message}`;
    }
    state.changed("status", "accounts", "targets");
  };
  return html`<${Dialog} title=${title} onClose=${closeDialog}>
    <${Trouble} words=${haltTrouble.value} />
    ${standing &&
    html`<p>
        ${standing.mode === "all"
          ? "No new order leaves."
          : "Only orders that reduce a position leave."}
        ${" "}Orders that are at the broker go on working unless you cancel them. Halted by
        ${" "}<b>${standing.by}</b> at ${stamp(standing.since, state.now.value)}: ${standing.reason}.
      </p>
      <div class="choices">
        <button
          type="button"
          class="danger"
          disabled=${busy || !working}
          onClick=${during(() => send(of, { reason: REASON, cancel_working: true }))}
        >
          ${working ? `Also cancel ${plural(working, "open order")}` : "No open orders to cancel"}
        </button>
        ${state.may("admin") &&
        standing.mode === "all" &&
        standing.account_id &&
        html`<button type="button" disabled=${busy} onClick=${during(reduceOnly)}>
          Let orders leave that reduce a position
        </button>`}
      </div>
      <${Release} standing=${standing} />`}
  <//>`;
}

function Release({ standing }) {
  const [reason, setReason] = useState("");
  const [trouble, setTrouble] = useState(null);
  if (!state.may("admin")) return html`<p class="quiet">A key with the scope admin can release it.</p>`;
  const whose = standing.account_id ? `/accounts/${standing.account_id}` : "";
  const release = async (event) => {
    event.preventDefault();
    try {
      await post(`${whose}/resume`, { reason });
      haltAnswer.value = null;
      state.changed("status", "accounts", "targets");
      closeDialog();
    } catch (error) {
      setTrouble(error.message);
    }
  };
  return html`<form onSubmit=${release}>
    <h3>Release</h3>
    <p>
      New orders of ${standing.account_id ?? "every account"} may leave again. What the halt ended stays ended: post
      those targets again.
    </p>
    <label>Reason <input required maxlength="500" value=${reason} onInput=${(e) => setReason(e.target.value)} /></label>
    <button type="submit" disabled=${!reason.trim()}>Release ${standing.account_id ?? "every account"}</button>
    <${Trouble} words=${trouble} />
  </form>`;
}
