"""The stream of events: bytes to events, and where to go on after a break.

Owns: the parser of server-sent events, which takes any split of the bytes, and Following, which
resumes by id and lets no event by twice. Pure. Knows nothing of sockets or of waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from paperdesk.client.calls import BACKOFF_SECONDS, RETRY_SECONDS
from paperdesk.client.messages import Request, build
from paperdesk.errors import PaperdeskError, Unreachable

LINE_BYTES_MAX: Final = 4_000_000  # an event of a whole batch is far smaller
SILENCE_SECONDS: Final = (
    15.0  # three heartbeats: then the line is dead, whatever the socket says
)
READY: Final = "stream.ready"
RESET: Final = "stream.reset"
BATCH_FINAL: Final = "batch.final"


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened; `id` counts up, without gaps for who may see everything."""

    id: int | None
    type: str
    timestamp: datetime | None = None
    environment: str | None = None
    account_id: str | None = None
    batch_id: str | None = None
    data: dict[str, Any]


class SseParser:
    """Bytes in, the `data` of each whole event out (WHATWG HTML, 9.2.6). Any split will do."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._data: list[bytes] = []
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events that these bytes complete. Raises Unreachable."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]  # the second half of a line's end
        if data:
            self._after_cr = data.endswith(b"\r")
        self._bytes += data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = self._bytes.split(b"\n")
        self._bytes = rest
        if len(rest) > LINE_BYTES_MAX:
            raise Unreachable("a line of the event stream has no end")
        return [event for line in lines if (event := self._line(bytes(line))) is not None]

    def _line(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data = self._data, []
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        return None


class Following:
    """A stream that breaks and goes on: every event once, in the order of their ids.

    Ask for `request()`, feed what comes; when the line ends ask again, until `is_over`.
    """

    def __init__(
        self,
        *,
        types: str | Sequence[str] | None = None,
        account_id: str | None = None,
        batch_id: str | None = None,
        since_id: int | None = None,
        until: str | None = None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._params = {
            "types": [types] if isinstance(types, str) else types,
            "account_id": account_id,
            "batch_id": batch_id,
            "until": until,
        }
        self._until = until
        self._parser = SseParser()
        self._seen = since_id  # the last id that went by, or after which to begin
        self._types: set[str] = set()  # of what came on this connection
        self._retry_seconds = retry_seconds
        self._has_begun = False
        self._failures = 0
        self._paused = 0.0
        self.is_over = False

    def request(self) -> Request:
        """Return the request that begins, or goes on after the last event that went by."""
        self._parser = SseParser()
        self._types = set()
        request = build("GET", "/api/v1/events", params=self._params)
        headers = {"Accept": "text/event-stream"}
        if self._seen is not None:
            headers["Last-Event-ID"] = str(self._seen)
        return Request(request.method, request.path, request.params, headers=headers)

    def feed(self, data: bytes) -> list[Event]:
        """Return the new events in these bytes, control events among them. Raises Unreachable."""
        events = [_event(raw) for raw in self._parser.feed(data)]
        self._types.update(event.type for event in events)
        if events:
            self._has_begun, self._failures = True, 0
        return [event for event in events if self._takes(event)]

    def end(self) -> None:
        """Note that the service ended the stream by itself, without a break.

        Where that has an end and there was nothing more to tell, nothing more will come.
        """
        is_told = self._until is not None and self._types == {READY}
        self.is_over = self.is_over or is_told

    def pause_after(self, error: PaperdeskError | None) -> float:
        """Return how long to wait before `request` is sent again; None is a line that ended.

        Raises `error` where another attempt would end as this one did. A stream that has begun
        once is taken up for ever, one that has not for `retry_seconds`.
        """
        pause = BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]
        if error is not None:
            pause = max(pause, float(error.retry_after_seconds or 0))
            is_late = not self._has_begun and self._paused + pause > self._retry_seconds
            if is_late or not error.retryable:
                raise error
        self._failures += 1
        self._paused += pause
        return pause

    def _takes(self, event: Event) -> bool:
        if event.id is not None:
            if self._seen is not None and event.id <= self._seen:
                return False
            self._seen = event.id
            self.is_over = self.is_over or event.type == self._until
            return True
        head = event.data.get("head_id")
        # Another ledger, whose ids begin anew; or the place from which a break is noticed.
        if event.type == RESET or (event.type == READY and self._begins_live):
            self._seen = head if isinstance(head, int) else self._seen
        return True

    @property
    def _begins_live(self) -> bool:
        """Tell whether it began with what comes next, so that nothing older may be missed."""
        return self._seen is None and self._until is None


def _event(raw: bytes) -> Event:
    try:
        return msgspec.json.decode(raw, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreachable(f"what came is no event of Paperdesk: {error}") from error
