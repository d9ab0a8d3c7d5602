// The simulated gateway in one's hand: prices, and what goes wrong.
//
// Owns: the page `#/simulator`, which is there only where the gateway is simulated. What a fault does
// is docs/twsim-faults.md's to say; here are the ones that one tries first, and any other by its code.

import { post } from "./api.js";
import { price } from "./format.js";
import { useState } from "./preact-hooks.js";
import * as state from "./state.js";
import { html, Panel, Trouble } from "./ui.js";

// code, words, and the parameters that it wants, if any
const FAULTS = [
  ["O06", "The next order is rejected (201)"],
  ["O03", "Nothing is heard of the next order for 5 s"],
  ["E06", "The next order fills in parts"],
  ["C01", "The next cancel is confirmed late"],
  ["L14", "The gateway loses IBKR for 5 s (1100, 1102)"],
  ["A02", "The gateway restarts, as it does every night", () => ({ on: "now", delay: 5 })],
  ["P03", "Somebody buys 10 by hand", (symbol) => ({ symbol })],
];

export function Simulator() {
  const [answer, setAnswer] = useState(null);
  const [trouble, setTrouble] = useState(null);
  const [symbol, setSymbol] = useState("AAPL");
  const [amount, setAmount] = useState("");
  const [code, setCode] = useState("O06");
  const [rate, setRate] = useState("");
  const meddle = (body) => async (event) => {
    event?.preventDefault();
    try {
      setAnswer(await post("/simulator", body()));
      setTrouble(null);
      state.changed("status", "positions");
    } catch (error) {
      setTrouble(error.errors?.length ? error.errors.map(({ message }) => message).join("; ") : error.message);
    }
  };
  if (!state.may("admin")) {
    return html`<${Panel} title="Simulator"><p class="quiet">A key with the scope admin may use it.</p><//>`;
  }
  const last = state.prices.value.get(symbol.trim().toUpperCase());
  const setPrice = meddle(() => ({ price: { symbol, price: Number(amount) } }));
  const known = FAULTS.find(([each]) => each === code);
  const parameters = known?.[2]?.(symbol);
  const strike = meddle(() => ({ fault: { code, rate: rate ? Number(rate) : undefined, parameters } }));
  return html`<${Panel} id="simulator" title="Simulator" note="each of these is in the audit trail">
    <${Trouble} words=${trouble} />
    <p role="status">
      ${answer && html`Done. ${answer.struck} struck so far; ${answer.faults.length ? `waiting: ${answer.faults.join(", ")}` : "none waits"}.`}
    </p>
    <div class="ways">
      <form onSubmit=${setPrice}>
        <h2>Move a price</h2>
        <label>Symbol <input required value=${symbol} onInput=${(e) => setSymbol(e.target.value)} /></label>
        <label>
          Price${last ? `, now ${price(last)}` : ""}
          <input required type="number" min="0.01" step="any" value=${amount} onInput=${(e) => setAmount(e.target.value)} />
        </label>
        <button type="submit">Set the price</button>
      </form>
      <form onSubmit=${strike}>
        <h2>Let something go wrong</h2>
        <label>
          Fault
          <select value=${known ? code : ""} onChange=${(e) => setCode(e.target.value)}>
            ${FAULTS.map(([each, words]) => html`<option key=${each} value=${each}>${each}: ${words}</option>`)}
            <option value="">another, by its code</option>
          </select>
        </label>
        <label>Code <input required pattern="[A-Za-z]{1,3}[0-9]{1,3}" value=${code} onInput=${(e) => setCode(e.target.value)} /></label>
        <label>
          How often, as a share; once without
          <input type="number" min="0" max="1" step="any" value=${rate} onInput=${(e) => setRate(e.target.value)} />
        </label>
        <button type="submit" class="danger">Strike</button>
      </form>
      <div class="form">
        <h2>Heal, or cut</h2>
        <p class="choices">
          <button type="button" onClick=${meddle(() => ({ clear_faults: true }))}>Clear every fault</button>
          <button type="button" class="danger" onClick=${meddle(() => ({ drop_connections: true }))}>Cut the line</button>
        </p>
      </div>
    </div>
  <//>`;
}
