"""Who calls: the API key in the header, before anything else is looked at.

Owns: the list of open paths, the 401, and the client of a request with where it came from. Knows
nothing of scopes, which the endpoint judges, or of which keys there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, Protocol, cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from paperdesk.api.attempts import Attempts
from paperdesk.domain.client import Client, Origin
from paperdesk.errors import RateLimited, Unauthorized

OPEN_PATHS: Final = frozenset({"/", "/health", "/livez", "/readyz", "/docs", "/openapi.json"})
OPEN_PREFIXES: Final = ("/problems/", "/assets/")

# From which address a call came.
SourceOf = Callable[[HTTPScope], str]


class Keys(Protocol):
    """Whoever knows the keys."""

    async def client_of(self, presented: bytes) -> Client | None:
        """Return whose key was presented, None where it is nobody's. Raises LedgerUnavailable."""


def is_open(path: str) -> bool:
    """Tell whether the (normalised) path is served without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


class Authentication:
    """ASGI middleware that lets only known keys through, and puts the client into the scope."""

    def __init__(
        self, app: ASGIApp, keys: Keys, attempts: Attempts, source_of: SourceOf
    ) -> None:
        self._app = app
        self._keys = keys
        self._attempts = attempts
        self._source_of = source_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises Unauthorized and RateLimited."""
        within = cast("HTTPScope", scope)
        within["user"] = None
        if not is_open(within["path"]):
            within["user"] = await self._client(within)
            # Whoever reads the body asks again: a key may be revoked while it comes.
            within["state"]["require_key"] = partial(self._client, within)
        await self._app(scope, receive, send)

    async def _client(self, scope: HTTPScope) -> Client:
        presented, source = _presented(scope), self._source_of(scope)
        client = await self._keys.client_of(presented)
        if client is None:
            raise self._refusal(source)
        request_id = scope["state"].get("request_id")
        return replace(client, origin=Origin(client.origin.key_id, source, request_id))

    def _refusal(self, source: str) -> Unauthorized | RateLimited:
        seconds = self._attempts.failed(source)
        if seconds is None:
            return Unauthorized(
                "The API key is unknown. Check the header X-API-Key: it may have been "
                "cut, revoked, or belong to another service."
            )
        return RateLimited(
            "Too many unknown API keys came from this address in the last minute. A known key "
            "still opens.",
            retry_after_seconds=seconds,
        )


def _presented(scope: HTTPScope) -> bytes:
    """Return the key in the headers. Raises Unauthorized where there is not exactly one."""
    values = [
        value.strip() for name, value in scope["headers"] if name.lower() == b"x-api-key"
    ] or [
        value.strip()[len(b"bearer ") :].strip()
        for name, value in scope["headers"]
        if name.lower() == b"authorization" and value.strip()[:7].lower() == b"bearer "
    ]
    if len(values) != 1 or not values[0]:
        raise Unauthorized("Send your API key in the header X-API-Key, once.")
    return values[0]
