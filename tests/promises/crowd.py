"""Many clients on the same symbols at once: `make crowd`.

Owns: what the clients ask and what the market does meanwhile, both drawn from a seed; the last
targets, posted once more when all is calm; and the table of what came of it. In what order the
clients come is the machine's choice: the seed repeats what is asked, not the run.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx

from front import ORDERS, orders_of
from front import order as row
from makers import ACCOUNT
from promises.books import broker_book, differences, ledger_book
from promises.served import AUDITOR, PRICE, SYMBOLS, Served, open_served
from promises.showing import be_quiet, say, show
from twsim import Gateway

SECONDS: Final = 60.0
CLIENTS: Final = tuple(f"client{n}" for n in range(1, 11))
ROWS_MAX: Final = 4
SHARES: Final = range(-100, 101, 25)  # few, so that some targets are asked for twice
PAUSE_SECONDS_MAX: Final = 1.0
WITHDRAWN_SHARE: Final = 0.15  # of posts after which a batch is withdrawn
MARKET_SECONDS: Final = 0.1
CALM_SECONDS_MAX: Final = 120.0
# Posts that are not accepted, and may be: nothing is stored then.
REFUSALS: Final = frozenset({429})


@dataclass(slots=True)
class Crowd:
    """What was asked and counted. `last` is per symbol when it was asked, and the target."""

    counts: Counter[str] = field(default_factory=Counter)
    last: dict[str, tuple[str, int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    converged_seconds: float = 0.0

    def accepted(self, body: dict[str, Any]) -> None:
        """Remember the targets of an accepted batch."""
        self.counts["batches"] += 1
        for shown in body["results"]:
            asked = (body["submitted_at"], shown["desired_pos"])
            self.last[shown["symbol"]] = max(self.last.get(shown["symbol"], asked), asked)


async def trade(home: Path, seconds: float, seed: int) -> Crowd:
    """Let the crowd trade for so long, then reach the last targets; return what was found."""
    crowd = Crowd()
    async with open_served(home, CLIENTS) as served:
        async with asyncio.timeout(seconds + CALM_SECONDS_MAX), asyncio.TaskGroup() as group:
            until = time.monotonic() + seconds
            group.create_task(_move_market(served.gateway, Random(f"{seed} market"), until))
            for name in CLIENTS:
                random = Random(f"{seed} {name}")
                group.create_task(_take_part(served, name, random, until, crowd))
        _be_calm(served.gateway)
        async with served.caller(CLIENTS[0]) as caller:
            await _reach_last(caller, crowd)
            await _compare(served, caller, crowd)
        async with served.caller(AUDITOR) as auditor:
            await _count_rows(auditor, crowd)
    return crowd


async def _take_part(
    served: Served, name: str, random: Random, until: float, crowd: Crowd
) -> None:
    """Post random targets, and withdraw some of them again."""
    mine: list[str] = []
    async with served.caller(name) as caller:
        while time.monotonic() < until:
            symbols = random.sample(SYMBOLS, random.randint(1, ROWS_MAX))
            body = orders_of(*(_target(symbol, random) for symbol in symbols))
            wait = random.choice((0, 0.5, 1))
            answer = await caller.post(f"{ORDERS}?wait={wait}", json=body)
            if answer.status_code == 200:
                crowd.accepted(answer.json())
                mine.append(answer.json()["batch_id"])
            elif answer.status_code in REFUSALS:
                crowd.counts["posts refused, nothing stored"] += 1
            else:
                crowd.wrong.append(f"a post was answered {answer.status_code}: {answer.text}")
            if mine and random.random() < WITHDRAWN_SHARE:
                await _withdraw(caller, random.choice(mine[-5:]), crowd)
            await asyncio.sleep(random.uniform(0, PAUSE_SECONDS_MAX))


def _target(symbol: str, random: Random) -> dict[str, Any]:
    """Return a row: at market, at a limit near the price, or at one that is far away."""
    limits: list[dict[str, Any]] = [
        {},
        {"limit_price": random.randint(9_800, 10_200) / 100},
        {"limit_price": random.choice((0.7, 1.3)) * PRICE},
    ]
    (limit,) = random.choices(limits, (5, 3, 2))
    return row(symbol, random.choice(SHARES), **limit)


async def _withdraw(caller: httpx.AsyncClient, batch_id: str, crowd: Crowd) -> None:
    answer = await caller.delete(f"{ORDERS}/{batch_id}")
    crowd.counts["batches withdrawn"] += 1
    if answer.status_code != 200:
        crowd.wrong.append(f"a DELETE was answered {answer.status_code}: {answer.text}")


async def _move_market(gateway: Gateway, random: Random, until: float) -> None:
    """Move prices, thin out the book so that orders fill in parts, and hold fills up."""
    while time.monotonic() < until:
        symbol = random.choice(SYMBOLS)
        match random.randint(1, 5):
            case 1:
                gateway.set_price(symbol, f"{random.randint(9_700, 10_300) / 100:.2f}")
            case 2:
                gateway.set_size(symbol, random.randint(1, 20))
            case 3:
                gateway.set_size(symbol, None)
            case 4:
                gateway.hold_fills(symbol)
            case _:
                gateway.release_fills(symbol)
        await asyncio.sleep(random.uniform(0, MARKET_SECONDS))


def _be_calm(gateway: Gateway) -> None:
    gateway.release_fills()
    for symbol in SYMBOLS:
        gateway.release_fills(symbol)
        gateway.set_size(symbol, None)


async def _reach_last(caller: httpx.AsyncClient, crowd: Crowd) -> None:
    """Post each symbol's last target once more, at market, and wait until all is final."""
    began = time.monotonic()
    rows = [row(symbol, target) for symbol, (_, target) in sorted(crowd.last.items())]
    answer = await caller.post(ORDERS, json=orders_of(*rows))
    crowd.accepted(answer.json())
    shown: dict[str, Any] = {}
    while time.monotonic() - began < CALM_SECONDS_MAX:
        path = f"{ORDERS}/{answer.json()['batch_id']}?wait=30"
        shown = (await caller.get(path)).json()
        if shown["summary"]["final"]:
            break
    crowd.converged_seconds = time.monotonic() - began
    if not shown["summary"]["on_target"]:
        crowd.wrong += [f"short of its last target: {order}" for order in shown["orders"]]


async def _compare(served: Served, caller: httpx.AsyncClient, crowd: Crowd) -> None:
    """Compare positions with the last targets, and the ledger with the broker's book."""
    broker, ledger = broker_book(served.gateway), ledger_book(served.ledger)
    answer = (await caller.get("/api/v1/positions")).json()
    shown = {held["symbol"]: held["quantity"] for held in answer["positions"]}
    for symbol, (_, target) in crowd.last.items():
        held = served.gateway.position(ACCOUNT, symbol)
        if not held == shown.get(symbol, 0) == target:
            crowd.wrong.append(
                f"{symbol}: the broker holds {held}, the service shows "
                f"{shown.get(symbol, 0)}, the last target is {target}"
            )
    crowd.wrong += differences(broker, ledger)
    if served.watch.live_max > 1:
        crowd.wrong.append(f"{served.watch.live_max} orders of one symbol lived at once")
    partial = Counter(trade.ref for trade in broker.trades.values())
    crowd.counts += Counter(
        {
            "orders sent": len(served.gateway.frames("placeOrder")),
            "orders filled in parts": sum(parts > 1 for parts in partial.values()),
            "executions": len(broker.trades),
            "cancels sent": len(served.gateway.frames("cancelOrder")),
            "doubles": broker.doubles,
        }
    )


async def _count_rows(auditor: httpx.AsyncClient, crowd: Crowd) -> None:
    """Count the rows of every batch by what they say."""
    async for batch_id in _batch_ids(auditor):
        for shown in (await auditor.get(f"{ORDERS}/{batch_id}")).json()["orders"]:
            crowd.counts[f"rows {shown['status']}"] += 1
            crowd.counts["rows that kept an order"] += "kept" in shown
            crowd.counts["rows superseded"] += "superseded_by" in shown
            if shown["status"] in {"Unknown", "PendingSubmit", "PendingCancel"}:
                crowd.wrong.append(f"a row of {batch_id} never ended: {shown}")


async def _batch_ids(auditor: httpx.AsyncClient) -> AsyncIterator[str]:
    cursor: str | None = ""
    while cursor is not None:
        page = f"&cursor={cursor}" if cursor else ""
        body = (await auditor.get(f"{ORDERS}?limit=200{page}")).json()
        for batch in body["batches"]:
            yield batch["batch_id"]
        cursor = body["next_cursor"]


def main(seconds: float = SECONDS, seed: int = 0) -> int:
    """Let the crowd trade; print the table; return 0 where nothing differs."""
    be_quiet()
    with tempfile.TemporaryDirectory() as home:
        crowd = asyncio.run(trade(Path(home), seconds, seed))
    for words in crowd.wrong:
        say(words)
    rows = {name: crowd.counts[name] for name in sorted(crowd.counts)}
    show(
        f"{len(CLIENTS)} clients on {len(SYMBOLS)} symbols for {seconds:.0f} s, seed {seed}",
        rows
        | {
            "seconds to converge": f"{crowd.converged_seconds:.1f}",
            "differences": len(crowd.wrong),
        },
    )
    return 1 if crowd.wrong else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else SECONDS, int(given[1]) if given[1:] else 0))
