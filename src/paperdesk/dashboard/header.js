// The top of the page: which environment, which account, is it connected, is it fresh; and the halt.
//
// Owns: the pills and the theme. Knows nothing of what a halt does.

import { span, stamp } from "./format.js";
import { haltNow } from "./halt.js";
import { openDialog } from "./keys.js";
import * as state from "./state.js";
import { signal } from "./signals.js";
import { html, Pill } from "./ui.js";

const THEME_SLOT = "paperdesk.theme";
export const THEMES = ["auto", "dark", "light"];
const RED_AFTER_MS = 30_000;

export const theme = signal(localStorage.getItem(THEME_SLOT) ?? "auto");

export function applyTheme(wanted = theme.value) {
  theme.value = THEMES.includes(wanted) ? wanted : "auto";
  localStorage.setItem(THEME_SLOT, theme.value);
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

export const nextTheme = () => applyTheme(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]);

export function Header() {
  return html`<header class="top">
    <span class="brand">Paperdesk</span>
    <${Environment} /> <${AccountChoice} />
    <div class="pills" role="group" aria-label="How the service stands">
      <${GatewayPill} /> <${StreamPill} /> <${SessionPill} /> <${PacePill} />
    </div>
    <span class="actions">
      <button type="button" class="keys" onClick=${() => openDialog("help")}><kbd>?</kbd> Keys</button>
      <button type="button" onClick=${nextTheme} aria-label="Theme: ${theme.value}" title="Theme: ${theme.value} (t)">
        <span aria-hidden="true">◐</span>
      </button>
      <${HaltButton} />
    </span>
  </header>`;
}

function Environment() {
  const environment = state.status.value?.environment;
  if (!environment) return null;
  return html`<span class="environment ${environment}"><span aria-hidden="true">◆ </span>${environment.toUpperCase()}</span>`;
}

function AccountChoice() {
  const choice = state.accounts.value;
  return html`<select
    aria-label="Account"
    value=${state.account.value ?? ""}
    onChange=${(event) => state.chooseAccount(event.target.value)}
  >
    ${choice.map(
      (entry) => html`<option key=${entry.account_id} value=${entry.account_id}>
        ${entry.account_id}${entry.halted ? " · halted" : entry.connected ? "" : " · down"}
      </option>`,
    )}
  </select>`;
}

function GatewayPill() {
  const gateways = state.status.value?.gateways ?? [];
  const down = state.gatewaysDown.value;
  if (!gateways.length) return null;
  if (!down.length) {
    const title = gateways.map(({ gateway }) => gateway).join(", ");
    return html`<${Pill} kind="ok" glyph="●" title=${title}>Gateway up<//>`;
  }
  const words = gateways.length > 1 ? `${down.length} of ${gateways.length} gateways down` : "Gateway down";
  const kind = down.every(state.isExpected) ? "busy" : "bad";
  return html`<${Pill} kind=${kind} glyph="✕" title=${down[0].reason}>${words}<//>`;
}

function StreamPill() {
  const { is, missed, since } = state.stream.value;
  const ms = state.now.value && Date.now();
  if (is === "live") {
    if (missed && ms - since < 8000) {
      return html`<${Pill} kind="ok" glyph="●">Stream live · caught up ${missed} events<//>`;
    }
    return html`<${Pill} kind="ok" glyph="●" title="Last heard ${span(ms - state.heardAt.value)} ago">
      Stream live
    <//>`;
  }
  const old = ms - state.freshAt.value;
  const words = is === "connecting" ? "connecting" : `reconnecting · data ${span(old)} old`;
  return html`<${Pill} kind=${old > RED_AFTER_MS ? "bad" : "warn"} glyph="◌">${words}<//>`;
}

function SessionPill() {
  const session = state.status.value?.session;
  if (!session || session.is_open === null) return null;
  if (session.is_open) {
    const left = Date.parse(session.closes_at) - state.now.value;
    return html`<${Pill} kind="ok" glyph="○">Market open · ${span(left)}<//>`;
  }
  const opens = session.opens_at ? ` · opens in ${span(Date.parse(session.opens_at) - state.now.value)}` : "";
  const title = session.opens_at ? `${stamp(session.opens_at, state.now.value)}: orders wait for it` : "";
  return html`<${Pill} kind="calm" glyph="◐" title=${title}>Market closed${opens}<//>`;
}

function PacePill() {
  const gateways = state.status.value?.gateways ?? [];
  const mine = gateways.find((gateway) => state.account.value in gateway.accounts);
  if (!mine) return null;
  const { requests_per_second: used, max_requests_per_second: most } = mine;
  const words = `${used}/${most} msg/s`;
  return html`<${Pill} kind=${used > most * 0.9 ? "warn" : "busy"} title="Messages to the gateway in the last second, and how many it may be">
    ${words}
  <//>`;
}

export function HaltButton() {
  if (!state.may("trade")) return null;
  const halted = state.halt.value;
  const press = () => (halted ? openDialog("halt") : haltNow());
  return html`<button type="button" class="halt" disabled=${!state.account.value} onClick=${press}>
    <span aria-hidden="true">■ </span>${halted ? "HALTED" : "HALT"} <kbd aria-hidden="true">⇧H</kbd>
  </button>`;
}
