"""What ib_async 2.1.0 does that loses orders and fills, and what our adapter does there.

Each trap is sprung twice: first by ib_async as its documentation uses it, then by the session,
both over TCP and in the same situation. `make traps` prints the outcomes as a table. The list is
that of the threads and measurements that taught us (ib_async#191, #217, #230, pysystemtrade#1580
and others).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Order, Stock, Trade

from broker_support import (
    FIRST,
    QUICK,
    Listener,
    aapl,
    eventually,
    fresh,
    link_of,
    order,
    running,
)
from paperdesk.broker.session import IbSession
from paperdesk.desk.ports import LineDown, NotSent
from paperdesk.domain.execution import Execution, newest_revisions
from paperdesk.domain.reports import (
    CommissionReport,
    Effect,
    ErrorReport,
    ExecutionReport,
    StatusReport,
    Told,
)
from twsim import Gateway

AAPL_STOCK = Stock("AAPL", "SMART", "USD", conId=265598)
ENDED = {Told.CANCELLED, Told.FILLED, Told.INACTIVE}
UNSET = 1.7976931348623157e308


def tell(trap: str, naive: str, ours: str) -> None:
    """Print one row of the table that `make traps` shows: the trap, ib_async, we."""
    print(f"\n| {trap:<30} | {naive:<39} | {ours:<40} |")  # noqa: T201


@asynccontextmanager
async def naive(gateway: Gateway, client_id: int = 5) -> AsyncIterator[IB]:
    """Connect as ib_async's own examples do."""
    ib = IB()
    await ib.connectAsync(gateway.host, gateway.port, clientId=client_id, timeout=1)
    try:
        yield ib
    finally:
        hang_up(ib)


def hang_up(ib: IB) -> None:
    if ib.client.conn.transport is not None:
        ib.client.conn.transport.abort()


@asynccontextmanager
async def ours(gateway: Gateway) -> AsyncIterator[tuple[IbSession, Listener]]:
    async with running(gateway.port) as (broker, heard):
        await eventually(lambda: broker.line)
        yield broker, heard


def market(quantity: int = 10) -> Order:
    return MarketOrder("BUY", quantity, account=FIRST, tif="DAY")


def resting(price: float = 100.0) -> Order:
    return LimitOrder("BUY", 10, price, account=FIRST, tif="DAY")


async def placed(ib: IB, order: Order) -> Trade:
    trade = ib.placeOrder(AAPL_STOCK, order)
    await eventually(lambda: trade.orderStatus.permId)
    return trade


def ended(heard: Listener) -> list[Told]:
    """Return what the adapter heard that would end an order."""
    statuses = [report.told for report in heard.of(StatusReport) if report.told in ENDED]
    effects = {report.effect for report in heard.of(ErrorReport)}
    return statuses + [Told.CANCELLED for _ in effects & {Effect.REJECTED, Effect.CANCELLED}]


def booked(heard: Listener) -> list[Execution]:
    """Return our own executions, as they were heard."""
    executions = [report.execution for report in heard.of(ExecutionReport)]
    return [execution for execution in executions if execution.order_ref]


# -- 1. A status that ib_async makes up ------------------------------------------------------
async def test_a_piece_of_information_is_no_cancel() -> None:
    async with Gateway() as gateway:
        gateway.inject("O08", times=2)  # 10349
        gateway.hold_fills()
        async with naive(gateway) as ib:
            trade = ib.placeOrder(AAPL_STOCK, market())
            await eventually(lambda: "Cancelled" in {entry.status for entry in trade.log})
            assert len(await ib.reqAllOpenOrdersAsync()) == 1
        async with ours(gateway) as (broker, heard):
            broker.place(fresh(broker, order()), aapl())
            await eventually(lambda: 10349 in {e.code for e in heard.of(ErrorReport)})
            assert ended(heard) == []
            assert len(await broker.open_orders()) == 2
    tell("10349, a mere notice", "Cancelled, while it works", "information: the order lives")


@pytest.mark.parametrize(("fault", "code"), [("C03", 10147), ("C04", 10148)])
async def test_a_refused_cancel_is_no_cancel(fault: str, code: int) -> None:
    async with Gateway() as gateway:
        gateway.inject(fault, times=2)
        async with naive(gateway) as ib:
            trade = await placed(ib, resting())
            ib.cancelOrder(trade.order)
            await eventually(trade.isDone)
            made_up = trade.orderStatus.status
            assert made_up == "Cancelled"
            assert len(await ib.reqAllOpenOrdersAsync()) == 1
        async with ours(gateway) as (broker, heard):
            mine = fresh(broker, order(limit="100.00"))
            broker.place(mine, aapl())
            await eventually(lambda: heard.of(StatusReport))
            broker.cancel(mine)
            await eventually(lambda: code in {e.code for e in heard.of(ErrorReport)})
            assert {e.effect for e in heard.of(ErrorReport) if e.code == code} == {
                Effect.AMBIGUOUS
            }
            assert ended(heard) == []
            assert len(await broker.open_orders()) == 2
    tell(f"{code}, a refused cancel", f"{made_up}, while it works", "ambiguous: resolve it")


async def test_a_refused_change_is_no_cancel() -> None:
    async with Gateway() as gateway:
        async with naive(gateway) as ib:
            trade = await placed(ib, resting())
            await eventually(lambda: trade.orderStatus.status == "Submitted")
            gateway.reject_next(201, "Order rejected - reason:too late to replace")
            trade.order.lmtPrice = 101.0
            ib.placeOrder(AAPL_STOCK, trade.order)
            await eventually(trade.isDone)
            made_up = trade.orderStatus.status
            assert made_up in {"Cancelled", "Inactive"}
        async with ours(gateway) as (broker, heard):
            mine = fresh(broker, order(limit="100.00"))
            broker.place(mine, aapl())
            await eventually(lambda: heard.of(StatusReport))
            with pytest.raises(NotSent, match="it would change that order"):
                broker.place(replace(mine, quantity=20), aapl())
            assert ended(heard) == []
            assert len(gateway.frames("placeOrder")) == 3
    tell("201, a refused change", f"{made_up}, while it works", "never changes an order")


# -- 2. An order that vanishes ---------------------------------------------------------------
async def test_an_order_on_a_dead_line_is_known_not_to_have_left() -> None:
    async with Gateway() as gateway:
        async with naive(gateway) as ib:
            assert ib.client.conn.transport is not None
            ib.client.conn.transport.abort()  # nobody has told ib_async yet
            trade = ib.placeOrder(AAPL_STOCK, market())
            assert trade.orderStatus.status == "PendingSubmit"
            await asyncio.sleep(0.05)
            assert ib.trades() == []
        async with ours(gateway) as (broker, _):
            mine = fresh(broker, order())
            transport = link_of(broker).ib.client.conn.transport
            assert transport is not None
            transport.abort()
            with pytest.raises(NotSent):
                broker.place(mine, aapl())
        assert gateway.frames("placeOrder") == []
    tell("placeOrder on a dead line", "PendingSubmit, then gone without a word", "NotSent")


async def test_no_order_waits_in_a_queue_that_can_be_lost() -> None:
    async with Gateway() as gateway:
        async with naive(gateway) as ib:
            for _ in range(60):
                ib.placeOrder(AAPL_STOCK, resting())
            await asyncio.sleep(0.1)
            gateway.drop_connections()
            await asyncio.sleep(0.1)
            arrived = len(gateway.frames("placeOrder"))
            assert arrived < 60
            assert ib.trades() == []
        gateway.clear_transcript()
        async with ours(gateway) as (broker, _):
            for _ in range(60):
                broker.place(fresh(broker, order(limit="100.00")), aapl())
            assert broker.orders_sent(FIRST) == 60
            await eventually(lambda: len(gateway.frames("placeOrder")) == 60)
    tell(
        "60 orders, then the line drops",
        f"{arrived} arrived, {60 - arrived} vanished without a word",
        "60 written or NotSent: nothing is queued",
    )


# -- 3. A connection that is none ------------------------------------------------------------
async def test_a_read_without_an_answer_is_no_empty_one() -> None:
    async with Gateway() as gateway:
        gateway.place_by_hand(FIRST, "AAPL", "BUY", 10, limit=100)
        gateway.inject("Q01", of="open", times=2)
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=5, timeout=0.3)
        assert ib.isConnected()
        assert ib.openTrades() == []
        hang_up(ib)
        async with running(gateway.port, timing=replace(QUICK, connect=0.3)) as (broker, heard):
            await eventually(
                lambda: "open orders request timed" in (broker.reason(FIRST) or "")
            )
            assert "synced" not in heard.calls
            await eventually(lambda: broker.line)
            assert len(await broker.open_orders()) == 1
    tell("open orders never told", "connected, with 0 orders", "not ready until they are told")


async def test_two_reads_of_open_orders_both_end() -> None:
    async with Gateway() as gateway:
        async with naive(gateway) as ib:
            first = asyncio.ensure_future(ib.reqOpenOrdersAsync())
            second = asyncio.ensure_future(ib.reqAllOpenOrdersAsync())
            done, hanging = await asyncio.wait({first, second}, timeout=0.5)
            assert (len(done), len(hanging)) == (1, 1)
            await gone(*hanging)
        async with ours(gateway) as (broker, _):
            async with asyncio.timeout(2):
                found = await asyncio.gather(broker.open_orders(), broker.open_orders())
            assert [len(orders) for orders in found] == [0, 0]
    tell("two open-order reads at once", "one hangs for ever", "one after the other")


async def gone(*tasks: asyncio.Future[list[Trade]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_frozen_line_does_not_block_the_next_one() -> None:
    async with Gateway() as gateway:
        async with naive(gateway) as ib:
            gateway.inject("L07", on="now", client=5)
            freeze(ib)
            ib.disconnect()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await ib.connectAsync(gateway.host, gateway.port, clientId=6, timeout=0.5)
            async with naive(gateway, 7):
                pass  # a fresh IB can
        async with ours(gateway) as (broker, _):
            gateway.inject("L07", on="now", client=17, lasts=0.8)
            freeze(link_of(broker).ib)
            await eventually(lambda: broker.line is None)
            await eventually(lambda: broker.line)
            assert broker.line is not None
            assert broker.line.session == 2
    tell("a peer that froze", "each reconnect times out", "cut off, a fresh connection")


def freeze(ib: IB) -> None:
    """Write until the frozen peer takes no more: what is buffered keeps the socket open."""
    transport = ib.client.conn.transport
    assert transport is not None
    frame = b"\0\0\0\x0549\0001\0"
    while not transport.get_write_buffer_size():
        transport.write(frame * 100_000)


# -- 4. What is kept, dropped or counted twice -----------------------------------------------
async def test_nothing_is_kept_for_ever() -> None:
    async with Gateway() as gateway:
        async with naive(gateway) as ib:
            for _ in range(20):
                ib.placeOrder(AAPL_STOCK, market())
            await eventually(lambda: len(ib.fills()) == 20)
            kept = len(ib.trades()) + len(ib.fills())
            assert kept == 40
        async with ours(gateway) as (broker, heard):
            for _ in range(20):
                broker.place(fresh(broker, order()), aapl())
            await eventually(lambda: len(booked(heard)) == 20)
            await broker.read_all()
            wrapper = link_of(broker).ib.wrapper
            assert (len(wrapper.trades), len(wrapper.fills), len(wrapper._results)) == (0, 0, 0)
    tell("20 orders that filled", f"keeps {kept} objects until it disconnects", "keeps none")


async def test_a_fill_is_not_dropped_for_the_spelling_of_its_time() -> None:
    async with Gateway() as gateway:
        gateway.inject("E09", form="malformed", times=2)
        async with naive(gateway) as ib:
            trade = ib.placeOrder(AAPL_STOCK, market())
            await eventually(lambda: trade.orderStatus.status == "Filled")
            await asyncio.sleep(0.05)
            assert ib.fills() == []
        async with ours(gateway) as (broker, heard):
            broker.place(fresh(broker, order()), aapl())
            await eventually(lambda: booked(heard))
            (execution,) = booked(heard)
            assert execution.quantity == 10
            assert datetime.now(UTC) - execution.executed_at < timedelta(minutes=1)
    tell("a fill whose time is no time", "dropped", "counted, at the time it was heard")


async def test_a_correction_is_not_a_second_fill() -> None:
    async with Gateway() as gateway:
        gateway.inject("E02", delay=0.05, times=2)
        async with naive(gateway) as ib:
            trade = ib.placeOrder(AAPL_STOCK, market())
            await eventually(lambda: len(trade.fills) == 2)
            counted = trade.filled()
            assert counted == 20
        async with ours(gateway) as (broker, heard):
            broker.place(fresh(broker, order()), aapl())
            await eventually(lambda: len(booked(heard)) == 2)
            assert (
                sum(execution.quantity for execution in newest_revisions(booked(heard))) == 10
            )
    tell("a corrected fill of 10", f"{counted:g} filled", "10: the newest revision counts")


# -- 5. Commissions and times ----------------------------------------------------------------
async def test_a_commission_that_is_not_known_is_none() -> None:
    async with Gateway() as gateway:
        gateway.set_commission_delay(None)
        async with naive(gateway) as ib:
            trade = ib.placeOrder(AAPL_STOCK, market())
            await eventually(lambda: trade.fills)
            early = trade.fills[0].commissionReport.commission
            assert early == 0.0
        gateway.set_commission_delay(0)
        gateway.inject("E07", mode="huge", times=2)
        async with naive(gateway) as ib:
            trade = ib.placeOrder(AAPL_STOCK, market())
            await eventually(lambda: trade.fills and trade.fills[0].commissionReport.execId)
            unset = trade.fills[0].commissionReport.commission
            assert unset == UNSET
        async with ours(gateway) as (broker, heard):
            broker.place(fresh(broker, order()), aapl())
            await eventually(lambda: heard.of(CommissionReport))
            assert [report.commission for report in heard.of(CommissionReport)] == [None]
    tell("a commission not known yet", f"{early} or {unset:.4g}", "null until it is told")


@pytest.fixture
def chicago(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine's own zone be Chicago."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/Chicago")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("chicago")
async def test_the_time_of_a_fill_does_not_depend_on_the_machines_zone() -> None:
    async with Gateway() as gateway:
        async with naive(gateway) as ib:
            trade = ib.placeOrder(AAPL_STOCK, market())
            await eventually(lambda: trade.fills)
            off = trade.fills[0].execution.time - datetime.now(UTC)
            assert off > timedelta(hours=4)
        async with ours(gateway) as (broker, heard):
            broker.place(fresh(broker, order()), aapl())
            await eventually(lambda: booked(heard))
            at = booked(heard)[0].executed_at
            assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    hours = round(off / timedelta(hours=1))
    tell("a fill's time, in Chicago", f"{hours} hours off", "the instant in UTC")


async def test_a_price_is_what_was_meant_to_the_last_digit() -> None:
    """The reverse way: what we hand to ib_async leaves as it is."""
    async with Gateway() as gateway, ours(gateway) as (broker, _):
        broker.place(fresh(broker, order(limit="100.10")), aapl())
        await eventually(lambda: gateway.frames("placeOrder"))
        (frame,) = gateway.frames("placeOrder")

    assert Decimal(frame.fields[19]) == Decimal("100.10")


async def test_a_session_that_is_down_says_so_to_whoever_reads() -> None:
    """None of the traps is answered by an empty list."""
    async with Gateway() as gateway, ours(gateway) as (broker, _):
        await gateway.stop()
        await eventually(lambda: broker.line is None)

        for read in (broker.read_all, broker.read_holdings, broker.open_orders):
            with pytest.raises(LineDown):
                await read()
