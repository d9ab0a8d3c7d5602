// How figures, times and states are written.
//
// Owns: every spelling on the page. Times are New York's, where the orders are traded.

const ZONE = "America/New_York";
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const CENTS = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const PRICE = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 8,
});
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, timeStyle: "medium" });
const MINUTE = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-US", { timeZone: ZONE, weekday: "short", month: "short", day: "numeric" });
const DATE = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE });

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

export const clock = (moment) => known(moment, (at) => CLOCK.format(new Date(at)));
export const minute = (moment) => known(moment, (at) => MINUTE.format(new Date(at)));

/** Today the minute, before that the day, too. */
export function moment(at, now) {
  if (!at) return "–";
  const then = new Date(at);
  const today = DATE.format(then) === DATE.format(new Date(now));
  return today ? MINUTE.format(then) : `${DAY.format(then)}, ${MINUTE.format(then)}`;
}

const WRITTEN = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00/g;

/** Words of the service, with the times in them as this page writes times. */
export const withTimes = (words, now) => words.replace(WRITTEN, (at) => `${moment(at, now)} ET`);

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
