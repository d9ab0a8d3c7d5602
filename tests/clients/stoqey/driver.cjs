// The session under @stoqey/ib: what it calls, and how its events become the words of a step.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { EventName, IBApi, OrderAction, OrderType, SecType } = require("@stoqey/ib");

const SESSION = JSON.parse(fs.readFileSync(path.join(__dirname, "..", "session.json"), "utf8"));
const [host, port, clientId, account] = process.argv.slice(2);
const CONTRACT = 901;
const SUMMARY = 902;
const EXECUTIONS = 903;
const NOTED = [
  "nextValidId", "managedAccounts", "contractDetails", "contractDetailsEnd", "openOrder",
  "openOrderEnd", "orderStatus", "execDetails", "execDetailsEnd", "commissionReport", "position",
  "positionEnd", "accountSummary", "accountSummaryEnd", "error", "disconnected",
];

const ib = new IBApi({ host, port: Number(port) });
const calls = Object.fromEntries(NOTED.map((name) => [name, []]));
for (const name of NOTED) {
  ib.on(EventName[name], (...what) => calls[name].push(what));
}
let nextOrderId = 0;
let found = { symbol: SESSION.symbol, secType: SecType.STK, exchange: "SMART", currency: "USD" };

function say(step, saw) {
  process.stdout.write(JSON.stringify({ step, ...saw }) + "\n");
}

async function until(condition) {
  const end = Date.now() + SESSION.wait_seconds * 1000;
  while (!condition()) {
    if (Date.now() > end) {
      throw new Error(`waited for ${condition}; errors ${JSON.stringify(calls.error.map(coded))}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const coded = ([error, code]) => [code, error.message];
const distinct = (all) => all.filter((status, index) => status !== all[index - 1]);
const statuses = (id) => calls.orderStatus.filter((each) => each[0] === id).map((each) => each[1]);
const echoes = (id) => calls.openOrder.filter((each) => each[0] === id);
const last = (all) => all[all.length - 1];

function order(orderType, step, totalQuantity, more) {
  return {
    action: OrderAction.BUY, orderType, totalQuantity, account, tif: "DAY",
    orderRef: `session-${step}`, transmit: true, ...more,
  };
}

function place(placed) {
  const id = nextOrderId++;
  ib.placeOrder(id, found, placed);
  return id;
}

async function connect() {
  ib.connect(Number(clientId));
  await until(() => calls.nextValidId.length && calls.managedAccounts.length);
  nextOrderId = calls.nextValidId[0][0];
  const accounts = calls.managedAccounts[0][0].split(",");
  say("connect", { server_version: ib.serverVersion, accounts });
}

async function find() {
  ib.reqContractDetails(CONTRACT, found);
  await until(() => calls.contractDetailsEnd.length);
  const details = calls.contractDetails[0][1];
  found = details.contract;
  say("contract", {
    con_id: found.conId, symbol: found.symbol, primary_exchange: found.primaryExch,
    long_name: details.longName, stock_type: details.stockType, min_tick: details.minTick,
  });
}

async function fill() {
  const id = place(order(OrderType.MKT, "fill", SESSION.fill_quantity));
  await until(() => calls.commissionReport.length && last(statuses(id)) === "Filled");
  const [, , filled, remaining, average] = last(calls.orderStatus);
  const execution = calls.execDetails[0][2];
  say("fill", {
    statuses: distinct(statuses(id)), filled, remaining, average_price: average,
    side: execution.side, shares: execution.shares, price: execution.price,
    order_ref: execution.orderRef, commission: calls.commissionReport[0][0].commission,
  });
}

async function rest() {
  const limit = { lmtPrice: SESSION.rest_limit };
  const resting = order(OrderType.LMT, "rest", SESSION.rest_quantity, limit);
  const id = place(resting);
  await until(() => last(statuses(id)) === "Submitted");
  const seen = last(echoes(id))[2];
  const remaining = last(calls.orderStatus)[3];
  say("rest", { statuses: distinct(statuses(id)), limit: seen.lmtPrice, remaining });
  ib.placeOrder(id, found, { ...resting, lmtPrice: SESSION.modified_limit });
  await until(() => last(echoes(id))[2].lmtPrice === SESSION.modified_limit);
  const changed = last(echoes(id))[2];
  const same = changed.permId === seen.permId;
  say("modify", { status: last(statuses(id)), limit: changed.lmtPrice, same_order: same });
  calls.error.length = 0;
  ib.cancelOrder(id);
  await until(() => last(statuses(id)) === "Cancelled" && calls.error.length);
  say("cancel", { status: last(statuses(id)), errors: calls.error.map(coded) });
}

async function what_if() {
  const id = place(order(OrderType.MKT, "what_if", SESSION.what_if_quantity, { whatIf: true }));
  await until(() => echoes(id).length);
  const state = echoes(id)[0][3];
  const before = calls.openOrder.length;
  ib.reqOpenOrders();
  await until(() => calls.openOrderEnd.length);
  say("what_if", {
    status: state.status, margin_before: Number(state.initMarginBefore),
    margin_change: Number(state.initMarginChange), margin_after: Number(state.initMarginAfter),
    commission: state.commission, open_orders: calls.openOrder.length - before,
  });
}

async function positions() {
  ib.reqPositions();
  await until(() => calls.positionEnd.length);
  const mine = calls.position.filter(([owner]) => owner === account);
  say("positions", { rows: mine.map(([, held, quantity, cost]) => [held.symbol, quantity, cost]) });
}

async function summary() {
  ib.reqAccountSummary(SUMMARY, "All", SESSION.summary_tags.join(","));
  await until(() => calls.accountSummaryEnd.length);
  const rows = calls.accountSummary.filter(([, owner]) => owner === account);
  const values = Object.fromEntries(rows.map(([, , tag, value]) => [tag, value]).sort());
  say("summary", { values });
}

async function executions() {
  calls.execDetails.length = 0;
  calls.commissionReport.length = 0;
  ib.reqExecutions(EXECUTIONS, { acctCode: account });
  await until(() => calls.execDetailsEnd.length);
  const fees = Object.fromEntries(
    calls.commissionReport.map(([report]) => [report.execId, report.commission]),
  );
  say("executions", {
    rows: calls.execDetails.map(([, , one]) => [
      one.side, one.shares, one.price, one.orderRef, fees[one.execId],
    ]),
  });
}

async function play() {
  await connect();
  await find();
  for (const step of [fill, rest, what_if, positions, summary, executions]) {
    try {
      await step();
    } catch (error) {
      say(step.name, { failed: error.message }); // the next steps are worth seeing
    }
  }
  ib.disconnect();
  await until(() => calls.disconnected.length);
  say("disconnect", { connected: ib.isConnected });
}

play().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
