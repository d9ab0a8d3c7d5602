"""twsim under IB's own client, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

from twsim import Gateway

ACCOUNT = "DU8730189"


class Client(EWrapper, EClient):  # type: ignore[misc]  # ibapi has no types
    """Notes what IB's client calls, by name."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.calls: dict[str, list[tuple[Any, ...]]] = {}
        self.changed = threading.Condition()

    def note(self, name: str, *what: Any) -> None:
        with self.changed:
            self.calls.setdefault(name, []).append(what)
            self.changed.notify_all()

    def wait_for(self, name: str, count: int = 1) -> list[tuple[Any, ...]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls.get(name, ())) >= count, 5), (
                f"{name} never came: {self.calls}"
            )
            return self.calls[name]

    def nextValidId(self, orderId: int) -> None:  # noqa: N802, N803
        self.note("nextValidId", orderId)

    def managedAccounts(self, accountsList: str) -> None:  # noqa: N802, N803
        self.note("managedAccounts", accountsList)

    def error(self, *args: Any) -> None:
        self.note("error", *args)

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:  # noqa: N802, N803
        self.note("contractDetails", reqId, contractDetails)

    def contractDetailsEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self.note("contractDetailsEnd", reqId)

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
        self.note("openOrder", orderId, contract, order, orderState)

    def orderStatus(self, *args: Any) -> None:  # noqa: N802
        self.note("orderStatus", *args)
        if args[1] in ("Filled", "Cancelled", "Submitted"):
            self.note(args[1], *args)

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:  # noqa: N802, N803
        self.note("execDetails", reqId, contract, execution)

    def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:  # noqa: N802, N803
        self.note("commission", commissionAndFeesReport)

    def position(self, account: str, contract: Any, position: Decimal, avgCost: float) -> None:  # noqa: N803
        self.note("position", account, contract, position, avgCost)

    def positionEnd(self) -> None:  # noqa: N802
        self.note("positionEnd")

    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
        self.note("completedOrder", contract, order, orderState)

    def completedOrdersEnd(self) -> None:  # noqa: N802
        self.note("completedOrdersEnd")

    def updateAccountValue(self, key: str, val: str, currency: str, accountName: str) -> None:  # noqa: N802, N803
        self.note("accountValue", key, val, currency, accountName)

    def updatePortfolio(self, *args: Any) -> None:  # noqa: N802
        self.note("portfolio", *args)

    def accountDownloadEnd(self, accountName: str) -> None:  # noqa: N802, N803
        self.note("accountDownloadEnd", accountName)


def apple() -> Contract:
    contract = Contract()
    contract.symbol, contract.secType = "AAPL", "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def order(kind: str, price: float | None = None) -> Order:
    made = Order()
    made.action, made.totalQuantity, made.orderType = "BUY", Decimal(10), kind
    made.account, made.tif, made.orderRef = ACCOUNT, "DAY", "ref-1"
    if price is not None:
        made.lmtPrice = price
    return made


def trade(host: str, port: int) -> Client:
    """Do what the issue asks of IB's client, on its blocking calls."""
    client = Client()
    client.connect(host, port, clientId=5)
    reader = threading.Thread(target=client.run, daemon=True)
    reader.start()
    ((first,),) = client.wait_for("nextValidId")
    client.reqContractDetails(900, apple())
    client.wait_for("contractDetailsEnd")
    client.reqPositions()
    client.wait_for("positionEnd")
    client.placeOrder(first, apple(), order("MKT"))
    client.wait_for("Filled", 2)
    client.wait_for("commission")
    client.wait_for("position")
    client.placeOrder(first + 1, apple(), order("LMT", 100.25))
    client.wait_for("Submitted")
    client.cancelOrder(first + 1, _cancel())
    client.wait_for("Cancelled")
    client.reqCompletedOrders(False)
    client.wait_for("completedOrdersEnd")
    client.reqAccountUpdates(True, ACCOUNT)
    client.wait_for("accountDownloadEnd")
    client.disconnect()
    reader.join(5)
    return client


def _cancel() -> Any:
    from ibapi.order_cancel import OrderCancel  # noqa: PLC0415 - of newer clients only

    return OrderCancel()


@pytest.fixture
async def traded() -> Client:
    async with Gateway() as gateway:
        return await asyncio.to_thread(trade, gateway.host, gateway.port)


async def test_ibs_own_client_takes_twsim_for_real(traded: Client) -> None:
    calls = traded.calls

    assert traded.serverVersion() in (None, 178)
    assert calls["managedAccounts"] == [("DU8730189,DUP203550",)]
    details = calls["contractDetails"][0][1]
    assert (details.contract.conId, details.longName) == (265598, "Apple Inc.")
    (order_id, contract, placed, state) = calls["openOrder"][0]
    assert (contract.conId, placed.orderRef, placed.permId > 0) == (265598, "ref-1", True)
    assert (order_id, state.status) == (1, "PreSubmitted")
    filled = calls["Filled"][0]
    assert (filled[0], filled[2], filled[3]) == (1, 10, 0)
    execution = calls["execDetails"][0][2]
    assert (execution.shares, execution.side, execution.orderRef) == (10, "BOT", "ref-1")
    report = calls["commission"][0][0]
    assert (report.execId, report.commissionAndFees) == (execution.execId, 0.35)
    account, held, quantity, cost = calls["position"][0]
    assert (account, held.symbol, quantity) == (ACCOUNT, "AAPL", 10)
    assert cost == pytest.approx(execution.price + 0.035)
    assert calls["Cancelled"][0][0] == 2
    assert [each[2].status for each in calls["completedOrder"]] == ["Filled", "Cancelled"]
    values = {(key, currency): value for key, value, currency, _ in calls["accountValue"]}
    assert float(values["NetLiquidation", "USD"]) == pytest.approx(999_999.55, abs=5)
    assert calls["portfolio"][0][1] == 10


async def test_ibs_own_client_meets_no_error_but_the_cancel(traded: Client) -> None:
    codes = {code for _req_id, _time, code, *_text in traded.calls["error"]}

    assert codes == {2104, 2106, 2158, 202}
