// The forms of /docs: each endpoint can be asked from the page, with one's own key.
//
// Owns: the form, its curl line and the answer as it came. What can be asked is read from
// /openapi.json; the page itself is the server's, and says everything without this.

import { ask, forgetKey, get, keepKey, keyOf } from "./api.js";
import { render } from "./preact.js";
import { useRef, useState } from "./preact-hooks.js";
import { signal } from "./signals.js";
import { Copy, html, Trouble } from "./ui.js";

const SHOWN_MAX = 500_000; // characters of an answer, the last ones: a stream does not end
const JSON_TYPE = "application/json";

const who = signal(null); // what /status says of the key in this tab

// ── The key ────────────────────────────────────────────────────────────────────────────────────

async function signIn(key) {
  keepKey(key);
  try {
    who.value = await get("/status");
  } catch (error) {
    signOut();
    throw error;
  }
}

function signOut() {
  forgetKey();
  who.value = null;
}

function Key() {
  const [key, setKey] = useState("");
  const [trouble, setTrouble] = useState(null);
  const enter = async (event) => {
    event.preventDefault();
    try {
      await signIn(key.trim());
      setKey("");
      setTrouble(null);
    } catch (error) {
      setTrouble(error.message);
    }
  };
  if (who.value) {
    return html`<p>
      Key of <b>${who.value.client}</b> (${who.value.scopes.join(", ")}), environment <b>${who.value.environment}</b>.
      ${" "}
      <button type="button" onClick=${signOut}>Sign out</button>
    </p>`;
  }
  return html`<form onSubmit=${enter}>
    <label>
      API key
      <input
        type="password"
        autocomplete="off"
        spellcheck="false"
        value=${key}
        onInput=${(event) => setKey(event.target.value)}
      />
    </label>
    <button type="submit" disabled=${!key.trim()}>Use this key</button>
    <span> It stays in this tab, and is forgotten with it.</span>
    <${Trouble} words=${trouble} />
  </form>`;
}

// ── What is asked ──────────────────────────────────────────────────────────────────────────────

/** The request that the fields make; null while something is missing. */
function requestOf({ method, path, operation }, values, body) {
  const given = (place) =>
    (operation.parameters ?? []).filter((each) => each.in === place && values[each.name]).map((each) => each.name);
  const isMissing = (operation.parameters ?? []).some((each) => each.required && !values[each.name]);
  if (isMissing || (operation.requestBody && !body.trim())) return null;
  // What the browser makes of the address is what the button names: it takes ".." out of a path.
  const url = new URL(path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name])), location.origin);
  url.search = new URLSearchParams(given("query").map((name) => [name, values[name]]));
  const headers = Object.fromEntries(given("header").map((name) => [name, values[name]]));
  if (operation.requestBody) headers["Content-Type"] = JSON_TYPE;
  return { method, url, headers, body: operation.requestBody && body };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same for a shell, where $KEY is the key. */
function curlOf({ method, url, headers, body }) {
  const parts = ["curl -sS", method !== "GET" && `-X ${method}`, quoted(url.href), `-H "X-API-Key: $KEY"`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  return [...parts, body && `-d ${quoted(body)}`].filter(Boolean).join(" ");
}

/** A body to begin with: what is required, blank where it can be. */
function sampleOf(schema, schemas) {
  if (schema.$ref) return sampleOf(schemas[nameOf(schema)], schemas);
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.type === "array") return [sampleOf(schema.items, schemas)];
  if (schema.type !== "object") return { string: "", boolean: false }[schema.type] ?? 0;
  return Object.fromEntries(schema.required.map((name) => [name, sampleOf(schema.properties[name], schemas)]));
}

const nameOf = (reference) => reference.$ref.split("/").at(-1);

// ── The answer ─────────────────────────────────────────────────────────────────────────────────

/** JSON on lines, with every digit as it came. */
function indented(text) {
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return text.replace(/("(?:[^"\\]|\\.)*")|([[{])\s*([\]}])?|([\]}])|,|:|\s+/g, (mark, string, opened, empty, closed) => {
    if (string) return string;
    if (empty) return opened + empty;
    if (opened) return opened + ((depth += 1), line());
    if (closed) return ((depth -= 1), line()) + closed;
    if (mark === ",") return mark + line();
    return mark === ":" ? ": " : "";
  });
}

/** Send the request, and tell of the answer as it comes. */
async function follow({ url, ...options }, tell) {
  const began = performance.now();
  const response = await ask(url, options);
  const ms = Math.round(performance.now() - began);
  const status = `${response.status} ${response.statusText}`;
  const headers = [...response.headers].map((pair) => pair.join(": ")).join("\n");
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  tell({ ms, status, isOk: response.ok, headers, text });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text = (text + decoder.decode(value, { stream: true })).slice(-SHOWN_MAX);
    tell({ text });
  }
  const isJson = /[/+]json$/.test(response.headers.get("Content-Type"));
  if (isJson && text.length < SHOWN_MAX) tell({ text: indented(text) });
}

function Answer({ status, ms, isOk, headers, text, trouble, isBusy, onStop }) {
  return html`<div aria-live="polite">
      ${status && html`<p><b class=${isOk ? "ok" : "bad"}>${status}</b> after ${ms} ms</p>`}
      <${Trouble} words=${trouble} />
    </div>
    ${isBusy && html`<button type="button" onClick=${onStop}>Stop</button>`}
    ${status &&
    html`<details>
        <summary>Headers</summary>
        <pre>${headers}</pre>
      </details>
      <pre class="answer" tabindex="0" role="region" aria-label="Answer">${text}</pre>`}`;
}

// ── The form ───────────────────────────────────────────────────────────────────────────────────

function Field({ parameter: { name, required, schema }, value, onInput }) {
  const choices = schema.enum ?? (schema.type === "boolean" && ["true", "false"]);
  const take = (event) => onInput(event.target.value);
  return html`<label>
    ${name}${required && " (required)"}
    ${choices
      ? html`<select value=${value} onChange=${take}>
          <option></option>
          ${choices.map((choice) => html`<option key=${choice}>${choice}</option>`)}
        </select>`
      : html`<input value=${value} autocomplete="off" spellcheck="false" onInput=${take} />`}
  </label>`;
}

function Try({ schemas, ...call }) {
  const { method, path, operation } = call;
  const schema = operation.requestBody?.content[JSON_TYPE].schema;
  const kinds = schema ? (schema.oneOf ?? [schema]) : [];
  const bodyOf = (kind) => {
    const found = sampleOf(kind, schemas);
    // Where nothing is required nothing is there to begin with: an empty body says something, too.
    return Object.keys(found).length ? JSON.stringify(found, null, 2) : "";
  };
  const [values, setValues] = useState({});
  const [body, setBody] = useState(() => (schema ? bodyOf(kinds[0]) : ""));
  const [answer, setAnswer] = useState({});
  const asking = useRef(null);
  const request = requestOf(call, values, body);

  const send = async () => {
    const abort = (asking.current = new AbortController());
    const tell = (part) => setAnswer((before) => ({ ...before, ...part }));
    setAnswer({ isBusy: true });
    try {
      await follow({ ...request, signal: abort.signal }, tell);
    } catch (error) {
      if (!abort.signal.aborted) tell({ trouble: error.message });
    }
    tell({ isBusy: false });
  };

  return html`<details>
    <summary>Try it</summary>
    ${(operation.parameters ?? []).map(
      (parameter) => html`<${Field}
        key=${parameter.name}
        parameter=${parameter}
        value=${values[parameter.name] ?? ""}
        onInput=${(value) => setValues({ ...values, [parameter.name]: value })}
      />`,
    )}
    ${kinds.length > 1 &&
    html`<label>
      Kind of body
      <select onChange=${(event) => setBody(bodyOf(kinds[event.target.selectedIndex]))}>
        ${kinds.map((kind) => html`<option key=${nameOf(kind)}>${nameOf(kind)}</option>`)}
      </select>
    </label>`}
    ${schema &&
    html`<label>
      Body
      <textarea rows="9" spellcheck="false" value=${body} onInput=${(event) => setBody(event.target.value)}></textarea>
    </label>`}
    <p>
      <button type="button" class=${method === "GET" ? "" : "change"} disabled=${!request || answer.isBusy} onClick=${send}>
        Send ${method} ${request?.url.pathname ?? path}
      </button>
    </p>
    ${request && html`<pre class="curl">${curlOf(request)}</pre><${Copy} text=${curlOf(request)} />`}
    <${Answer} ...${answer} onStop=${() => asking.current.abort()} />
  </details>`;
}

// ── The page ───────────────────────────────────────────────────────────────────────────────────

const { paths, components } = await (await fetch("/openapi.json")).json();
for (const [path, methods] of Object.entries(paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const place = document.querySelector(`#${operation.operationId} .try`);
    const call = { method: method.toUpperCase(), path, operation, schemas: components.schemas };
    render(html`<${Try} ...${call} />`, place);
  }
}
if (keyOf()) await signIn(keyOf()).catch(() => {});
render(html`<${Key} />`, document.getElementById("key"));
