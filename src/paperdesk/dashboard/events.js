// What happened, as the service tells it.
//
// Owns: the page `#/events`: which events are shown, the past of them, and the file of what is shown.

import { BatchLink } from "./batches.js";
import { exact, zone } from "./format.js";
import { useEffect, useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { download, Filter, html, Panel, Table } from "./ui.js";

const GROUPS = ["batch", "order", "fill", "position", "target", "account", "connection", "halt", "reconcile"];

export function Events() {
  const [group, setGroup] = useState("");
  const [text, setText] = useState("");
  useEffect(() => state.readPastEvents(), [state.status.value !== null]);
  const wanted = text.trim().toLowerCase();
  const shown = state.recent.value
    .filter((event) => !group || event.type.startsWith(`${group}.`))
    .filter((event) => !wanted || JSON.stringify(event).toLowerCase().includes(wanted));
  const save = () => {
    const lines = shown.map((event) => `${JSON.stringify(event)}\n`).reverse();
    download(`events-${state.account.value}.ndjson`, "application/x-ndjson", lines.join(""));
  };
  const tools = html`<${Filter} label="Words in it" value=${text} onInput=${setText} />
    <select aria-label="Kind" value=${group} onChange=${(event) => setGroup(event.target.value)}>
      <option value="">every kind</option>
      ${GROUPS.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
    </select>
    <button type="button" disabled=${shown.length === 0} onClick=${save}>Save as JSON lines</button>`;
  return html`<${Panel} id="events" title="Events" note="the last ${state.RECENT_MAX}, newest first" tools=${tools}>
    ${shown.length === 0 && html`<p class="quiet">No event ${wanted || group ? "fits" : "yet"}.</p>`}
    ${shown.length > 0 &&
    html`<${Table} label="Events, as a table" heads=${["#Id", `Time (${zone.value})`, "Type", "Batch", "Data"]} isTall>
      ${shown.map((event) => html`<${Row} key=${event.id} event=${event} />`)}
    <//>`}
  <//>`;
}

function Row({ event }) {
  const data = JSON.stringify(event.data);
  return html`<tr>
    <td class="number">${event.id}</td>
    <td>${exact(event.timestamp, state.now.peek())}</td>
    <th scope="row">${event.type}</th>
    <td>${event.batch_id && html`<${BatchLink} id=${event.batch_id} />`}</td>
    <td class="words" title=${data}><code>${data}</code></td>
  </tr>`;
}
