"""How much one client, and all of them, may ask in a second.

Owns: the token buckets, the `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers-11), and the
429 of a caller that is too fast, judged before its request is read. Halts have tokens of their own,
and whoever stops something waits for no other client: stopping must be easier than starting. Knows
nothing of what is asked.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Final, cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from paperdesk.config import RateSettings
from paperdesk.domain import vocabulary
from paperdesk.domain.client import Client
from paperdesk.errors import RateLimited

BURST_SECONDS: Final = 2  # so much of its rate may come at once
LISTENERS_MAX: Final = 500  # streams that are open at once; of one client half as many
HALTS: Final = 10  # a second, of one client: stopping has room of its own


class Bucket:
    """A bucket that holds a burst of tokens and fills at a rate."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = float(rate * BURST_SECONDS)
        self._at = now

    @property
    def rate(self) -> int:
        """Tokens a second."""
        return self._rate

    @property
    def left(self) -> int:
        """Whole tokens that are left."""
        return int(self._left)

    def fill(self, now: float) -> None:
        """Add what has come in since it was last looked at."""
        most = self._rate * BURST_SECONDS
        self._left = min(most, self._left + max(now - self._at, 0.0) * self._rate)
        self._at = now

    def take(self) -> None:
        """Take a token that `left` said was there."""
        self._left -= 1

    def wait_seconds(self) -> int:
        """Return in how many seconds there is a token, at least 1 as Retry-After needs."""
        return max(1, math.ceil((1 - self._left) / self._rate))

    def full_in_seconds(self) -> int:
        """Return in how many seconds it is full again."""
        return math.ceil((self._rate * BURST_SECONDS - self._left) / self._rate)


class RateLimit:
    """ASGI middleware behind authentication. `time` is the event loop's."""

    def __init__(self, app: ASGIApp, rates: RateSettings, time: Callable[[], float]) -> None:
        self._app = app
        self._rates = rates
        self._time = time
        now = time()
        self._all = {
            "requests": Bucket(rates.requests_of_all, now),
            "batches": Bucket(rates.batches_of_all, now),
        }
        self._of: dict[tuple[str, str], Bucket] = {}
        self._in_flight: Counter[str] = Counter()
        self._listening: Counter[str] = Counter()
        self._policy = ", ".join(
            f'"{name}";q={rate * BURST_SECONDS};w={BURST_SECONDS}'
            for name, rate in (("requests", rates.requests), ("batches", rates.batches))
        ).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises RateLimited."""
        client = cast("Client | None", scope["user"])
        if client is None:
            await self._app(scope, receive, send)
            return
        # A stream lasts for hours, and is not worked on while nothing happens.
        is_stream = _is_stream(cast("HTTPScope", scope))
        open_now = self._listening if is_stream else self._in_flight
        most = LISTENERS_MAX if is_stream else self._rates.in_flight
        self._admit(client, cast("HTTPScope", scope), open_now, most)
        open_now[client.name] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            open_now[client.name] -= 1

    def _admit(
        self, client: Client, scope: HTTPScope, open_now: Counter[str], most: int
    ) -> None:
        """Take a token of each kind that the request needs, or none of them."""
        now = self._time()
        names = _kinds(scope)
        # Who stops something, and who looks after the service, waits for no one else.
        is_urgent = _is_stop(scope) or client.may(vocabulary.Scope.ADMIN)
        own = [self._bucket(client.name, name, now) for name in names]
        shared = [] if is_urgent else [self._all[name] for name in names]
        for bucket in (*own, *shared):
            bucket.fill(now)
        empty = [bucket for bucket in (*own, *shared) if not bucket.left]
        if not empty:
            for bucket in (*own, *shared):
                bucket.take()
        self._tell(scope, names[-1], own[-1])
        if empty:
            mine = any(bucket in own for bucket in empty)
            raise RateLimited(
                _words(names[-1], own[-1].rate) if mine else _ALL_TOO_FAST,
                retry_after_seconds=max(bucket.wait_seconds() for bucket in empty),
            )
        # No one client takes all of the room.
        if is_urgent:
            return
        is_greedy = open_now[client.name] * 2 >= most
        if is_greedy or open_now.total() >= most:
            raise RateLimited(_TOO_MANY_AT_ONCE, retry_after_seconds=1)

    def _bucket(self, client: str, name: str, now: float) -> Bucket:
        bucket = self._of.get((client, name))
        if bucket is None:
            rates = {"batches": self._rates.batches, "halts": HALTS}
            rate = rates.get(name, self._rates.requests)
            bucket = self._of[client, name] = Bucket(rate, now)
        return bucket

    def _tell(self, scope: HTTPScope, name: str, bucket: Bucket) -> None:
        told = f'"{name}";r={bucket.left};t={bucket.full_in_seconds()}'
        scope["state"]["headers"] = [
            (b"ratelimit-policy", self._policy),
            (b"ratelimit", told.encode()),
        ]


_HALT: Final = re.compile(r"/api/v1/(?:accounts/[^/]+/)?halt")
_ALL_TOO_FAST: Final = "All clients together ask more than this service takes: slow down."
_TOO_MANY_AT_ONCE: Final = (
    "Too many requests are being worked on: send this one again in a second."
)


def _words(name: str, rate: int) -> str:
    return (
        f"The client of this API key sends more {name} than it may ({rate:,} a second): slow down, "
        "and put more targets into one batch. Nothing of this request was looked at."
    )


def _is_batch(scope: HTTPScope) -> bool:
    is_post = str(scope["method"]) == "POST"
    return is_post and scope["path"] in {"/api/v1/orders", "/api/v1/orders/preview"}


def _is_stream(scope: HTTPScope) -> bool:
    return str(scope["method"]) == "GET" and scope["path"] == "/api/v1/events"


def _kinds(scope: HTTPScope) -> tuple[str, ...]:
    """Return which tokens a request needs."""
    if _is_halt(scope):
        return ("halts",)
    return ("requests", "batches") if _is_batch(scope) else ("requests",)


def _is_halt(scope: HTTPScope) -> bool:
    return str(scope["method"]) == "POST" and _HALT.fullmatch(scope["path"]) is not None


def _is_stop(scope: HTTPScope) -> bool:
    """Tell whether a request takes risk away: a halt, a flatten, a cancel."""
    is_cancel = str(scope["method"]) == "DELETE" and scope["path"].startswith("/api/v1/orders/")
    is_post = str(scope["method"]) == "POST"
    return is_cancel or (is_post and scope["path"].endswith(("/halt", "/flatten", "/cancel")))
