"""Whole reads of a gateway's lists, over TCP."""

from __future__ import annotations

from decimal import Decimal

from broker_support import AAPL, FIRST, Listener, aapl, eventually, fresh, order
from paperdesk.broker.session import IbSession
from paperdesk.domain.reports import CommissionReport, OrderReport, Told
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
    assert [r.execution.order_ref for r in reading.executions] == [filled.ref]
    assert [(r.conid, r.quantity) for r in reading.positions] == [(AAPL, Decimal(60))]
    assert reading.session == 1
    assert reading.begun_at < reading.ended_at
    assert broker.orders_sent(FIRST) == 2
