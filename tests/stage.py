"""A desk in virtual time, asked over HTTP by several clients.

Owns: how a test of the contract gets one: `on_stage` runs it in a world of its own, with the
settings it needs. Knows no sentence of the contract.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx

from front import ORDERS
from makers import ACCOUNT
from paperdesk.config import Settings
from paperdesk.domain.limits import Limits
from races.track import Track
from sim import open_world, simulate
from sim.clock import START

ACCOUNTS = "/api/v1/accounts"


@dataclass
class Stage(Track):
    """A world, the admin's calls in it, and a caller by any other name."""

    def of(self, name: str) -> Track:
        """Return the same world by another client of the service."""
        return Track(self.world, self.world.caller(name))

    async def batch_of(
        self, *rows: dict[str, Any], wait: float = 1, **more: Any
    ) -> dict[str, Any]:
        """Post rows; return the answer."""
        body = {"orders": list(rows), **more}
        answer = await self.caller.post(f"{ORDERS}?wait={wait}", json=body)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def shown(self, batch: dict[str, Any], wait: float = 0) -> dict[str, Any]:
        """Return a batch as it is now, or when it is final."""
        answer = await self.caller.get(f"{ORDERS}/{batch['batch_id']}?wait={wait}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def post_late(self, **terms: Any) -> dict[str, Any]:
        """Buy 100 AAPL by an order that the gateway hears a minute later; return its batch.

        When this returns nobody counts on it any more, with `resolve_seconds` of 3. What is asked
        of open orders stays unanswered, and nothing fills, until the test ends both.
        """
        gateway = self.world.gateway
        gateway.hold_fills("AAPL")
        await self.post(1, "MSFT")
        gateway.inject("Q02", times=0, of="open")
        gateway.inject("O03", symbol="AAPL", delay=60)
        gateway.inject("C03", symbol="AAPL", times=0)
        batch = await self.post(100, wait=0, **terms)
        await asyncio.sleep(40)
        return batch

    async def withdraw(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        """Withdraw a batch; return the results."""
        answer = await self.caller.delete(f"{ORDERS}/{batch['batch_id']}")
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    async def account(self) -> dict[str, Any]:
        """Return what /api/v1/accounts says of the test account."""
        listed = (await self.caller.get(ACCOUNTS)).json()["accounts"]
        (found,) = (entry for entry in listed if entry["account_id"] == ACCOUNT)
        return dict(found)

    async def held(self, symbol: str = "AAPL") -> int:
        """Return the position as the service shows it."""
        shown = (await self.caller.get("/api/v1/positions")).json()["positions"]
        return sum(row["quantity"] for row in shown if row["symbol"] == symbol)

    async def operate(self, word: str, **body: Any) -> httpx.Response:
        """Halt, resume or accept a position of the test account."""
        return await self.caller.post(f"{ACCOUNTS}/{ACCOUNT}/{word}", json=body)

    async def until_up(self, *, up: bool = True, seconds: float = 60) -> None:
        """Wait until /health shows the test account so."""
        async with asyncio.timeout(seconds):
            while await self._is_up() is not up:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.1)

    async def _is_up(self) -> bool:
        shown = (await self.caller.get("/health")).json()["accounts"]
        return bool(shown[ACCOUNT])


Play = Callable[[Stage], Awaitable[None]]


@asynccontextmanager
async def open_stage(
    *,
    start: datetime = START,
    desk: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    **gateway_options: Any,
) -> AsyncIterator[Stage]:
    """Give a world with the service up; `limits` are the test account's."""

    def change(settings: Settings) -> Settings:
        (only,) = settings.gateways
        return replace(
            settings,
            gateways=(replace(only, max_requests_per_second=1_000),),
            desk=replace(settings.desk, **(desk or {})),
            limits={ACCOUNT: Limits(**limits)} if limits else {},
        )

    async with (
        open_world(start=start, change=change, **gateway_options) as world,
        world.caller("admin") as caller,
    ):
        yield Stage(world, caller)


def on_stage(seed: int = 1, **options: Any) -> Callable[[Play], Callable[[], None]]:
    """Let a test be played in a world of its own, in no time."""

    def make(play: Play) -> Callable[[], None]:
        async def whole() -> None:
            async with open_stage(**options) as stage:
                await play(stage)
                assert stage.sent_twice() == []

        @functools.wraps(play)
        def test() -> None:
            simulate(seed, whole)

        del test.__wrapped__  # pytest would look for its fixtures
        return test

    return make
