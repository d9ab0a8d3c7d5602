"""Two clients who do not agree: one live order at the broker, and the newest target wins."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from front import ORDERS, orders_of
from front import order as row
from makers import ACCOUNT
from promises.books import broker_book, differences, ledger_book
from promises.watch import Watch
from sim import World, open_world, simulate

SYMBOL: Final = "AAPL"
PRICE: Final = 100
SETTLED_AFTER_SECONDS: Final = 90.0
RIVALS: Final = ("trader", "rival")

gaps = st.lists(st.integers(0, 1_500).map(lambda ms: ms / 1_000), min_size=2, max_size=12)
shares = st.integers(-100, 100)
limits = st.sampled_from([None, 99.5, 100.5, 70, 130])


@dataclass(frozen=True)
class Market:
    """What the broker does meanwhile: shares at each price, and whether fills are held."""

    size: int | None
    is_held: bool


markets = st.builds(Market, st.sampled_from([None, 3, 20]), st.booleans())


@pytest.mark.timeout(300)
@settings(max_examples=20)
@given(
    seed=st.integers(0, 1_000),
    pauses=gaps,
    pair=st.lists(st.tuples(shares, limits), min_size=2, max_size=2, unique_by=lambda t: t[0]),
    market=markets,
)
def test_two_clients_in_turn_end_on_the_newest_with_one_live_order_at_a_time(
    seed: int,
    pauses: Sequence[float],
    pair: Sequence[tuple[int, float | None]],
    market: Market,
) -> None:
    watch = Watch()

    async def scenario() -> None:
        async with open_world(trace=watch) as world:
            watch.gateway = world.gateway
            _open_market(world, market)
            await _alternate(world, pauses, pair)
            world.gateway.release_fills()
            world.gateway.set_size(SYMBOL, None)
            newest = await _ask_for_the_newest_at_market(world)
            await asyncio.sleep(SETTLED_AFTER_SECONDS)

            world.gateway.check_position(ACCOUNT, SYMBOL, newest)
            broker, ledger = broker_book(world.gateway), ledger_book(world.ledger)
            assert differences(broker, ledger) == []
            assert watch.looks > 0
            assert watch.live_max <= 1

    simulate(seed, scenario)


def _open_market(world: World, market: Market) -> None:
    world.gateway.set_price(SYMBOL, PRICE)
    world.gateway.set_size(SYMBOL, market.size)
    if market.is_held:
        world.gateway.hold_fills(SYMBOL)


async def _alternate(
    world: World, pauses: Sequence[float], pair: Sequence[tuple[int, float | None]]
) -> None:
    """Let each client post its own target in turn, without waiting for the other's answer."""
    turns = itertools.cycle(zip(RIVALS, pair, strict=True))
    async with asyncio.TaskGroup() as group:
        for pause, (name, (quantity, limit)) in zip(pauses, turns, strict=False):
            price = {} if limit is None else {"limit_price": limit}
            group.create_task(_post(world, name, row(SYMBOL, quantity, **price)))
            await asyncio.sleep(pause)


async def _post(world: World, name: str, target: dict[str, Any]) -> httpx.Response:
    async with world.caller(name) as caller:
        answer = await caller.post(ORDERS, json=orders_of(target))
    assert answer.status_code == 200, answer.text
    return answer


async def _ask_for_the_newest_at_market(world: World) -> int:
    """Post the newest target once more, without the limit that may never trade; return it."""
    async with world.caller("auditor") as auditor:
        (newest, *_) = (await auditor.get(ORDERS)).json()["batches"]
        batch = (await auditor.get(f"{ORDERS}/{newest['batch_id']}")).json()
    target = int(batch["orders"][0]["desired_pos"])
    await _post(world, RIVALS[0], row(SYMBOL, target))
    return target
