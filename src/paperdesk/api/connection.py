"""A connection of a caller, bounded before a request is there to be judged.

Owns: how long the head of a request may take to arrive and an answer to be read, and how many
connections are held open. How large a head may be h11 bounds (16 KiB); the body is bounded in
`body`. Knows nothing of ASGI.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
        self, *args: Any, connections_max: int, is_trusted: Callable[[str], bool], **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self._connections_max = connections_max
        self._is_trusted = is_trusted
        self._until: asyncio.TimerHandle | None = None
        self._taken_by: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Take a connection, or refuse one too many."""
        super().connection_made(transport)
        others = sum(_peer_of(c) == _peer_of(self) for c in self.connections)
        is_greedy = others * 2 > self._connections_max and not self._is_trusted(_peer_of(self))
        if len(self.connections) > self._connections_max or is_greedy:
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

    def shutdown(self) -> None:
        """End with the service; whoever does not read what is sent cannot be waited for."""
        if self._taken_by is not None:
            self.transport.abort()
        super().shutdown()

    def on_response_complete(self) -> None:
        """Go on to the next request; one that was answered before it was all there has its time."""
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Give the head of a request its time, and what is sent though it was answered already."""
        if not self._is_owed():
            self._stop_watching()
        elif self._until is None:
            self._until = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _is_owed(self) -> bool:
        """Tell whether only the caller can go on, and nobody else gives it a time."""
        if self.conn.their_state is h11.SEND_BODY:  # a body that nobody reads any more
            return self.cycle is not None and self.cycle.response_complete
        # Between two requests uvicorn has a time of its own, until the first byte.
        return self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None

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


def _peer_of(connection: Any) -> str:
    return connection.client[0] if connection.client else ""


def bounded(connections_max: int, is_trusted: Callable[[str], bool] = lambda _: False) -> Any:
    """Return what makes the connections of a server that may hold so many.

    One address may hold half of them, unless it is trusted: a proxy's, behind which are many.
    """
    return partial(BoundedConnection, connections_max=connections_max, is_trusted=is_trusted)
