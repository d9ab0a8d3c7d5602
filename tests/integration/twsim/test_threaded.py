"""A gateway on a thread of its own, with clients that block."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest
from ib_async import IB

from twsim import Gateway, ManualClock, ThreadedGateway


def ask_time(gateway: Gateway) -> bytes:
    """Connect as a client that knows nothing of event loops."""
    hello = b"API\0\0\0\0\x09v157..178"
    with socket.create_connection((gateway.host, gateway.port), timeout=3) as line:
        line.sendall(hello)
        return line.recv(64)


def test_a_blocking_client_is_answered() -> None:
    with ThreadedGateway() as gateway:
        assert ask_time(gateway)[4:8] == b"178\0"
        assert [frame.fields[0] for frame in gateway.transcript()] == ["178"]


def test_every_door_is_open_from_any_thread() -> None:
    with ThreadedGateway(clock=ManualClock()) as gateway:
        gateway.set_price("AAPL", "155.00")
        gateway.advance(1)
        gateway.check_position("DU8730189", "AAPL", 0)
        with pytest.raises(AssertionError, match="DU8730189 holds 0 AAPL, not 5"):
            gateway.check_position("DU8730189", "AAPL", 5)
        with pytest.raises(LookupError, match="no symbol"):
            gateway.set_price("NOPE", 1)


async def test_it_serves_clients_of_another_event_loop() -> None:
    async with ThreadedGateway() as gateway:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1, raiseSyncErrors=True)
        gone = asyncio.Event()
        ib.disconnectedEvent += gone.set
        await gateway.stop()
        await asyncio.wait_for(gone.wait(), 3)
        await gateway.start()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1, raiseSyncErrors=True)
        ib.disconnect()


def test_nothing_is_left_of_it() -> None:
    before = threading.active_count()
    with ThreadedGateway() as gateway:
        ask_time(gateway)
        port = gateway.port
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)

    assert threading.active_count() == before


def test_a_start_that_fails_leaves_nothing_either(tmp_path: Path) -> None:
    before = threading.active_count()
    with (
        ThreadedGateway() as gateway,
        pytest.raises(OSError, match="in use"),
        ThreadedGateway(port=gateway.port, state=tmp_path / "state.jsonl"),
    ):
        pass

    assert threading.active_count() == before


def test_a_door_of_one_that_was_not_entered_says_so() -> None:
    with pytest.raises(AssertionError, match="use it as `with ThreadedGateway"):
        ThreadedGateway().set_price("AAPL", 1)
