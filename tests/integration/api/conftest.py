from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
import uvicorn
from litestar.types import ASGIApp

from paperdesk.api.app import create_app
from paperdesk.api.auth import Key, KeyRing
from paperdesk.api.endpoint import Accounts
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope
from support.desks import CountingRandom, DeskDouble, FixedClock

ACCOUNTS: Final = Accounts(
    frozenset({AccountId("DU8730189"), AccountId("DUP203550")}), AccountId("DU8730189")
)


def make_key(name: str, scope: Scope, *accounts: str) -> Key:
    usable = frozenset(AccountId(account) for account in accounts) or ACCOUNTS.configured
    client = Client(ClientName(name), frozenset({scope}), usable)
    return Key(client, hashlib.sha256(f"key-of-{name}".encode()).hexdigest())


KEYS: Final = KeyRing(
    [
        make_key("trader", Scope.TRADE),
        make_key("reader", Scope.READ),
        make_key("other", Scope.TRADE, "DUP203550"),
    ]
)


@pytest.fixture
def desk() -> DeskDouble:
    return DeskDouble()


@pytest.fixture
def app(desk: DeskDouble) -> ASGIApp:
    return create_app(
        desk, keys=KEYS, accounts=ACCOUNTS, clock=FixedClock(), random=CountingRandom()
    )


@pytest.fixture
async def anyone(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a key, without a socket between."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]  # ASGI, in other words
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def address(app: ASGIApp) -> AsyncIterator[tuple[str, int]]:
    """Serve the application on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, ws="none", lifespan="on", loop="asyncio")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.001)
    yield listener.getsockname()
    server.should_exit = True
    await serving
    listener.close()


@pytest.fixture
async def remote(address: tuple[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with a key, over a real socket."""
    url = f"http://127.0.0.1:{address[1]}"
    # Without TLS there is nothing to verify, and the trust store takes long to load.
    async with httpx.AsyncClient(base_url=url, verify=False, trust_env=False) as client:  # noqa: S501
        client.headers["X-API-Key"] = "key-of-trader"
        yield client


@pytest.fixture
async def trader(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    anyone.headers["X-API-Key"] = "key-of-trader"
    return anyone
