"""A gateway that talks nonsense to the service: `make fuzz-service FUZZ_SECONDS=60`.

Owns: what a service goes through in one seed, and what must be true of it afterwards: it lives,
its memory is bounded, and an order whose line is honest again is filled and booked.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import httpx

from front import ORDERS, order, orders_of
from fuzz.evil_line import EvilLine
from makers import ACCOUNT
from promises.showing import be_quiet, say, show
from sim import World, open_world, simulate

SECONDS: Final = 60.0
SYMBOLS: Final = ("AAPL", "MSFT", "NVDA")
LATER: Final = "KO"  # nobody speaks of it before the line is honest again
SHARES: Final = 7
POSTS: Final = 6
PAUSE_SECONDS: Final = (1.0, 20.0)
REST_SECONDS: Final = 240.0  # what is unknown is found out by then
KEPT_BYTES_MAX: Final = 18 << 20  # one frame of 16 MiB, and what came with its end
REASON: Final = {"reason": "the gateway is honest again"}
API: Final = f"/api/v1/accounts/{ACCOUNT}"


@dataclass(slots=True)
class Fate:
    """What a service went through, and every sentence that should not be true."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def run(seed: int) -> Fate:
    """Return what becomes of a service in this seed. The same seed gives the same run."""
    fate = Fate(seed)
    try:
        simulate(seed, lambda: _scenario(fate))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the find
        fate.wrong.append(f"the service died: {error!r}")
    return fate


async def _scenario(fate: Fate) -> None:
    random = Random(f"service fuzz {fate.seed}")
    line = EvilLine(random)
    async with (
        line.listening(),
        open_world(change=line.lead) as world,
        world.caller("admin") as caller,
    ):
        line.look = lambda: _kept_bytes(world)
        await caller.post(ORDERS, json=orders_of(order()))
        await _suffer(line, caller, random)
        await _demand_a_later_execution(world, caller, fate)
    if line.kept_bytes > KEPT_BYTES_MAX:
        fate.wrong.append(f"{line.kept_bytes} bytes of a frame without end were kept")
    fate.counts += line.counts


def _kept_bytes(world: World) -> int:
    """Return how much of an unfinished frame the service keeps."""
    session: Any = world.service.desk._lanes[ACCOUNT].broker
    return 0 if session._link is None else len(session._link.ib.client._data)


async def _suffer(line: EvilLine, caller: httpx.AsyncClient, random: Random) -> None:
    """Post targets while the line is evil."""
    line.is_evil = True
    for _ in range(POSTS):
        row = order(random.choice(SYMBOLS), random.randint(-100, 100))
        await caller.post(f"{ORDERS}?wait=0", json=orders_of(row))
        await asyncio.sleep(random.uniform(*PAUSE_SECONDS))
    line.is_evil = False


async def _demand_a_later_execution(
    world: World, caller: httpx.AsyncClient, fate: Fate
) -> None:
    await asyncio.sleep(REST_SECONDS)
    world.check()
    health = (await caller.get("/health")).json()
    if "problem" in health:
        fate.counts["guards latched"] += 1  # somebody named an account that is not of paper
        return
    await _put_right(caller)
    answer = await caller.post(f"{ORDERS}?wait=30", json=orders_of(order(LATER, SHARES)))
    if answer.status_code != 200:
        fate.wrong.append(f"a later order is refused: {answer.status_code} {answer.text[:300]}")
        return
    (row,) = answer.json()["results"]
    booked = await _booked(caller)
    held = world.gateway.position(ACCOUNT, LATER)
    fate.counts["later executions checked"] += 1
    if (row["status"], booked, held) != ("Filled", SHARES, SHARES):
        fate.wrong.append(f"a later order: {row}; {booked} booked, {held} at the gateway")


async def _put_right(caller: httpx.AsyncClient) -> None:
    """Do what a person does after nonsense: it may have halted or locked the account."""
    for word, body in (("resume", REASON), ("accept-position", {"all": True})):
        await caller.post(f"{API}/{word}", json=body)


async def _booked(caller: httpx.AsyncClient) -> int:
    await asyncio.sleep(1)
    shown: dict[str, Any] = (await caller.get(f"/api/v1/executions?symbol={LATER}")).json()
    return sum(row["quantity"] for row in shown["executions"])


def main(seconds: float = SECONDS, seed: int | None = None) -> int:
    """Run seeds until the time is up, or the one; print what they came to."""
    be_quiet()
    began = time.monotonic()
    first = seed if seed is not None else int(time.time())
    counts, harmed, done = Counter[str](), 0, 0
    while not done or (seed is None and time.monotonic() - began < seconds):
        fate = run(first + done)
        counts += fate.counts
        harmed += bool(fate.wrong)
        for words in fate.wrong:
            say(f"harm done: python tests/fuzz/service_fuzz.py 0 {fate.seed}: {words}")
        done += 1
    figures = dict(sorted(counts.items())) | {"services": done, "services harmed": harmed}
    show(f"Services behind an evil line, from seed {first}", figures)
    return 1 if harmed else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else SECONDS, int(given[1]) if given[1:] else None))
