"""The socket: bytes between clients and the simulator, and the timer that lets time pass.

Owns: the listening socket, one protocol object per client, and the next wake-up. Makes no
decision; needs no particular event loop and starts no thread.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from twsim.session import Session
from twsim.simulator import Simulator

# ibapi reads in pieces of this size and loses a burst that ends exactly with one of them
# (tws-facts §1.6): the last bytes of such a burst leave a moment later.
IBAPI_READ_BYTES: Final = 4096
BACKLOG: Final = 100
_HELD_BACK_BYTES: Final = 16
_HELD_BACK_SECONDS: Final = 0.002
PIECES_BYTES_MAX: Final = 64 * 1024  # beyond that, what leaves in pieces leaves whole
OUT_BYTES_MAX: Final = 64 * 1024 * 1024  # a client that reads no more is dropped


class ClientLine(asyncio.Protocol):
    """One client's socket."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._held_back = b""
        self._pieces = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def client_id(self) -> int | None:
        """Return who the client is, once it has said so."""
        return None if self._session is None else self._session.client_id

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start a session."""
        self._transport = cast("asyncio.Transport", transport)
        self._session = self._server.simulator.connect(self)
        if self._session is None:
            self._transport.abort()
            return
        self._server.lines[self] = None
        if self._server.is_silent:
            self._transport.pause_reading()
        self._server.schedule()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if self._session is not None:
            self._server.simulator.receive(self._session, data)
            self._server.schedule()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session."""
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._server.lines.pop(self, None)
        if self._session is not None:
            self._server.simulator.lost(self._session)

    # What the session calls.

    def write(self, data: bytes) -> None:
        """Send bytes."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        data, self._held_back = self._held_back + data, b""
        if len(data) + transport.get_write_buffer_size() > OUT_BYTES_MAX:
            transport.abort()
            return
        if self._server.is_silent:
            self._held_back = data
            return
        if data and len(data) % IBAPI_READ_BYTES == 0:
            data, self._held_back = data[:-_HELD_BACK_BYTES], data[-_HELD_BACK_BYTES:]
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_HELD_BACK_SECONDS, self._write_held_back)
        transport.write(data)

    def close(self) -> None:
        """End the line once what was written is through."""
        if self._transport is not None:
            self._write_held_back()
            self._transport.close()

    def write_pieces(self, data: bytes, size: int) -> None:
        """Send bytes in pieces, each in a turn of the loop of its own."""
        if len(self._pieces) + len(data) > PIECES_BYTES_MAX:
            pieces, self._pieces = bytes(self._pieces), bytearray()
            self.write(pieces + data)
            return
        idle = not self._pieces
        self._pieces += data
        if idle and data:
            asyncio.get_running_loop().call_soon(self._write_piece, size)

    def _write_piece(self, size: int) -> None:
        piece = bytes(self._pieces[:size])
        del self._pieces[:size]
        if piece:
            self.write(piece)
        if self._pieces:
            asyncio.get_running_loop().call_soon(self._write_piece, size)

    def reset(self) -> None:
        """Cut the line with a reset, not an end."""
        if self._transport is not None and not self._transport.is_closing():
            end = self._transport.get_extra_info("socket")
            # To linger for no time at all is what makes the kernel send a reset.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    # What the server calls.

    def abort(self) -> None:
        """Cut the line."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self, *, paused: bool) -> None:
        """Stop reading, or go on."""
        if self._transport is None or self._transport.is_closing():
            return
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            self._write_held_back()

    def _write_held_back(self) -> None:
        data, self._held_back = self._held_back, b""
        if self._transport is not None and data:
            self._transport.write(data)


Reserve = Callable[[str, int], socket.socket]


def reserve_port(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and does not listen. Raises OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reserved = socket.socket(family)
    reserved.setblocking(False)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind((host, port))
    return reserved


class Server:
    """The listening socket of one simulator."""

    def __init__(
        self, simulator: Simulator, *, runs_on_timer: bool, reserve: Reserve = reserve_port
    ) -> None:
        self.simulator = simulator
        self.lines: dict[ClientLine, None] = {}  # in the order of their connecting
        self.is_silent = False
        self._runs_on_timer = runs_on_timer
        self._reserve = reserve
        self._listener: asyncio.Server | None = None
        self._reserved: socket.socket | None = None  # ours, while nobody is let in
        self._opening: asyncio.Task[None] | None = None
        self._host, self._port = "", 0
        self._is_running = False
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port."""
        assert self._listener is None
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: ClientLine(self), host, port)
        self._host, self._port = self._listener.sockets[0].getsockname()[:2]
        self.simulator.faults.network = self
        self._is_running = True
        self.schedule()
        return int(self._port)

    def stop(self) -> None:
        """Stop listening and cut every line, at once."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        for held in (self._listener, self._reserved):
            if held is not None:
                held.close()
        self._listener = self._reserved = None
        self.drop()

    def shut(self) -> None:
        """Refuse connections; the port stays ours."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        self._reserved = self._reserve(self._host, self._port)

    def open(self) -> None:
        """Accept connections again, at once: those that come early wait."""
        if self._reserved is None or self._opening is not None:
            return
        self._reserved.listen(BACKLOG)
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(self._serve(self._reserved))

    async def _serve(self, reserved: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: ClientLine(self), sock=reserved)
        self._reserved = self._opening = None
        self.schedule()

    def client_ids(self) -> list[int]:
        """Return the clients that are connected and have said who they are."""
        return sorted(line.client_id for line in self.lines if line.client_id is not None)

    def drop(self, client_id: int | None = None) -> None:
        """Cut the line of one client, or every line; go on listening."""
        for line in tuple(self.lines):
            if client_id in (None, line.client_id):
                line.abort()

    def silence(self, *, silent: bool) -> None:
        """Freeze: accept, but read and say nothing and let no time pass; or thaw."""
        self.is_silent = silent
        for line in self.lines:
            line.pause(paused=silent)
        self.schedule()

    def schedule(self) -> None:
        """Set the timer to when the simulator has something to do, if ever."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._runs_on_timer or not self._is_running:
            return
        script = self.simulator.faults.script
        due = script.next_due() if self.is_silent else self.simulator.next_due()
        if due is not None:
            delay = max(0.0, (due - self.simulator.now()).total_seconds())
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        if self.is_silent:
            self.simulator.faults.script.run(self.simulator.now())
        else:
            self.simulator.tick()
        self.schedule()
