// The batches of the account, also those that the newest have pushed off the list.
//
// Owns: reading on into the past, for every page that goes there, and that what is still open there
// stays up to date. The newest are in `state`.

import { get } from "./api.js";
import { useEffect, useRef, useState } from "./preact-hooks.js";
import * as state from "./state.js";

const PAGE = 15;
const AGAIN_MS = 3000;

/** Return { entries, older, trouble }: newest first, null until read; `older` reads on, if anything is behind. */
export function useBatches() {
  const seen = useRef(new Map());
  const cursor = useRef(undefined); // behind what was read; null where nothing is
  const [trouble, setTrouble] = useState(null);
  const [, setRound] = useState(0);
  const newest = state.batches.value;
  for (const entry of newest ?? []) seen.current.set(entry.batch_id, entry);
  if (cursor.current === undefined && newest) cursor.current = state.olderBatches.value;

  const take = async (ids) => {
    const found = await Promise.all(ids.map(state.readBatch));
    for (const entry of found) seen.current.set(entry.batch_id, entry);
    setTrouble(null);
    setRound((round) => round + 1);
  };
  const older = async () => {
    const query = { account_id: state.account.value, limit: PAGE, cursor: cursor.current };
    try {
      const body = await get("/orders", query);
      await take(body.batches.map((head) => head.batch_id));
      cursor.current = body.next_cursor;
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => {
    const timer = setInterval(() => {
      const listed = new Set(state.batches.value?.map((entry) => entry.batch_id));
      const open = [...seen.current.values()].filter((entry) => !entry.summary.final && !listed.has(entry.batch_id));
      if (open.length) take(open.map((entry) => entry.batch_id)).catch((error) => setTrouble(error.message));
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const entries = newest && [...seen.current.values()].sort((a, b) => (a.submitted_at < b.submitted_at ? 1 : -1));
  return { entries, older: cursor.current ? older : null, trouble };
}
