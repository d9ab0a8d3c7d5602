"""A connection of a caller, bounded before a request is there to be judged.

Owns: how long the head of a request may take to arrive and an answer to be read, and how many
connections are held open. How large a head may be h11 bounds (16 KiB); the body is bounded in
`body`. Knows nothing of ASGI.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 10.0
TAKE_SECONDS: Final = 30.0
CONNECTIONS_MAX: Final = 1_000
HEAD_BYTES_MAX: Final = 16 * 1024

_REFUSAL: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: text/plain\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: 20\r\n\r\ntoo many connections"
)

_log = structlog.get_logger("paperdesk.http")


class BoundedConnection(H11Protocol):
    """uvicorn's connection, which closes where a caller takes too long to say what it wants."""

    def __init__(
        self, *args: Any, connections_max: int = CONNECTIONS_MAX, **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self._connections_max = connections_max
        self._until: asyncio.TimerHandle | None = None
        self._taken_by: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Take a connection, or refuse one too many."""
        super().connection_made(transport)
        if len(self.connections) > self._connections_max:
            _log.warning("http.too_many_connections", most=self._connections_max)
            transport.write(_REFUSAL)
            transport.close()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._stop_watching()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for a caller that does not read, and not for ever."""
        super().pause_writing()
        if self._taken_by is None:
            self._taken_by = self.loop.call_later(TAKE_SECONDS, self._not_read)

    def resume_writing(self) -> None:
        """Go on: the caller reads."""
        if self._taken_by is not None:
            self._taken_by.cancel()
            self._taken_by = None
        super().resume_writing()

    def _watch(self) -> None:
        """Give the head of a request its time, from its first byte or the connection's start."""
        if self.conn.their_state is not h11.IDLE:  # the head is there
            self._stop_watching()
        elif self._until is None:
            self._until = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_watching(self) -> None:
        if self._until is not None:
            self._until.cancel()
            self._until = None

    def _too_slow(self) -> None:
        _log.warning("http.too_slow", seconds=HEAD_SECONDS)
        self.transport.close()

    def _not_read(self) -> None:
        _log.warning("http.not_read", seconds=TAKE_SECONDS)
        self.transport.abort()


def bounded(connections_max: int) -> Any:
    """Return what makes the connections of a server that may hold so many."""
    return partial(BoundedConnection, connections_max=connections_max)
