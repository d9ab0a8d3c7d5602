"""The session as IB's own Python client plays it, in the two versions that PyPI has.

Owns: what both call, with their run loop on a thread, and how callbacks become the words of
a step. What differs between the versions is a method that the drivers overwrite.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

from clients.session import SESSION, Options, distinct, ref, say

CONTRACT, SUMMARY, EXECUTIONS = 901, 902, 903


class Player(EWrapper, EClient):  # type: ignore[misc]  # ibapi has no types
    """One client that plays the session, and notes what it is called with."""

    def __init__(self, options: Options) -> None:
        EClient.__init__(self, self)
        self.options = options
        self.calls: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.changed = threading.Condition()
        self.next_order_id = 0
        self.found = Contract()

    # What differs between the versions.

    def note_error(self, *told: Any) -> None:
        """Note an error's code and text."""
        raise NotImplementedError

    def cancel(self, order_id: int) -> None:
        """Cancel an order."""
        raise NotImplementedError

    def commission_of(self, report: Any) -> float:
        """Return what a report says."""
        raise NotImplementedError

    # Playing.

    def play(self) -> None:
        """Play every step."""
        where = self.options
        self.connect(where.host, where.port, clientId=where.client_id)
        reader = threading.Thread(target=self.run, daemon=True)
        reader.start()
        ((self.next_order_id,),) = self.wait_for("nextValidId")
        ((accounts,),) = self.wait_for("managedAccounts")
        version = self.serverVersion()
        say("connect", server_version=version, accounts=accounts.split(","))
        self.find()
        for step in (
            self.fill,
            self.rest,
            self.what_if,
            self.positions,
            self.summary,
            self.executions,
        ):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the next steps are worth seeing
                say(step.__name__, failed=repr(error))
        self.disconnect()
        reader.join(SESSION["wait_seconds"])
        say("disconnect", connected=self.isConnected())

    def find(self) -> None:
        wanted = self.found
        wanted.symbol, wanted.secType = SESSION["symbol"], "STK"
        wanted.exchange, wanted.currency = "SMART", "USD"
        self.reqContractDetails(CONTRACT, wanted)
        self.wait_for("contractDetailsEnd")
        ((_, details),) = self.calls["contractDetails"]
        self.found = details.contract
        say(
            "contract",
            con_id=self.found.conId,
            symbol=self.found.symbol,
            primary_exchange=self.found.primaryExchange,
            long_name=details.longName,
            stock_type=details.stockType,
            min_tick=details.minTick,
        )

    def fill(self) -> None:
        order_id = self.place(self.order("MKT", "fill", SESSION["fill_quantity"]))
        ((report,),) = self.wait_for("commission")
        self.until(lambda: self.statuses(order_id)[-1:] == ["Filled"])
        ((_, _, execution),) = self.calls["execDetails"]
        (_, _, filled, remaining, average, *_) = self.calls["orderStatus"][-1]
        say(
            "fill",
            statuses=distinct(self.statuses(order_id)),
            filled=float(filled),
            remaining=float(remaining),
            average_price=average,
            side=execution.side,
            shares=float(execution.shares),
            price=execution.price,
            order_ref=execution.orderRef,
            commission=self.commission_of(report),
        )

    def rest(self) -> None:
        order = self.order("LMT", "rest", SESSION["rest_quantity"], SESSION["rest_limit"])
        order_id = self.place(order)
        self.until(lambda: self.statuses(order_id)[-1:] == ["Submitted"])
        seen = self.echoes(order_id)[-1]
        (_, _, _, remaining, *_) = self.calls["orderStatus"][-1]
        statuses = distinct(self.statuses(order_id))
        say("rest", statuses=statuses, limit=seen.lmtPrice, remaining=float(remaining))
        order.lmtPrice = SESSION["modified_limit"]
        self.placeOrder(order_id, self.found, order)
        self.until(lambda: self.echoes(order_id)[-1].lmtPrice == SESSION["modified_limit"])
        changed = self.echoes(order_id)[-1]
        self.until(lambda: self.calls["orderStatus"][-1][0] == order_id)
        status = self.statuses(order_id)[-1]
        same = changed.permId == seen.permId
        say("modify", status=status, limit=changed.lmtPrice, same_order=same)
        self.calls["error"].clear()
        self.cancel(order_id)
        self.until(lambda: self.statuses(order_id)[-1:] == ["Cancelled"])
        self.wait_for("error")
        errors = [list(each) for each in self.calls["error"]]
        say("cancel", status=self.statuses(order_id)[-1], errors=errors)

    def what_if(self) -> None:
        order = self.order("MKT", "what_if", SESSION["what_if_quantity"])
        order.whatIf = True
        order_id = self.place(order)
        self.until(lambda: self.echoes(order_id))
        (state,) = [each[3] for each in self.calls["openOrder"] if each[0] == order_id]
        before = len(self.calls["openOrder"])
        self.reqOpenOrders()
        self.wait_for("openOrderEnd")
        say(
            "what_if",
            status=state.status,
            margin_before=float(state.initMarginBefore),
            margin_change=float(state.initMarginChange),
            margin_after=float(state.initMarginAfter),
            commission=self.commission_of(state),
            open_orders=len(self.calls["openOrder"]) - before,
        )

    def positions(self) -> None:
        self.reqPositions()
        self.wait_for("positionEnd")
        rows = [
            [contract.symbol, float(quantity), cost]
            for owner, contract, quantity, cost in self.calls["position"]
            if owner == self.options.account
        ]
        say("positions", rows=rows)

    def summary(self) -> None:
        self.reqAccountSummary(SUMMARY, "All", ",".join(SESSION["summary_tags"]))
        self.wait_for("accountSummaryEnd")
        values = {
            tag: value
            for _, owner, tag, value, _ in self.calls["accountSummary"]
            if owner == self.options.account
        }
        say("summary", values=dict(sorted(values.items())))

    def executions(self) -> None:
        self.calls["execDetails"].clear()
        self.calls["commission"].clear()
        wanted = ExecutionFilter()
        wanted.acctCode = self.options.account
        self.reqExecutions(EXECUTIONS, wanted)
        self.wait_for("execDetailsEnd")
        fees = {
            report.execId: self.commission_of(report) for (report,) in self.calls["commission"]
        }
        rows = [
            [one.side, float(one.shares), one.price, one.orderRef, fees[one.execId]]
            for _, _, one in self.calls["execDetails"]
        ]
        say("executions", rows=rows)

    def order(self, kind: str, step: str, quantity: int, limit: float | None = None) -> Any:
        order = Order()
        order.action, order.totalQuantity, order.orderType = "BUY", quantity, kind
        order.account, order.tif, order.orderRef = self.options.account, "DAY", ref(step)
        order.eTradeOnly = order.firmQuoteOnly = False  # 9.81 says True (tws-facts §2.1)
        if limit is not None:
            order.lmtPrice = limit
        return order

    def place(self, order: Any) -> int:
        order_id, self.next_order_id = self.next_order_id, self.next_order_id + 1
        self.placeOrder(order_id, self.found, order)
        return order_id

    def statuses(self, order_id: int) -> list[str]:
        return [each[1] for each in self.calls["orderStatus"] if each[0] == order_id]

    def echoes(self, order_id: int) -> list[Any]:
        return [each[2] for each in self.calls["openOrder"] if each[0] == order_id]

    def until(self, condition: Callable[[], object]) -> None:
        with self.changed:
            if not self.changed.wait_for(condition, SESSION["wait_seconds"]):
                raise TimeoutError(f"after {list(self.calls)}, errors {self.calls['error']}")

    def wait_for(self, name: str) -> list[tuple[Any, ...]]:
        self.until(lambda: self.calls[name])
        return self.calls[name]

    def note(self, name: str, *what: Any) -> None:
        with self.changed:
            self.calls[name].append(what)
            self.changed.notify_all()

    # What ibapi calls.

    def error(self, *told: Any) -> None:
        self.note_error(*told)

    def connectAck(self) -> None:  # noqa: N802
        pass

    def __getattribute__(self, name: str) -> Any:
        """Note the callbacks of NOTED under their names."""
        if name in NOTED:
            return lambda *what: self.note(NOTED[name], *what)
        return super().__getattribute__(name)


# What is noted, and under which name: IB renamed one of them on the way to 10.
NOTED = {
    name: name
    for name in (
        "nextValidId", "managedAccounts", "contractDetails", "contractDetailsEnd", "openOrder",
        "openOrderEnd", "orderStatus", "execDetails", "execDetailsEnd", "position",
        "positionEnd", "accountSummary", "accountSummaryEnd",
    )
} | {"commissionReport": "commission", "commissionAndFeesReport": "commission"}  # fmt: skip
