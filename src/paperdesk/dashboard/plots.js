// Equity over time, and slippage by order.
//
// Owns: how uPlot is asked to draw. Each plot has its sentence, and its points as a table.

import { bps, clock, dollars, gain, moment, timeZone, zone, zoneWords } from "./format.js";
import { useEffect, useRef } from "./preact-hooks.js";
import * as state from "./state.js";
import { theme } from "./header.js";
import { html, Panel, Table } from "./ui.js";
import uPlot from "./uplot.js";

const HEIGHT = 190;
const ROWS_MAX = 60;
const DAYS = [
  [1, "today"],
  [5, "5 days"],
  [30, "30 days"],
];

/** What a colour of the style sheet is in the present theme: a canvas knows no variables. */
function colour(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
const inZone = (seconds) => uPlot.tzDate(new Date(seconds * 1000), timeZone.value);

/** Draw, keep up with data, width and theme, and clear away. */
function Plot({ data, options, label }) {
  const box = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    const width = () => Math.max(box.current.clientWidth, 100);
    plot.current = new uPlot({ ...options(), width: width(), height: HEIGHT }, data, box.current);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: width(), height: HEIGHT }));
    resized.observe(box.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => {
      plot.current.destroy();
      plot.current = new uPlot({ ...options(), width: width(), height: HEIGHT }, plot.current.data, box.current);
    };
    scheme.addEventListener("change", redraw);
    return () => {
      scheme.removeEventListener("change", redraw);
      resized.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [theme.value, zone.value]);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="plot" role="img" aria-label=${label} ref=${box}></div>`;
}

const axis = (more) => ({
  stroke: colour("quiet"),
  grid: { stroke: colour("line"), width: 1 },
  ticks: { stroke: colour("line"), width: 1 },
  font: "12px system-ui, sans-serif",
  ...more,
});

const equityOptions = () => ({
  tzDate: inZone,
  cursor: { y: false },
  legend: { live: true },
  axes: [axis(), axis({ size: 88, values: (_, ticks) => ticks.map(dollars) })],
  series: [
    { label: zone.value, value: (_, at) => (at ? moment(at * 1000, state.now.value) : "–") },
    {
      label: "Net liquidation",
      stroke: colour("buy"),
      fill: colour("fill"),
      width: 1.5,
      value: (_, value) => dollars(value),
    },
  ],
});

export function Equity() {
  const points = [...(state.equity.value ?? [])];
  const worth = state.netLiquidation.value;
  if (points.length && worth !== null) points.push({ at: state.now.value, net_liquidation: worth });
  const data = [points.map((p) => new Date(p.at) / 1000), points.map((p) => p.net_liquidation)];
  const first = points[0];
  const last = points.at(-1);
  const days = DAYS.find(([count]) => count === state.equityDays.value)[1];
  const words = first
    ? `${dollars(last.net_liquidation)} at ${clock(last.at)} ${zone.value}, ${gain(
        Math.round(last.net_liquidation - first.net_liquidation) || 0,
      )} since ${moment(first.at, state.now.value)}.`
    : "No sample yet: one is taken each minute while the account is up.";
  const tools = html`<select
    aria-label="Of which time"
    value=${state.equityDays.value}
    onChange=${(event) => state.chooseDays(Number(event.target.value))}
  >
    ${DAYS.map(([count, name]) => html`<option key=${count} value=${count}>${name}</option>`)}
  </select>`;
  return html`<${Panel} id="equity" title="Equity" note=${zoneWords.value} tools=${tools}>
    ${points.length > 1 && html`<${Plot} data=${data} options=${equityOptions} label="Equity, ${days}: ${words}" />`}
    <p class="note">${words}</p>
    ${points.length > 0 &&
    html`<${AsTable}
      heads=${[`Time (${zone.value})`, "Net liquidation"]}
      rows=${points.map((p) => [moment(p.at, state.now.value), dollars(p.net_liquidation)])}
    />`}
  <//>`;
}

const slippageOptions = () => ({
  cursor: { y: false },
  legend: { live: true },
  scales: { x: { time: false, range: (_, least, most) => [least - 0.5, most + 0.5] } },
  axes: [
    axis({ incrs: [1, 2, 5, 10, 20, 50, 100] }),
    axis({ size: 48, values: (_, ticks) => ticks.map((tick) => String(tick)) }),
  ],
  series: [
    { label: "Order" },
    {
      label: "Slippage, bps (+ is a cost)",
      stroke: colour("sell"),
      paths: () => null,
      points: { show: true, size: 7, fill: colour("sell") },
      value: (_, value) => bps(value),
    },
  ],
});

export function Slippage() {
  const report = state.slippage.value;
  const orders = [...(report?.orders ?? [])].reverse();
  const data = [orders.map((_, index) => index + 1), orders.map((row) => row.slippage_bps)];
  const costs = orders.filter((row) => row.slippage_bps > 0).length;
  const words = orders.length
    ? `${bps(report.total.slippage_bps)} bps over ${report.total.orders} orders; ${costs} of those shown cost more than expected.`
    : "No order with an expected price filled today.";
  return html`<${Panel} id="slippage" title="Slippage by order" note="today, against the expected price">
    ${orders.length > 0 && html`<${Plot} data=${data} options=${slippageOptions} label="Slippage by order: ${words}" />`}
    <p class="note">${words}</p>
    ${orders.length > 0 &&
    html`<${AsTable}
      heads=${[`Sent (${zone.value})`, "Symbol", "Side", "Slippage bps"]}
      rows=${orders.map((row) => [clock(row.sent_at), row.symbol, row.side, bps(row.slippage_bps)])}
    />`}
  <//>`;
}

function AsTable({ heads, rows }) {
  const shown = rows.slice(-ROWS_MAX).reverse();
  return html`<details>
    <summary>View as table</summary>
    <${Table} label="The plot as a table" heads=${heads}>
      ${shown.map((cells, row) => html`<tr key=${row}>${cells.map((cell, n) => html`<td key=${n}>${cell}</td>`)}</tr>`)}
    <//>
    ${rows.length > ROWS_MAX && html`<p class="note">The last ${ROWS_MAX} of ${rows.length}.</p>`}
  </details>`;
}
