// How figures, times and states are written.
//
// Owns: every spelling on the page, and in which zone times are: New York's, where the orders are
// traded, unless another is chosen.

import { computed, signal } from "./signals.js";

const ZONE_SLOT = "paperdesk.zone";
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const ZONES = {
  ET: { words: "New York time", zone: "America/New_York" },
  UTC: { words: "UTC", zone: "UTC" },
  local: { words: "this computer's time", zone: HERE },
};
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const CENTS = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const PRICE = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 8,
});

const kept = localStorage.getItem(ZONE_SLOT);
export const zone = signal(kept in ZONES ? kept : "ET"); // its mark, behind a time
export const zoneWords = computed(() => ZONES[zone.value].words);
export const timeZone = computed(() => ZONES[zone.value].zone);

export function setZone(mark) {
  zone.value = mark;
  localStorage.setItem(ZONE_SLOT, mark);
}

const written = (locale, options) =>
  computed(() => new Intl.DateTimeFormat(locale, { timeZone: timeZone.value, ...options }));
const CLOCK = written("en-GB", { timeStyle: "medium" });
const MINUTE = written("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = written("en-US", { weekday: "short", month: "short", day: "numeric" });
const DATE = written("en-CA");

const MINUS = "−";

const known = (value, write) => (value === null || value === undefined ? "–" : write(value));
const minus = (value, text) => (value < 0 ? `${MINUS}${text}` : text);
const signed = (value, text) => (value > 0 ? `+${text}` : minus(value, text));

export const shares = (value) => known(value, (n) => minus(n, WHOLE.format(Math.abs(n))));
export const price = (value) => known(value, (n) => PRICE.format(n));
export const dollars = (value) => known(value, (n) => minus(n, `$${WHOLE.format(Math.abs(n))}`));
export const cents = (value) => known(value, (n) => minus(n, `$${CENTS.format(Math.abs(n))}`));
export const gain = (value) => known(value, (n) => signed(n, `$${WHOLE.format(Math.abs(n))}`));
export const bps = (value) => known(value, (n) => minus(n, Math.abs(n).toFixed(1)));

export const percent = (value) => signed(value, `${Math.abs(100 * value).toFixed(2)}%`);

export const clock = (moment) => known(moment, (at) => CLOCK.value.format(new Date(at)));
export const minute = (moment) => known(moment, (at) => MINUTE.value.format(new Date(at)));

/** Today the minute, before that the day, too. */
export function moment(at, now) {
  if (!at) return "–";
  const then = new Date(at);
  const today = DATE.value.format(then) === DATE.value.format(new Date(now));
  return today ? minute(then) : `${DAY.value.format(then)}, ${minute(then)}`;
}

/** As `moment`, to the second. */
export const exact = (at, now) => moment(at, now).replace(/\d\d:\d\d$/, clock(at));

/** The moment with the mark of its zone. */
export const stamp = (at, now) => `${moment(at, now)} ${zone.value}`;

const WRITTEN = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00/g;

/** Words of the service, with the times in them as this page writes times. */
export const withTimes = (words, now) => words.replace(WRITTEN, (at) => stamp(at, now));

/** Tell whether a lock is of two figures that differ; "*" is the account as a whole. */
export const differs = (lock) => lock.broker_position !== null && lock.symbol !== "*";

/** Since when and why a symbol, or the account, is locked. */
export function lockWords(lock, now) {
  const figures = `IBKR says ${shares(lock.broker_position)}, we expected ${shares(lock.position)}; `;
  return `since ${stamp(lock.since, now)}: ${differs(lock) ? figures : ""}${withTimes(lock.reason, now)}`;
}

/** How long, in the two units that matter: 8 s, 4 min, 5 h 17 min, 3 d. */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

export const plural = (count, one, many = `${one}s`) => `${WHOLE.format(count)} ${count === 1 ? one : many}`;

/** What an order does, by sign, word and arrow; the colour only repeats it. */
export function trade(quantity) {
  if (!quantity) return { words: "0", kind: "none" };
  return quantity > 0
    ? { words: `▲ buy ${shares(quantity)}`, kind: "buy" }
    : { words: `▼ sell ${shares(-quantity)}`, kind: "sell" };
}

const FAILED = new Set(["Inactive", "error"]);
const WORKING = new Set(["Submitted", "PreSubmitted", "PendingSubmit", "PendingCancel", "Unknown"]);

/** Where a row of a batch stands: filled, working, failed or cancelled. */
export function standing(row) {
  if (FAILED.has(row.status)) return "failed";
  if (row.status === "Cancelled") return "cancelled";
  const status = row.status === "no_change" && row.kept ? row.kept.status : row.status;
  return WORKING.has(status) ? "working" : "filled";
}

export function countsOf(rows) {
  const counts = { filled: 0, working: 0, failed: 0, cancelled: 0, total: rows.length };
  for (const row of rows) counts[standing(row)] += 1;
  return counts;
}
