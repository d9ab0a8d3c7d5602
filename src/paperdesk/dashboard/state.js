// What the page knows, and how it comes to know it.
//
// Owns: the signals that the panels draw, the reading of each part over HTTP, and what an event
// makes worth reading again. The snapshots of the API are the truth; events fill the tape and say
// what has changed, so that a lost stream costs freshness and nothing else. Draws nothing.

import { forgetKey, get, keepKey, keyOf, Problem } from "./api.js";
import { countsOf } from "./format.js";
import { closeDialog } from "./keys.js";
import { notify } from "./notices.js";
import { followTogether } from "./sharing.js";
import { batch, computed, signal } from "./signals.js";
import { readPast } from "./stream.js";
import { tapeEntry, tapeOf } from "./tape.js";

const TICK_MS = 250; // four times a second, however much happens
const BATCHES_SHOWN = 15;
const TAPE_MAX = 300;
const ACKS_MAX = 500;
export const RECENT_MAX = 500;
export const STALE_MS = 12_000;

// ── What is known ──────────────────────────────────────────────────────────────────────────────

export const signedIn = signal(keyOf() !== null);
export const refusal = signal(null); // why the last key did not open
export const now = signal(Date.now()); // by the service's clock
export const account = signal(null);
export const status = signal(null);
export const accounts = signal([]);
export const targets = signal(null);
export const positions = signal(null);
export const batches = signal(null); // newest first; `orders` once they were read
export const today = signal(null);
export const slippage = signal(null);
export const equity = signal(null);
export const equityDays = signal(1);
export const tape = signal([]);
export const recent = signal([]); // events of the account, newest first
export const fillsTold = signal(0);
export const haltsTold = signal(0); // of every account
export const olderBatches = signal(null); // the cursor behind `batches`
export const acks = signal([]); // ms from sent to acknowledged, as the stream told them
export const stream = signal({ is: "connecting", since: Date.now(), missed: 0 });
export const heardAt = signal(0); // the last sign of life of the stream
export const freshAt = signal(Date.now()); // the last answer, or event
export const goneSince = signal(null); // since when nobody answers at all
export const troubles = signal({}); // what could not be read, by name

export const may = (scope) => {
  const scopes = status.value?.scopes ?? [];
  return scopes.includes("admin") || scopes.includes(scope);
};
export const mayCancel = (client) => may("admin") || (may("trade") && client === status.value?.client);
export const halt = computed(() => status.value?.halted[account.value] ?? null);
export const gatewaysDown = computed(() =>
  (status.value?.gateways ?? []).filter((gateway) => Object.values(gateway.accounts).includes(false)),
);
/** Tell whether a gateway is down as it should be: its lists are compared, or IBKR resets at night. */
export const isExpected = ({ phase, reset_until: until }) =>
  phase === "reading" || (until !== null && phase !== "shut" && phase !== "up");

export const prices = computed(() => {
  const held = positions.value?.positions ?? [];
  return new Map(held.map((row) => [row.symbol, row.market_price]));
});

/** Each symbol that is held or wanted: held, target, gap and what is missing in dollars. */
export const rows = computed(() => {
  const found = new Map();
  for (const held of positions.value?.positions ?? []) {
    found.set(held.symbol, { symbol: held.symbol, held: held.quantity, gap: 0, state: "untargeted", ...held });
  }
  for (const wanted of targets.value?.targets ?? []) {
    found.set(wanted.symbol, { ...found.get(wanted.symbol), ...wanted, held: wanted.position });
  }
  return [...found.values()].map((row) => {
    const open = row.state === "withdrawn" ? 0 : row.gap;
    const value = prices.value.get(row.symbol) ?? null;
    return { ...row, gap: open, last: value, drift: value === null ? null : open * value };
  });
});

export const netLiquidation = computed(() => {
  const mine = accounts.value.find((entry) => entry.account_id === account.value);
  return mine?.net_liquidation ?? positions.value?.net_liquidation ?? null;
});

export const openOrders = computed(() =>
  (batches.value ?? []).reduce((sum, entry) => sum + (entry.counts?.working ?? 0), 0),
);

/** What a person should look at, the worst first. */
export const needs = computed(() => {
  const known = new Set(locks.value.map((lock) => lock.symbol));
  const isNews = (row) => row.state === "locked" && !known.has(row.symbol) && !known.has("*");
  return (targets.value?.targets ?? []).filter((row) => row.state === "short" || isNews(row));
});

/** Symbols, or "*" for the account, that are not traded until a person or the figures agree. */
export const locks = computed(() => accounts.value.find((entry) => entry.account_id === account.value)?.locks ?? []);

// ── Reading ────────────────────────────────────────────────────────────────────────────────────

// `every`: seconds after which it is read anyway; `least`: between two reads, whatever happens.
// `alone`: without the stream, when nothing tells of a change; of a gateway's return nothing does.
const READS = {
  status: { every: 5, least: 0.5, alone: 2, run: readStatus },
  accounts: { every: 15, least: 1, alone: 5, run: readAccounts },
  targets: { every: 30, least: 0.5, alone: 2, run: readTargets },
  positions: { every: 20, least: 2, alone: 5, run: readPositions },
  batches: { every: 30, least: 0.5, alone: 2, run: readBatches },
  today: { every: 30, least: 2, alone: 5, run: readToday },
  slippage: { every: 60, least: 5, alone: 15, run: readSlippage },
  equity: { every: 60, least: 10, alone: 30, run: readEquity },
  executions: { every: Infinity, least: 1, alone: 3, run: readExecutions },
};
const WITHOUT_ACCOUNT = new Set(["status", "accounts"]);
const due = new Map(); // name → { dirty, at, busy }
let dirtyBatches = new Set();
let visit = 0; // from signing in to signing out: an answer to an earlier key is nobody's

export function changed(...names) {
  for (const name of names) due.get(name).dirty = true;
}

function startReads(time) {
  for (const [name, read] of Object.entries(READS)) {
    const entry = due.get(name);
    const seconds = (time - entry.at) / 1000;
    const isCalm = stream.value.is === "live" && !(name === "status" && gatewaysDown.value.length);
    const every = isCalm ? read.every : read.alone;
    const wanted = entry.dirty ? seconds >= read.least : seconds >= every;
    if (!wanted || entry.busy || (!account.value && !WITHOUT_ACCOUNT.has(name))) continue;
    Object.assign(entry, { dirty: false, at: time, busy: true });
    runRead(name, read).finally(() => (entry.busy = false));
  }
}

async function runRead(name, read) {
  const of = account.value;
  const { at } = due.get(name);
  const begun = visit;
  try {
    const take = await read.run(of);
    if (begun !== visit) return;
    batch(() => {
      if (WITHOUT_ACCOUNT.has(name) || of === account.value) take();
      freshAt.value = Date.now();
      goneSince.value = null;
      if (troubles.value[name]) troubles.value = { ...troubles.value, [name]: undefined };
    });
  } catch (error) {
    if (begun === visit) failed(name, error, at);
  }
}

function failed(name, error, begunAt) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) {
    signOut("The key does not open any more: it was revoked, or has expired.");
  } else if (error.status === 0) {
    if (freshAt.value <= begunAt + TICK_MS) goneSince.value ??= Date.now();
  } else {
    troubles.value = { ...troubles.value, [name]: error.message };
  }
}

let skew = 0;

async function readStatus() {
  const body = await get("/status");
  return () => {
    skew = Date.parse(body.server_time) - Date.now();
    status.value = body;
  };
}

async function readAccounts() {
  const { accounts: found } = await get("/accounts");
  return () => {
    accounts.value = found;
    if (!found.some((entry) => entry.account_id === account.value)) {
      account.value = (found.find((entry) => entry.default) ?? found[0])?.account_id ?? null;
    }
  };
}

async function readTargets(of) {
  const body = await get("/targets", { account_id: of });
  return () => (targets.value = body);
}

async function readPositions(of) {
  const body = await get("/positions", { account_id: of, allow_stale: true });
  return () => (positions.value = body);
}

async function readToday(of) {
  const body = await get("/reports/today", { account_id: of });
  return () => (today.value = body);
}

async function readSlippage(of) {
  const { since } = today.value ?? (await get("/reports/today", { account_id: of }));
  const body = await get("/reports/slippage", { account_id: of, since, limit: 200 });
  return () => (slippage.value = body);
}

async function readEquity(of) {
  const days = equityDays.value;
  const since = new Date(now.value - days * 86_400_000).toISOString().replace(/\.\d+Z/, "Z");
  const body = await get("/reports/equity", { account_id: of, since: days > 1 ? since : undefined });
  return () => (equity.value = body.points);
}

async function readExecutions(of) {
  const { executions } = await get("/executions", { account_id: of, limit: 30 });
  return () => addToTape(executions.reverse().map((execution) => tapeOf(execution)));
}

/** Read the list of batches, and those of it that are new, open or were told to have changed. */
async function readBatches(of) {
  const { batches: heads, next_cursor: older } = await get("/orders", { account_id: of, limit: BATCHES_SHOWN });
  const had = new Map((batches.value ?? []).map((entry) => [entry.batch_id, entry]));
  const changedNow = dirtyBatches;
  dirtyBatches = new Set();
  const found = await Promise.all(
    heads.map((head) => {
      const known = had.get(head.batch_id);
      const settled = known?.summary?.final && !changedNow.has(head.batch_id);
      return settled ? known : readBatch(head.batch_id);
    }),
  );
  return () => {
    batches.value = found;
    olderBatches.value = older;
  };
}

export async function readBatch(id) {
  const body = await get(`/orders/${id}`);
  return { ...body, counts: countsOf(body.orders) };
}

// ── Events ─────────────────────────────────────────────────────────────────────────────────────

let arrived = [];
const sentAt = new Map();

const TOUCHED = {
  batch: ["batches", "targets"],
  target: ["targets"],
  order: ["batches", "targets", "today", "status"],
  fill: ["positions", "targets", "today", "slippage"],
  position: ["positions", "targets"],
  account: ["accounts", "equity"],
  connection: ["status", "accounts", "positions", "targets"],
  halt: ["status", "accounts", "targets", "batches"],
  reconcile: ["accounts", "targets"],
};

function takeEvents() {
  const events = arrived;
  arrived = [];
  const mine = events.filter((event) => !event.account_id || event.account_id === account.value);
  for (const event of mine) {
    changed(...(TOUCHED[event.type.split(".")[0]] ?? []));
    if (event.batch_id) dirtyBatches.add(event.batch_id);
    timeAck(event);
  }
  addToTape(mine.map((event) => tapeEntry(event)).filter(Boolean));
  addToRecent(mine);
  fillsTold.value += mine.filter((event) => event.type.startsWith("fill.")).length;
  haltsTold.value += events.filter((event) => event.type.startsWith("halt.")).length;
  notify(events);
  const others = events.length > mine.length;
  if (others) changed("status", "accounts");
}

/** Add lines above; one that is told again, as a fill with its fee, stays where it was. */
function addToTape(entries) {
  if (!entries.length) return;
  const told = new Map(entries.map((entry) => [entry.key, entry]));
  const old = tape.value.map((entry) => {
    const again = told.get(entry.key);
    told.delete(entry.key);
    return again ? { ...entry, note: again.note } : entry;
  });
  tape.value = [...[...told.values()].reverse(), ...old].slice(0, TAPE_MAX);
}

function addToRecent(events) {
  if (!events.length) return;
  const known = new Map([...recent.value, ...events].map((event) => [event.id, event]));
  recent.value = [...known.values()].sort((a, b) => b.id - a.id).slice(0, RECENT_MAX);
}

/** Read what happened of late, once the newest event is known. Returns how to stop. */
export function readPastEvents() {
  const of = account.value;
  if (!of || !status.value) return undefined;
  const stopping = new AbortController();
  const take = (events) => {
    const mine = events.filter((event) => !event.account_id || event.account_id === of);
    if (!stopping.signal.aborted) addToRecent(mine);
  };
  const sinceId = Math.max(0, status.value.head_id - RECENT_MAX);
  readPast({ since_id: sinceId }, take, stopping.signal).catch(() => {}); // what comes is told all the same
  return () => stopping.abort();
}

/** Measure from the frame that left to the broker's first word. */
function timeAck({ type, timestamp, batch_id: id, data }) {
  const key = `${id} ${data.symbol}`;
  if (type === "order.submitted") {
    sentAt.set(key, Date.parse(timestamp));
    if (sentAt.size > ACKS_MAX) sentAt.delete(sentAt.keys().next().value);
  } else if (type.startsWith("order.") && sentAt.has(key)) {
    acks.value = [...acks.value, Date.parse(timestamp) - sentAt.get(key)].slice(-ACKS_MAX);
    sentAt.delete(key);
  }
}

const ON_STREAM = {
  event: (envelope) => arrived.push(envelope),
  alive: () => (heardAt.value = Date.now()),
  up(missed) {
    const wasLost = stream.value.is === "lost";
    stream.value = { is: "live", since: Date.now(), missed: wasLost ? missed : 0 };
    readEverything();
  },
  down(error) {
    if (error instanceof Problem && error.status === 401) failed("stream", error, 0);
    if (stream.value.is !== "lost") stream.value = { is: "lost", since: Date.now(), missed: 0 };
  },
  reset() {
    clearAccount();
    readEverything();
  },
};

function readEverything() {
  dirtyBatches = new Set((batches.value ?? []).map((entry) => entry.batch_id));
  for (const entry of due.values()) entry.dirty = true;
}

// ── Coming and going ───────────────────────────────────────────────────────────────────────────

let ticking = null;
let unfollow = null;

function tick() {
  const time = Date.now();
  batch(() => {
    if (arrived.length) takeEvents();
    if (heardAt.value > freshAt.value) freshAt.value = heardAt.value;
    if (time + skew - now.value >= 1000) now.value = time + skew;
  });
  startReads(time);
}

/** Begin to read and to follow, with the key of this tab. */
export function start() {
  for (const name of Object.keys(READS)) due.set(name, { dirty: true, at: 0, busy: false });
  unfollow = followTogether(ON_STREAM);
  ticking = setInterval(tick, TICK_MS);
  tick();
}

function stop() {
  clearInterval(ticking);
  unfollow?.();
  unfollow = ticking = null;
  visit += 1;
}

/** Open the page with a key. Throws a Problem where it does not open. */
export async function signIn(key) {
  keepKey(key);
  try {
    const body = await get("/status");
    batch(() => {
      status.value = body;
      signedIn.value = true;
      refusal.value = null;
    });
    start();
  } catch (error) {
    forgetKey();
    throw error;
  }
}

export function signOut(why = null) {
  stop();
  forgetKey();
  closeDialog();
  batch(() => {
    signedIn.value = false;
    refusal.value = why;
    status.value = account.value = null;
    accounts.value = [];
    troubles.value = {};
    goneSince.value = null;
    stream.value = { is: "connecting", since: Date.now(), missed: 0 };
    clearAccount();
  });
}

function clearAccount() {
  batch(() => {
    targets.value = positions.value = batches.value = null;
    today.value = slippage.value = equity.value = null;
    tape.value = acks.value = recent.value = [];
    olderBatches.value = null;
    arrived = [];
    sentAt.clear();
  });
}

export function chooseAccount(id) {
  if (id === account.value) return;
  batch(() => {
    clearAccount();
    account.value = id;
  });
  readEverything();
}

export function chooseDays(days) {
  equityDays.value = days;
  equity.value = null;
  due.get("equity").at = 0;
  changed("equity");
}
