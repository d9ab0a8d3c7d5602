"""Whole reads of a gateway's lists, over TCP: complete, or none at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from broker_support import (
    AAPL,
    FIRST,
    QUICK,
    SECOND,
    Listener,
    aapl,
    asked,
    eventually,
    fresh,
    order,
    running,
    say,
    say_error,
)
from paperdesk.broker import answers
from paperdesk.broker.session import IbSession
from paperdesk.desk.ports import Broker, LineDown
from paperdesk.domain.reports import (
    CommissionReport,
    ExecutionReport,
    OrderReport,
    PositionReport,
    Reading,
    Told,
)
from paperdesk.domain.vocabulary import Side
from twsim import Gateway

Running = tuple[IbSession, Listener]

LISTS = ["reqAllOpenOrders", "reqCompletedOrders", "reqExecutions", "reqPositions"]


def asked_since(gateway: Gateway, mark: int) -> list[str]:
    """Return the names of the lists that were asked for, in order."""
    return [
        frame.name
        for frame in gateway.transcript()[mark:]
        if frame.name in LISTS and str(frame).split()[1].startswith("C")
    ]


async def asking(gateway: Gateway, broker: IbSession) -> asyncio.Task[object]:
    """Ask a silent gateway for open orders, so that the test may answer."""
    gateway.silence()
    task: asyncio.Task[object] = asyncio.create_task(broker.open_orders())
    await asyncio.sleep(0.01)
    return task


async def test_all_lists_are_read_in_turn_and_open_orders_twice(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    filled = fresh(broker, order())
    broker.place(filled, aapl())
    await eventually(lambda: heard.of(CommissionReport))
    resting = fresh(broker, order(limit="100.00", ref="pd-a1b2c3d4e5f67890-1"))
    broker.place(resting, aapl())
    await eventually(lambda: resting.ref in {r.order_ref for r in heard.of(OrderReport)})
    mark = len(gateway.transcript())

    reading = await broker.read_all()

    assert asked_since(gateway, mark) == [*LISTS[:3], LISTS[0], LISTS[3]]
    (before,) = reading.open_before
    assert before.report.order_ref == resting.ref
    assert before.report.limit_price == Decimal("100.00")
    assert before.filled == 0
    assert before.leaves == 10
    assert reading.open_after == reading.open_before
    assert [(r.order_ref, r.told) for r in reading.completed] == [(filled.ref, Told.FILLED)]
    assert reading.executions == 1
    assert [(r.conid, r.quantity) for r in reading.positions] == [(AAPL, Decimal(60))]
    assert reading.session == 1
    assert reading.begun_at < reading.ended_at
    assert broker.orders_sent(FIRST) == 2


async def test_holdings_are_executions_and_positions_alone(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    broker.place(fresh(broker, order()), aapl())
    await eventually(lambda: heard.of(CommissionReport))
    mark = len(gateway.transcript())

    reading = await broker.read_holdings()

    assert asked_since(gateway, mark) == ["reqExecutions", "reqPositions"]
    assert (reading.executions, len(reading.positions)) == (1, 1)
    assert (reading.open_before, reading.completed, reading.open_after) == ((), (), ())


async def test_orders_of_everybody_are_read_with_what_they_are(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.hold_fills("MSFT")
    by_hand = gateway.place_by_hand(SECOND, "MSFT", "SELL", 30, limit="500.25")
    async with running(gateway.port, client_id=99) as (other, heard):
        await eventually(lambda: other.line)
        theirs = fresh(other, order(limit="100.00", client_id=99, ref="theirs"))
        other.place(theirs, aapl())
        await eventually(lambda: heard.of(OrderReport))

        found = {each.report.client_id: each for each in await broker.open_orders()}

    assert set(found) == {0, 99}
    assert found[99].report.order_ref == "theirs"
    report = found[0].report
    assert (report.perm_id, report.order_id, report.account) == (by_hand, 0, SECOND)
    assert (report.symbol, report.side, report.order_type) == ("MSFT", Side.SELL, "LMT")
    assert report.limit_price == Decimal("500.25")
    assert not report.has_conditions


async def test_what_traded_of_an_open_order_is_read_with_it(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    placed = fresh(broker, order(limit="100.00"))
    broker.place(placed, aapl())
    await eventually(lambda: heard.of(OrderReport))
    assert placed.order_id is not None
    gateway.fill(placed.order_id, shares=4)

    (found,) = await broker.open_orders()

    assert (found.filled, found.leaves) == (Decimal(4), Decimal(6))


async def test_reads_that_are_wanted_at_once_never_overlap(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    broker.place(fresh(broker, order(limit="100.00")), aapl())
    await eventually(lambda: heard.of(OrderReport))
    mark = len(gateway.transcript())

    first, _, second, third = await asyncio.gather(
        broker.open_orders(), broker.read_all(), broker.open_orders(), broker.open_orders()
    )

    assert len(first) == 1
    assert first == second == third
    names = [
        frame.name
        for frame in gateway.transcript()[mark:]
        if frame.name in {"reqAllOpenOrders", "openOrderEnd"}
    ]
    assert names == ["reqAllOpenOrders", "openOrderEnd"] * 5


async def test_a_reader_that_gives_up_leaves_no_end_for_the_next_one(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    broker.place(fresh(broker, order(limit="100.00")), aapl())
    await eventually(lambda: heard.of(OrderReport))
    first = await asking(gateway, broker)
    first.cancel()
    second = asyncio.create_task(broker.open_orders())
    await asyncio.sleep(0.01)
    gateway.resume()

    assert len(await second) == 1
    assert first.cancelled()
    assert len(gateway.frames("reqAllOpenOrders")) == 2


@pytest.mark.parametrize("of", ["open", "completed", "positions"])
async def test_a_list_without_an_end_ends_the_session_and_is_read_anew(
    session: Running, gateway: Gateway, of: str
) -> None:
    broker, _ = session
    gateway.inject("Q01", of=of)

    with pytest.raises(LineDown, match="did not tell its"):
        await broker.read_all()

    assert "no answer within" in (broker.reason(FIRST) or "")
    await eventually(lambda: broker.line)
    assert (await broker.read_all()).session == 2


async def test_executions_without_an_end_are_none_and_harm_nobody(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.inject("Q01", of="executions")

    with pytest.raises(LineDown, match="did not tell its executions"):
        await broker.read_holdings()

    assert (await broker.read_all()).session == 1


async def test_a_list_that_is_refused_is_not_empty(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.silence()
    reading = asyncio.create_task(broker.read_holdings())
    await asyncio.sleep(0.01)
    say_error(broker, 321, "Read-Only", request=asked(broker))

    with pytest.raises(LineDown, match="Read-Only"):
        await reading


async def test_a_list_told_while_ibkr_was_lost_is_none(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    reading = await asking(gateway, broker)
    say_error(broker, 1100, "Connectivity lost")
    say(broker, "53", "1")

    with pytest.raises(LineDown, match="lost its connection"):
        await reading
    with pytest.raises(LineDown, match="lost its connection"):
        await broker.read_all()


async def test_a_list_that_breaks_off_with_its_line_is_none(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    reading = await asking(gateway, broker)
    waiting = asyncio.create_task(broker.read_all())  # behind it
    await asyncio.sleep(0)
    gateway.drop_connections()

    for task in (reading, waiting):
        with pytest.raises(LineDown, match="closed the connection"):
            await task
    gateway.resume()
    await eventually(lambda: broker.line)
    assert (await broker.read_all()).session == broker.line.session  # type: ignore[union-attr]


@pytest.mark.parametrize("fields", [("5", "7", "AAPL"), ("3", "7", "Dancing")])
async def test_a_row_that_cannot_be_read_is_not_left_out(
    session: Running, gateway: Gateway, fields: tuple[str, ...]
) -> None:
    broker, _ = session
    reading = await asking(gateway, broker)
    say(broker, *fields)
    say(broker, "53", "1")

    with pytest.raises(LineDown, match="open orders in a way that is not understood"):
        await reading
    assert broker.line is not None


async def test_a_list_that_was_cut_for_its_length_is_none(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = replace(QUICK, request=30, silence=30)
    monkeypatch.setattr(answers, "REPORTS_MAX", 2000)
    async with running(gateway.port, timing=patient) as (broker, _):
        await eventually(lambda: broker.line)
        gateway.inject("Q06", of="completed", rows=2000)
        assert len((await broker.read_all()).completed) == 2000

        gateway.inject("Q06", of="completed", rows=2001)
        with pytest.raises(LineDown, match="rows"):
            await broker.read_all()

        assert broker.line is not None


async def test_a_day_may_have_any_number_of_executions_for_none_is_held(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "REPORTS_MAX", 10)
    async with running(gateway.port, timing=replace(QUICK, request=30)) as (broker, heard):
        await eventually(lambda: broker.line)
        gateway.inject("Q06", of="executions", rows=2001)

        assert (await broker.read_holdings()).executions == 2001
        assert len(heard.of(ExecutionReport)) == 2001


async def test_a_position_is_recorded_when_it_changes_and_not_each_time_it_is_told(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    before = len(heard.of(PositionReport))
    await broker.read_positions()
    assert len(heard.of(PositionReport)) == before > 0

    broker.place(fresh(broker, order()), aapl())
    await eventually(lambda: heard.of(CommissionReport))
    (position,) = (await broker.read_positions()).positions
    assert heard.of(PositionReport)[-1] == position


async def test_a_push_while_positions_are_told_counts_as_the_newest(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    gateway.inject("Q07", of="positions", delay=0.2)
    reading = asyncio.create_task(broker.read_holdings())
    await asyncio.sleep(0.05)
    broker.place(fresh(broker, order()), aapl())
    await eventually(lambda: heard.of(CommissionReport))

    (position,) = (await reading).positions
    assert position.conid == AAPL
    assert position.quantity in {Decimal(50), Decimal(60)}


async def test_a_session_can_be_read_before_it_is_ready_and_not_before_it_is_open(
    gateway: Gateway,
) -> None:
    class Reads(Listener):
        reading: Reading | None = None

        async def synced(self, broker: Broker) -> None:
            self.reading = await broker.read_all()

    heard = Reads()
    async with running(gateway.port, listener=heard) as (broker, _):
        with pytest.raises(LineDown, match="connecting"):
            await broker.read_all()
        await eventually(lambda: broker.line)

    assert broker.line is None
    assert heard.reading is not None
    assert heard.reading.session == 1


async def test_each_frame_of_a_read_leaves_in_a_room_of_its_own(gateway: Gateway) -> None:
    class Counts(Listener):
        inside: list[int] = []  # noqa: RUF012  one listener only

        @asynccontextmanager
        async def room(self) -> AsyncIterator[None]:
            frames = self.frames
            yield
            self.inside.append(self.frames - frames)

    heard = Counts()
    async with running(gateway.port, listener=heard) as (broker, _):
        await eventually(lambda: broker.line)
        heard.inside.clear()
        await broker.read_all()

        assert heard.inside[:5] == [1] * 5


async def test_an_order_that_filled_is_read_as_completed_and_not_as_open(
    session: Running,
) -> None:
    broker, heard = session
    broker.place(fresh(broker, order()), aapl())
    await eventually(lambda: heard.of(CommissionReport))

    reading = await broker.read_all()

    assert reading.open_before == ()
    assert [report.told for report in reading.completed] == [Told.FILLED]


async def test_the_day_of_an_account_is_that_of_the_gateways_hours(session: Running) -> None:
    broker, _ = session
    late = datetime(2026, 3, 10, 3, 30, tzinfo=UTC)  # 23:30 in New York

    assert broker.account_day(late) == date(2026, 3, 9)
    await broker.hours()
    assert broker.account_day(late) == date(2026, 3, 9)


async def test_orders_that_did_not_leave_are_not_counted(session: Running) -> None:
    broker, _ = session
    placed = fresh(broker, order(limit="100.00"))
    broker.place(placed, aapl())
    with pytest.raises(Exception, match="sent before"):
        broker.place(placed, aapl())

    assert broker.orders_sent(FIRST) == 1
    assert broker.orders_sent(SECOND) == 0
