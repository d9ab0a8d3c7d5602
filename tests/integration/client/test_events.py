"""The stream of events over a socket that breaks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from paperdesk.client import AsyncClient, Client
from paperdesk.errors import Unauthorized, Unreachable

BATCH = "a1b2c3d4e5f67890"


def sse(id: int | None, kind: str) -> bytes:
    event = json.dumps({"id": id, "type": kind, "data": {"head_id": 9}})
    head = "" if id is None else f"id: {id}\n"
    return f"{head}event: {kind}\ndata: {event}\n\n".encode()


class Breaking(BaseHTTPRequestHandler):
    """Tells three events at a time, the last one again, and cuts the line within the next."""

    asked: list[str | None] = []  # noqa: RUF012 - of the one server of a test

    def do_GET(self) -> None:
        last = self.headers["Last-Event-ID"]
        self.asked.append(last)
        if self.headers["X-API-Key"] != "key":
            self.answer(401, b'{"code": "unauthorized", "detail": "no"}')
            return
        if len(self.asked) == 2:
            self.answer(503, b'{"code": "not-ready", "detail": "restarting"}')
            return
        begin = int(last or 1)
        told = b"".join(sse(i, "order.filled") for i in range(begin, begin + 3))
        if begin > 4:
            told += sse(99, "batch.final")
        self.answer(200, sse(None, "stream.ready") + told + sse(100, "cut")[:20])

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Breaking.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_events_go_on_after_every_break_and_end_by_themselves(url: str) -> None:
    with Client(url, "key") as client:
        found = [e.id for e in client.events(batch_id=BATCH, until="batch.final")]

    assert found == [1, 2, 3, 4, 5, 6, 7, 99]
    assert Breaking.asked == [None, "3", "3", "5"]


async def test_the_awaited_twin_goes_on_too(url: str) -> None:
    async with AsyncClient(url, "key") as client:
        found = [
            e async for e in client.events(batch_id=BATCH, until="batch.final", control=True)
        ]

    assert [e.id for e in found if e.id] == [1, 2, 3, 4, 5, 6, 7, 99]
    assert [e.type for e in found].count("stream.ready") == 3


async def test_what_another_attempt_would_not_mend_is_raised(url: str) -> None:
    with Client(url, "wrong") as client, pytest.raises(Unauthorized):
        next(client.events())
    with (
        Client("http://127.0.0.1:9", "key", retry_seconds=0) as client,
        pytest.raises(Unreachable),
    ):
        next(client.events())
    async with AsyncClient(url, "wrong") as twin:
        with pytest.raises(Unauthorized):
            await anext(twin.events())
