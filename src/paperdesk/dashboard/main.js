// The dashboard: a client of the HTTP API like every other, with nothing behind its back.
//
// Owns: what is on the page, in which order, and what the keys do. docs/dashboard.md explains it.

import { Accounts } from "./accounts.js";
import { Bands } from "./bands.js";
import { AllBatches, Batches } from "./batches.js";
import { Cards } from "./cards.js";
import { Connections } from "./connections.js";
import { Detail } from "./detail.js";
import { Events } from "./events.js";
import { Fills } from "./fills.js";
import { haltNow, HaltDialog } from "./halt.js";
import { Halts } from "./halts.js";
import { applyTheme, HaltButton, Header, nextTheme } from "./header.js";
import { dialog, listen, openDialog } from "./keys.js";
import { NewBatch } from "./newbatch.js";
import { Orders } from "./orders.js";
import { Nav, open, page, PAGES, readAddress, titleOf } from "./pages.js";
import { Equity, Slippage } from "./plots.js";
import { AllPositions, Positions } from "./positions.js";
import { render } from "./preact.js";
import { applyPalette, Settings } from "./settings.js";
import { Help, SignIn } from "./signin.js";
import { effect } from "./signals.js";
import { Simulator } from "./simulator.js";
import * as state from "./state.js";
import { paused, Tape } from "./tape.js";
import { html } from "./ui.js";

function App() {
  if (!state.signedIn.value) return html`<${SignIn} />`;
  const isStale = state.now.value && Date.now() - state.freshAt.value > state.STALE_MS;
  return html`<a class="skip" href="#main">To the content</a>
    <${Header} />
    <${Nav} isSimulated=${state.status.value?.environment === "simulated"} />
    <main class=${isStale ? "stale" : ""} id="main" tabindex="-1">
      <h1 class="unseen">${page.value === "now" ? "Paperdesk" : titleOf(page.value)}</h1>
      <${Bands} /><${VIEWS[page.value]} key=${state.account.value} />
    </main>
    <${Footer} />
    <div class="bottom"><${HaltButton} /></div>
    <${Dialogs} />`;
}

function Now() {
  return html`<${Cards} /><${Batches} />
    <div class="columns"><${Positions} /><${Tape} entries=${state.tape} /></div>
    <div class="columns"><${Equity} /><${Slippage} /></div>`;
}

const VIEWS = {
  now: Now,
  batches: AllBatches,
  orders: Orders,
  fills: Fills,
  positions: AllPositions,
  accounts: Accounts,
  connections: Connections,
  halts: Halts,
  events: Events,
  simulator: Simulator,
  settings: Settings,
};

function Footer() {
  const known = state.status.value;
  return html`<footer>
    ${known && html`<span>${known.client} (${known.scopes.join(", ")}) · Paperdesk ${known.version}</span>`}
    <a href="/docs">API</a>
    <button type="button" class="link" onClick=${() => state.signOut()}>Sign out</button>
  </footer>`;
}

function Dialogs() {
  const open = dialog.value;
  if (open?.name === "help") return html`<${Help} />`;
  if (open?.name === "halt") return html`<${HaltDialog} />`;
  if (open?.name === "new") return html`<${NewBatch} key=${state.account.value} orders=${open.of} />`;
  if (open?.name === "batch") return html`<${Detail} key=${open.of} id=${open.of} />`;
  return null;
}

// ── Keys ───────────────────────────────────────────────────────────────────────────────────────

const links = () => [...document.querySelectorAll("a.batch")];
const rowAt = () => document.activeElement?.closest("tr")?.querySelector("a.batch");

function step(by) {
  const all = links();
  const at = all.indexOf(rowAt());
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next]?.focus();
}

function cancelFocused() {
  rowAt()?.closest("tr").querySelector("[id^=cancel-]")?.click();
}

function nextAccount() {
  const ids = state.accounts.value.map((entry) => entry.account_id);
  if (ids.length) state.chooseAccount(ids[(ids.indexOf(state.account.value) + 1) % ids.length]);
}

const forTraders = (action) => () => state.signedIn.value && state.may("trade") && action();

listen({
  "?": () => openDialog("help"),
  "/": () => document.getElementById("find")?.focus(),
  " ": () => (paused.value = !paused.value),
  n: forTraders(() => openDialog("new")),
  j: () => step(1),
  k: () => step(-1),
  x: cancelFocused,
  a: nextAccount,
  t: nextTheme,
  H: forTraders(() => (state.halt.value ? openDialog("halt") : haltNow())),
  g: {
    ...Object.fromEntries(PAGES.map(([name, , key]) => [key, () => open(name)])),
    t: () => open("now", "tape"),
  },
});

// ── The address, the title and the icon ────────────────────────────────────────────────────────

function route() {
  const found = /^#batch\/([0-9a-f]{16})$/.exec(location.hash);
  if (found) openDialog("batch", found[1]);
  else readAddress();
}

effect(() => {
  const known = state.status.value;
  const mark = known?.environment === "simulated" ? "SIM" : "PAPER";
  const open = state.openOrders.value;
  const lost = state.gatewaysDown.value.filter((gateway) => !state.isExpected(gateway)).length;
  const urgent = state.needs.value.length + state.locks.value.length + lost + (state.halt.value ? 1 : 0);
  const parts = [`${open} open`, urgent && `${urgent}!`, `paperdesk ${mark}`].filter(Boolean);
  document.title = known ? `● ${parts.join(" · ")}` : "paperdesk";
  const colour = urgent ? "e5484d" : state.stream.value.is === "live" ? "30a46c" : "f5a623";
  const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#${colour}"/></svg>`;
  document.querySelector("link[rel=icon]").href = `data:image/svg+xml,${encodeURIComponent(dot)}`;
});

applyTheme();
applyPalette();
render(html`<${App} />`, document.getElementById("app"));
addEventListener("hashchange", route);
if (state.signedIn.value) state.start();
route();
