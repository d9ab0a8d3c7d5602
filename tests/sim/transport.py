"""One end of a connection in memory.

Owns: Endpoint, which keeps the promises of an asyncio transport: bytes arrive whole and in
order, what was written before `close` arrives, `connection_lost` comes once. Does not know how
long anything takes or what is lost on the way: that is the network's.

Bytes that are written have left, as into a kernel, until the peer's window is full; then they
wait in the buffer that `abort` drops and that flow control is about.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from asyncio import transports
from collections import deque
from collections.abc import Callable
from contextvars import Context
from enum import Enum
from typing import Any, Final, Protocol, TypeAlias, cast

from sim.process import Point, Process

Address: TypeAlias = tuple[str, int]

WINDOW_BYTES: Final = 256 * 1024  # that a peer does not read, until a writer has to wait


class Mark(Enum):
    """What travels beside bytes."""

    FIN = "fin"
    RST = "rst"


Item: TypeAlias = bytes | Mark


class Carrier(Protocol):
    """Whatever takes what leaves an endpoint to its peer, in order or not at all."""

    def carry(self, sender: Endpoint, item: Item) -> None:
        """Take an item."""

    def piece_bytes(self) -> int:
        """Return how large the next segment may be."""

    def forget(self, endpoint: Endpoint) -> None:
        """Know that an endpoint is gone."""


class SimSocket:
    """The part of a socket that is asked of a transport or a server: names and options."""

    family, type, proto = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP

    def __init__(self, name: Address, peer: Address | None = None) -> None:
        self._name = name
        self._peer = peer
        self.resets = False
        self.on_close: Callable[[], object] | None = None

    def getsockname(self) -> Address:
        """Return the own address."""
        return self._name

    def getpeername(self) -> Address:
        """Return the other's address. Raises OSError where there is none."""
        if self._peer is None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return self._peer

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Heed SO_LINGER, where a time of zero makes a reset of the end; ignore the rest."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            assert isinstance(value, bytes)
            self.resets = struct.unpack("ii", value) == (1, 0)

    def listen(self, _backlog: int = 0) -> None:
        """Do nothing: whoever serves comes before anybody can have travelled here."""

    def close(self) -> None:
        """Give the address back."""
        if self.on_close is not None:
            self.on_close()


class Endpoint(transports._FlowControlMixin):
    """A transport; its `peer` is the other end."""

    peer: Endpoint
    # Of the base class, which typeshed knows by halves.
    _loop: asyncio.AbstractEventLoop
    _maybe_pause_protocol: Callable[[], None]
    _maybe_resume_protocol: Callable[[], None]

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        carrier: Carrier,
        *,
        names: tuple[Address, Address],
        context: Context,
        process: Process | None,
    ) -> None:
        self.process = process
        self._carrier = carrier
        self.context = context
        self._socket = SimSocket(*names)
        self._buffer = bytearray()  # not sent: the window is full
        self._unread = 0  # sent, and not read by the peer's protocol
        self._inbox: deque[Item] = deque()
        self._is_made = self._is_paused = self._is_reset = False
        self._is_closing = self._is_ending = self._has_ended = self.is_gone = False
        self._protocol: Any = None
        extra = {"socket": self._socket, "sockname": names[0], "peername": names[1]}
        super().__init__(extra, loop)

    # Beginning.

    def attach(self, protocol: asyncio.BaseProtocol) -> None:
        """Begin: the protocol is told in the next turn, and hears bytes from then on."""
        self._protocol = protocol
        self._loop.call_soon(self._make, context=self.context)

    def _make(self) -> None:
        if not self.is_gone:
            self._protocol.connection_made(self)
            self._is_made = True
            self._deliver()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who hears what arrives."""
        return cast("asyncio.BaseProtocol", self._protocol)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another one hear what arrives."""
        self._protocol = protocol

    # Sending.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes. After `close` they vanish; after `write_eof` it raises RuntimeError."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data)!r}")
        if self._is_ending and not self._is_closing:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._is_reset:
            self._lose(_reset())  # seen now at the latest
        if self.process is not None:
            self.process.reach(Point.BEFORE_WRITE)
        if not data or self._is_closing or self.is_gone:
            return
        self._buffer += data
        self._send()
        self._maybe_pause_protocol()
        if self.process is not None:
            self.process.reach(Point.AFTER_WRITE)

    def can_write_eof(self) -> bool:
        """Tell that one direction can end alone."""
        return True

    def write_eof(self) -> None:
        """End this direction once what was written is through."""
        if not (self._is_closing or self._is_ending):
            self._is_ending = True
            self._send()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the peer's window."""
        return len(self._buffer)

    def _send(self) -> None:
        while self._buffer and (room := WINDOW_BYTES - self._unread) > 0:
            piece = bytes(self._buffer[: min(room, self._carrier.piece_bytes())])
            del self._buffer[: len(piece)]
            self._unread += len(piece)
            self._carrier.carry(self, piece)
        if self._buffer or not (self._is_ending or self._is_closing):
            return
        self.finish()
        if self._is_closing:
            self._lose(None)

    def finish(self) -> None:
        """Tell the peer that no more will come, once."""
        if not self._has_ended:
            self._has_ended = True
            self._carrier.carry(self, Mark.FIN)

    def _credit(self, size: int) -> None:
        """Learn that the peer has read bytes."""
        self._unread -= size
        if self._buffer:
            self._loop.call_soon(self._refill, context=self.context)

    def _refill(self) -> None:
        if not self.is_gone:
            self._send()
            self._maybe_resume_protocol()

    # Receiving.

    def arrive(self, item: Item) -> None:
        """Take what the network brings."""
        if self.is_gone:
            if isinstance(item, bytes):
                self._carrier.carry(self, Mark.RST)
            return
        if item is Mark.RST:
            self._is_reset = True  # and what was not read will never be
        else:
            self._inbox.append(item)
        self._deliver()

    def pause_reading(self) -> None:
        """Let what arrives wait."""
        if not self._is_closing:
            self._is_paused = True

    def resume_reading(self) -> None:
        """Hear again, from the next turn on."""
        if self._is_paused and not self._is_closing:
            self._is_paused = False
            self._loop.call_soon(self._deliver, context=self.context)

    def is_reading(self) -> bool:
        """Tell whether what arrives is heard."""
        return not (self._is_paused or self._is_closing)

    def _deliver(self) -> None:
        if self._is_reset and self._is_made and not self._is_paused:
            self._lose(_reset())
        while self._inbox and self._is_made and self.is_reading():
            if self._inbox[0] is Mark.FIN:
                self._inbox.popleft()
                self._hear_end()
            else:
                self._hear(self._take())

    def _take(self) -> bytes:
        """Take all that has arrived, as one read of a socket does."""
        pieces = []
        while self._inbox and isinstance(piece := self._inbox[0], bytes):
            pieces.append(piece)
            self._inbox.popleft()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _hear(self, data: bytes) -> None:
        self.peer._credit(len(data))
        try:
            self._protocol.data_received(data)
        except Exception as error:  # noqa: BLE001 - reported, and the end of the connection
            self._fail(error, "protocol.data_received() call failed")

    def _hear_end(self) -> None:
        try:
            stays = self._protocol.eof_received()
        except Exception as error:  # noqa: BLE001 - reported, and the end of the connection
            self._fail(error, "protocol.eof_received() call failed")
        else:
            if not stays:
                self.close()

    def _fail(self, error: Exception, words: str) -> None:
        self._loop.call_exception_handler(
            {
                "message": words,
                "exception": error,
                "transport": self,
                "protocol": self._protocol,
            }
        )
        self.abort(error)

    # Ending.

    def is_closing(self) -> bool:
        """Tell whether it is closed or about to be."""
        return self._is_closing

    def close(self) -> None:
        """Read no more, and end once what was written is through."""
        if not self._is_closing:
            self._is_closing = True
            self._send()

    def abort(self, error: Exception | None = None) -> None:
        """End now; what waits for the peer's window is dropped."""
        if self.is_gone:
            return
        self._buffer.clear()
        if self._socket.resets:
            self._carrier.carry(self, Mark.RST)
        else:
            self.finish()
        self._lose(error)

    def vanish(self) -> None:
        """End with the process: nobody is told here, the peer gets a reset."""
        if not self.is_gone:
            self._bow_out()
            self._carrier.carry(self, Mark.RST)

    def _lose(self, error: Exception | None) -> None:
        if not self.is_gone:
            self._bow_out()
            if self._is_made:
                lost = self._protocol.connection_lost
                self._loop.call_soon(lost, error, context=self.context)

    def _bow_out(self) -> None:
        self.is_gone = self._is_closing = True
        self._buffer.clear()
        self._inbox.clear()
        self._carrier.forget(self)


def _reset() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
