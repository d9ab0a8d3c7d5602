"""A simulated world to race in, and what was seen of it.

Owns: Track: a client of the service, the newest frames on the wire in words, and the checks that
hold for every race: no reference is sent twice, never two live orders, the books agree. Knows no
race.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx

from front import ORDERS
from makers import ACCOUNT
from paperdesk.config import Settings
from paperdesk.desk.lane import Lane
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor
from sim import World, open_world
from sim.clock import START

ORDER_FIELDS = {"action": 16, "quantity": 17, "type": 18, "ref": 26}


@dataclass
class Track:
    """A world, and a client in it."""

    world: World
    caller: httpx.AsyncClient

    async def post(self, quantity: int, symbol: str = "AAPL", **more: Any) -> dict[str, Any]:
        """Post one target; return the answer, which is the batch's first."""
        wait = more.pop("wait", 1)
        key = more.pop("key", None)
        row = {"symbol": symbol, "quantity": quantity, **more}
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.caller.post(
            f"{ORDERS}?wait={wait}", json={"orders": [row]}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def row(self, batch: dict[str, Any], wait: int = 0) -> dict[str, Any]:
        """Return the first row of a batch as it is now, or when it is final."""
        answer = await self.caller.get(f"{ORDERS}/{batch['batch_id']}?wait={wait}")
        row: dict[str, Any] = answer.json()["orders"][0]
        return row

    async def target(self, symbol: str = "AAPL") -> dict[str, Any]:
        """Return how far the newest target of a symbol has come."""
        answer = await self.caller.get("/api/v1/targets")
        (found,) = (t for t in answer.json()["targets"] if t["symbol"] == symbol)
        return dict(found)

    @property
    def lane(self) -> Lane:
        """The desk's lane of the account."""
        return self.world.service.desk._lanes[ACCOUNT]

    async def second_owner(self) -> None:
        """Open the service's ledger once more. Raises LedgerUnavailable."""
        url = f"sqlite:///{self.world.ledger}"
        ledger = await SqlLedger.open(url, InlineExecutor(), self.world.clock)
        await ledger.close()

    def position(self, symbol: str = "AAPL") -> int:
        """Return what twsim says the account holds."""
        return self.world.gateway.position(ACCOUNT, symbol)

    def wire(self) -> list[str]:
        """Return the orders and cancels that left, in words and in their order."""
        words = []
        for frame in self.world.gateway.transcript():
            if frame.name not in {"placeOrder", "cancelOrder"}:
                continue
            if frame.name == "cancelOrder":
                words.append("cancel")
            else:
                action, quantity = (
                    frame.fields[ORDER_FIELDS[name]] for name in ("action", "quantity")
                )
                words.append(f"{action} {quantity}")
        return words

    def sent_twice(self) -> list[str]:
        """Return the references that more than one placeOrder frame carried."""
        refs = Counter(
            frame.fields[ORDER_FIELDS["ref"]]
            for frame in self.world.gateway.frames("placeOrder")
        )
        return [ref for ref, frames in refs.items() if frames > 1]

    async def settled(self, seconds: float = 120) -> None:
        """Wait until every batch is final, within so many virtual seconds."""
        async with asyncio.timeout(seconds):
            while await self.open_batches():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.5)

    async def open_batches(self) -> list[str]:
        """Return the batches that are not final."""
        listed = (await self.caller.get(f"{ORDERS}?limit=200")).json()["batches"]
        left = []
        for entry in listed:
            batch = (await self.caller.get(f"{ORDERS}/{entry['batch_id']}")).json()
            if not batch["summary"]["final"]:
                left.append(entry["batch_id"])
        return left

    async def agrees(self) -> None:
        """Check that the service's books are twsim's, execution by execution."""
        shown = (await self.caller.get("/api/v1/positions?allow_stale=true")).json()
        for held in shown["positions"]:
            assert held["quantity"] == self.position(held["symbol"]), held
        assert self.sent_twice() == []


@asynccontextmanager
async def open_track(
    *,
    start: datetime = START,
    desk: dict[str, Any] | None = None,
    pace: int | None = None,
    **gateway_options: Any,
) -> AsyncIterator[Track]:
    """Give a world with the service up, and a caller in it."""

    def change(settings: Settings) -> Settings:
        (only,) = settings.gateways
        return replace(
            settings,
            gateways=(replace(only, max_requests_per_second=pace or 1_000),),
            desk=replace(settings.desk, **(desk or {})),
        )

    async with (
        open_world(start=start, change=change, **gateway_options) as world,
        world.caller("admin") as caller,
    ):
        yield Track(world, caller)
