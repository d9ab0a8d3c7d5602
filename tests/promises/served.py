"""A service on real sockets, for many clients at once.

Owns: how it is started on a gateway of its own, with a key for each client, behind uvicorn. Knows
nothing of what the clients do.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn

from front import client_of
from harness import UP_WITHIN_SECONDS, settings_for
from makers import ACCOUNT
from paperdesk.bootstrap import running
from paperdesk.config import ClientSettings
from paperdesk.desk.desk import Desk
from paperdesk.domain.vocabulary import Scope
from promises.watch import Watch
from twsim import Gateway

SYMBOLS: Final = (
    "AAPL", "MSFT", "AMZN", "META", "TSLA", "NVDA", "NFLX", "GOOGL", "AMD", "INTC",
    "IBM", "ORCL", "CSCO", "QCOM", "KO", "PEP", "JPM", "BAC", "WMT", "DIS",
)  # fmt: skip
PRICE: Final = 100
FRAMES_MAX: Final = 1_000_000  # none may be forgotten: they are counted at the end
AUDITOR: Final = "auditor"
TIMEOUT_SECONDS: Final = 90.0


@dataclass(frozen=True)
class Served:
    """A service that listens, and what is behind it."""

    url: str
    gateway: Gateway
    ledger: Path
    watch: Watch
    desk: Desk

    def caller(self, name: str) -> httpx.AsyncClient:
        """Return a client with the key of `name`, with connections of its own."""
        # Without TLS there is nothing to verify, and the trust store takes long to load.
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"X-API-Key": f"key-of-{name}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            verify=False,  # noqa: S501
        )


@asynccontextmanager
async def open_served(home: Path, clients: Sequence[str]) -> AsyncIterator[Served]:
    """Serve `clients`, and an auditor, on a free port. Every symbol starts at PRICE."""
    watch = Watch()
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            Gateway(accounts={ACCOUNT: 10_000_000}, trace=watch, frames_max=FRAMES_MAX)
        )
        watch.gateway = gateway
        for symbol in SYMBOLS:
            gateway.set_price(symbol, PRICE)
        keys = [client_of(name, Scope.TRADE) for name in clients]
        keys.append(client_of(AUDITOR, Scope.AUDIT))
        yield await stack.enter_async_context(serve(home, gateway, keys, watch=watch))


@asynccontextmanager
async def serve(
    home: Path,
    gateway: Gateway,
    keys: Sequence[ClientSettings],
    *,
    watch: Watch | None = None,
    ledger_url: str | None = None,
) -> AsyncIterator[Served]:
    """Serve whoever has a key, on a gateway that runs; a second time on what is there by then."""
    async with AsyncExitStack() as stack:
        settings = settings_for(gateway, home, ledger_url)
        settings = replace(settings, clients=tuple(keys))
        service = await stack.enter_async_context(running(settings, home=home))
        assert await service.desk.until_up(UP_WITHIN_SECONDS)
        url = await stack.enter_async_context(listening(service.app))
        yield Served(url, gateway, settings.ledger.path, watch or Watch(), service.desk)
        assert not service.lanes.done()


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Let an application be asked over HTTP; yield its address."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.001)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving
