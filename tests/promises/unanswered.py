"""Orders whose line drops before an answer: `make unanswered`.

Owns: what happens in one seed, what is asked of it ten virtual minutes later, and the table over
many seeds. A seed draws one to three orders, for each whether the gateway has it when the line
drops, how long every list keeps silent about it, and how long nobody may come back; meanwhile an
impatient program posts the same targets again and again.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import httpx

from front import ORDERS, orders_of
from front import order as row
from makers import ACCOUNT
from promises.books import BrokerBook, LedgerBook, broker_book, differences, ledger_book
from promises.showing import be_quiet, say, show
from sim import World, open_world, simulate
from twsim import Gateway

SEEDS: Final = 500
SYMBOLS: Final = ("AAPL", "AMZN", "META", "MSFT", "NVDA", "TSLA")
PRICE: Final = 100
LIMITS: Final = (90.0, 99.0, 101.0, 110.0)  # to either side, far off and near
LAG_SECONDS_MAX: Final = 20.0
SHUT_SECONDS_MAX: Final = 30.0
GAP_SECONDS_MAX: Final = 25.0  # between two posts of the same targets
POSTS: Final = (4, 9)
JUDGED_AFTER_SECONDS: Final = 600.0
WORKING: Final = frozenset({"PreSubmitted", "Submitted"})
# What a row may say of a target that is not reached.
EXCUSES: Final = ("not-placed", "Unknown", "locked", "expired")


@dataclass(slots=True)
class Fate:
    """What one seed came to: counts, and every sentence that should not be true."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def run(seed: int) -> Fate:
    """Return what becomes of one seed. The same seed gives the same run."""
    return simulate(seed, lambda: _scenario(seed)).value


async def _scenario(seed: int) -> Fate:
    random, fate = Random(f"unanswered {seed}"), Fate(seed)
    wanted = _targets(random)
    async with open_world() as world, world.caller() as caller:
        for symbol in wanted:
            world.gateway.set_price(symbol, PRICE)
        _conspire(world.gateway, random, wanted)
        await _insist(caller, random, wanted, fate)
        await asyncio.sleep(JUDGED_AFTER_SECONDS - world.loop.elapsed)
        world.check()
        broker, ledger = broker_book(world.gateway), ledger_book(world.ledger)
        fate.wrong += differences(broker, ledger)
        _count(fate, world.gateway, broker, ledger)
        await _judge_targets(fate, world, caller, wanted)
    return fate


def _targets(random: Random) -> dict[str, dict[str, Any]]:
    """Return one to three rows of a batch, by symbol: some at market, some at a limit."""
    rows = {}
    for symbol in random.sample(SYMBOLS, random.randint(1, 3)):
        limit = {} if random.random() < 0.5 else {"limit_price": random.choice(LIMITS)}
        shares = random.choice((1, -1)) * random.randint(1, 200)
        rows[symbol] = row(symbol, shares, **limit)
    return rows


def _conspire(gateway: Gateway, random: Random, symbols: Iterable[str]) -> None:
    """Let each symbol's first orders meet what the seed has for them.

    O03 keeps the answer from leaving before the line is cut.
    """
    for symbol in symbols:
        times = random.choice((1, 1, 2))
        lag = round(random.uniform(0, LAG_SECONDS_MAX), 3)
        if random.random() < 0.8:
            gateway.inject("O04", symbol=symbol, delay=lag, times=times)
        if random.random() < 0.3:
            shut = round(random.uniform(1, SHUT_SECONDS_MAX), 3)
            gateway.inject("L01", on="place", symbol=symbol, delay=shut)
        kind = random.choice(("accepted", "accepted", "lost", "answered"))
        if kind == "accepted":
            gateway.inject("O03", symbol=symbol, delay=0.001, times=times)
            gateway.inject("L05", symbol=symbol, times=times)
        if kind == "lost":
            gateway.inject("L04", symbol=symbol, times=times)


async def _insist(
    caller: httpx.AsyncClient, random: Random, wanted: Mapping[str, Any], fate: Fate
) -> None:
    """Post the same targets again and again, as a program does that sees no fill."""
    for _ in range(random.randint(*POSTS)):
        answer = await caller.post(ORDERS, json=orders_of(*wanted.values()))
        fate.counts["posts"] += 1
        fate.counts["posts refused, nothing stored"] += answer.status_code == 500
        if answer.status_code not in {200, 500}:
            fate.wrong.append(f"a post was answered {answer.status_code}: {answer.text}")
        await asyncio.sleep(random.uniform(0.5, GAP_SECONDS_MAX))


def _count(fate: Fate, gateway: Gateway, broker: BrokerBook, ledger: LedgerBook) -> None:
    """Count what became of each order that left or was about to."""
    struck = {record.order_id for record in gateway.fault_log() if record.id == "L05"}
    fate.counts["doubles"] += broker.doubles
    for ref, intent in ledger.orders.items():
        if intent.order_id is None:
            continue
        fate.counts["orders"] += 1
        fate.counts["frames at the gateway"] += broker.frames.get(ref, 0)
        if intent.state in {"not_placed", "quarantined"}:
            kind = "known-failed" if intent.state == "not_placed" else "quarantined"
        elif intent.state in {"sending", "unknown", "planned"}:
            kind = "still open"
            fate.wrong.append(f"{ref} is {intent.state} after ten minutes")
        else:
            kind = "adopted" if intent.order_id in struck else "answered"
        fate.counts[kind] += 1


async def _judge_targets(
    fate: Fate, world: World, caller: httpx.AsyncClient, wanted: Mapping[str, Any]
) -> None:
    """Demand of each symbol that the position is the target, or that its row says why not."""
    (newest, *_) = (await caller.get(ORDERS)).json()["batches"]
    batch = (await caller.get(f"{ORDERS}/{newest['batch_id']}")).json()
    for shown in batch["orders"]:
        symbol, target = shown["symbol"], wanted[shown["symbol"]]["quantity"]
        held = world.gateway.position(ACCOUNT, symbol)
        if held == target:
            fate.counts["targets reached"] += 1
        elif held + _live(world.gateway, symbol) == target and _works(shown):
            fate.counts["targets with a working limit"] += 1
        elif (says := _excuse(shown)) in EXCUSES:
            fate.counts[f"targets whose row says {says}"] += 1
        else:
            fate.wrong.append(f"{symbol} is {held}, not {target}, and its row says {shown}")


def _excuse(shown: Mapping[str, Any]) -> str:
    return str(shown.get("error_code", shown["status"]))


def _live(gateway: Gateway, symbol: str) -> int:
    """Return the signed shares of a symbol that may still trade at the broker."""
    exchange = gateway._world.exchange
    return sum(
        order.leaves * (1 if order.side.value == "BUY" else -1)
        for order in exchange.open_orders()
        if exchange.contracts[order.con_id].symbol == symbol
    )


def _works(shown: Mapping[str, Any]) -> bool:
    """Tell whether a row says that an order works: its own, or an older one that it keeps."""
    return shown["status"] in WORKING or shown.get("kept", {}).get("status") in WORKING


# Many seeds, as a command.

LINES: Final = (
    "orders",
    "frames at the gateway",
    "answered",
    "adopted",
    "known-failed",
    "quarantined",
    "still open",
    "doubles",
    "targets reached",
    "targets with a working limit",
    *(f"targets whose row says {excuse}" for excuse in EXCUSES),
    "posts",
    "posts refused, nothing stored",
)


def _fates(seeds: range) -> Iterator[Fate]:
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), be_quiet) as pool:
        yield from pool.imap_unordered(run, seeds, chunksize=4)


def main(seeds: int = SEEDS) -> int:
    """Run seeds on every core; print the table; return 0 where nothing went wrong."""
    began, counts, wrong = time.monotonic(), Counter[str](), 0
    for fate in _fates(range(seeds)):
        counts += fate.counts
        wrong += bool(fate.wrong)
        for words in fate.wrong:
            say(f"seed {fate.seed}: {words}")
    took = time.monotonic() - began
    figures = {line: counts[line] for line in LINES}
    show(
        f"{seeds} runs of {JUDGED_AFTER_SECONDS:.0f} virtual seconds each",
        figures | {"runs in which something is wrong": wrong},
    )
    say(f"{seeds / took:.1f} seeds a second on {os.cpu_count()} cores")
    return 1 if wrong else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(int(given[0]) if given else SEEDS))
