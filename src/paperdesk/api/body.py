"""The body of a request, read whole and bounded before anything else sees it.

Owns: the bound of 1 MiB and the 413, the time a body may take and the 408. Knows nothing of what
a body says.
"""

from __future__ import annotations

import asyncio
from typing import Final

from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from paperdesk.errors import PayloadTooLarge, RequestTimeout

BODY_BYTES_MAX: Final = 1024 * 1024
BODY_SECONDS: Final = 30.0
KEY_HOLDS_SECONDS: Final = 1.0  # a body that took longer may have outlived its key


class Disconnected(Exception):
    """The caller went away before the body was complete: nobody is left to answer."""


class BodyLimit:
    """ASGI middleware that reads the body and hands it on in one piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises PayloadTooLarge, RequestTimeout, Unauthorized, Disconnected."""
        _refuse_announced(scope)
        began_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive)
        except TimeoutError:
            raise RequestTimeout(
                f"The body did not arrive within {BODY_SECONDS:.0f} s; nothing was stored or sent."
            ) from None
        if asyncio.get_running_loop().time() - began_at > KEY_HOLDS_SECONDS:
            await require_key(scope)
        handed_on = False

        async def receive_whole() -> HTTPReceiveMessage:
            nonlocal handed_on
            if handed_on:
                return await receive()  # type: ignore[return-value]  # an HTTP scope's message
            handed_on = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_whole, send)


async def require_key(scope: Scope) -> None:
    """Ask once more whether the key opens, where one was asked for. Raises Unauthorized."""
    require = scope["state"].get("require_key")
    if require is not None:
        await require()


def _refuse_announced(scope: Scope) -> None:
    """Refuse by the announced length where there is one: the body need not be read then."""
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and value.isdigit():
            # By digits first: a number of a million digits is not worth reading.
            digits = value.lstrip(b"0")
            if len(digits) > len(str(BODY_BYTES_MAX)) or int(digits or b"0") > BODY_BYTES_MAX:
                raise _too_large()


async def _read(receive: Receive) -> bytes:
    """Count what really arrives: an announced length may lie, or be absent."""
    chunks: list[bytes] = []
    total = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        chunks.append(message.get("body", b""))
        total += len(chunks[-1])
        if total > BODY_BYTES_MAX:
            raise _too_large()
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        "The body is larger than 1 MiB (1,048,576 bytes): send fewer orders in one batch."
    )
