"""The same targets, posted again while their orders work: `make same`.

Owns: who posts them, and the table of what left and what each row said. Fills are held meanwhile,
so that every order works; at the end they are let go, and every target must be reached.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import httpx

from front import ORDERS, orders_of
from front import order as row
from makers import ACCOUNT
from promises.books import broker_book, differences, ledger_book
from promises.served import AUDITOR, PRICE, SYMBOLS, Served, open_served
from promises.showing import be_quiet, say, show

POSTS: Final = 1_000
CLIENTS: Final = ("client1", "client2", "client3", "client4")
TARGETS: Final = {symbol: 10 * (1 + n) for n, symbol in enumerate(SYMBOLS)}
# Every other one at a limit.
LIMITS: Final = {symbol: {"limit_price": 1.2 * PRICE} for symbol in SYMBOLS[::2]}
BODY: Final = orders_of(
    *(row(symbol, shares, **LIMITS.get(symbol, {})) for symbol, shares in TARGETS.items())
)
WORKING: Final = {"PreSubmitted", "Submitted"}


async def insist(home: Path, posts: int) -> Counter[str]:
    """Post the same targets so often beside their working orders; return what was counted.

    First the clients take turns. Then all post at once, a fourth as often again.
    """
    counts = Counter[str]()
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(open_served(home, CLIENTS))
        served.gateway.hold_fills()
        callers = [await stack.enter_async_context(served.caller(name)) for name in CLIENTS]
        answer = await callers[0].post(ORDERS, json=BODY)
        assert {shown["status"] for shown in answer.json()["results"]} <= WORKING
        for caller in itertools.islice(itertools.cycle(callers), posts):
            await _post(caller, counts, "in turn")
        left = iter(range(posts // 4))
        await asyncio.gather(*(_keep_posting(caller, left, counts) for caller in callers))
        counts["placeOrder frames"] = len(served.gateway.frames("placeOrder"))
        counts["cancelOrder frames"] = len(served.gateway.frames("cancelOrder"))
        await _let_go(served, counts)
    return counts


async def _keep_posting(
    caller: httpx.AsyncClient, left: Iterator[int], counts: Counter[str]
) -> None:
    """Post for as long as posts are left to make."""
    for _ in left:
        await _post(caller, counts, "at once")


async def _post(caller: httpx.AsyncClient, counts: Counter[str], how: str) -> None:
    answer = await caller.post(ORDERS, json=BODY)
    assert answer.status_code == 200, answer.text
    counts[f"{how}: posts"] += 1
    for shown in answer.json()["results"]:
        counts[f"{how}: rows {_kind(shown)}"] += 1


def _kind(shown: Mapping[str, Any]) -> str:
    """Say what a row is; one that is overtaken waited to be planned when the next one came."""
    is_same = shown["status"] == "no_change" and (shown["delta"], shown["qty"]) == (0, 0)
    if is_same and shown["working_qty"] == shown["desired_pos"] and "kept" in shown:
        return "no_change and kept"
    is_unsent = shown["status"] == "Cancelled" and shown["ibkr_order_id"] is None
    return "overtaken" if is_unsent and "superseded_by" in shown else "of another kind"


async def _let_go(served: Served, counts: Counter[str]) -> None:
    """Let the orders fill; count the targets that are reached, and what the books say.

    Who waits for the newest batch waits for the orders that it keeps.
    """
    served.gateway.release_fills()
    async with served.caller(AUDITOR) as auditor:
        (newest, *_) = (await auditor.get(ORDERS)).json()["batches"]
        batch = (await auditor.get(f"{ORDERS}/{newest['batch_id']}?wait=30")).json()
    counts["rows of the newest batch on target"] = len(SYMBOLS) - len(batch["summary"]["short"])
    for symbol, shares in TARGETS.items():
        counts["targets reached"] += served.gateway.position(ACCOUNT, symbol) == shares
    books = differences(broker_book(served.gateway), ledger_book(served.ledger))
    counts["differences of the books"] = len(books)
    counts["most live orders of a symbol"] = served.watch.live_max


def main(posts: int = POSTS) -> int:
    """Post so often; print the table; return 0 where only the first batch sent orders."""
    be_quiet()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        counts = asyncio.run(insist(Path(home), posts))
    took = time.monotonic() - began
    show(f"{len(SYMBOLS)} targets, posted again {posts} times while their orders work", counts)
    done = counts["in turn: posts"] + counts["at once: posts"]
    say(f"{done / took:.0f} posts a second; the gateway and every client in the same process")
    return 0 if is_kept(counts, posts) else 1


def is_kept(counts: Counter[str], posts: int) -> bool:
    """Tell whether the promise was: one frame for each target, and every row a kept one."""
    rows = len(SYMBOLS) * posts
    others = [name for name in counts if name.endswith("of another kind")]
    reached = {counts["targets reached"], counts["rows of the newest batch on target"]}
    return (
        counts["placeOrder frames"] == len(SYMBOLS)
        and reached == {len(SYMBOLS)}
        and counts["in turn: rows no_change and kept"] == rows
        and not counts["cancelOrder frames"] + counts["differences of the books"] + len(others)
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(int(given[0]) if given else POSTS))
