"""After a halt nothing leaves: `make halts` in small, and at any moment in any world."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from front import BOTH, ORDERS, OTHER_ACCOUNT, orders_of
from front import order as row
from makers import ACCOUNT
from paperdesk.config import Settings
from paperdesk.domain.vocabulary import AccountId
from promises.halts import drill, is_kept
from sim import World, open_world, simulate
from sim.clock import LoopClock
from sim.loop import running_loop
from twsim import Gateway

SYMBOLS: Final = ("AAPL", "MSFT", "AMZN", "META", "TSLA", "NVDA")
HELD: Final = {"AAPL": 50, "MSFT": -30, "AMZN": 20}
QUIET_SECONDS: Final = 90.0  # longer than anything queued may still be sent

targets = st.dictionaries(
    st.sampled_from(SYMBOLS),
    st.tuples(st.integers(-60, 60), st.sampled_from([None, 70.0, 99.5, 130.0])),
    min_size=1,
)


@dataclass(frozen=True)
class Post:
    """A batch: when, to which account, and its targets with their limits."""

    at: float
    account: AccountId
    rows: Mapping[str, tuple[int, float | None]]


@dataclass(frozen=True)
class Stop:
    """A halt: when, of which account (None: of all), and what still leaves."""

    at: float
    account: AccountId | None
    mode: str
    cancels: bool


@dataclass(frozen=True)
class Arrived:
    """An order that came over the wire, and what the account held of its symbol then."""

    symbol: str
    signed: int
    held: int

    @property
    def reduces(self) -> bool:
        """Tell whether it takes something off, and not more than there is."""
        return self.held * self.signed < 0 and abs(self.signed) <= abs(self.held)


@dataclass
class Heard:
    """A witness at a gateway, given to it as its `trace`: every order as it arrives."""

    account: AccountId
    gateway: Gateway | None = None
    orders: list[Arrived] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        """Look, where the frame is an order: it is in the transcript by now."""
        if " -> placeOrder " not in line:
            return
        assert self.gateway is not None, "no order leaves before the service is up"
        fields = self.gateway.frames("placeOrder")[-1].fields
        symbol, side, shares = fields[3], fields[16], int(fields[17])
        held = self.gateway.position(self.account, symbol)
        self.orders.append(Arrived(symbol, shares if side == "BUY" else -shares, held))


moments = st.integers(0, 2_000).map(lambda ms: ms / 1_000)
posts = st.lists(
    st.builds(Post, moments, st.sampled_from(BOTH), targets), min_size=1, max_size=6
)
stops = st.builds(
    Stop,
    moments,
    st.sampled_from([ACCOUNT, OTHER_ACCOUNT, None]),
    st.sampled_from(["all", "reduce_only"]),
    st.booleans(),
)


@pytest.mark.parametrize("mode", ["all", "reduce_only"])
@pytest.mark.timeout(180)
async def test_a_halt_in_the_middle_of_a_batch(tmp_path: Path, mode: str) -> None:
    counts = await drill(tmp_path, 90, mode=mode, ledger_url=None)

    assert is_kept(counts, mode=mode), counts


@pytest.mark.timeout(300)
@settings(max_examples=40)
@given(
    seed=st.integers(0, 1_000),
    pace=st.sampled_from([3, 20, 500]),
    size=st.sampled_from([None, 7]),
    posted=posts,
    stop=stops,
)
def test_no_new_order_leaves_after_the_answer_of_a_halt_but_what_it_lets_through(
    seed: int, pace: int, size: int | None, posted: Sequence[Post], stop: Stop
) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            heard = {account: Heard(account) for account in BOTH}
            second = _gateway(OTHER_ACCOUNT, heard[OTHER_ACCOUNT])
            await stack.enter_async_context(second)
            world = await stack.enter_async_context(_open(second, pace, heard[ACCOUNT]))
            heard[ACCOUNT].gateway = world.gateway
            for gateway in (world.gateway, second):
                for symbol in SYMBOLS:
                    gateway.set_price(symbol, 100)
                    gateway.set_size(symbol, size)
            await _know_contracts(world)
            async with asyncio.TaskGroup() as group:
                for post in posted:
                    group.create_task(_post(world, post))
                halting = group.create_task(_halt(world, stop))
                # Frames that left before the answer arrive a moment later: they are told apart
                # by what the session had written when it came.
                left = await halting
            await asyncio.sleep(QUIET_SECONDS)

            for account in BOTH if stop.account is None else (stop.account,):
                late = heard[account].orders[left[account] :]
                if stop.mode == "all":
                    assert late == []
                assert [order for order in late if not order.reduces] == []

    simulate(seed, scenario)


def _gateway(account: AccountId, heard: Heard) -> Gateway:
    """Return a gateway of one account, on the network of the running loop."""
    loop = running_loop()
    options: dict[str, Any] = {"reserve": loop.network.reserve, **_options(account, heard)}
    heard.gateway = Gateway(seed=loop.seed, clock=LoopClock(loop), **options)
    return heard.gateway


def _options(account: AccountId, heard: Heard) -> dict[str, Any]:
    held = [(account, symbol, shares, 100) for symbol, shares in HELD.items()]
    return {"accounts": {account: 10_000_000}, "positions": held, "trace": heard}


def _open(second: Gateway, pace: int, heard: Heard) -> AbstractAsyncContextManager[World]:
    """Open a world of two lanes: each account behind a gateway of its own."""

    def change(given_settings: Settings) -> Settings:
        (only,) = given_settings.gateways
        first = replace(only, accounts=(ACCOUNT,), max_requests_per_second=pace)
        other = replace(first, accounts=(OTHER_ACCOUNT,), port=second.port)
        return replace(given_settings, gateways=(first, other))

    return open_world(change=change, **_options(ACCOUNT, heard))


async def _know_contracts(world: World) -> None:
    """Let every contract be known to both lanes, so that orders leave from the first moment."""
    async with world.caller() as caller:
        for account in BOTH:
            rows = [row(symbol, HELD.get(symbol, 0)) for symbol in SYMBOLS]
            body = orders_of(*rows, account_id=account)
            answer = await caller.post(f"{ORDERS}?wait=60", json=body)
            assert {shown["status"] for shown in answer.json()["results"]} == {"no_change"}


async def _post(world: World, post: Post) -> None:
    await asyncio.sleep(post.at)
    rows = [
        row(symbol, shares, **({} if limit is None else {"limit_price": limit}))
        for symbol, (shares, limit) in post.rows.items()
    ]
    async with world.caller() as caller:
        body = orders_of(*rows, account_id=post.account)
        answer = await caller.post(f"{ORDERS}?wait=1", json=body)
    assert answer.status_code in {200, 409, 429}, answer.text


async def _halt(world: World, stop: Stop) -> dict[AccountId, int]:
    """Halt; return how many orders had left for each account when the answer came."""
    await asyncio.sleep(stop.at)
    path = "/api/v1/halt" if stop.account is None else f"/api/v1/accounts/{stop.account}/halt"
    body = {"reason": "drill", "mode": stop.mode, "cancel_working": stop.cancels}
    async with world.caller("admin") as caller:
        answer = await caller.post(path, json=body)
    assert answer.status_code == 200, answer.text
    lanes = world.service.desk._lanes
    return {account: lanes[account].broker.orders_sent(account) for account in BOTH}
