"""The session against the simulated gateway, over TCP: up, down, and up again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

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
    frame,
    fresh,
    link_of,
    order,
    running,
    say,
    say_error,
)
from paperdesk.broker.link import Timing
from paperdesk.broker.session import IbSession
from paperdesk.desk.ports import LineDown, NotSent
from paperdesk.domain.reports import (
    CommissionReport,
)
from paperdesk.domain.vocabulary import AccountId, Symbol
from paperdesk.errors import LedgerUnavailable
from twsim import Gateway

Running = tuple[IbSession, Listener]


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


async def test_a_gateway_that_stops_and_starts_is_down_and_up_again(gateway: Gateway) -> None:
    async with running(gateway.port, timing=Timing()) as (broker, heard):
        await eventually(lambda: broker.line)
        await gateway.stop()
        await eventually(lambda: not broker.is_up(FIRST), seconds=1)

        refused = f"connection refused at {broker.name}"
        await eventually(lambda: refused in (broker.reason(FIRST) or ""))
        assert heard.calls.count("went down") == 1

        await gateway.start()
        await eventually(lambda: broker.is_up(FIRST), seconds=10)

        assert broker.line is not None
        assert broker.line.session == 2
        assert heard.calls.count("synced") == 2


async def test_a_gateway_that_was_never_there_is_refused(unused_tcp_port: int) -> None:
    async with running(unused_tcp_port) as (broker, heard):
        with pytest.raises(NotSent):
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
    assert "lost its connection to IBKR (IBKR 2110)" in (broker.reason(FIRST) or "")
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


async def test_a_run_of_zeros_ends_the_session_with_its_first_frame(session: Running) -> None:
    broker, heard = session
    link, told = link_of(broker), heard.told
    link.ib.client._onSocketHasData(bytes(1 << 20))

    assert link.why == f"{broker.name} sent an empty frame"
    assert heard.told == told + 1
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
