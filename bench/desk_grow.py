"""What many orders in the ledger change: the latency of a submit, and memory.

Owns: both measurements. One service is fed with batches over HTTP until its ledger holds the
orders, another holds 1,000; then each is given one order in turn. Memory is the resident set of
the service's process, after 10,000 orders and after all; twsim is a process of its own. The
orders are market orders of one share, bought and sold in turn, that fill.

The goals are of `--orders 100000`, which takes half an hour. PostgreSQL is a server of the
benchmark's own, with its default settings.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from _desk import (
    Service,
    at_market,
    paperdesk,
    quartiles,
    ratios,
    resident_mib,
    say,
    symbols,
    timed,
    twsim,
    workshop,
)

from embedded import running_server

ORDERS = 30_000  # as many as a person waits for; the promise is of 100,000
FULL = 100_000
FEW = 1_000
BATCH = 500
MEMORY_FROM = 10_000
ROUNDS = 300
WARM_UP = 30
GOAL = 1.1
MEMORY_GOAL = 1.10


@dataclass(slots=True)
class Fed:
    """A service and what it was fed with."""

    service: Service
    orders: int = 0
    quantity: int = 0
    memory: dict[int, float] = field(default_factory=dict)

    def feed(self, orders: int, tell: Callable[[str], None]) -> None:
        """Place orders in batches until there are so many."""
        names = symbols(BATCH)
        began, fed_before = time.perf_counter(), self.orders
        while self.orders < orders:
            self.quantity = 1 - self.quantity
            answer = self.service.submit(at_market(names, self.quantity))
            batch = self.service.batch(answer["batch_id"], 60)
            assert {row["status"] for row in batch["orders"]} == {"Filled"}
            self.orders += BATCH
            if self.orders % MEMORY_FROM == 0:
                self.memory[self.orders] = resident_mib(self.service.pid)
                rate = (self.orders - fed_before) / (time.perf_counter() - began)
                tell(f"{self.orders:8} {self.memory[self.orders]:6.1f} MiB {rate:6.0f} /s")

    def submit_ms(self) -> float:
        """Trade one share; return the milliseconds to the answer."""
        self.quantity = 1 - self.quantity
        took, answer = timed(lambda: self.service.submit(at_market(["AAPL"], self.quantity)))
        assert answer["results"][0]["qty"] == 1, answer
        self.service.batch(answer["batch_id"], 10)  # what it costs later is not of this order
        return 1000 * took


@contextmanager
def fed(folder: Path, name: str, ledger_url: str | None) -> Iterator[Fed]:
    """Start a service with a gateway of its own."""
    with (
        twsim(folder, f"{name}-twsim") as gateway,
        paperdesk(folder, gateway, name=name, ledger_url=ledger_url) as service,
    ):
        yield Fed(service)


def measure(
    folder: Path, database: str, urls: tuple[str | None, str | None], many: int
) -> None:
    """Feed both services, then ask them in turn."""
    size = "" if many == FULL else f" (of {FULL}: --orders {FULL})"
    say(f"{database}: {many} orders{size} through the service, {BATCH} a batch")
    with (
        fed(folder, f"{database}-few", urls[0]) as little,
        fed(folder, f"{database}-many", urls[1]) as big,
    ):
        little.feed(FEW, lambda _words: None)
        big.feed(many, lambda words: say(f"  {words}"))
        few_ms, many_ms = [], []
        for _ in range(WARM_UP + ROUNDS):
            few_ms.append(little.submit_ms())
            many_ms.append(big.submit_ms())
    few_ms, many_ms = few_ms[WARM_UP:], many_ms[WARM_UP:]
    say("  one order, request to answer")
    say(f"    {FEW:6} in the ledger  {quartiles(few_ms, unit=' ms')}")
    say(f"    {many:6} in the ledger  {quartiles(many_ms, unit=' ms')}")
    say(f"    ratio                 {quartiles(ratios(many_ms, few_ms))}   goal {GOAL} at most")
    worst = [statistics.quantiles(each, n=20)[-1] for each in (many_ms, few_ms)]
    say(f"    slowest 5 % from        {worst[1]:.0f} ms and {worst[0]:.0f} ms")
    before, after = big.memory[MEMORY_FROM], big.memory[many]
    say(
        f"  memory of `paperdesk serve`: {after:.1f} MiB after {many}, {before:.1f} MiB after "
        f"{MEMORY_FROM}: {after / before:.2f} times   goal {MEMORY_GOAL:.2f} at most"
    )


def main() -> None:
    """Measure on each database there is."""
    parser = argparse.ArgumentParser(description="What a large ledger costs.")
    parser.add_argument("--orders", type=int, default=ORDERS, help="how many, in whole 10,000s")
    many = parser.parse_args().orders
    if many <= 0 or many % MEMORY_FROM:
        parser.error(f"{many} is no multiple of {MEMORY_FROM}")
    with workshop() as folder:
        measure(folder, "sqlite", (None, None), many)
        with (
            running_server(fsync=True, settings=()) as server,
            server.database() as few_in,
            server.database() as many_in,
        ):
            measure(folder, "postgresql", (server.url(few_in), server.url(many_in)), many)


if __name__ == "__main__":
    main()
