"""Who calls: the API key in the header, before anything else is looked at.

Owns: the comparison of keys, the list of open paths, and the 401. Knows nothing of scopes: they
are judged by the endpoint.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from paperdesk.domain.client import Client
from paperdesk.errors import Unauthorized

OPEN_PATHS: Final = frozenset({"/", "/health", "/livez", "/readyz", "/docs", "/openapi.json"})
OPEN_PREFIXES: Final = ("/problems/",)


@dataclass(frozen=True, slots=True)
class Key:
    """The sha256 of an API key, in lowercase hex, and whose it is."""

    client: Client
    sha256: str


class Keys(Protocol):
    """Whoever knows the keys."""

    def client_of(self, presented: bytes) -> Client | None:
        """Return whose key was presented, None where it is nobody's."""


class KeyRing:
    """A fixed set of keys."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def client_of(self, presented: bytes) -> Client | None:
        """Return whose key was presented, after comparing with every one of them.

        Neither a comparison nor the walk ends early, so that the time tells nothing.
        """
        digest = hashlib.sha256(presented).hexdigest().encode()
        found: Client | None = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.sha256.encode()):
                found = key.client
        return found


def is_open(path: str) -> bool:
    """Tell whether the (normalised) path is served without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


class Authentication:
    """ASGI middleware that lets only known keys through, and puts the client into the scope."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises Unauthorized."""
        client: Client | None = None
        if not is_open(scope["path"]):
            client = self._keys.client_of(_presented(scope))
            if client is None:
                raise Unauthorized(
                    "The API key is unknown. Check the header X-API-Key: it may have been "
                    "cut, or belong to another service."
                )
        scope["user"] = client
        await self._app(scope, receive, send)


def _presented(scope: HTTPScope | Scope) -> bytes:
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
