"""What a simulated process starts dies with it, and has no effect any more."""

from __future__ import annotations

import asyncio

import pytest

from sim import Point, Process, running_loop, simulate
from sim.process import current_process


def test_whatever_a_process_starts_belongs_to_it() -> None:
    async def inner() -> Process | None:
        return current_process()

    async def scenario() -> None:
        process = Process("p")
        outside = await asyncio.create_task(inner())
        inside = await process.start(asyncio.wait_for(inner(), 1), "inner")

        assert (outside, inside) == (None, process)

    simulate(1, scenario)


def test_the_dead_are_unwound_however_they_resist_and_no_time_passes() -> None:
    ended: list[str] = []

    async def resist() -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            try:
                await asyncio.sleep(1_000)
            finally:
                ended.append("resisted")

    async def survive() -> str:
        await asyncio.sleep(10)
        return "alive"

    async def scenario() -> str:
        process = Process("p")
        process.start(resist(), "resist")
        survivor = asyncio.create_task(survive())
        await asyncio.sleep(1)
        process.die()
        await process.bury()
        assert running_loop().elapsed == pytest.approx(1)
        return await survivor

    assert simulate(1, scenario).value == "alive"
    assert ended == ["resisted"]


def test_who_watches_is_told_of_every_point_until_the_death() -> None:
    async def scenario() -> list[str]:
        seen: list[str] = []

        def note(point: str) -> bool:
            seen.append(point)
            return False

        process = Process("p")
        process.watch = note
        process.reach(Point.BEFORE_WRITE)
        process.die()
        process.die()
        process.reach(Point.AFTER_WRITE)
        return seen

    assert simulate(1, scenario).value == [Point.BEFORE_WRITE]


def test_the_sockets_of_a_process_die_with_it_after_what_it_had_sent() -> None:
    class Peer(asyncio.Protocol):
        data = b""
        error: Exception | None = None

        def data_received(self, data: bytes) -> None:
            self.data += data

        def connection_lost(self, exc: Exception | None) -> None:
            self.error = exc

    async def call() -> None:
        transport, _ = await running_loop().create_connection(asyncio.Protocol, "h", 1)
        transport.write(b"last words")
        await running_loop().create_server(asyncio.Protocol, "h", 2)
        await asyncio.Event().wait()

    async def scenario() -> Peer:
        peer = Peer()
        loop = running_loop()
        await loop.create_server(lambda: peer, "h", 1)
        process = Process("p")
        process.at_death(lambda: loop.network.kill(process))
        process.start(call(), "call")
        await asyncio.sleep(0.004)
        process.die()
        await process.bury()
        await asyncio.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, "h", 2)
        return peer

    peer = simulate(1, scenario).value

    assert peer.data == b"last words"
    assert isinstance(peer.error, ConnectionResetError)


def test_each_end_of_a_connection_runs_in_the_process_that_opened_it() -> None:
    class Peer(asyncio.Protocol):
        def __init__(self) -> None:
            self.seen = {current_process()}

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.seen.add(current_process())

        def data_received(self, data: bytes) -> None:
            self.seen.add(current_process())

        def connection_lost(self, exc: Exception | None) -> None:
            self.seen.add(current_process())

    async def call() -> Peer:
        transport, peer = await running_loop().create_connection(Peer, "h", 1)
        transport.write(b"x")
        await asyncio.sleep(1)
        transport.close()
        assert isinstance(peer, Peer)
        return peer

    async def scenario() -> None:
        here = Peer()
        await running_loop().create_server(lambda: here, "h", 1)
        process = Process("p")
        there = await process.start(call(), "call")
        await asyncio.sleep(1)

        assert here.seen == {None}
        assert there.seen == {process}

    simulate(1, scenario)


def test_the_dead_connect_to_nobody() -> None:
    async def scenario() -> None:
        await running_loop().create_server(asyncio.Protocol, "h", 1)
        process = Process("p")
        connecting = process.start(
            running_loop().create_connection(asyncio.Protocol, "h", 1), "connect"
        )
        await asyncio.sleep(0)
        process.die()
        with pytest.raises(ConnectionAbortedError):
            await connecting

    simulate(1, scenario)
