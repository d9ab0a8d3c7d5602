// The event stream, read with fetch: EventSource could not send the key in a header.
//
// Owns: reading server-sent events, reconnecting, and resuming behind the last event that was
// seen. Knows nothing of what an event means but for the few that are about the stream itself.

import { ask, problem } from "./api.js";

const SILENT_MS = 12_000; // a heartbeat comes every 5 s
const BACKOFF_MS = [250, 500, 1000, 2000, 5000];
const BLOCK_MAX = 4_000_000;

/** Read what `query` asks of the past: `take(envelopes)` gets it in parts. Return whether it was all.
 *
 * With `until` it is followed to that end, else to what is there to tell now. */
export async function readPast(query, take, signal) {
  const headers = { Accept: "text/event-stream" };
  const response = await ask(`/api/v1/events?${new URLSearchParams(query)}`, { headers, signal });
  if (!response.ok) throw problem(response, await response.json().catch(() => null));
  for await (const envelopes of read(response)) {
    take(envelopes.filter((envelope) => envelope.id !== null));
    // The first heartbeat comes after 5 s, and behind what was there to tell by then.
    if (!query.until && envelopes.some(({ type }) => type === "heartbeat")) return true;
    if (envelopes.some(({ type }) => type === "stream.bye" || type === "stream.lagged")) return false;
  }
  return Boolean(query.until);
}

/** Yield the envelopes of a stream as they arrive, those that came together together. */
async function* read(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true }).replaceAll("\r\n", "\n");
      const blocks = text.split("\n\n");
      text = blocks.pop();
      if (text.length > BLOCK_MAX) throw new Error("an event is too large");
      yield blocks.map(dataOf).filter(Boolean).map(JSON.parse);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const dataOf = (block) =>
  block
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trimStart())
    .join("\n");

/** Follow the stream until the returned function is called; from behind `lastId` where it is given.
 *
 * `on.event(envelope)` gets each event once; `on.up(missed, lastId)` comes with each connection, with
 * how many events were missed since the last one, and behind which it goes on; `on.down(error)` with
 * each loss; `on.alive()` with every sign of life; `on.reset(lastId)` where the ledger is another one. */
export function follow(on, lastId = null) {
  let stopped = false;
  let failures = 0;
  let abort = new AbortController();

  async function run() {
    while (!stopped) {
      try {
        await connect();
      } catch (error) {
        if (!stopped) on.down(error);
      }
      const pause = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)];
      failures += 1;
      if (!stopped) await new Promise((resume) => setTimeout(resume, pause));
    }
  }

  async function connect() {
    abort = new AbortController();
    const headers = { Accept: "text/event-stream" };
    if (lastId !== null) headers["Last-Event-ID"] = String(lastId);
    const response = await ask("/api/v1/events", { headers, signal: abort.signal });
    if (!response.ok) throw problem(response, await response.json().catch(() => null));
    let timer = watch();
    try {
      for await (const envelopes of read(response)) {
        clearTimeout(timer);
        timer = watch();
        on.alive();
        envelopes.forEach(take);
      }
      throw new Error("the stream ended");
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }

  const watch = () => setTimeout(() => abort.abort(), SILENT_MS);

  function take(envelope) {
    switch (envelope.type) {
      case "stream.ready": {
        failures = 0;
        const head = envelope.data.head_id;
        const missed = lastId === null ? 0 : Math.max(0, head - lastId);
        lastId ??= head;
        on.up(missed, lastId);
        break;
      }
      case "stream.reset":
        lastId = envelope.data.head_id;
        on.reset(lastId);
        break;
      case "stream.lagged":
      case "stream.bye":
        break; // it closes, and is followed again from the last event seen
      case "heartbeat":
        break;
      default:
        if (envelope.id !== null) lastId = envelope.id;
        on.event(envelope);
    }
  }

  run();
  return () => {
    stopped = true;
    abort.abort();
  };
}
