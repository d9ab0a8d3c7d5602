"""Listeners of the event stream, over real sockets.

Owns: how a test serves an application as the service does, and hears what a stream says. Knows
nothing of what should be said.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import uvicorn
from litestar.types import ASGIApp

from paperdesk.bootstrap import http_config, listen

EVENTS: Final = "/api/v1/events"
LINES: Final = {"Accept": "application/x-ndjson"}
HEARS_WITHIN_SECONDS: Final = 10.0


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve the application; give its address."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(http_config(app, None))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.001)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await serving
        listening.close()


@dataclass
class Listener:
    """What a stream has said so far."""

    heard: list[dict[str, Any]] = field(default_factory=list)
    is_over: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened, without what the stream says of itself."""
        return [event for event in self.heard if event["id"] is not None]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.heard]

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Return the event of a type, once there are so many."""
        async with asyncio.timeout(HEARS_WITHIN_SECONDS):
            while self.types.count(kind) < count:
                assert not self.is_over, f"it ended after {self.types}"
                self._news.clear()
                await self._news.wait()
        return [event for event in self.heard if event["type"] == kind][count - 1]

    async def until_over(self) -> None:
        """Return once the stream ended."""
        async with asyncio.timeout(HEARS_WITHIN_SECONDS):
            while not self.is_over:
                self._news.clear()
                await self._news.wait()

    async def hear(self, response: httpx.Response) -> None:
        """Take lines until there are no more."""
        try:
            async for line in response.aiter_lines():
                self.heard.append(json.loads(line))
                self._news.set()
        except httpx.TransportError:
            pass  # the service is gone
        finally:
            self.is_over = True
            self._news.set()


@asynccontextmanager
async def listening(
    url: str, name: str = "auditor", *, key: str | None = None, **asked: Any
) -> AsyncIterator[Listener]:
    """Listen as a client of the tests, from when the stream is ready."""
    last = asked.pop("last_event_id", None)
    headers = LINES | {"X-API-Key": key or f"key-of-{name}"}
    headers |= {} if last is None else {"Last-Event-ID": str(last)}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
        client.stream("GET", f"{url}{EVENTS}", params=asked, headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        listener = Listener()
        hearing = asyncio.create_task(listener.hear(response))
        try:
            await listener.until("stream.ready")
            yield listener
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


@asynccontextmanager
async def never_reading(
    url: str, name: str = "auditor", query: str = ""
) -> AsyncIterator[socket.socket]:
    """Ask for the stream, and read nothing of it."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asking.connect((host, int(port)))
        asking.setblocking(False)
        head = f"GET {EVENTS}{query} HTTP/1.1\r\nhost: x\r\naccept: application/x-ndjson\r\n"
        asking.sendall(f"{head}x-api-key: key-of-{name}\r\n\r\n".encode())
        yield asking
