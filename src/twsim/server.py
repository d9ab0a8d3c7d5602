"""The socket: bytes between clients and the simulator, and the timer that lets time pass.

Owns: the listening socket, one protocol object per client, and the next wake-up. Makes no
decision; needs no particular event loop and starts no thread.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from twsim.session import Session
from twsim.simulator import Simulator

# ibapi reads in pieces of this size and loses a burst that ends exactly with one of them
# (tws-facts §1.6): the last bytes of such a burst leave a moment later.
IBAPI_READ_BYTES: Final = 4096
_HELD_BACK_BYTES: Final = 16
_HELD_BACK_SECONDS: Final = 0.002
OUT_BYTES_MAX: Final = 64 * 1024 * 1024  # a client that reads no more is dropped


class ClientLine(asyncio.Protocol):
    """One client's socket."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._held_back = b""
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
        self._server.lines.add(self)
        if self._server.is_silent:
            self._transport.pause_reading()

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
        self._server.lines.discard(self)
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


class Server:
    """The listening socket of one simulator."""

    def __init__(self, simulator: Simulator, *, runs_on_timer: bool) -> None:
        self.simulator = simulator
        self.lines: set[ClientLine] = set()
        self.is_silent = False
        self._runs_on_timer = runs_on_timer
        self._listener: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port."""
        assert self._listener is None
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: ClientLine(self), host, port)
        self.schedule()
        return int(self._listener.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Stop listening and cut every line, at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.drop()

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
        if not self._runs_on_timer or self._listener is None or self.is_silent:
            return
        due = self.simulator.next_due()
        if due is not None:
            delay = max(0.0, (due - self.simulator.now()).total_seconds())
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.simulator.tick()
        self.schedule()
