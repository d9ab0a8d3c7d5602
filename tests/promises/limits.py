"""Each limit, and an order on either side of it: `make limits`.

Owns: per limit, what is set, what stands in the account then, an order that passes, one that does
not, and the table of what was answered. Each on a service of its own, through HTTP: preview and
submission must say the same.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from front import BOTH, ORDERS, open_front, orders_of
from front import order as target
from makers import ACCOUNT
from promises.showing import be_quiet, say
from twsim import Gateway

LIMITS: Final = f"/api/v1/accounts/{ACCOUNT}/limits"
PRICE: Final = 100


@dataclass(frozen=True)
class Case:
    """A limit, and a target on either side of it. `before` are targets that were posted first.

    `held` is what the account holds; `failing` names a symbol of which the broker refuses every
    order.
    """

    limit: Mapping[str, Any]
    passes: Mapping[str, Any]
    refused: Mapping[str, Any]
    before: Sequence[Mapping[str, Any]] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    failing: str | None = None


CASES: Final = (
    Case({"max_order_quantity": 100}, target("AAPL", 100), target("MSFT", 101)),
    Case(
        {"max_order_notional": 10_000},
        target("AAPL", 100, limit_price=100),
        target("MSFT", 100, limit_price=100.01),
    ),
    Case(
        {"max_position_notional": 20_000},
        target("AAPL", 200, limit_price=100),
        target("MSFT", 201, limit_price=100),
        held={"AAPL": 150, "MSFT": 150},
    ),
    Case(
        {"max_gross_notional": 50_000},
        target("AAPL", 240, limit_price=90),
        target("AAPL", 300, limit_price=90),
        held={"MSFT": -150, "KO": 100},
    ),
    Case(
        {"max_orders_per_minute": 2},
        target("MSFT", 1),
        target("KO", 1),
        before=(target("AAPL", 1),),
    ),
    Case(
        {"max_orders_per_day": 2},
        target("MSFT", 1),
        target("KO", 1),
        before=(target("AAPL", 1),),
    ),
    Case(
        {"max_attempts_per_target": 1},
        target("MSFT", 100),
        target("AAPL", 100),
        before=(target("AAPL", 100),),
        failing="AAPL",
    ),
    Case(
        {"price_collar_pct": 5},
        target("AAPL", 1, limit_price=104),
        target("MSFT", 1, limit_price=106),
    ),
    Case({"allow_short": False}, target("AAPL", 0), target("AAPL", -1), held={"AAPL": 5}),
    Case({"symbols": ["AAPL"]}, target("AAPL", 1), target("MSFT", 1)),
    Case({"restricted_symbols": ["MSFT"]}, target("AAPL", 1), target("MSFT", 1)),
)


@dataclass(frozen=True)
class Outcome:
    """What was answered to both orders of a case, by preview and by submission."""

    limit: str
    passed: Mapping[str, Any]
    refused: Mapping[str, Any]
    previewed: Mapping[str, Any]
    sent: int  # orders at the gateway beyond those posted before

    @property
    def is_right(self) -> bool:
        """Tell whether one left and one did not, and both ways of asking say why."""
        return (
            self.sent == 1
            and self.passed["ibkr_order_id"] is not None
            and self.refused["error_code"] == "limit"
            and self.limit.partition(" ")[0] in self.refused["error"]
            and _ageless(self.previewed["error"]) == _ageless(self.refused["error"])
        )


async def judge(home: Path, case: Case) -> Outcome:
    """Set the limit and post both."""
    held = [(ACCOUNT, symbol, shares, PRICE) for symbol, shares in case.held.items()]
    accounts = {str(account): 10_000_000 for account in BOTH}
    async with Gateway(accounts=accounts, positions=held) as gateway:
        for symbol in ("AAPL", "MSFT", "KO"):
            gateway.set_price(symbol, PRICE)
        async with open_front(home, gateway=gateway) as front, front.caller("admin") as admin:
            if case.failing:
                gateway.inject("O06", symbol=case.failing)
            for posted in case.before:
                await _row(admin, ORDERS, posted)
            await admin.put(LIMITS, json=dict(case.limit))
            before = len(gateway.frames("placeOrder"))
            previewed = await _row(admin, f"{ORDERS}/preview", case.refused)
            # Which comes first matters where orders are counted.
            passed = await _row(admin, ORDERS, case.passes)
            if case.limit.keys() & {"max_orders_per_minute", "max_orders_per_day"}:
                previewed = await _row(admin, f"{ORDERS}/preview", case.refused)
            refused = await _row(admin, ORDERS, case.refused)
            sent = len(gateway.frames("placeOrder")) - before
    ((name, value),) = case.limit.items()
    return Outcome(f"{name} = {value}", passed, refused, previewed, sent)


async def _row(
    caller: httpx.AsyncClient, path: str, posted: Mapping[str, Any]
) -> dict[str, Any]:
    answer = await caller.post(path, json=orders_of(dict(posted)))
    assert answer.status_code == 200, answer.text
    (shown,) = answer.json()["results"]
    return dict(shown)


def _words(shown: Mapping[str, Any]) -> str:
    price = f" at {shown['limit_price']}" if shown.get("limit_price") else ""
    return f"{shown['action']} {shown['qty']} {shown['symbol']}{price}"


def _ageless(words: str) -> str:
    """Return a refusal without the age of its quote, which goes on between two questions."""
    return re.sub(r"a quote \d+ s old", "a quote", words)


def main() -> int:
    """Judge every case; print the table; return 0 where each was as it must be."""
    be_quiet()
    wrong = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as home:
            outcome = asyncio.run(judge(Path(home), case))
        wrong += not outcome.is_right
        say(f"{outcome.limit}{'' if outcome.is_right else '   WRONG'}")
        say(f"  passed   {_words(outcome.passed)}: {outcome.passed['status']}")
        say(f"  refused  {_words(outcome.refused)}: {outcome.refused['error']}")
    say(f"{len(CASES)} limits, {wrong} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
