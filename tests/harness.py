"""A service and a simulated gateway in the test's hand.

Owns: how the tests start the two, over real sockets and with a real database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from emptied import empty_ledger
from makers import ACCOUNT
from paperdesk.bootstrap import running
from paperdesk.config import (
    DeskSettings,
    GatewaySettings,
    LedgerSettings,
    RateSettings,
    Settings,
)
from paperdesk.desk.desk import Desk
from paperdesk.desk.ports import Submission
from paperdesk.domain.batch import Batch, Target
from paperdesk.domain.client import Client
from paperdesk.domain.views import Positions, Preview
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope
from twsim import Gateway

UP_WITHIN_SECONDS = 10.0
# What may be asked a second has its own tests; others should not be refused.
UNLIMITED_RATES = RateSettings(*[1_000_000] * 5)


def settings_for(gateway: Gateway, home: Path, ledger_url: str | None = None) -> Settings:
    """Return settings that name the gateway and a ledger, in `home` where none is given.

    That is there by then, and migrated.
    """
    path = home / "ledger.db"
    if ledger_url is None and not path.exists():
        path.write_bytes(empty_ledger())
    return Settings(
        default_account=ACCOUNT,
        ledger=LedgerSettings(ledger_url or f"sqlite:///{path}"),
        gateways=(GatewaySettings(accounts=(ACCOUNT,), host=gateway.host, port=gateway.port),),
        desk=DeskSettings(),
        rates=UNLIMITED_RATES,
    )


def client_named(name: str, *scopes: Scope) -> Client:
    """Return a client of the test account."""
    given = frozenset(scopes or {Scope.TRADE})
    return Client(ClientName(name), given, frozenset({ACCOUNT}))


@dataclass
class House:
    """A desk at work, with its gateway's door."""

    desk: Desk
    gateway: Gateway
    client: Client

    async def submit(
        self,
        *targets: Target,
        wait_seconds: float | None = None,
        account: AccountId = ACCOUNT,
    ) -> Batch:
        """Submit targets and return the first answer."""
        return await self.desk.submit(
            self.client, Submission(account, targets), wait_seconds=wait_seconds
        )

    async def preview(self, *targets: Target) -> Preview:
        """Return what would be sent now."""
        return await self.desk.preview(self.client, Submission(ACCOUNT, targets))

    async def trade(self, *targets: Target) -> Batch:
        """Submit targets and return the batch when all is final and paid."""
        batch = await self.submit(*targets)
        return await self.final(batch)

    async def final(self, batch: Batch) -> Batch:
        """Return the batch when all is final and paid."""
        done = await self.desk.batch(self.client, batch.head.batch_id, wait_seconds=10)
        assert done.is_final, [row.status for row in done.rows]
        return done

    async def until_down(self) -> None:
        """Wait until the service knows that its gateway is gone."""
        async with asyncio.timeout(UP_WITHIN_SECONDS):
            while self.desk.health().accounts[ACCOUNT]:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)

    async def positions(self) -> dict[str, int]:
        """Return the positions that the service shows."""
        shown: Positions = await self.desk.accounts.positions(ACCOUNT, allow_stale=False)
        return {holding.symbol: holding.quantity for holding in shown.holdings}

    def orders_sent(self) -> list[tuple[str, str, str, str, str]]:
        """Return symbol, side, quantity, type and limit of every order on the wire."""
        sent = [frame.fields for frame in self.gateway.frames("placeOrder")]
        return [(f[3], f[16], f[17], f[18], f[19]) for f in sent]


@asynccontextmanager
async def open_house(
    home: Path,
    *,
    gateway: Gateway | None = None,
    positions: tuple[tuple[str, str, int, Decimal], ...] = (),
    desk: DeskSettings | None = None,
    per_second: int = 45,
    ledger_url: str | None = None,
) -> AsyncIterator[House]:
    """Run a service on a gateway; start a gateway of its own where none is given."""
    if gateway is None:
        own = Gateway(accounts={ACCOUNT: 1_000_000}, positions=positions)
        async with (
            own,
            open_house(
                home, gateway=own, desk=desk, per_second=per_second, ledger_url=ledger_url
            ) as house,
        ):
            yield house
        return
    settings = settings_for(gateway, home, ledger_url)
    (only,) = settings.gateways
    settings = replace(
        settings,
        desk=desk or settings.desk,
        gateways=(replace(only, max_requests_per_second=per_second),),
    )
    async with running(settings, home=home) as service:
        assert await service.desk.until_up(UP_WITHIN_SECONDS)
        yield House(service.desk, gateway, client_named("client1"))
