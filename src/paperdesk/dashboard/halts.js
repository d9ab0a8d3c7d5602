// What is halted, and every halt and release that is told.
//
// Owns: the page `#/halts`, and how a halt is said in a table. The events of each halt are the history;
// who released, and why, is in the audit trail alone, which a key with that scope may read.

import { get } from "./api.js";
import { exact, stamp, zone } from "./format.js";
import { useEffect, useRef, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { readPast } from "./stream.js";
import { html, Panel, Pill, Table, Trouble, Waiting } from "./ui.js";

const MODES = { all: ["bad", "halted"], reduce_only: ["warn", "only reducing orders"] };
const UNSEEN = "for a key with the scope audit to see";

export function ModePill({ mode, isPast }) {
  const [kind, words] = MODES[mode] ?? ["bad", mode];
  return html`<${Pill} kind=${isPast ? "calm" : kind} glyph="■">${words}<//>`;
}

export const haltWords = (halt, now) =>
  `${halt.account_id ? "" : "with every account, "}by ${halt.by} since ${stamp(halt.since, now)}: ${halt.reason}`;

export const Halts = () => html`<${Standing} /><${History} />`;

function Standing() {
  const halted = state.status.value && Object.entries(state.status.value.halted);
  return html`<${Panel} id="halted" title="Halted now" note="of this key's accounts">
    ${!halted && html`<${Waiting} />`} ${halted?.length === 0 && html`<p class="quiet">No account is halted.</p>`}
    ${halted?.length > 0 &&
    html`<ul class="history">
      ${halted.map(
        ([id, halt]) => html`<li key=${id}>
          <b>${id}</b> <${ModePill} mode=${halt.mode} /> <span>${haltWords(halt, state.now.value)}</span>
        </li>`,
      )}
    </ul>`}
  <//>`;
}

/** Return { events, isWhole, trouble }: the halts and releases that are told, oldest first. */
function useHalts() {
  const [events, setEvents] = useState([]);
  const [isWhole, setWhole] = useState(false);
  const [trouble, setTrouble] = useState(null);
  const last = useRef(0);
  const isLive = state.stream.value.is === "live";
  useEffect(() => {
    const stopping = new AbortController();
    const take = (told) => {
      if (stopping.signal.aborted || !told.length) return;
      last.current = told.at(-1).id;
      setEvents((old) => [...old, ...told]);
    };
    readPast({ types: "halt.*", since_id: last.current }, take, stopping.signal).then(
      (isAll) => {
        setTrouble(null);
        if (isAll) setWhole(true);
      },
      (error) => stopping.signal.aborted || setTrouble(`The history could not be read: ${error.message}.`),
    );
    return () => stopping.abort();
  }, [state.haltsTold.value, isLive]); // again once the service is back
  return { events, isWhole, trouble };
}

/** Return the entries of the audit trail that may be of these releases. */
function useReleases(count) {
  const [entries, setEntries] = useState([]);
  useEffect(() => {
    if (!count || !state.may("audit")) return undefined;
    let current = true;
    const read = async (cursor) => {
      const body = await get("/audit", { action: "resume", cursor });
      if (!current) return;
      setEntries((old) => (cursor ? [...old, ...body.entries] : body.entries));
      if (body.next_cursor) await read(body.next_cursor);
    };
    read().catch(() => {}); // who released is then not told
    return () => (current = false);
  }, [count]);
  return entries;
}

function History() {
  const { events, isWhole, trouble } = useHalts();
  const releases = useReleases(events.filter((event) => event.type === "halt.released").length);
  const note = isWhole ? "newest first" : "newest first; the past is being read…";
  return html`<${Panel} id="halts" title="Halts and releases" note=${note}>
    <${Trouble} words=${trouble} />
    ${!isWhole && !events.length && !trouble && html`<${Waiting} />`}
    ${isWhole && !events.length && html`<p class="quiet">No halt is told.</p>`}
    ${events.length > 0 &&
    html`<${Table} label="Halts and releases, as a table" heads=${[`Time (${zone.value})`, "Account", "What", "By", "Why"]} isTall>
      ${events.toReversed().map((event) => html`<${Row} key=${event.id} event=${event} releases=${releases} />`)}
    <//>`}
  <//>`;
}

function Row({ event, releases }) {
  const { data } = event;
  const isSet = event.type === "halt.set";
  const entry = releases.find((each) => each.at === event.timestamp && each.account_id === data.account_id);
  const unknown = state.may("audit") ? "–" : UNSEEN;
  const [by, why] = isSet ? [data.by, data.reason] : [entry?.client ?? unknown, entry?.after?.reason ?? unknown];
  const still = data.halt ? `; still halted ${haltWords(data.halt, state.now.peek())}` : "";
  return html`<tr>
    <td>${exact(event.timestamp, state.now.peek())}</td>
    <th scope="row">${data.account_id ?? "every account"}</th>
    <td>${isSet ? html`<${ModePill} mode=${data.mode} isPast />` : html`<${Pill} kind="ok" glyph="▶">released<//>`}</td>
    <td class="wrap" data-head="by">${by}</td>
    <td class="wrap">${why}${still}</td>
  </tr>`;
}
