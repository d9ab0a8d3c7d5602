// The way in, and the table of keys.
//
// Owns: the form for the API key and the help. The key goes to `api.js` and is shown nowhere.

import { closeDialog, KEYS, keysOn, switchKeys } from "./keys.js";
import { useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { Dialog, html, Trouble } from "./ui.js";

export function SignIn() {
  const [key, setKey] = useState("");
  const [trouble, setTrouble] = useState(null);
  const [busy, setBusy] = useState(false);
  const open = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await state.signIn(key.trim());
    } catch (error) {
      setTrouble(error.message);
      setBusy(false);
    }
  };
  return html`<main class="signin">
    <h1>Paperdesk</h1>
    <p>Post target positions; the difference is traded in an IBKR paper account.</p>
    <form onSubmit=${open}>
      <label for="key">API key</label>
      <input
        id="key"
        type="password"
        autocomplete="off"
        spellcheck="false"
        required
        value=${key}
        onInput=${(event) => setKey(event.target.value)}
      />
      <button type="submit" class="primary" disabled=${busy || !key.trim()}>Open the dashboard</button>
      <${Trouble} words=${trouble ?? state.refusal.value} />
    </form>
    <p class="note">
      <code>make run</code> prints a key and keeps it in <code>.paperdesk/key</code>; <code>paperdesk keys create</code>
      ${" "}makes more. It stays in this tab, and is forgotten with it.
    </p>
    <p class="note"><a href="/docs">Endpoints</a> · <a href="/openapi.json">OpenAPI</a> · <a href="/health">Health</a></p>
  </main>`;
}

export function Help() {
  return html`<${Dialog} title="Keys" onClose=${closeDialog}>
    <table>
      <tbody>
        ${KEYS.map(
          ([key, words]) => html`<tr key=${key}>
            <th scope="row"><kbd>${key}</kbd></th>
            <td>${words}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    <p>
      <label>
        <input type="checkbox" checked=${keysOn.value} onChange=${(event) => switchKeys(event.target.checked)} />
        ${" "}Single keys do this
      </label>
    </p>
  <//>`;
}
