// What happened to a batch, first to last: accepted, sent, acknowledged, filled, ended.
//
// Owns: the timeline below the orders of a batch. The lines are the tape's, and some more; they are read
// from the event stream, which ends with the batch, and what is told behind that comes from `state`.

import { exact, price, shares } from "./format.js";
import { useEffect, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { readPast } from "./stream.js";
import { KINDS, Line, tapeEntry } from "./tape.js";
import { html, Trouble, Waiting } from "./ui.js";

const MORE = {
  ...KINDS,
  "batch.accepted": ["accepted", "busy", ""],
  "batch.final": ["final", "calm", "–"],
  "order.submitted": ["sent", "busy", "→"],
  "order.filled": ["complete", "ok", "✓"],
};

export function Timeline({ id }) {
  const [read, setRead] = useState([]);
  const [isWhole, setWhole] = useState(false);
  const [trouble, setTrouble] = useState(null);
  const isLive = state.stream.value.is === "live";
  useEffect(() => {
    const stopping = new AbortController();
    const take = (told) => {
      if (stopping.signal.aborted) return;
      setRead((old) => [...old, ...told]);
      setTrouble(null);
    };
    readPast({ batch_id: id, until: "batch.final" }, take, stopping.signal).then(
      setWhole,
      (error) => stopping.signal.aborted || setTrouble(`What happened was not read to its end: ${error.message}.`),
    );
    return () => stopping.abort();
  }, [id, isLive]); // again once the service is back
  const lines = linesOf([...read, ...state.recent.value.filter((event) => event.batch_id === id)]);
  return html`<h3>What happened</h3>
    <${Trouble} words=${trouble} />
    ${!lines.length && !trouble && (isWhole ? html`<p class="quiet">Nothing of it is told.</p>` : html`<${Waiting} />`)}
    <ol class="tape timeline">
      ${lines.map((entry) => html`<${Line} key=${entry.key} entry=${entry} write=${toTheMillisecond} />`)}
    </ol>`;
}

const toTheMillisecond = (at) => `${exact(at, state.now.peek())}.${/\.(\d{3})/.exec(at)?.[1] ?? "000"}`;

/** Each event once, in order; a fill that is told again, with its fee, stays where it was. */
function linesOf(events) {
  const lines = new Map();
  const byId = new Map(events.map((event) => [event.id, event]));
  for (const event of [...byId.values()].sort((a, b) => a.id - b.id)) {
    const entry = tapeEntry(event, MORE);
    if (!entry) continue;
    const known = lines.get(entry.key);
    if (!known && event.type === "fill.corrected") entry.kind = ["correction", "warn", "!"];
    lines.set(entry.key, known ? { ...entry, at: known.at, kind: known.kind } : { ...entry, batch: null, note: noteOf(event, entry) });
  }
  return [...lines.values()];
}

/** What an order has come to, where that says more than its state. */
function noteOf({ type, data }, { note }) {
  if (type === "order.submitted") return `as order ${data.ibkr_order_id}`;
  if (type === "order.filled") return `${shares(data.filled_qty)} at ${price(data.avg_fill_price)} on average`;
  if (type === "order.cancelled" && !data.error) return `${shares(data.filled_qty)} of ${shares(data.qty)} filled`;
  return note;
}
