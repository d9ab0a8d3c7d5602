"""Profit and loss of the day, of several positions together.

Owns: Profit, and how it adds up. Does not know prices, nor when a day begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from twsim.exchange.accounts import Holding

ASSUMPTIONS: Final = (
    "The day of reqPnL begins at midnight in New York; a real one with the close before.",
)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """What was won today, what is open, and what is realised."""

    daily: Decimal
    unrealized: Decimal
    realized: Decimal


def profit_of(holdings: Iterable[Holding]) -> Profit:
    """Return the profit of some positions together."""
    daily = unrealized = realized = _ZERO
    for holding in holdings:
        daily += holding.daily
        unrealized += holding.unrealized
        realized += holding.position.realized
    return Profit(daily=daily, unrealized=unrealized, realized=realized)
