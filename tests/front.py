"""A service behind HTTP, its gateway and its callers, in the test's hand.

Owns: how the tests of the API start them, a client for each scope, and the looks at the wire and
at the ledger's file that do not ask the service.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
from litestar.types import ASGIApp

from harness import UP_WITHIN_SECONDS, settings_for
from makers import ACCOUNT
from paperdesk.bootstrap import running
from paperdesk.config import ClientSettings, DeskSettings, RateSettings, ServerSettings
from paperdesk.desk.desk import Desk
from paperdesk.desk.ports import Clock
from paperdesk.domain.client import Client
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope
from twsim import Gateway

ORDERS: Final = "/api/v1/orders"
BODY: Final = b'{"orders": [{"symbol": "AAPL", "quantity": 100}]}'
OTHER_ACCOUNT: Final = AccountId("DUP203550")
BOTH: Final = (ACCOUNT, OTHER_ACCOUNT)
PER_SECOND: Final = 1_000  # pacing has its own tests; these should not wait for it


def client_of(name: str, scope: Scope, *accounts: AccountId) -> ClientSettings:
    """Return a client whose key is `key-of-` and its name."""
    client = Client(ClientName(name), frozenset({scope}), frozenset(accounts or BOTH))
    return ClientSettings(client, hashlib.sha256(f"key-of-{name}".encode()).hexdigest())


CLIENTS: Final = (
    client_of("trader", Scope.TRADE),
    client_of("rival", Scope.TRADE),
    client_of("reader", Scope.READ),
    client_of("auditor", Scope.AUDIT),
    client_of("admin", Scope.ADMIN),
    client_of("other", Scope.TRADE, OTHER_ACCOUNT),
    client_of("warden", Scope.ADMIN, OTHER_ACCOUNT),
)


@dataclass
class Front:
    """A service at work: its application, its gateway, and the file of its ledger."""

    app: ASGIApp
    desk: Desk
    gateway: Gateway
    ledger: Path

    def caller(self, name: str | None = None) -> httpx.AsyncClient:
        """Return who calls with the key of `name`, without a socket between."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)  # type: ignore[arg-type]  # ASGI, in other words
        headers = {} if name is None else {"X-API-Key": f"key-of-{name}"}
        return httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers, timeout=60
        )

    def sent(self) -> int:
        """Return how many orders went over the wire."""
        return len(self.gateway.frames("placeOrder"))

    def stored(self) -> int:
        """Return how many batches the ledger holds."""
        with closing(self._file()) as file:
            return int(file.execute("SELECT count(*) FROM batches").fetchone()[0])

    def execute(self, statement: str, *values: object) -> None:
        """Do something to the ledger's file behind the service's back."""
        with closing(self._file()) as file:
            file.execute(statement, values)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the ledger from being written, by another writer that does not let go."""
        with closing(self._file()) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")

    @contextmanager
    def without(self, table: str) -> Iterator[None]:
        """Let whatever needs a table fail at once."""
        self.execute(f"ALTER TABLE {table} RENAME TO away")
        yield
        self.execute(f"ALTER TABLE away RENAME TO {table}")

    async def until_health(self, *, up: bool) -> None:
        """Return when /health shows every account so."""

        def is_so() -> bool:
            return set(self.desk.health().accounts.values()) == {up}

        await until(is_so)

    def _file(self) -> sqlite3.Connection:
        return sqlite3.connect(self.ledger, isolation_level=None, timeout=10)


@asynccontextmanager
async def open_front(
    home: Path,
    *,
    gateway: Gateway | None = None,
    of_other_account: Gateway | None = None,
    desk: DeskSettings | None = None,
    limits: Mapping[AccountId, Limits] | None = None,
    rates: RateSettings | None = None,
    server: ServerSettings | None = None,
    per_second: int = PER_SECOND,
    clock: Clock | None = None,
) -> AsyncIterator[Front]:
    """Run a service on a gateway; start a gateway of its own where none is given.

    Both accounts are behind it, unless the second has a gateway `of_other_account`.
    """
    async with AsyncExitStack() as stack:
        if gateway is None:
            gateway = await stack.enter_async_context(Gateway())
        settings = settings_for(gateway, home)
        (first,) = settings.gateways
        first = replace(first, accounts=BOTH, max_requests_per_second=per_second)
        gateways = [first]
        if of_other_account is not None:
            second = replace(first, accounts=(OTHER_ACCOUNT,), port=of_other_account.port)
            gateways = [replace(first, accounts=(ACCOUNT,)), second]
        settings = replace(
            settings,
            gateways=tuple(gateways),
            clients=CLIENTS,
            desk=desk or settings.desk,
            limits=limits or {},
            rates=rates or settings.rates,
            server=server or settings.server,
        )
        service = await stack.enter_async_context(running(settings, home=home, clock=clock))
        assert await service.desk.until_up(UP_WITHIN_SECONDS)
        yield Front(service.app, service.desk, gateway, settings.ledger.path)


async def until(is_so: Callable[[], bool], within_seconds: float = 10) -> None:
    """Return once `is_so`; fail where it does not come to be."""
    async with asyncio.timeout(within_seconds):
        while not is_so():  # noqa: ASYNC110 - what is waited for offers no event
            await asyncio.sleep(0.005)


def code(response: httpx.Response) -> tuple[int, str]:
    """Return status and code of a problem, once it is seen to have a problem's shape."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "code", "errors", "error"}
    assert body["status"] == response.status_code
    assert body["type"] == f"/problems/{body['code']}"
    assert body["detail"] == body["error"]
    return response.status_code, body["code"]


def orders_of(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body of a batch."""
    return {"orders": list(rows), **more}


def order(symbol: str = "AAPL", quantity: int = 100, **more: Any) -> dict[str, Any]:
    """Return one order of a body."""
    return {"symbol": symbol, "quantity": quantity, **more}
