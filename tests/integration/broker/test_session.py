"""The session against the simulated gateway, over TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sized
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from broker_support import (
    AAPL,
    CLIENT_ID,
    FIRST,
    QUICK,
    SECOND,
    Listener,
    aapl,
    eventually,
    fresh,
    order,
    running,
)
from paperdesk.broker import queries
from paperdesk.broker.link import Link, Refused, Timing, account_key
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
from paperdesk.domain.vocabulary import AccountId, OrderId, Side, Symbol
from paperdesk.errors import LedgerUnavailable
from twsim import Gateway

Running = tuple[IbSession, Listener]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(positions=[(FIRST, "AAPL", 50, "148.50")]) as started:
        yield started


@pytest.fixture
async def session(gateway: Gateway) -> AsyncIterator[Running]:
    async with running(gateway.port) as (broker, heard):
        await eventually(lambda: broker.line)
        yield broker, heard


def link_of(broker: IbSession) -> Link:
    assert broker._link is not None
    return broker._link


def say(broker: IbSession, *fields: str) -> None:
    """Let the gateway say something, as if it had come over the wire."""
    link_of(broker).ib.client.decoder.interpret(list(fields))


def say_error(broker: IbSession, code: int, words: str = "words", request: int = -1) -> None:
    say(broker, "4", "2", str(request), str(code), words, "")


# -- up ------------------------------------------------------------------------------------


async def test_a_session_comes_up_after_its_reads_were_synced(gateway: Gateway) -> None:
    async with running(gateway.port) as (broker, heard):
        assert broker.line is None
        assert not broker.is_up(FIRST)
        assert broker.reason(FIRST) == f"connecting to {broker.name}"

        await eventually(lambda: broker.line)

        assert broker.line is not None
        assert broker.line.gateway == broker.name == f"127.0.0.1:{gateway.port}"
        assert (broker.line.client_id, broker.line.session) == (CLIENT_ID, 1)
        assert broker.is_up(FIRST)
        assert broker.is_up(SECOND)
        assert broker.reason(FIRST) is None
        assert broker.problem is None
        assert heard.calls[-2:] == ["synced", "up"]


async def test_positions_prices_and_net_liquidation_are_there_once_up(session: Running) -> None:
    broker, _ = session

    held = broker.positions(FIRST)[AAPL]
    assert (held.quantity, held.avg_cost) == (Decimal(50), Decimal("148.50"))
    assert broker.positions(SECOND) == {}
    assert broker.portfolio(FIRST)[AAPL].market_price == Decimal("150.00")
    assert broker.net_liquidation(FIRST) == Decimal("1007500.00")
    assert broker.net_liquidation(SECOND) == Decimal("1000000.00")


async def test_every_frame_that_leaves_is_told_of(session: Running, gateway: Gateway) -> None:
    broker, heard = session
    await broker.find_contracts(Symbol("AAPL"))

    sent = [frame for frame in gateway.transcript() if str(frame).split()[1].startswith("C")]
    assert heard.frames >= len(sent) > 5


async def test_the_gateways_account_list_and_notices_are_recorded(session: Running) -> None:
    broker, heard = session
    kinds = {message.fields[0] for message in heard.messages}

    assert {"4", "9", "15", "61"} <= kinds
    assert {message.gateway for message in heard.messages} == {broker.name}
    assert {message.client_id for message in heard.messages} == {CLIENT_ID}


async def test_an_account_that_the_gateway_does_not_name_is_not_up(gateway: Gateway) -> None:
    other = AccountId("DU9999999")
    async with running(gateway.port, accounts=(FIRST, other)) as (broker, _):
        await eventually(lambda: broker.is_up(FIRST))

        assert not broker.is_up(other)
        assert "does not name DU9999999" in (broker.reason(other) or "")
        with pytest.raises(NotSent, match="does not name"):
            broker.place(fresh(broker, order(account=other)), aapl())
        with pytest.raises(LineDown, match="does not name"):
            await broker.refresh_portfolio(other)


# -- orders --------------------------------------------------------------------------------


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


async def test_an_order_frame_that_nobody_asked_for_is_stopped(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    client = link_of(broker).ib.client

    with pytest.raises(NotSent, match="without an order"):
        client.placeOrder(7777, queries.ib_contract(aapl()), _plain_order())
    with pytest.raises(NotSent, match="never makes"):
        client.reqGlobalCancel()

    await asyncio.sleep(0.05)
    assert gateway.frames("placeOrder") == []
    assert gateway.frames("reqGlobalCancel") == []


def _plain_order() -> Any:
    return ib_order(order())


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
    with pytest.raises(LineDown):
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
    kept += [wrapper._futures, link._answers]
    assert [len(held) for held in kept] == [0] * len(kept)


# -- the paper guard -----------------------------------------------------------------------


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


# -- down, and up again --------------------------------------------------------------------


async def test_a_gateway_that_stops_and_starts_is_down_and_up_again(gateway: Gateway) -> None:
    async with running(gateway.port, timing=Timing()) as (broker, heard):
        await eventually(lambda: broker.line)
        await gateway.stop()
        await eventually(lambda: not broker.is_up(FIRST), seconds=1)

        await eventually(lambda: "refused" in (broker.reason(FIRST) or ""))
        assert f"connection refused at {broker.name}" in (broker.reason(FIRST) or "")
        assert heard.calls.count("went down") == 1

        await gateway.start()
        await eventually(lambda: broker.is_up(FIRST), seconds=10)

        assert broker.line is not None
        assert broker.line.session == 2
        assert heard.calls.count("synced") == 2


async def test_a_gateway_that_was_never_there_is_refused(unused_tcp_port: int) -> None:
    async with running(unused_tcp_port) as (broker, heard):
        with pytest.raises(LineDown):
            broker.next_order_id()
        await eventually(lambda: "refused" in (broker.reason(FIRST) or ""))

        assert "went down" not in heard.calls


async def test_what_is_asked_when_the_line_breaks_is_not_answered_with_nothing(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.find_contracts(Symbol("AAPL")))
    await asyncio.sleep(0.05)
    gateway.drop_connections()

    with pytest.raises(LineDown, match="closed the connection"):
        await asking


async def test_silence_is_asked_into_and_then_ends_the_session(
    session: Running, gateway: Gateway
) -> None:
    broker, heard = session
    await eventually(lambda: gateway.frames("reqCurrentTime"))  # idle, and it answers
    await asyncio.sleep(QUICK.silence * 1.5)
    assert broker.is_up(FIRST)
    frames = heard.frames

    gateway.silence()
    started = asyncio.get_running_loop().time()
    await eventually(lambda: not broker.is_up(FIRST))

    assert asyncio.get_running_loop().time() - started <= QUICK.silence + 0.2
    assert heard.frames > frames
    await eventually(lambda: "no answer" in (broker.reason(FIRST) or ""))
    gateway.resume()
    await eventually(lambda: broker.is_up(FIRST))


async def test_silence_is_noticed_within_the_promised_15_seconds() -> None:
    assert Timing().silence < 15
    assert max(Timing().backoff) <= 5


async def test_a_client_id_in_use_is_named_and_tried_again(
    session: Running, gateway: Gateway
) -> None:
    async with running(gateway.port) as (second, _):
        await eventually(lambda: "in use" in (second.reason(FIRST) or ""), seconds=0.9)
        assert f"client id {CLIENT_ID} is in use" in (second.reason(FIRST) or "")

        gateway.drop_connections()
        await eventually(lambda: second.line or len(gateway.frames("startApi")) > 3)


async def test_a_gateway_without_ibkr_is_not_up_and_still_listened_to(session: Running) -> None:
    broker, heard = session
    say_error(broker, 1100, "Connectivity lost")

    assert broker.line is None
    assert not broker.is_up(FIRST)
    assert "lost its connection to IBKR" in (broker.reason(FIRST) or "")
    assert heard.calls[-1] == "not up"
    with pytest.raises(NotSent, match="lost its connection"):
        broker.place(order(), aapl())
    with pytest.raises(LineDown, match="lost its connection"):
        await broker.find_contracts(Symbol("AAPL"))

    say(broker, "59", "1", "0001.01", "0.35", "USD", "", "", "")
    assert heard.of(CommissionReport)[-1].exec_id == "0001.01"


@pytest.mark.parametrize("code", [1101, 1102])
async def test_ibkr_restored_means_reading_all_anew(session: Running, code: int) -> None:
    broker, heard = session
    say_error(broker, 2110)
    say_error(broker, code)
    await eventually(lambda: broker.line is not None)

    assert broker.line is not None
    assert broker.line.session == 2
    assert heard.calls.count("synced") == 2


@pytest.mark.parametrize("code", [2103, 2105, 2108, 2119, 10197])
async def test_a_data_farm_does_not_take_the_session_down(session: Running, code: int) -> None:
    broker, _ = session
    say_error(broker, code)

    assert broker.line is not None


async def test_a_socket_port_that_was_reset_ends_the_session(session: Running) -> None:
    broker, _ = session
    say_error(broker, 1300, "TWS socket port has been reset")

    assert broker.line is None
    await eventually(lambda: broker.line and broker.line.session == 2)


async def test_a_frame_without_end_is_not_waited_for(session: Running) -> None:
    broker, _ = session
    conn = link_of(broker).ib.client.conn
    conn.data_received(b"\xff\xff\xff\xff" + bytes(0xFFFFFF + 1))

    assert broker.line is None
    await eventually(lambda: broker.line and broker.line.session == 2)


async def test_a_read_that_is_not_answered_is_not_an_empty_one(gateway: Gateway) -> None:
    gateway.silence()
    async with running(gateway.port, timing=replace(QUICK, connect=0.1)) as (broker, heard):
        await eventually(lambda: "no answer" in (broker.reason(FIRST) or ""))

        assert "synced" not in heard.calls
        gateway.resume()
        await eventually(lambda: broker.line)


async def test_a_read_only_gateway_is_named_as_that() -> None:
    async def half_a_gateway(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Shake hands, then refuse all orders' reads as the read-only setting does."""
        await reader.readexactly(4)
        writer.write(frame("178", "20260309 10:30:00 EST"))
        await asyncio.sleep(0.02)
        for fields in (("15", "1", FIRST), ("9", "1", "1"), READ_ONLY, ("62", "1")):
            writer.write(frame(*fields))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(half_a_gateway, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(port, timing=replace(QUICK, connect=0.2)) as (broker, _):
        await eventually(lambda: "Read-Only" in (broker.reason(FIRST) or ""))

        assert "open orders request timed out" in (broker.reason(FIRST) or "")


READ_ONLY = ("4", "2", "-1", "321", "Error validating request.-'bN' : cause - Read-Only", "")


def frame(*fields: str) -> bytes:
    body = "".join(f"{field}\0" for field in fields).encode()
    return len(body).to_bytes(4, "big") + body


async def test_a_ledger_that_cannot_be_written_delays_the_session(gateway: Gateway) -> None:
    heard = Listener()
    heard.refuse_next = LedgerUnavailable("The ledger is locked.")
    async with running(gateway.port, listener=heard) as (broker, _):
        await eventually(lambda: broker.line)

        assert heard.calls.count("synced") == 2
        assert heard.calls.index("went down") < heard.calls.index("up")


async def test_a_defect_of_the_listener_ends_the_session_and_not_the_service(
    session: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, heard = session

    def fail(_message: object) -> None:
        raise AssertionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(heard, "heard", fail)
        link_of(broker).ib.client.conn.data_received(frame("9", "1", "7"))

    assert broker.line is None
    assert "a defect" in (broker.reason(FIRST) or "")
    await eventually(lambda: broker.line and broker.line.session == 2)


async def test_cancelling_closes_the_socket_at_once(gateway: Gateway) -> None:
    async with asyncio.timeout(2):
        async with running(gateway.port) as (broker, heard):
            await eventually(lambda: broker.line)
            asking = asyncio.create_task(broker.quote(aapl()))

        assert broker.line is None
        assert heard.calls[-1] == "went down"
        await asyncio.gather(asking, return_exceptions=True)
        await eventually(lambda: not gateway._running.lines)


@pytest.mark.parametrize("delay", [0, 0.001, 0.003, 0.01])
async def test_cancelling_while_it_connects_leaves_nothing_behind(
    gateway: Gateway, delay: float
) -> None:
    async with running(gateway.port) as (broker, _):
        await asyncio.sleep(delay)

    assert broker.line is None
    await eventually(lambda: not gateway._running.lines)


# -- asking --------------------------------------------------------------------------------


async def test_contracts_are_found_in_ibkrs_spelling(session: Running) -> None:
    broker, _ = session
    (found,) = await broker.find_contracts(Symbol("BRK B"))

    assert found.symbol == "BRK B"
    assert found.currency == "USD"
    assert await broker.find_contracts(Symbol("NOPE")) == ()


async def test_a_hundred_contracts_can_be_asked_at_once(session: Running) -> None:
    broker, _ = session
    found = await asyncio.gather(*(broker.find_contracts(Symbol("AAPL")) for _ in range(100)))

    assert {contract.conid for (contract,) in found} == {AAPL}


async def test_candidates_are_symbols_of_the_gateway(session: Running) -> None:
    broker, _ = session

    assert "AAPL" in await broker.candidates("APPLE")
    assert await broker.candidates("QQQQQQQQ") == ()


async def test_a_quote_has_both_sides(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.set_price("AAPL", "200.00")
    quote = await broker.quote(aapl())
    await broker.quote(aapl())

    assert quote is not None
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < Decimal("200.00") < quote.ask
    assert len(gateway.frames("reqMarketDataType")) == 1


async def test_hours_are_asked_anew_on_the_next_day(
    session: Running, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, _ = session
    await broker.hours()
    monkeypatch.setattr(broker, "_day", lambda _zone: date(2100, 1, 1))
    await broker.hours()
    await broker.hours()

    assert len(gateway.frames("reqContractDetails")) == 2


async def test_a_gateway_that_knows_no_hours_says_so(
    session: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, _ = session
    monkeypatch.setattr(queries, "HOURS_SYMBOL", "NOPE")

    with pytest.raises(LineDown, match="tells no hours"):
        await broker.hours()


async def test_a_session_without_prices_is_a_session(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LineDown("no answer within 4 s")

    monkeypatch.setattr(queries, "download_portfolio", fail)
    async with running(gateway.port) as (broker, _):
        await eventually(lambda: broker.line)

        assert broker.portfolio(FIRST) == {}


async def test_a_refused_download_is_said(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    broker._portfolio_at.clear()
    gateway.silence()
    asking = asyncio.create_task(broker.refresh_portfolio(FIRST))
    await asyncio.sleep(0.01)
    answer = link_of(broker)._answers[account_key(FIRST)]
    answer.done.set_exception(Refused(321, "no such account"))

    with pytest.raises(LineDown, match="no such account"):
        await asking


async def test_refused_candidates_are_none(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.candidates("APPLE"))
    await asyncio.sleep(0.01)
    say_error(broker, 321, request=_asked(broker))

    assert await asking == ()


async def test_hours_are_asked_once_a_day(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    hours = await broker.hours()
    again = await broker.hours()

    assert hours.sessions
    assert again == hours
    assert len(gateway.frames("reqContractDetails")) == 1


async def test_a_portfolio_is_refreshed_when_it_is_old(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    asked = len(gateway.frames("reqAccountUpdates"))
    await broker.refresh_portfolio(FIRST)
    assert len(gateway.frames("reqAccountUpdates")) == asked  # read when the session started

    broker._portfolio_at.clear()
    gateway.set_price("AAPL", "160.00")
    await asyncio.gather(broker.refresh_portfolio(SECOND), broker.refresh_portfolio(FIRST))

    assert len(gateway.frames("reqAccountUpdates")) == asked + 2
    assert broker.portfolio(FIRST)[AAPL].market_price == Decimal("160.00")


@pytest.mark.parametrize("code", [321, 504])
async def test_a_lookup_that_was_refused_is_not_an_unknown_symbol(
    session: Running, gateway: Gateway, code: int
) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.find_contracts(Symbol("AAPL")))
    await asyncio.sleep(0.01)
    say_error(broker, code, "Error validating request", request=_asked(broker))

    with pytest.raises(LineDown, match="Error validating request"):
        await asking
    assert broker.line is not None


async def test_a_row_that_cannot_be_read_is_not_an_unknown_symbol(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.find_contracts(Symbol("AAPL")))
    await asyncio.sleep(0.01)
    request = str(_asked(broker))
    say(broker, "10", request, "AAPL")
    say(broker, "52", "1", request)

    with pytest.raises(LineDown, match="not understood"):
        await asking


async def test_a_lookup_without_an_end_is_not_an_unknown_symbol(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.silence()

    with pytest.raises(LineDown):
        await broker.find_contracts(Symbol("AAPL"))
    assert link_of(broker)._answers == {}


async def test_a_quote_without_an_end_is_what_came(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(queries.quote(link_of(broker), aapl(), 0.1))
    await asyncio.sleep(0.01)
    request = str(_asked(broker))
    say(broker, "1", "6", request, "66", "149.99", "100", "0")
    say_error(broker, 10167, "Displaying delayed market data", request=int(request))
    quote = await asking

    assert quote is not None
    assert (quote.bid, quote.ask) == (Decimal("149.99"), None)


async def test_a_refused_quote_is_none(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    gateway.silence()
    asking = asyncio.create_task(broker.quote(aapl()))
    await asyncio.sleep(0.01)
    say_error(broker, 354, "Requested market data is not subscribed", request=_asked(broker))

    assert await asking is None


def _asked(broker: IbSession) -> int:
    (key,) = link_of(broker)._answers
    assert isinstance(key, int)
    return key
