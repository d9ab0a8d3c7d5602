// Four figures: on target, what the account is worth, the day's orders, what they cost.
//
// Owns: the cards. Adds up what the API gives, and nothing that it does not.

import { bps, cents, dollars, gain, minute, percent, plural, shares, zone } from "./format.js";
import * as state from "./state.js";
import { Bar, html, Panel, Waiting } from "./ui.js";

export function Cards() {
  return html`<div class="cards"><${OnTarget} /><${Account} /><${Orders} /><${Cost} /></div>`;
}

function Figure({ name, children, kind }) {
  return html`<div class="figure">
    <dt>${name}</dt>
    <dd class=${kind ?? ""}>${children}</dd>
  </div>`;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

function OnTarget() {
  const body = state.targets.value;
  if (!body) return html`<${Panel} title="On target"><${Waiting} /><//>`;
  const count = (...names) => body.targets.filter((row) => names.includes(row.state)).length;
  const [reached, working, short] = [count("reached"), count("working"), count("short", "locked")];
  const open = state.rows.value.filter((row) => row.gap);
  const priced = open.filter((row) => row.drift !== null);
  const drift = sum(priced.map((row) => Math.abs(row.drift)));
  const worth = state.netLiquidation.value;
  const share = worth ? ` · ${((100 * drift) / worth).toFixed(1)}% of net liquidation` : "";
  const more = open.length - priced.length;
  const unpriced = more ? ` · and ${plural(more, "symbol")} without a price` : "";
  const parts = [
    { kind: "ok", share: reached },
    { kind: "busy", share: working },
    { kind: "bad", share: short },
  ];
  const label = `${reached} reached, ${working} working, ${short} short or locked, of ${body.total}`;
  return html`<${Panel} title="On target">
    <p class="large">${reached} / ${body.total} <small>targets reached</small></p>
    <${Bar} parts=${parts} total=${body.total} label=${label} />
    <p class="note">Still to trade <b>${dollars(drift)}</b>${share}${unpriced}</p>
  <//>`;
}

function Account() {
  const worth = state.netLiquidation.value;
  const first = state.equityDays.value === 1 ? state.equity.value?.[0] : null;
  const day = first && worth !== null ? worth - first.net_liquidation : null;
  const held = state.positions.value?.positions ?? [];
  const open = held.filter((row) => row.unrealized_pnl !== null).map((row) => row.unrealized_pnl);
  const since = day === null ? "" : ` · since ${minute(first.at)} ${zone.value} ${percent(day / first.net_liquidation)}`;
  return html`<${Panel} title="Account">
    <dl>
      <${Figure} name="Net liquidation">${dollars(worth)}<//>
      <${Figure} name="Day P&L">${day === null ? "–" : gain(Math.round(day) || 0)}<//>
    </dl>
    <p class="note">${plural(held.length, "position")} · unrealized ${gain(Math.round(sum(open)) || 0)}${since}</p>
  <//>`;
}

function Orders() {
  const body = state.today.value;
  if (!body) return html`<${Panel} title="Orders today"><${Waiting} /><//>`;
  const { open, filled, rejected, cancelled } = body.orders;
  return html`<${Panel} title="Orders today">
    <dl>
      <${Figure} name="Open">${shares(open)}<//>
      <${Figure} name="Filled">${shares(filled)}<//>
      <${Figure} name="Rejected" kind=${rejected ? "bad" : ""}>${shares(rejected)}<//>
      <${Figure} name="Cancelled">${shares(cancelled)}<//>
    </dl>
    <p class="note">${latency(state.acks.value)}</p>
  <//>`;
}

function latency(times) {
  if (!times.length) return "Sent since midnight in New York";
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return `p50 sent→ack ${at(0.5)} ms · p99 ${at(0.99)} ms, seen here`;
}

function Cost() {
  const report = state.slippage.value;
  const day = state.today.value;
  if (!report || !day) return html`<${Panel} title="Cost today"><${Waiting} /><//>`;
  const worst = report.orders.reduce(
    (found, row) => (row.slippage_usd > (found?.slippage_usd ?? 0) ? row : found),
    null,
  );
  const missing = day.commission_missing ? ` · ${plural(day.commission_missing, "fee")} to come` : "";
  const words = worst
    ? `Worst: ${worst.symbol} ${bps(worst.slippage_bps)} bps (${cents(worst.slippage_usd)})`
    : "No order cost more than expected";
  return html`<${Panel} title="Cost today">
    <dl>
      <${Figure} name="Slippage vs expected">
        ${report.total.slippage_bps === null ? "–" : `${bps(report.total.slippage_bps)} bps`}
      <//>
      <${Figure} name="Fees">${cents(day.commission)}<//>
    </dl>
    <p class="note">${words}${missing}</p>
  <//>`;
}
