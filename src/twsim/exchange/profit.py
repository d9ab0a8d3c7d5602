"""Profit and loss of the day: what positions won since the day began.

Owns: Profit, and the mark of each position at the day's beginning. Does not know prices,
nor when a day begins. Marks do not outlast the process: after a restart the day begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from twsim.exchange.accounts import Holding
from twsim.exchange.vocabulary import AccountId, ConId

ASSUMPTIONS: Final = (
    "The day of reqPnL begins at midnight or with twsim; a real one with the close before.",
)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """What was won today, what is open, and what is realised."""

    daily: Decimal
    unrealized: Decimal
    realized: Decimal


class DayMarks:
    """The result of each position when the day began."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: dict[tuple[AccountId, ConId], Decimal] = {}

    def mark(self, holding: Holding) -> None:
        """Let the day of a position begin now."""
        position = holding.position
        self._marks[position.account, position.con_id] = _result(holding)

    def profit(self, holdings: Iterable[Holding]) -> Profit:
        """Return the profit of some positions together."""
        daily = unrealized = realized = _ZERO
        for holding in holdings:
            position = holding.position
            unrealized += holding.unrealized
            realized += position.realized
            started = self._marks.get((position.account, position.con_id), _ZERO)
            daily += _result(holding) - started
        return Profit(daily=daily, unrealized=unrealized, realized=realized)


def _result(holding: Holding) -> Decimal:
    return holding.unrealized + holding.position.realized
