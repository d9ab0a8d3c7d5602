"""An answer that is sent bit by bit, for as long as its caller stays.

Owns: StreamResponse: the way of a Streaming through the framework, and its end with its caller.
Knows nothing of what is sent.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from paperdesk.api.endpoint import Streaming

# Nobody on the way may keep what has come so far until there is more of it.
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class StreamResponse(Response[bytes]):
    """A Streaming, as the framework takes it from a handler."""

    def __init__(self, streaming: Streaming) -> None:
        super().__init__(b"")
        self._streaming = streaming

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """Return what sends it."""
        return _Sent(self._streaming)


class _Sent(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, streaming: Streaming) -> None:
        super().__init__(
            media_type=streaming.media_type, headers=HEADERS | dict(streaming.headers)
        )
        self._run = streaming.run

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Let it write until it returns, or its caller is gone."""

        async def write(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        running = asyncio.ensure_future(self._run(write))
        gone = asyncio.create_task(_until_gone(receive), name="until the caller is gone")
        try:
            await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            running.cancel()
            gone.cancel()
            await asyncio.gather(running, gone, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
