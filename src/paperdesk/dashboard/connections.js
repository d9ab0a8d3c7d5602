// The gateways: how each stands, what to do about it, and what it said.
//
// Owns: the page `#/connections`. Counts come from `/metrics`, which only a key for every account may
// read; without them the page shows the rest.

import { ask } from "./api.js";
import { span, stamp } from "./format.js";
import { useEffect, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { html, Panel, Pill } from "./ui.js";

const AGAIN_MS = 15_000;
const LOOK = "Look whether IB Gateway runs, is logged in, and has its API port open; `paperdesk doctor` asks for each.";
// How a phase looks, and what to do in it.
const PHASES = {
  up: ["ok", "●", "up", "Nothing: the session is ready to send."],
  reading: ["busy", "◐", "reading its lists", "Wait some seconds: nothing is sent before the books are compared."],
  connecting: ["warn", "◌", "connecting", LOOK],
  waiting: ["warn", "◌", "waiting to connect", LOOK],
  degraded: ["bad", "✕", "without IBKR", "The gateway is there, IBKR's servers are not. It comes back by itself; look at the gateway's window if it does not."],
  shut: ["bad", "✕", "shut", "The gateway named an account that may not be paper. Log it in to a paper account, then start the service again."],
};
const RECONNECTS = /^paperdesk_gateway_reconnects_total\{gateway="([^"]+)"\} (\S+)$/gm;
const CODES = /^paperdesk_ibkr_errors_total\{class="([^"]+)",code="([^"]+)"\} (\S+)$/gm;

/** Return { reconnects: Map, codes: [[code, class, count]] }, null where the key may not see them. */
async function readFigures() {
  const response = await ask("/metrics", { method: "GET", headers: {} }).catch(() => null);
  if (!response?.ok) return null;
  const text = await response.text();
  return {
    reconnects: new Map([...text.matchAll(RECONNECTS)].map(([, name, count]) => [name, Number(count)])),
    codes: [...text.matchAll(CODES)].map(([, kind, code, count]) => [code, kind, Number(count)]),
  };
}

export function Connections() {
  const [figures, setFigures] = useState(null);
  useEffect(() => {
    const read = () => readFigures().then(setFigures);
    read();
    const timer = setInterval(read, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => state.readPastEvents(), [state.status.value !== null]);
  const gateways = state.status.value?.gateways ?? [];
  return html`${gateways.map((each) => html`<${Gateway} key=${each.gateway} gateway=${each} figures=${figures} />`)}
    <div class="columns"><${History} /><${Codes} figures=${figures} /></div>`;
}

function Gateway({ gateway, figures }) {
  const now = state.now.value;
  const accounts = Object.entries(gateway.accounts);
  const missing = accounts.filter(([, isUp]) => !isUp).map(([id]) => id);
  const isPartly = gateway.is_up && missing.length > 0;
  const [kind, glyph, words, toDo] = isPartly
    ? ["bad", "●", "up for some", "Log the gateway in to these accounts, or mend its accounts in the configuration."]
    : PHASES[gateway.phase];
  const facts = [
    ["Since", `${stamp(gateway.since, now)} (${span(now - Date.parse(gateway.since))})`],
    ["Why", gateway.reason ?? "–"],
    ["Accounts", accounts.map(([id, isUp]) => `${id}${isUp ? "" : " (down)"}`).join(", ")],
    ["Messages", `${gateway.requests_per_second} in the last second, of ${gateway.max_requests_per_second}`],
    ["Reconnects", figures ? (figures.reconnects.get(gateway.gateway) ?? 0) : "for a key of every account to see"],
    ["What to do", toDo],
  ];
  const tools = html`<${Pill} kind=${kind} glyph=${glyph}>${words}<//>`;
  return html`<${Panel} title="Gateway ${gateway.gateway}" tools=${tools}>
    <dl class="facts">
      ${facts.map(([name, fact]) => html`<dt key=${name}>${name}</dt><dd>${fact}</dd>`)}
    </dl>
  <//>`;
}

function History() {
  const found = state.recent.value.filter((event) => event.type.startsWith("connection."));
  return html`<${Panel} title="Connections of ${state.account.value ?? ""}" note="among the last ${state.RECENT_MAX} events">
    ${found.length === 0 && html`<p class="quiet">None came or went.</p>`}
    ${found.length > 0 &&
    html`<ul class="history">
      ${found.map(
        (event) => html`<li key=${event.id}>
          <time datetime=${event.timestamp}>${stamp(event.timestamp, state.now.value)}</time>
          ${event.type === "connection.up" ? html`<${Pill} kind="ok" glyph="●">up<//>` : html`<${Pill} kind="bad" glyph="✕">down<//>`}
          <span>${event.data.reason ?? ""}</span>
        </li>`,
      )}
    </ul>`}
  <//>`;
}

function Codes({ figures }) {
  const codes = [...(figures?.codes ?? [])].sort((a, b) => b[2] - a[2]);
  return html`<${Panel} title="IBKR's codes" note="since the service was started">
    ${codes.length === 0 && html`<p class="quiet">${figures ? "None was said." : "For a key of every account to see."}</p>`}
    ${codes.length > 0 &&
    html`<table>
      <thead>
        <tr>
          <th scope="col">Code</th>
          <th scope="col">Taken for</th>
          <th scope="col" class="number">Times</th>
        </tr>
      </thead>
      <tbody>
        ${codes.map(
          ([code, kind, count]) => html`<tr key=${`${code} ${kind}`}>
            <th scope="row">${code}</th>
            <td>${kind.replaceAll("_", " ")}</td>
            <td class="number">${count}</td>
          </tr>`,
        )}
      </tbody>
    </table>`}
  <//>`;
}
