// One stream for all tabs of this browser that have the same key: over HTTP/1.1 a browser opens six
// connections to an origin, and six tabs with a stream each would leave none to ask with.
//
// Owns: who of the tabs follows the stream (the holder of a Web Lock), what it tells the others (on a
// BroadcastChannel), and that a tab which takes over goes on behind what every tab has seen. Lock and
// channel are named by a digest of the key: its tabs find each other, and no name says the key. Where
// the page is not served securely a browser has neither, and each tab follows a stream of its own.

import { hex, keyOf } from "./api.js";
import { follow } from "./stream.js";

const ASK_MS = 150; // for the other tabs to say what they have seen
const SILENT_MS = 15_000; // the leader tells of each heartbeat, and one comes every 5 s

/** Follow the stream, as `follow` does, together with the other tabs. */
export function followTogether(on) {
  const leaving = new AbortController();
  let leave = () => {};
  nameOf(keyOf()).then((name) => {
    if (!leaving.signal.aborted) leave = name === null ? follow(on) : join(name, on, leaving.signal);
  });
  return () => {
    leaving.abort();
    leave();
  };
}

async function nameOf(key) {
  if (!globalThis.isSecureContext || !navigator.locks) return null;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`paperdesk stream ${key}`));
  return hex(new Uint8Array(digest));
}

function join(name, on, leaving) {
  const channel = new BroadcastChannel(name);
  let lastId = null; // the newest event that this tab has seen
  let isUp = false;
  let isLeader = false;
  let answers = []; // what the other tabs have seen, while this one asks
  let silence = null;

  /** Take what the leader told, be it this tab or another. */
  const take = {
    event(envelope) {
      if (lastId !== null && envelope.id <= lastId) return; // told again for the sake of another tab
      lastId = envelope.id;
      on.event(envelope);
    },
    alive(isLive) {
      clearTimeout(silence);
      silence = setTimeout(() => take.down(), SILENT_MS);
      on.alive();
      if (isLive && !isUp) take.up({ missed: 0, upto: lastId }); // the leader was silent, not lost
    },
    up({ missed, upto }) {
      isUp = true;
      lastId ??= upto;
      on.up(missed);
    },
    down() {
      isUp = false;
      on.down(new Error("the stream was lost"));
    },
    reset(upto) {
      lastId = upto;
      on.reset();
    },
    joined: () => isLeader && isUp && tell("welcome", lastId),
    welcome: (upto) => isUp || take.up({ missed: 0, upto }),
    asked: () => channel.postMessage(["seen", lastId]),
    seen: (id) => answers.push(id),
  };

  function tell(what, of) {
    channel.postMessage([what, of]);
    take[what](of);
  }

  async function lead() {
    if (leaving.aborted) return;
    answers = [lastId];
    channel.postMessage(["asked"]);
    await new Promise((resume) => setTimeout(resume, ASK_MS));
    const seen = answers.filter((id) => id !== null);
    isLeader = true;
    const unfollow = follow(
      {
        event: (envelope) => tell("event", envelope),
        alive: () => tell("alive", isUp),
        up: (missed, upto) => tell("up", { missed, upto }),
        reset: (upto) => tell("reset", upto),
        down(error) {
          tell("down");
          on.down(error); // which may say that the key opens no more
        },
      },
      seen.length ? Math.min(...seen) : null,
    );
    if (!leaving.aborted) await new Promise((resume) => leaving.addEventListener("abort", resume));
    unfollow();
  }

  channel.onmessage = ({ data: [what, of] }) => take[what](of);
  channel.postMessage(["joined"]);
  navigator.locks.request(name, { signal: leaving }, lead).catch(() => {}); // given up while it waited
  return () => {
    clearTimeout(silence);
    channel.close();
  };
}
