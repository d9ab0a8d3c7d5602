"""Print what 24 simulated hours with 1,000 orders and 100,000 orders in all cost.

Owns: both measurements. Run by hand: `python bench/twsim_day.py`; nothing tests the times.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

from twsim.clock import ManualClock
from twsim.data import listings
from twsim.exchange.book import Opening
from twsim.exchange.contracts import ContractTable
from twsim.exchange.exchange import Exchange
from twsim.exchange.rules import Rules
from twsim.exchange.vocabulary import AccountId
from twsim.session import Session
from twsim.simulator import Simulator
from twsim.transcript import Transcript
from twsim.wire.framing import frame
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import StartApi

ACCOUNT = "DU8730189"
START = datetime(2026, 3, 9, 4, tzinfo=UTC)  # midnight in New York
DAY = timedelta(days=1)
SYMBOLS = ("AAPL", "MSFT", "SPY", "IBM", "AMZN", "TSLA", "KO", "XOM", "JPM", "PG")
RESTING_SHARE = 4  # one order in so many rests a little away from the market


class Sink:
    """A line whose far end counts bytes."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, data: bytes) -> None:
        """Count bytes."""
        self.count += len(data)

    def close(self) -> None:
        """Do nothing: there is nobody."""


class Run:
    """A simulator, one client, and time that only this script moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        exchange = Exchange(ContractTable(listings()), Opening(seed=1, at=START), Rules())
        exchange.open_account(AccountId(ACCOUNT), Decimal(10) ** 9)
        self.simulator = Simulator(exchange, self.clock, transcript=Transcript(0))
        self.sink = Sink()
        self.session = cast("Session", self.simulator.connect(self.sink))
        self.simulator.receive(self.session, b"API\0" + frame(b"v100..178"))
        self._send(StartApi(client_id=1))
        self.placed = 0
        self.wakes = 0

    def place(self) -> None:
        """Place one more order: mostly at the market, some resting close to it."""
        self.placed += 1
        symbol = SYMBOLS[self.placed % len(SYMBOLS)]
        side = "BUY" if self.placed // len(SYMBOLS) % 2 else "SELL"
        exchange = self.simulator.exchange
        quote = exchange.quote(exchange.contracts.of_symbol(symbol), self.clock.now())
        rests = self.placed % RESTING_SHARE == 0
        away = Decimal("0.995") if side == "BUY" else Decimal("1.005")
        limit = (quote.last * away).quantize(Decimal("0.01")) if rests else None
        self._send(
            PlaceOrder(
                order_id=self.placed,
                symbol=symbol,
                sec_type="STK",
                exchange="SMART",
                currency="USD",
                action=side,
                total_quantity=Decimal(1 + self.placed % 700),
                order_type="LMT" if rests else "MKT",
                limit_price=limit,
                tif="DAY",
                account=ACCOUNT,
            )
        )

    def pass_time(self, seconds: float) -> None:
        """Let time pass, stopping wherever something is due."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while (due := self.simulator.next_due()) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            self.simulator.tick()
            self.wakes += 1
        self.clock.move_to(end)
        self.simulator.tick()

    def _send(self, message: PlaceOrder | StartApi) -> None:
        text = "".join(f"{field}\0" for field in message.encode(178))
        self.simulator.receive(self.session, frame(text.encode()))


def resident_mb() -> float:
    """Return the memory of this process now, where the system tells, else its peak."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def one_day(orders: int) -> None:
    """Print how long a day with so many orders takes."""
    run = Run()
    gap = DAY.total_seconds() / orders
    began = time.perf_counter()
    for _ in range(orders):
        run.place()
        run.pass_time(gap)
    took = time.perf_counter() - began
    sys.stdout.write(
        f"24 simulated hours, {orders} orders: {took:.2f} s"
        f" ({run.wakes} wakes, {run.sink.count / 2**20:.1f} MB sent)\n"
    )


def many_days(orders: int, a_day: int) -> None:
    """Print what memory so many orders leave behind, day by day."""
    run = Run()
    sys.stdout.write(f"\nMemory, {a_day} orders a day:\n  before   {resident_mb():7.1f} MB\n")
    began = time.perf_counter()
    for day in range(1, orders // a_day + 1):
        for _ in range(a_day):
            run.place()
            run.pass_time(0.5)
        full = resident_mb()
        run.pass_time((START + day * DAY - run.clock.now()).total_seconds())
        kept = len(run.simulator.exchange.completed_orders())
        sys.stdout.write(
            f"  day {day:3}  {full:7.1f} MB before midnight, {resident_mb():7.1f} MB after"
            f" ({kept} finished orders kept)\n"
        )
    took = time.perf_counter() - began
    sys.stdout.write(f"{run.placed} orders in {took:.1f} s\n")


if __name__ == "__main__":
    one_day(1_000)
    many_days(100_000, 10_000)
