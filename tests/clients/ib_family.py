"""The session as ib_async and ib_insync play it: one API under two module names.

Owns: what both libraries call and how their objects become the words of a step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from clients.session import SESSION, Options, distinct, ref, say


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that a library will come to know."""

    async def wait() -> None:
        while not condition():  # noqa: ASYNC110 - conditions of a foreign library
            await asyncio.sleep(0.005)

    await asyncio.wait_for(wait(), SESSION["wait_seconds"])


class Player:
    """One client that plays the session."""

    def __init__(self, library: Any, options: Options) -> None:
        self.library = library
        self.options = options
        self.ib = library.IB()
        self.ib.RequestTimeout = SESSION["wait_seconds"]
        self.errors: list[list[object]] = []
        self.statuses: dict[int, list[str]] = {}
        self.ib.errorEvent += lambda _id, code, text, *_: self.errors.append([code, text])
        self.contract: Any = None

    async def play(self) -> None:
        """Play every step."""
        await self.connect()
        await self.find()
        for step in (
            self.fill,
            self.rest,
            self.what_if,
            self.positions,
            self.summary,
            self.executions,
        ):
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - the next steps are worth seeing
                say(step.__name__, failed=repr(error), errors=self.errors)
        self.ib.disconnect()
        say("disconnect", connected=self.ib.isConnected())

    async def connect(self) -> None:
        where = self.options
        await self.ib.connectAsync(
            where.host,
            where.port,
            clientId=where.client_id,
            timeout=SESSION["wait_seconds"],
            account=where.account,
        )
        self.ib.client.MaxRequests = 0
        version = self.ib.client.serverVersion()
        say("connect", server_version=version, accounts=self.ib.managedAccounts())

    async def find(self) -> None:
        wanted = self.library.Stock(SESSION["symbol"], "SMART", "USD")
        (details,) = await self.wait(self.ib.reqContractDetailsAsync(wanted))
        self.contract = details.contract
        say(
            "contract",
            con_id=self.contract.conId,
            symbol=self.contract.symbol,
            primary_exchange=self.contract.primaryExchange,
            long_name=details.longName,
            stock_type=details.stockType,
            min_tick=details.minTick,
        )

    async def fill(self) -> None:
        trade = self.place(self.order("MKT", "fill", SESSION["fill_quantity"]))
        await until(lambda: trade.fills and trade.fills[0].commissionReport.commission)
        await until(lambda: trade.orderStatus.status == "Filled")
        (fill,) = trade.fills
        say(
            "fill",
            statuses=self.seen(trade),
            filled=trade.orderStatus.filled,
            remaining=trade.orderStatus.remaining,
            average_price=trade.orderStatus.avgFillPrice,
            side=fill.execution.side,
            shares=fill.execution.shares,
            price=fill.execution.price,
            order_ref=fill.execution.orderRef,
            commission=fill.commissionReport.commission,
        )

    async def rest(self) -> None:
        echoes: list[float] = []
        self.ib.openOrderEvent += lambda trade: echoes.append(trade.order.lmtPrice)
        order = self.order("LMT", "rest", SESSION["rest_quantity"], SESSION["rest_limit"])
        trade = self.place(order)
        await until(lambda: trade.orderStatus.status == "Submitted" and echoes)
        perm_id = order.permId
        say("rest", statuses=self.seen(trade), limit=echoes[-1], remaining=trade.remaining())
        await asyncio.sleep(0.05)
        echoes.clear()
        order.lmtPrice = SESSION["modified_limit"]
        self.place(order)
        await until(lambda: echoes)
        same = order.permId == perm_id
        say("modify", status=trade.orderStatus.status, limit=echoes[-1], same_order=same)
        self.errors.clear()
        self.ib.cancelOrder(order)
        await until(lambda: trade.orderStatus.status == "Cancelled" and self.errors)
        say("cancel", status=trade.orderStatus.status, errors=self.errors)

    async def what_if(self) -> None:
        order = self.order("MKT", "what_if", SESSION["what_if_quantity"])
        state = await self.wait(self.ib.whatIfOrderAsync(self.contract, order))
        left = await self.wait(self.ib.reqOpenOrdersAsync())
        say(
            "what_if",
            status=state.status,
            margin_before=float(state.initMarginBefore),
            margin_change=float(state.initMarginChange),
            margin_after=float(state.initMarginAfter),
            commission=state.commission,
            open_orders=len(left),
        )

    async def positions(self) -> None:
        held = await self.wait(self.ib.reqPositionsAsync())
        rows = [
            [row.contract.symbol, row.position, row.avgCost]
            for row in held
            if row.account == self.options.account
        ]
        say("positions", rows=rows)

    async def summary(self) -> None:
        rows = await self.wait(self.ib.accountSummaryAsync(self.options.account))
        tags = {row.tag: row.value for row in rows if row.tag in SESSION["summary_tags"]}
        say("summary", values=dict(sorted(tags.items())))

    async def executions(self) -> None:
        wanted = self.library.ExecutionFilter(acctCode=self.options.account)
        fills = await self.wait(self.ib.reqExecutionsAsync(wanted))
        say(
            "executions",
            rows=[
                [
                    fill.execution.side,
                    fill.execution.shares,
                    fill.execution.price,
                    fill.execution.orderRef,
                    fill.commissionReport.commission,
                ]
                for fill in fills
            ],
        )

    def order(self, kind: str, step: str, quantity: int, limit: float | None = None) -> Any:
        order = self.library.Order(
            action="BUY",
            totalQuantity=quantity,
            orderType=kind,
            account=self.options.account,
            tif="DAY",
            orderRef=ref(step),
        )
        if limit is not None:
            order.lmtPrice = limit
        return order

    def place(self, order: Any) -> Any:
        return self.ib.placeOrder(self.contract, order)

    def seen(self, trade: Any) -> list[str]:
        """Return what the gateway said; PendingSubmit is the library's own word."""
        return distinct(row.status for row in trade.log if row.status != "PendingSubmit")

    async def wait(self, answer: Any) -> Any:
        """Wait for an answer, but not for ever: these libraries would."""
        return await asyncio.wait_for(answer, SESSION["wait_seconds"])


def main(library: Any, options: Options) -> None:
    """Play the session."""
    asyncio.run(Player(library, options).play())
