"""Matching: which of the shares on show an order takes.

Owns: `sweep`. Does not know orders, accounts or where the levels come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from twsim.exchange.prices import Level
from twsim.exchange.vocabulary import Side


@dataclass(frozen=True, slots=True)
class Print:
    """One trade, before it has a number."""

    price: Decimal
    shares: int
    venue: str


def sweep(
    side: Side, shares: int, levels: Iterable[Level], *, limit: Decimal | None
) -> list[Print]:
    """Return what an order takes, best price first, never beyond its limit."""
    prints: list[Print] = []
    left = shares
    for level in levels:
        beyond = limit is not None and (level.price - limit) * side.sign > 0
        if not left or beyond:
            break
        taken = min(left, level.shares)
        prints.append(Print(level.price, taken, level.venue))
        left -= taken
    return prints
