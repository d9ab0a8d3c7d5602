// The live tape: what happened, newest first.
//
// Owns: the line that an event becomes, the pause, and the summary for who hears the page. A tape
// that is paused, or scrolled, stands still; what comes meanwhile is counted.

import { cents, clock, plural, price, shares, zoneWords } from "./format.js";
import { useEffect, useRef, useState } from "./preact-hooks.js";
import { signal } from "./signals.js";
import { html, Panel, Pill } from "./ui.js";

const SHOWN = 100;
const SUMMARY_MS = 10_000;

export const paused = signal(false);

export const KINDS = {
  "batch.accepted": ["batch", "busy", ""],
  "batch.final": ["batch", "calm", ""],
  "order.acknowledged": ["ack", "busy", ""],
  "order.cancelled": ["cancel", "calm", "–"],
  "order.rejected": ["reject", "bad", "✕"],
  "order.unknown": ["unknown", "warn", "?"],
  "fill.created": ["fill", "ok", "✓"],
  "fill.corrected": ["fill", "ok", "✓"],
  "connection.up": ["up", "ok", "●"],
  "connection.down": ["down", "bad", "●"],
  "halt.set": ["halt", "bad", "■"],
  "halt.released": ["release", "ok", "▶"],
  "reconcile.mismatch": ["mismatch", "warn", "!"],
};

const ALOUD = { batch: ["batch", "batches"], ack: ["acknowledgement"], reject: ["rejection"], cancel: ["cancellation"] };

/** Return the line of an event, null for one that says nothing new to a reader. */
export function tapeEntry(event, kinds = KINDS) {
  const kind = kinds[event.type];
  if (!kind) return null;
  if (event.type.startsWith("fill.")) return tapeOf(event.data, event.timestamp);
  const { data } = event;
  const entry = { key: event.id, at: event.timestamp, kind, note: "", batch: event.batch_id };
  if (event.type.startsWith("order.")) {
    Object.assign(entry, {
      symbol: data.symbol,
      side: data.action,
      words: `${shares(data.qty)} @ ${data.limit_price ? price(data.limit_price) : (data.order_type ?? "–")}`,
      note: data.error ?? data.status,
    });
  } else if (event.type.startsWith("batch.")) {
    const { counts } = data;
    entry.words = plural(counts.total, "target");
    entry.note = event.type === "batch.accepted" ? `by ${data.client}` : `${counts.filled} of ${counts.total} filled`;
  } else {
    entry.words = data.symbol?.replace("*", "every symbol") ?? data.account_id ?? event.account_id ?? "";
    if (event.type.startsWith("connection.")) entry.words += "'s gateway";
    entry.note = data.reason ?? "";
  }
  return entry;
}

/** Return the line of an execution: by its id, so that a fee that comes later finds it. */
export function tapeOf(execution, at = execution.executed_at) {
  return {
    key: execution.exec_id,
    at,
    kind: KINDS["fill.created"],
    symbol: execution.symbol,
    side: execution.side,
    words: `${shares(execution.quantity)} @ ${price(execution.price)}`,
    note: execution.commission === null ? "" : `fee ${cents(execution.commission)}`,
    batch: execution.batch_id,
  };
}

export function Tape({ entries }) {
  const [held, setHeld] = useState(null); // what a reader who paused or scrolled sees
  const box = useRef(null);
  const isHeld = held !== null;
  const hold = (is) => setHeld(is ? (held ?? entries.value) : null);
  useEffect(() => hold(paused.value), [paused.value]);
  const shown = (held ?? entries.value).slice(0, SHOWN);
  const fresh = isHeld ? entries.value.findIndex((entry) => entry.key === held[0]?.key) : 0;
  const goOn = () => {
    paused.value = false;
    setHeld(null);
    box.current.scrollTop = 0;
  };
  const tools = html`
    ${fresh > 0 && html`<button type="button" onClick=${goOn}>${fresh} new</button>`}
    <button type="button" aria-pressed=${paused.value} onClick=${() => (paused.value = !paused.value)}>
      ${paused.value ? "Go on" : "Pause"} <kbd>Space</kbd>
    </button>
  `;
  return html`<${Panel} id="tape" title="Live tape" note=${zoneWords.value} tools=${tools}>
    <div
      class="scroll"
      role="log"
      aria-live="off"
      aria-label="What happened, newest first"
      tabindex="0"
      ref=${box}
      onScroll=${(event) => hold(paused.value || event.target.scrollTop > 4)}
    >
      ${shown.length === 0 && html`<p class="quiet">Nothing has happened yet.</p>`}
      <ol class="tape">
        ${shown.map((entry) => html`<${Line} key=${entry.key} entry=${entry} />`)}
      </ol>
    </div>
    <${Summary} entries=${entries} />
  <//>`;
}

export function Line({ entry, write = clock }) {
  const [name, kind, glyph] = entry.kind;
  const side = entry.side?.toUpperCase().startsWith("S") ? "SELL" : "BUY";
  return html`<li>
    <time datetime=${entry.at}>${write(entry.at)}</time>
    <${Pill} kind=${kind} glyph=${glyph}>${name}<//>
    <span class="what">
      ${entry.symbol && html`<b>${entry.symbol}</b> `}
      ${entry.symbol && entry.side && html`<span class=${side.toLowerCase()}>${side}</span> `}
      ${!entry.symbol && entry.batch && html`<code>${entry.batch}</code> `} ${entry.words}
    </span>
    <span class="note" title=${entry.note}>${entry.note}</span>
  </li>`;
}

/** Tell in a sentence what came in ten seconds, politely. */
function Summary({ entries }) {
  const [words, setWords] = useState("");
  useEffect(() => {
    let last = entries.value[0];
    const timer = setInterval(() => {
      const end = last ? entries.value.findIndex((entry) => entry.key === last.key) : entries.value.length;
      const fresh = entries.value.slice(0, Math.max(end, 0));
      last = entries.value[0];
      const counts = {};
      for (const { kind } of fresh) counts[kind[0]] = (counts[kind[0]] ?? 0) + 1;
      setWords(Object.entries(counts).map(([name, count]) => plural(count, ...(ALOUD[name] ?? [name]))).join(", "));
    }, SUMMARY_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<p class="unseen" aria-live="polite">${words}</p>`;
}
