"""What is around every request, whatever becomes of it.

Owns: the request's id, its line in the log and its figures, the headers of every answer and those
that a layer within has left in the state, HEAD, the normal form of the path, and the last resort
for whatever was raised. Knows nothing of endpoints.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Final, cast

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from paperdesk.api.body import Disconnected
from paperdesk.api.endpoint import HTML, Answer
from paperdesk.api.page import CONTENT_SECURITY_POLICY
from paperdesk.api.problems import answer_to
from paperdesk.api.sparing import Sparing
from paperdesk.crash import crash_point
from paperdesk.desk.ports import UNMETERED, Clock, Meter, Random
from paperdesk.domain.client import Client
from paperdesk.errors import PaperdeskError
from paperdesk.masking import looks_like_key

_LOG: Final = structlog.get_logger(__name__)

REQUEST_ID: Final = "X-Request-ID"
REQUEST_ID_DIGITS: Final = 16
# An id given by the caller is taken where it is safe in a header and in a log.
GIVEN_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
# Where in its scope whoever serves a request leaves the path with names for ids.
TEMPLATE: Final = "paperdesk.template"
UNROUTED: Final = "unrouted"
UNAUTHORIZED, TOO_MANY_REQUESTS, INTERNAL_ERROR = 401, 429, 500
POLICY_VIOLATION: Final = 1008  # RFC 6455: the close code for what a server does not offer

CSP: Final = b"content-security-policy"
# What an answer carries unless it says otherwise itself.
_HEADERS_OF_ALL: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Envelope:
    """The outermost ASGI application. `lifespan` is told of start and stop."""

    def __init__(
        self,
        app: ASGIApp,
        lifespan: ASGIApp,
        clock: Clock,
        random: Random,
        meter: Meter = UNMETERED,
    ) -> None:
        self._app = app
        self._meter = meter
        self._lifespan = lifespan
        self._clock = clock
        self._random = random
        self._sparing = Sparing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection of any type."""
        kind = str(scope["type"])
        if kind == "http":
            await self._serve(cast("HTTPScope", scope), receive, send)
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await send(
                {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "not offered"}
            )

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        began_at = self._clock.now()
        request_id = _given_id(scope) or self._random.token_hex(REQUEST_ID_DIGITS)
        inner = _normal(scope)
        inner["state"]["request_id"] = request_id
        exchange = _Exchange(send, inner, self._clock)
        # The server may begin a request in the context of the one before it on the connection.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(inner, receive, exchange.send)
        except Disconnected:
            _LOG.info("request.abandoned")
        except Exception as error:
            if exchange.status is not None:
                raise  # the answer has begun: the server can only cut the line
            await self._answer_error(error, scope, exchange)
        ended_at = self._clock.now()
        seconds = (ended_at - began_at).total_seconds()
        self._log(str(scope["method"]), inner, exchange.status, seconds)
        seconds = ((exchange.began_at or ended_at) - began_at).total_seconds()
        self._count(str(scope["method"]), inner, exchange.status, seconds)

    def _log(self, method: str, inner: HTTPScope, status: int | None, seconds: float) -> None:
        """Write the request's line; of refusals one a second for each caller."""
        client = cast("Client | None", inner.get("user"))
        more = {}
        if status == TOO_MANY_REQUESTS:
            who = client.name if client else str((inner["client"] or [None])[0])
            left_out = self._sparing.left_out(who, asyncio.get_running_loop().time())
            if left_out is None:
                return
            more = {"refused_before": left_out}
        _LOG.info(
            "request.served",
            request_id=inner["state"]["request_id"],
            method=method,
            path=inner["path"],
            client=client.name if client else None,
            status=status,
            took_ms=round(seconds * 1000),
            **more,
        )

    def _count(self, method: str, inner: HTTPScope, status: int | None, seconds: float) -> None:
        if status is None:
            return  # nobody was left to answer
        template = cast("str", inner.get(TEMPLATE, UNROUTED))
        self._meter.request_served(method, template, status, seconds)
        if status == UNAUTHORIZED:
            self._meter.auth_failed()
        elif status == TOO_MANY_REQUESTS:
            self._meter.rate_limited()

    @staticmethod
    async def _answer_error(error: Exception, scope: HTTPScope, exchange: _Exchange) -> None:
        answer = answer_to(error, str(scope["method"]), scope["path"])
        if answer.status == INTERNAL_ERROR and not isinstance(error, PaperdeskError):
            _LOG.error("request.failed", exc_info=error)
        await send_answer(answer, exchange.send)


class _Exchange:
    """The way back: adds what every answer carries, and drops the body for HEAD."""

    def __init__(self, send: Send, scope: HTTPScope, clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._state = scope["state"]
        self.status: int | None = None
        self.began_at: datetime | None = None  # a stream is answered long before it ends

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.began_at = message["status"], self._clock.now()
            headers = list(message["headers"])
            given = {name.lower() for name, _ in headers}
            headers += [pair for pair in _HEADERS_OF_ALL if pair[0] not in given]
            headers += self._state.get("headers", ())
            headers.append((REQUEST_ID.lower().encode(), self._state["request_id"].encode()))
            is_page = dict(headers).get(b"content-type", b"").startswith(HTML.encode())
            if is_page and CSP not in given:
                headers.append((CSP, CONTENT_SECURITY_POLICY.encode()))
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            crash_point("CP04")
            if self._state["is_head"]:
                message = {**message, "body": b""}
        await self._send(message)


async def send_answer(answer: Answer, send: Send) -> None:
    """Send `answer` over ASGI."""
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *((name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _given_id(scope: HTTPScope) -> str | None:
    for name, value in scope["headers"]:
        if name.lower() == REQUEST_ID.lower().encode() and GIVEN_REQUEST_ID.fullmatch(value):
            given = value.decode("ascii")
            return None if looks_like_key(given) else given
    return None


def _normal(scope: HTTPScope) -> HTTPScope:
    """Return the scope as authentication and routing both see it.

    One spelling of each path, so that the two can never disagree on which path it is: no
    trailing slash, no doubled ones. HEAD is GET whose body is dropped on the way out.
    """
    path = "/" + "/".join(part for part in scope["path"].split("/") if part)
    is_head = str(scope["method"]) == "HEAD"
    method = "GET" if is_head else scope["method"]
    state = {"is_head": is_head}
    return cast("HTTPScope", {**scope, "path": path, "method": method, "state": state})
