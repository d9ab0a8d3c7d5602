"""A halt in the middle of a large batch: `make halts`.

Owns: a batch of as many orders as asked for, a halt while they leave, and what the gateway heard
after the halt was answered: nothing. Then the service stops and starts again, is still halted, and
refuses a batch. Each on both databases, over real sockets, with halts of either mode.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from embedded import running_server
from front import ORDERS, client_of, orders_of
from front import order as row
from makers import ACCOUNT
from paperdesk.domain.vocabulary import Scope
from promises.served import FRAMES_MAX, Served, serve
from promises.showing import be_quiet, say, show
from twsim import Gateway
from twsim.data import listings

SIZE: Final = 500
ADMIN: Final = "admin"
KEYS: Final = (client_of(ADMIN, Scope.ADMIN, ACCOUNT),)
QUIET_SECONDS: Final = 3.0  # after the answer; what was queued would leave within it
PACE: Final = 45
MODES: Final = ("all", "reduce_only")
HALT: Final = f"/api/v1/accounts/{ACCOUNT}/halt"


async def drill(home: Path, size: int, *, mode: str, ledger_url: str | None) -> Counter[str]:
    """Halt a batch after a fourth of it has left; return what was counted."""
    counts = Counter[str]()
    symbols = [listing.symbol for listing in listings()][:size]
    held = dict.fromkeys(symbols[::2], 10)  # every other one is there to be reduced
    positions = [(ACCOUNT, symbol, shares, 100) for symbol, shares in held.items()]
    async with Gateway(
        accounts={ACCOUNT: 1_000_000_000}, positions=positions, frames_max=FRAMES_MAX
    ) as gateway:
        async with serve(home, gateway, KEYS, ledger_url=ledger_url) as served:
            await _warm_up(served, symbols)
            async with served.caller(ADMIN) as caller:
                batch = await _halt_midway(served, caller, symbols, held, counts, mode=mode)
                await _count_rows(caller, batch, counts)
        before = len(gateway.frames("placeOrder"))
        async with (
            serve(home, gateway, KEYS, ledger_url=ledger_url) as served,
            served.caller(ADMIN) as caller,
        ):
            await _look_again(caller, counts, mode=mode)
            await asyncio.sleep(1)
        counts["frames after a restart"] = len(gateway.frames("placeOrder")) - before
    return counts


async def _warm_up(served: Served, symbols: Iterable[str]) -> None:
    """Let every contract be known, so that nothing but orders leaves in the drill."""
    async with served.caller(ADMIN) as caller:
        body = orders_of(*(row(symbol, 10) for symbol in symbols))
        answer = await caller.post(f"{ORDERS}/preview", json=body)
        assert answer.status_code == 200, answer.text


async def _halt_midway(
    served: Served,
    caller: httpx.AsyncClient,
    symbols: Sequence[str],
    held: Mapping[str, int],
    counts: Counter[str],
    *,
    mode: str,
) -> str:
    """Post a batch, halt once a fourth of it has left, and count what the gateway still heard.

    What is held is to be halved, everything else to be bought: every second order reduces.
    """
    rows = [row(symbol, held.get(symbol, 20) // 2) for symbol in symbols]
    posted = await caller.post(f"{ORDERS}?wait=0", json=orders_of(*rows))
    gateway = served.gateway
    while len(gateway.frames("placeOrder")) < len(symbols) // 4:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.01)
    answer = await caller.post(HALT, json={"reason": "drill", "mode": mode})
    # Counted where they are written: one may have left and not be heard yet.
    left = served.desk._lanes[ACCOUNT].broker.orders_sent(ACCOUNT)
    assert answer.status_code == 200, answer.text
    await asyncio.sleep(QUIET_SECONDS + (len(symbols) / PACE if mode == "reduce_only" else 0))
    late = [frame.fields for frame in gateway.frames("placeOrder")[left:]]
    reducing = sum(fields[3] in held and fields[16] == "SELL" for fields in late)
    counts["orders in the batch"] = len(symbols)
    counts["frames before the halt's answer"] = left
    counts["frames after it"] = len(late)
    counts["of them not reducing"] = len(late) - reducing
    return str(posted.json()["batch_id"])


async def _count_rows(caller: httpx.AsyncClient, batch: str, counts: Counter[str]) -> None:
    shown = (await caller.get(f"{ORDERS}/{batch}")).json()["orders"]
    for entry in shown:
        counts["rows halted"] += entry.get("error_code") == "halted"
        counts["rows sent"] += entry["ibkr_order_id"] is not None


async def _look_again(caller: httpx.AsyncClient, counts: Counter[str], *, mode: str) -> None:
    """Ask what stands after the restart, and try an order that opens a position."""
    (account,) = (await caller.get("/api/v1/accounts")).json()["accounts"]
    counts["still halted after a restart"] = account.get("halt", {}).get("mode") == mode
    answer = await caller.post(ORDERS, json=orders_of(row("SPY", 1_000)))
    if mode == "all":
        counts["a batch is refused then"] = answer.status_code == 409
    else:
        (told,) = answer.json()["results"]
        counts["a batch is refused then"] = told.get("error_code") == "halted"


def is_kept(counts: Counter[str], *, mode: str) -> bool:
    """Tell whether the promise was: nothing left that may not, and the halt stands."""
    sent, size = counts["frames before the halt's answer"], counts["orders in the batch"]
    return (
        0 < sent < size
        and not (counts["frames after it"] if mode == "all" else counts["of them not reducing"])
        and not counts["frames after a restart"]
        and counts["rows halted"] + counts["rows sent"] == size
        and bool(counts["still halted after a restart"])
        and bool(counts["a batch is refused then"])
    )


@contextmanager
def _ledgers() -> Iterator[list[tuple[str, str, str | None]]]:
    """Give each drill a mode, the name of a database, and the URL of a new one; None: SQLite."""
    with (
        running_server(fsync=True) as server,
        server.database() as one,
        server.database() as two,
    ):
        urls = (None, server.url(one), None, server.url(two))
        yield [
            (mode, "SQLite" if url is None else "PostgreSQL", url)
            for mode, url in zip(sorted(MODES * 2), urls, strict=True)
        ]


def main(size: int = SIZE) -> int:
    """Halt so many orders midway, in each mode on each database; return 0 where none left."""
    be_quiet()
    broken = 0
    with _ledgers() as drills:
        for mode, name, url in drills:
            with tempfile.TemporaryDirectory() as home:
                counts = asyncio.run(drill(Path(home), size, mode=mode, ledger_url=url))
            show(f"A halt ({mode}) during a batch of {size} orders, on {name}", counts)
            broken += not is_kept(counts, mode=mode)
    say(f"promises broken: {broken}")
    return 1 if broken else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(int(given[0]) if given else SIZE))
