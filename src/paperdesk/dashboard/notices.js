// Notices on the desktop, for who wants them: of what needs a person, never of a fill.
//
// Owns: whether they are wanted, and their words. Nothing is told while the page is in sight.

import { signal } from "./signals.js";

const SLOT = "paperdesk.notices";

export const canNotify = "Notification" in globalThis && globalThis.isSecureContext;
export const noticesOn = signal(canNotify && localStorage.getItem(SLOT) === "on" && Notification.permission === "granted");

/** Switch them on, if the person lets the browser, or off. */
export async function switchNotices(on) {
  noticesOn.value = on && (await Notification.requestPermission()) === "granted";
  localStorage.setItem(SLOT, noticesOn.value ? "on" : "off");
}

/** Tell of those events that need a person. */
export function notify(events) {
  if (!noticesOn.value || !document.hidden) return;
  for (const { type, account_id: account, data } of events) {
    if (type === "order.rejected") tell(`${data.symbol} was rejected`, data.error ?? "", `${account} ${data.symbol}`);
    if (type === "connection.down") tell(`${account} has no gateway`, data.reason ?? "", account);
  }
}

// One at a time of each order and account: a newer one takes its place.
const tell = (title, body, tag) => new Notification(`Paperdesk: ${title}`, { body, tag });
