"""Orders and cancels over TCP, and the paper guard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sized
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker_support import (
    CLIENT_ID,
    FIRST,
    SECOND,
    Listener,
    aapl,
    eventually,
    frame,
    fresh,
    link_of,
    order,
    running,
    say,
)
from paperdesk.broker import guard, queries
from paperdesk.broker import session as session_module
from paperdesk.broker.session import IbSession, ib_order
from paperdesk.desk.ports import LineDown, NotSent
from paperdesk.domain.reports import (
    CommissionReport,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    StatusReport,
    Told,
)
from paperdesk.domain.vocabulary import OrderId, Side, Symbol
from twsim import Gateway

Running = tuple[IbSession, Listener]


async def test_the_reports_of_an_order_arrive_decoded(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    placed = fresh(broker, order(limit="151.50"))
    broker.place(placed, aapl())
    await eventually(lambda: heard.of(CommissionReport))

    (execution,) = heard.of(ExecutionReport)
    assert execution.execution.order_ref == placed.ref
    assert execution.execution.order_id == placed.order_id
    assert (execution.execution.quantity, execution.execution.side) == (10, Side.BUY)
    assert heard.of(CommissionReport)[0].commission == Decimal("0.35")
    assert [r.told for r in heard.of(OrderReport)][-1] is Told.FILLED
    assert {r.order_ref for r in heard.of(OrderReport)} == {placed.ref}
    (frame,) = gateway.frames("placeOrder")
    assert "|151.50|" in str(frame)


async def test_a_cancel_ends_a_resting_order(session: Running) -> None:
    broker, heard = session
    placed = fresh(broker, order(limit="100.00"))
    broker.place(placed, aapl())
    await eventually(lambda: heard.of(OrderReport))

    broker.cancel(placed)
    await eventually(
        lambda: any(report.told is Told.CANCELLED for report in heard.of(StatusReport))
    )

    await eventually(lambda: 202 in {report.code for report in heard.of(ErrorReport)})


async def test_a_refused_order_is_heard_of(session: Running, gateway: Gateway) -> None:
    broker, heard = session
    gateway.reject_next(201, "Order rejected - reason:NO")
    placed = fresh(broker, order())
    broker.place(placed, aapl())
    await eventually(lambda: 201 in {report.code for report in heard.of(ErrorReport)})

    assert placed.order_id in {report.request_id for report in heard.of(ErrorReport)}


async def test_order_ids_are_above_all_that_the_ledger_and_older_sessions_know(
    gateway: Gateway,
) -> None:
    heard = Listener()
    heard.highest = OrderId(5000)
    async with running(gateway.port, listener=heard) as (broker, _):
        await eventually(lambda: broker.line)
        first = broker.next_order_id()
        assert first > 5000

        gateway.drop_connections()
        await eventually(lambda: broker.line and broker.line.session == 2)

        assert broker.next_order_id() > first


async def test_ids_seen_in_orders_of_ours_are_never_used_again(session: Running) -> None:
    broker, _ = session
    seen = broker.next_order_id() + 500
    fields = [
        "3",
        str(seen),
        "Submitted",
        "0",
        "1",
        "0",
        "9",
        "0",
        "0",
        str(CLIENT_ID),
        "",
        "0",
    ]
    say(broker, *fields)

    assert broker.next_order_id() > seen

    say(
        broker,
        *["2147483646" if at == 1 else field for at, field in enumerate(fields)][:9],
        "3",
    )

    assert broker.next_order_id() < seen + 100  # another client's ids are its own


async def test_a_nul_byte_never_reaches_the_wire(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    evil = aapl("AAPL\0STK\0\0\0\0\0SMART\0\0USD\0\0\0\0\0SELL\0999")

    with pytest.raises(NotSent, match="control character"):
        broker.place(fresh(broker, order()), evil)
    assert await broker.find_contracts(Symbol("AAPL\0")) == ()
    assert await broker.candidates("AAPL\0") == ()

    await asyncio.sleep(0.05)
    assert gateway.frames("placeOrder") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("conId", 7), ("exchange", "NYSE"), ("symbol", "MSFT"), ("symbol", "A\0B")],
)
async def test_a_frame_encoded_otherwise_than_intended_is_stopped(
    session: Running,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    value: object,
) -> None:
    broker, heard = session
    encode = queries.ib_contract

    def wrong(contract: Any) -> Any:
        made = encode(contract)
        setattr(made, field, value)
        return made

    monkeypatch.setattr(queries, "ib_contract", wrong)
    frames = heard.frames

    with pytest.raises(NotSent, match="encoded otherwise"):
        broker.place(fresh(broker, order()), aapl())

    await asyncio.sleep(0.05)
    assert gateway.frames("placeOrder") == []
    assert heard.frames == frames
    assert broker.line is not None


async def test_an_error_after_the_write_is_not_taken_for_not_sent(
    session: Running, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, heard = session

    def fail() -> None:
        raise OSError("after the write")

    placed = fresh(broker, order(limit="100.00"))
    with monkeypatch.context() as patch:
        patch.setattr(heard, "sent_frame", fail)
        with pytest.raises(OSError, match="after the write"):
            broker.place(placed, aapl())

    await eventually(lambda: gateway.frames("placeOrder"))


async def test_a_connection_that_takes_no_byte_is_not_sent_on(session: Running) -> None:
    broker, _ = session
    link = link_of(broker)
    placed = fresh(broker, order())
    link._write = lambda _frame: None

    with pytest.raises(NotSent, match="took no byte"):
        broker.place(placed, aapl())


async def test_an_encoder_that_fails_has_sent_nothing(
    session: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, _ = session

    def fail(*_: object) -> None:
        raise ValueError("cannot encode")

    monkeypatch.setattr(link_of(broker).ib.client, "placeOrder", fail)

    with pytest.raises(NotSent, match="cannot encode"):
        broker.place(fresh(broker, order()), aapl())


async def test_an_order_id_is_sent_once(session: Running, gateway: Gateway) -> None:
    broker, heard = session
    placed = fresh(broker, order(limit="100.00"))
    broker.place(placed, aapl())

    with pytest.raises(NotSent, match="sent before"):
        broker.place(replace(placed, quantity=20), aapl())

    await eventually(lambda: heard.of(OrderReport))
    assert len(gateway.frames("placeOrder")) == 1


def _order_frame(broker: IbSession, order_id: int = 7777) -> bytes:
    """Return the frame of an order as ib_async would write it."""
    permitted = guard.order_fields(order(order_id=order_id), aapl(), link_of(broker).version)
    return frame(*permitted)


Way = Callable[[IbSession], object]
WAYS_ROUND: dict[str, Way] = {
    "client": lambda broker: link_of(broker).ib.client.placeOrder(
        7777, queries.ib_contract(aapl()), ib_order(order())
    ),
    "placeOrder": lambda broker: link_of(broker).ib.placeOrder(
        queries.ib_contract(aapl()), ib_order(order())
    ),
    "fields": lambda broker: link_of(broker).ib.client.send(3, 7777, "AAPL"),
    "text": lambda broker: link_of(broker).ib.client.sendMsg(_order_frame(broker)[4:].decode()),
    "frame": lambda broker: link_of(broker).ib.client.conn.sendMsg(_order_frame(broker)),
    "behind another frame": lambda broker: link_of(broker).ib.client.conn.sendMsg(
        frame("49", "1") + _order_frame(broker)
    ),
    "behind a greeting": lambda broker: link_of(broker).ib.client.conn.sendMsg(
        b"API\0\0\0\0\x09v157..178" + _order_frame(broker)
    ),
    "half a frame": lambda broker: link_of(broker).ib.client.conn.sendMsg(
        _order_frame(broker)[:40]
    ),
    "change": lambda broker: link_of(broker).transmit(
        frame_fields(broker),
        lambda: link_of(broker).ib.client.placeOrder(
            7777, queries.ib_contract(aapl()), ib_order(order(quantity=11))
        ),
    ),
    "cancel's permission": lambda broker: link_of(broker).transmit(
        ["4", "1", "7777", ""],
        lambda: link_of(broker).ib.client.conn.sendMsg(_order_frame(broker)),
    ),
    "global cancel": lambda broker: link_of(broker).ib.client.reqGlobalCancel(),
    "exercise": lambda broker: link_of(broker).ib.client.exerciseOptions(
        1, queries.ib_contract(aapl()), 1, 1, FIRST, 0
    ),
}


def frame_fields(broker: IbSession) -> list[str]:
    return guard.fields_of(_order_frame(broker))


@pytest.mark.parametrize("way", WAYS_ROUND)
async def test_no_order_leaves_that_was_not_permitted_one_by_one(
    session: Running, gateway: Gateway, way: str
) -> None:
    broker, heard = session
    frames = heard.frames

    with pytest.raises(NotSent):
        WAYS_ROUND[way](broker)

    assert heard.frames == frames
    await broker.find_contracts(Symbol("AAPL"))  # the line is whole, and this came through
    assert gateway.frames("placeOrder") == []
    assert gateway.frames("reqGlobalCancel") == []
    assert broker.orders_sent(FIRST) == 0


async def test_a_permission_is_for_one_frame(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    link = link_of(broker)
    bytes_of = _order_frame(broker)

    def twice() -> None:
        link.ib.client.conn.sendMsg(bytes_of)
        link.ib.client.conn.sendMsg(_order_frame(broker, 7778))

    with pytest.raises(OSError, match="after a frame was written: placeOrder without an order"):
        link.transmit(frame_fields(broker), twice)
    with pytest.raises(NotSent, match="without an order"):
        link.ib.client.conn.sendMsg(_order_frame(broker, 7779))

    await eventually(lambda: gateway.frames("placeOrder"))
    await broker.find_contracts(Symbol("AAPL"))
    assert len(gateway.frames("placeOrder")) == broker.orders_sent(FIRST) == 1


def test_only_the_session_hands_orders_to_ib_async() -> None:
    source = Path(session_module.__file__).parents[1]
    users = {
        path.name
        for path in source.rglob("*.py")
        if re.search(r"\.(?:placeOrder|transport\.write|sendMsg)\b", path.read_text("utf-8"))
    }

    assert users == {"session.py", "link.py"}


async def test_a_cancel_of_another_client_ids_order_is_not_sent(session: Running) -> None:
    broker, _ = session

    with pytest.raises(NotSent, match="client id 18"):
        broker.cancel(order(client_id=18))


async def test_nothing_is_sent_on_a_dead_line(session: Running, gateway: Gateway) -> None:
    broker, heard = session
    placed = fresh(broker, order())
    await gateway.stop()
    await eventually(lambda: broker.line is None)
    frames = heard.frames

    with pytest.raises(NotSent):
        broker.place(placed, aapl())
    with pytest.raises(NotSent):
        broker.cancel(placed)
    with pytest.raises(NotSent):
        broker.next_order_id()
    with pytest.raises(LineDown):
        await broker.find_contracts(Symbol("AAPL"))

    assert heard.frames == frames


async def test_nothing_is_sent_on_a_line_that_is_closing(session: Running) -> None:
    broker, _ = session
    placed = fresh(broker, order())
    transport = link_of(broker).ib.client.conn.transport
    assert transport is not None
    transport.close()  # the loop has not told ib_async yet

    with pytest.raises(NotSent):
        broker.place(placed, aapl())


async def test_ib_async_keeps_nothing_of_what_was_traded(session: Running) -> None:
    broker, heard = session
    for _ in range(20):
        broker.place(fresh(broker, order()), aapl())
    await eventually(lambda: len(heard.of(CommissionReport)) == 20)
    await broker.find_contracts(Symbol("AAPL"))
    await broker.quote(aapl())

    link = link_of(broker)
    wrapper = link.ib.wrapper
    kept: list[Sized] = [wrapper.trades, wrapper.fills, wrapper.permId2Trade, wrapper.positions]
    kept += [wrapper.portfolio, wrapper.accountValues, wrapper.tickers, wrapper._results]
    kept += [wrapper._futures, link._answers.keys]
    assert [len(held) for held in kept] == [0] * len(kept)


async def test_a_live_account_at_the_handshake_shuts_the_session_for_good() -> None:
    accounts = {FIRST: 1000, "U1234567": 1000}
    async with Gateway(accounts=accounts) as live, running(live.port) as (broker, heard):
        await eventually(lambda: broker.problem)
        await asyncio.sleep(0.3)

        assert "no paper account" in (broker.problem or "")
        assert broker.reason(FIRST) == broker.problem
        assert not broker.is_up(FIRST)
        assert "synced" not in heard.calls
        with pytest.raises(NotSent, match="no paper account"):
            broker.place(order(), aapl())
        assert len(live.frames("startApi")) == 1  # never connected again
        assert live.frames("placeOrder") == []


async def test_a_live_account_in_mid_session_shuts_it_for_good(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    placed = fresh(broker, order())
    gateway.set_managed_accounts(FIRST, "U1234567")
    await eventually(lambda: broker.problem)
    with pytest.raises(NotSent, match="no paper account"):
        broker.place(placed, aapl())
    await eventually(lambda: heard.calls[-1] == "went down")
    await asyncio.sleep(0.2)

    assert broker.line is None
    assert not broker.is_up(FIRST)
    assert len(gateway.frames("startApi")) == 1
    assert gateway.frames("placeOrder") == []


async def test_a_gateway_that_names_no_account_is_shut_out(session: Running) -> None:
    broker, _ = session
    say(broker, "15", "1", "")

    assert "names no account" in (broker.problem or "")
    assert broker.line is None


async def test_an_account_that_the_gateway_stops_naming_is_down(session: Running) -> None:
    broker, heard = session
    say(broker, "15", "1", FIRST)

    assert broker.is_up(FIRST)
    assert not broker.is_up(SECOND)
    assert heard.calls[-1] == "up"
