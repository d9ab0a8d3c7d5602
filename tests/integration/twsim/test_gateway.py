"""The gateway as an object, with plain sockets and a clock in the hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock

from twsim import Direction, Gateway, ManualClock
from twsim.server import IBAPI_READ_BYTES
from twsim.simulator import SESSIONS_MAX
from twsim.wire.framing import frame

ACCOUNT = "DU8730189"
GREETING = b"API\0" + frame(b"v157..178")
Connect = Callable[..., Awaitable[IB]]


class Raw:
    """A plain socket that reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *messages: str) -> None:
        for message in messages:
            self.writer.write(frame(message.replace("|", "\0").encode()))

    async def receive(self) -> str:
        size = int.from_bytes(await self.reader.readexactly(4), "big")
        return (await self.reader.readexactly(size)).decode().replace("\0", "|")

    async def start(self, client_id: int = 1) -> None:
        self.writer.write(GREETING)
        await self.receive()
        self.send(f"71|2|{client_id}||")
        while not (await self.receive()).startswith("4|2|-1|2158"):
            pass


@asynccontextmanager
async def plain_socket(gateway: Gateway) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def test_it_starts_and_stops_at_once() -> None:
    began = time.perf_counter()
    async with Gateway() as gateway, plain_socket(gateway) as raw:
        await raw.start()
    elapsed = time.perf_counter() - began

    assert elapsed < 1  # some 10 ms on an idle machine


async def test_the_greeting_is_alone_in_its_segment(gateway: Gateway) -> None:
    async with plain_socket(gateway) as raw:
        raw.writer.write(GREETING)
        data = await raw.reader.read(65536)
        await asyncio.sleep(0.02)

        assert data[4:].startswith(b"178\0")
        assert data[4:].count(b"\0") == 2
        assert not raw.reader._buffer  # type: ignore[attr-defined]


@pytest.mark.parametrize("pieces", [1, 2, 5])
async def test_no_burst_ends_where_ibapi_would_lose_it(gateway: Gateway, pieces: int) -> None:
    async with plain_socket(gateway) as raw:
        await raw.start()
        (line,) = gateway._running.lines
        burst = bytes(IBAPI_READ_BYTES * pieces)
        line.write(burst)
        first = await raw.reader.readexactly(len(burst) - 16)
        line.write(b"next")

        assert first + await raw.reader.readexactly(20) == burst + b"next"


async def test_what_was_held_back_leaves_by_itself_or_before_the_end(gateway: Gateway) -> None:
    for close in (False, True):
        async with plain_socket(gateway) as raw:
            await raw.start(client_id=3)
            (line,) = gateway._running.lines
            line.write(bytes(IBAPI_READ_BYTES))
            if close:
                line.close()
            await asyncio.wait_for(raw.reader.readexactly(IBAPI_READ_BYTES), 1)
        while gateway._running.lines:  # noqa: ASYNC110 - the loop must turn
            await asyncio.sleep(0.001)


async def test_nonsense_ends_one_line_and_no_other(gateway: Gateway) -> None:
    async with plain_socket(gateway) as good, plain_socket(gateway) as bad:
        await good.start(1)
        bad.writer.write(b"GET / HTTP/1.1\r\n\r\n")

        assert await asyncio.wait_for(bad.reader.read(), 1) == b""

        good.send("49|1|")

        assert (await good.receive()).startswith("49|1|")


async def test_one_client_too_many_is_cut(gateway: Gateway) -> None:
    lines = [
        await asyncio.open_connection(gateway.host, gateway.port) for _ in range(SESSIONS_MAX)
    ]
    async with plain_socket(gateway) as raw:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await raw.start()
    for _, writer in lines:
        writer.close()


async def test_a_client_that_does_not_read_is_dropped(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twsim.server.OUT_BYTES_MAX", 1024 * 1024)
    async with plain_socket(gateway) as raw:
        await raw.start()
        for _ in range(20_000):
            raw.send("9|8|1|0|AAPL|STK||0.0|||SMART||USD|||0||||")
        while gateway._running.lines:  # noqa: ASYNC110 - the loop must turn
            await asyncio.sleep(0.001)

        assert gateway.frames("contractDataEnd")


async def test_two_gateways_cannot_share_a_port(gateway: Gateway, tmp_path: Path) -> None:
    other = Gateway(port=gateway.port, state=tmp_path / "state.jsonl")
    with pytest.raises(OSError, match="in use"):
        await other.start()

    await other.stop()


def test_a_gateway_that_never_ran_has_no_world() -> None:
    with pytest.raises(AssertionError, match="never started"):
        Gateway().drop_connections()
    with pytest.raises(AssertionError, match="never started"):
        Gateway().position(ACCOUNT, "AAPL")


async def test_a_system_clock_cannot_be_moved(gateway: Gateway) -> None:
    with pytest.raises(AssertionError, match="ManualClock"):
        gateway.advance(1)


async def test_on_a_manual_clock_time_passes_only_by_hand() -> None:
    async with Gateway(clock=ManualClock(), seed=3) as gateway:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1, raiseSyncErrors=True)
        aapl = Stock("AAPL", "SMART", "USD")
        filled = ib.placeOrder(aapl, MarketOrder("BUY", 50, account=ACCOUNT, tif="DAY"))
        resting = ib.placeOrder(aapl, LimitOrder("BUY", 50, 149.9, account=ACCOUNT, tif="DAY"))
        await asyncio.sleep(0.1)

        assert filled.orderStatus.status == "Filled"
        assert filled.fills[0].commissionReport.commission == 0
        assert resting.orderStatus.status == "Submitted"

        gateway.advance(0.05)
        await asyncio.sleep(0.02)

        assert filled.fills[0].commissionReport.commission == 0.35

        gateway.advance(timedelta(hours=24).total_seconds())
        await asyncio.sleep(0.05)

        assert resting.orderStatus.status == "Filled"
        assert gateway.position(ACCOUNT, "AAPL") == 100
        ib.disconnect()


async def test_the_same_seed_gives_the_same_transcript() -> None:
    async def run(seed: int) -> list[str]:
        async with Gateway(clock=ManualClock(), seed=seed) as gateway:
            ib = IB()
            await ib.connectAsync(gateway.host, gateway.port, clientId=1)
            for price in (149.5, 149.9, 150.5):
                aapl = Stock("AAPL", "SMART", "USD")
                order = LimitOrder("BUY", 700, price, account=ACCOUNT, tif="GTC")
                trade = ib.placeOrder(aapl, order)
                while trade.orderStatus.status == "PendingSubmit":
                    await ib.updateEvent
                gateway.advance(300)
            ib.disconnect()
            return [str(each) for each in gateway.transcript() if each.name != "placeOrder"]

    assert await run(1) == await run(1)
    assert await run(1) != await run(2)


async def test_the_transcript_counts_what_clients_sent(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    gateway.clear_transcript()
    for _ in range(3):
        ib.placeOrder(
            Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 1, account=ACCOUNT, tif="DAY")
        )
    while len(gateway.frames("commissionReport")) < 3:
        await ib.updateEvent

    assert len(gateway.frames("placeOrder")) == 3
    assert gateway.frames("placeOrder", direction=Direction.SERVER) == []
    assert gateway.cash(ACCOUNT) < Decimal(1_000_000)


async def test_a_frozen_gateway_reads_and_says_nothing(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    gateway.silence()
    ib.client.reqCurrentTime()
    gateway.set_managed_accounts("DU1")
    await asyncio.sleep(0.05)

    assert gateway.frames("currentTime") == []
    assert ib.managedAccounts() != ["DU1"]

    gateway.resume()
    while not gateway.frames("currentTime"):
        await ib.updateEvent

    assert ib.managedAccounts() == ["DU1"]


async def test_lines_cut_while_frozen_may_be_thawed(connect: Connect, gateway: Gateway) -> None:
    await connect()
    gateway.silence()
    gateway.drop_connections()
    gateway.resume()

    assert (await connect(2)).isConnected()
