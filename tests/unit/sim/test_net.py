"""The network in memory does what sockets do, and what a test asks for."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import Network, Way, running_loop, simulate
from sim.net import SYN_SECONDS
from sim.transport import WINDOW_BYTES

HOST = "127.0.0.1"


@dataclass
class Heard(asyncio.Protocol):
    """A protocol that only remembers."""

    events: list[str] = field(default_factory=list)
    data: bytes = b""
    error: Exception | None = None
    stays: bool = False
    transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.events.append("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self.events[-1] != "data":
            self.events.append("data")

    def eof_received(self) -> bool:
        self.events.append("eof")
        return self.stays

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.events.append("lost")


@dataclass
class Line:
    """A connection and what both of its ends heard."""

    client: Heard
    server: Heard
    port: int
    listener: asyncio.AbstractServer
    network: Network


Scenario = Callable[[Line], Awaitable[None]]


def play(scenario: Scenario, *, seed: int = 1, piece_bytes_max: int | None = None) -> Line:
    """Connect, run a scenario, and let things come to rest."""

    async def run() -> Line:
        loop = running_loop()
        loop.network.piece_bytes_max = piece_bytes_max
        server = Heard()
        listener = await loop.create_server(lambda: server, HOST, 0)
        port = listener.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        _, client = await loop.create_connection(Heard, HOST, port)
        line = Line(client, server, port, listener, loop.network)
        await scenario(line)
        await asyncio.sleep(1)
        return line

    return simulate(seed, run).value


def settled() -> Coroutine[Any, Any, None]:
    """Wait until what was sent has arrived."""
    return asyncio.sleep(0.1)


# What arrives.


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(0, 2**32), st.integers(1, 50))
def test_bytes_arrive_whole_and_in_order_however_they_are_cut(
    writes: list[bytes], seed: int, piece_bytes_max: int
) -> None:
    async def scenario(line: Line) -> None:
        for data in writes:
            line.client.transport.write(data)
            line.server.transport.write(data[::-1])
            await asyncio.sleep(len(data) / 10_000)

    line = play(scenario, seed=seed, piece_bytes_max=piece_bytes_max)

    assert line.server.data == b"".join(writes)
    assert line.client.data == b"".join(data[::-1] for data in writes)


def test_streams_work_over_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def scenario() -> bytes:
        async with await asyncio.start_server(serve, HOST, 4002) as server:
            assert server.is_serving()
            reader, writer = await asyncio.open_connection("localhost", 4002)
            writer.write(b"hello\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    assert simulate(1, scenario).value == b"HELLO\n"


def test_each_end_knows_both_addresses() -> None:
    async def scenario(line: Line) -> None:
        client, server = line.client.transport, line.server.transport

        assert client.get_extra_info("peername") == (HOST, line.port)
        assert client.get_extra_info("sockname") == server.get_extra_info("peername")
        assert server.get_extra_info("socket").getpeername() == client.get_extra_info(
            "sockname"
        )
        assert client.get_extra_info("nonsense", 7) == 7

    play(scenario)


# Who listens.


def test_nobody_listening_is_a_refusal() -> None:
    async def scenario() -> None:
        with pytest.raises(ConnectionRefusedError, match=r"\[Errno 111\]"):
            await running_loop().create_connection(Heard, HOST, 4002)

    simulate(1, scenario)


def test_a_closed_listener_refuses_and_keeps_what_it_accepted() -> None:
    async def scenario(line: Line) -> None:
        line.listener.close()
        await line.listener.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await running_loop().create_connection(Heard, HOST, line.port)
        line.client.transport.write(b"still here")

    assert play(scenario).server.data == b"still here"


def test_an_address_is_taken_once_and_free_after_the_close() -> None:
    async def scenario() -> None:
        loop = running_loop()
        first = await loop.create_server(Heard, HOST, 4002)
        with pytest.raises(OSError, match="attempting to bind") as caught:
            await loop.create_server(Heard, HOST, 4002)
        assert caught.value.errno == errno.EADDRINUSE
        first.close()
        (await loop.create_server(Heard, HOST, 4002)).close()

    simulate(1, scenario)


def test_a_reserved_address_refuses_until_it_is_served() -> None:
    async def scenario() -> None:
        loop = running_loop()
        reserved = loop.network.reserve(HOST, 4002)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Heard, HOST, 4002)
        await loop.create_server(Heard, sock=reserved)
        await loop.create_connection(Heard, HOST, 4002)

    simulate(1, scenario)


# How a connection ends.


def test_what_was_written_before_close_arrives_and_then_the_end() -> None:
    async def scenario(line: Line) -> None:
        line.client.transport.write(b"x" * 2 * WINDOW_BYTES)
        line.client.transport.close()
        line.client.transport.write(b"too late")

    line = play(scenario)

    assert len(line.server.data) == 2 * WINDOW_BYTES
    assert line.server.events == ["made", "data", "eof", "lost"]
    assert line.client.events[-1] == "lost"
    assert (line.client.error, line.server.error) == (None, None)


def test_what_waits_for_the_peer_is_dropped_by_abort_and_what_was_sent_is_not() -> None:
    async def scenario(line: Line) -> None:
        line.server.transport.pause_reading()
        line.client.transport.write(b"x" * (WINDOW_BYTES + 1))
        await settled()
        line.client.transport.abort()
        line.server.transport.resume_reading()

    line = play(scenario)

    assert len(line.server.data) == WINDOW_BYTES
    assert line.client.events.count("lost") == line.server.events.count("lost") == 1


def test_ending_twice_loses_the_connection_once() -> None:
    async def scenario(line: Line) -> None:
        line.client.transport.close()
        line.client.transport.abort()
        line.server.transport.abort()
        line.client.transport.close()

    line = play(scenario)

    assert line.client.events == ["made", "lost"]
    assert line.server.events == ["made", "lost"]


def test_half_a_connection_can_end() -> None:
    async def scenario(line: Line) -> None:
        line.server.stays = True
        line.client.transport.write(b"question")
        line.client.transport.write_eof()
        await settled()
        line.server.transport.write(b"answer")
        with pytest.raises(RuntimeError, match="after write_eof"):
            line.client.transport.write(b"more")

    line = play(scenario)

    assert line.server.events == ["made", "data", "eof"]
    assert line.client.data == b"answer"
    assert "lost" not in line.client.events


def test_whoever_writes_to_a_connection_that_is_gone_is_reset() -> None:
    async def scenario(line: Line) -> None:
        line.server.stays = True
        line.client.transport.abort()
        await settled()
        line.server.transport.write(b"anybody there?")

    line = play(scenario)

    assert isinstance(line.server.error, ConnectionResetError)
    assert str(line.server.error) == "[Errno 104] Connection reset by peer"


def test_lingering_for_no_time_makes_abort_a_reset() -> None:
    async def scenario(line: Line) -> None:
        reset(line.server)

    assert isinstance(play(scenario).client.error, ConnectionResetError)


def reset(end: Heard) -> None:
    sock = end.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.transport.abort()


def test_a_reset_takes_with_it_what_a_slow_reader_had_not_read() -> None:
    async def scenario(line: Line) -> None:
        line.server.transport.pause_reading()
        line.client.transport.write(b"unread")
        reset(line.client)
        await settled()
        assert line.server.events == ["made"]  # who does not look does not see it
        line.server.transport.resume_reading()

    line = play(scenario)

    assert line.server.data == b""
    assert isinstance(line.server.error, ConnectionResetError)


def test_a_reset_is_seen_by_writing_too() -> None:
    async def scenario(line: Line) -> None:
        line.server.transport.pause_reading()
        reset(line.client)
        await settled()
        line.server.transport.write(b"x")

    line = play(scenario)

    assert line.server.events == ["made", "lost"]
    assert isinstance(line.server.error, ConnectionResetError)


def test_a_protocol_that_fails_ends_the_connection_and_the_run() -> None:
    async def scenario(line: Line) -> None:
        line.server.data = None  # type: ignore[assignment]  # adding to it fails
        line.client.transport.write(b"x")

    with pytest.raises(Exception, match="data_received"):
        play(scenario)


# Flow control.


def test_a_writer_is_paused_while_the_reader_is_and_goes_on_with_it() -> None:
    async def scenario(line: Line) -> None:
        line.server.transport.pause_reading()
        line.client.transport.set_write_buffer_limits(high=1000)
        line.client.transport.write(b"x" * (WINDOW_BYTES + 1001))
        await settled()
        assert line.client.events == ["made", "pause"]
        assert line.client.transport.get_write_buffer_size() == 1001
        assert line.server.data == b""
        line.server.transport.resume_reading()

    line = play(scenario)

    assert line.client.events == ["made", "pause", "resume"]
    assert len(line.server.data) == WINDOW_BYTES + 1001


# Faults.


@pytest.mark.parametrize("resets", [True, False])
def test_dropped_connections_end_at_both_ends_and_new_ones_are_let_in(*, resets: bool) -> None:
    async def scenario(line: Line) -> None:
        line.network.drop(line.port, resets=resets)
        await settled()
        await running_loop().create_connection(Heard, HOST, line.port)

    line = play(scenario)

    for end in (line.client, line.server):
        assert end.events.count("lost") == 1
        assert isinstance(end.error, ConnectionResetError) is resets


def test_a_port_can_be_made_to_refuse() -> None:
    async def scenario(line: Line) -> None:
        line.network.refuse(line.port)
        with pytest.raises(ConnectionRefusedError):
            await running_loop().create_connection(Heard, HOST, line.port)
        line.network.heal(line.port)
        await running_loop().create_connection(Heard, HOST, line.port)

    play(scenario)


def test_in_a_black_hole_nothing_arrives_not_even_the_end() -> None:
    async def scenario(line: Line) -> None:
        line.network.black_hole(line.port)
        line.client.transport.write(b"hello?")
        line.client.transport.abort()
        line.server.transport.write(b"hello?")
        await asyncio.sleep(3600)

    line = play(scenario)

    assert line.server.events == ["made"]
    assert line.client.events == ["made", "lost"]


def test_one_way_can_be_lost_alone() -> None:
    async def scenario(line: Line) -> None:
        line.network.black_hole(line.port, [Way.TO_CLIENT])
        line.client.transport.write(b"question")
        await settled()
        line.server.transport.write(b"answer")

    line = play(scenario)

    assert line.server.data == b"question"
    assert line.client.data == b""


def test_what_vanished_arrives_late_once_the_hole_is_healed() -> None:
    async def scenario(line: Line) -> None:
        line.network.black_hole(line.port)
        line.client.transport.write(b"late")
        line.client.transport.close()
        await asyncio.sleep(20)
        line.network.heal(line.port)

    line = play(scenario)

    assert line.server.data == b"late"
    assert line.server.events == ["made", "data", "eof", "lost"]


def test_or_the_connections_that_lost_something_stay_dead() -> None:
    async def scenario(line: Line) -> None:
        line.network.black_hole(line.port)
        line.client.transport.write(b"lost")
        line.network.heal(line.port, delivers=False)
        line.client.transport.write(b"and more")
        await settled()
        await running_loop().create_connection(Heard, HOST, line.port)

    line = play(scenario)

    assert line.server.data == b""
    assert line.client.events == ["made"]


def test_connecting_into_a_black_hole_fails_after_two_minutes() -> None:
    async def scenario(line: Line) -> None:
        line.network.black_hole(line.port)
        began = running_loop().elapsed
        with pytest.raises(TimeoutError, match="timed out"):
            await running_loop().create_connection(Heard, HOST, line.port)
        assert running_loop().elapsed - began == pytest.approx(SYN_SECONDS, abs=0.1)

    play(scenario)


def test_a_connection_that_is_given_up_half_way_ends_at_the_server() -> None:
    async def scenario(line: Line) -> None:
        line.network.black_hole(line.port, [Way.TO_CLIENT])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                running_loop().create_connection(Heard, HOST, line.port), timeout=4
            )

    assert play(scenario).server.events == ["made", "made", "eof", "lost"]


def test_the_trace_tells_who_sent_what_and_when() -> None:
    async def scenario(line: Line) -> None:
        line.client.transport.write(b"one")
        line.server.transport.close()

    line = play(scenario)
    one, end = line.network.trace[0], line.network.trace[1]

    assert (one.way, one.item) == (Way.TO_SERVER, b"one")
    assert (end.way, end.connection) == (Way.TO_CLIENT, one.connection)


@given(st.integers())
def test_the_same_seed_leaves_the_same_trace_and_another_seed_another(seed: int) -> None:
    async def scenario() -> None:
        loop = running_loop()
        await loop.create_server(Heard, HOST, 4002)
        for _ in range(3):
            transport, _protocol = await loop.create_connection(Heard, HOST, 4002)
            transport.write(b"hello")
            await asyncio.sleep(1)

    assert simulate(seed, scenario) == simulate(seed, scenario)
    assert simulate(seed, scenario).trace != simulate(seed + 1, scenario).trace
