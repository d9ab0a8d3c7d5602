// The HTTP API, as the page asks it.
//
// Owns: the key (in this tab's sessionStorage, in a header, and nowhere else) and how a failure
// becomes words. Knows nothing of what is asked.

const SLOT = "paperdesk.key";
const BASE = "/api/v1";
const READ_MS = 15_000;
const CHANGE_MS = 70_000;

/** What the service, or the way to it, said instead of an answer. */
export class Problem extends Error {
  constructor(status, code, words, errors = []) {
    super(words);
    this.status = status; // 0: nobody answered
    this.code = code;
    this.errors = errors;
  }
}

export const keyOf = () => sessionStorage.getItem(SLOT);
export const keepKey = (key) => sessionStorage.setItem(SLOT, key);
export const forgetKey = () => sessionStorage.removeItem(SLOT);

export const get = (path, query) => call("GET", path, { query });
export const post = (path, body, headers) => call("POST", path, { body, headers });
export const remove = (path) => call("DELETE", path);

async function call(method, path, { query, body, headers } = {}) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  const search = given.length ? `?${new URLSearchParams(given)}` : "";
  const response = await ask(`${BASE}${path}${search}`, {
    method,
    headers: { ...headers, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(method === "GET" ? READ_MS : CHANGE_MS),
  });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw problem(response, answer);
}

/** Send a request with the key. Throws a Problem where nobody answers. */
export async function ask(address, options) {
  try {
    return await fetch(address, {
      ...options,
      headers: { ...options.headers, "X-API-Key": keyOf() ?? "" },
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    throw new Problem(0, "unreachable", `the service does not answer (${error.message})`);
  }
}

export function problem(response, answer) {
  const words = answer?.detail ?? `the service answered ${response.status}`;
  return new Problem(response.status, answer?.code ?? "unreadable", words, answer?.errors);
}

/** A key of a request's own: the same one is sent again where the answer was lost. */
export function newIdempotencyKey() {
  return `page-${hex(crypto.getRandomValues(new Uint8Array(16)))}`;
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
