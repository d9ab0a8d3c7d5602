"""Positions from executions, and what it means when the broker's figure is another.

Owns: the whole part of a holding, what reduces one, and the judgement of a break: a broker's
position that is not opening position plus known executions. Judged only from complete reads,
never from pushes: they lag fills, and a stale one taken for truth would double the next trade.
Knows nothing of who reads, or of what is done with a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Final

from paperdesk.domain.vocabulary import ConId, PositionBreaks, Symbol

# contract.md, "Halt, resume, flatten, breaks".
ADOPT_AFTER_READS: Final = 3
ADOPT_AFTER: Final = timedelta(seconds=30)
LOCK_AFTER: Final = timedelta(seconds=180)
MASS_BREAK_MIN: Final = 5


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of an opening position, because the broker holds `broker` and we have `ours`."""

    conid: ConId
    symbol: Symbol
    ours: int
    broker: int
    why: str
    at: datetime

    @property
    def change(self) -> int:
        """Shares to add to the opening position."""
        return self.broker - self.ours


@dataclass(frozen=True, slots=True)
class Booked:
    """What the books say of one contract.

    `own_at` is when an order of ours on it was last heard of (sent, filled, ended), `is_live`
    whether one may still trade. `outside` are the signed shares of executions of orders placed
    elsewhere that are not part of `quantity`. `agreed_at` is when a complete read showed the
    same, the first one after an order of ours.
    """

    symbol: Symbol
    quantity: int = 0
    agreed_at: datetime | None = None
    own_at: datetime | None = None
    is_live: bool = False
    outside: int = 0

    def is_newer_than(self, read_at: datetime) -> bool:
        """Tell whether an order of ours was heard of since a read began: it says nothing then."""
        return self.own_at is not None and self.own_at >= read_at

    @property
    def is_agreed(self) -> bool:
        """Tell whether no own order was heard of since both figures last agreed."""
        return self.own_at is None or (
            self.agreed_at is not None and self.own_at <= self.agreed_at
        )

    @property
    def is_calm(self) -> bool:
        """Tell whether no own order lived or filled since both figures last agreed."""
        return self.is_agreed and not self.is_live


@dataclass(frozen=True, slots=True)
class Sighting:
    """A break as seen so far: since when, and how often with the same figures."""

    ours: int
    broker: int
    since: datetime
    first_at: datetime
    reads: int = 1


class Verdict(StrEnum):
    """What a complete read says of one contract."""

    UNSAID = "unsaid"  # the read began before our last execution: it says nothing
    AGREES = "agrees"
    OUTSIDE = "outside"  # executions of orders placed elsewhere explain it
    DISPUTED = "disputed"  # to be adopted when more reads agree
    ADOPT = "adopt"
    WARN = "warn"
    LOCK = "lock"


def whole_shares(quantity: Decimal) -> int:
    """Return the whole part of a holding: fractions cannot be traded here."""
    return int(quantity.to_integral_value(ROUND_DOWN))


def is_reducing(position: int, delta: int) -> bool:
    """Tell whether `delta` moves `position` towards zero without crossing it."""
    return position * delta < 0 and abs(delta) <= abs(position)


def judge_position(
    booked: Booked,
    broker: int,
    *,
    begun_at: datetime,
    seen: Sighting | None,
    policy: PositionBreaks,
) -> tuple[Verdict, Sighting | None]:
    """Judge one contract by a complete read begun at `begun_at`; `seen` is its break so far."""
    if booked.is_newer_than(begun_at):
        return Verdict.UNSAID, seen
    gap = broker - booked.quantity
    if gap == 0:
        return Verdict.AGREES, None
    if booked.outside and abs(gap - booked.outside) < abs(gap):
        return Verdict.OUTSIDE, seen
    sighting = _seen_again(seen, booked.quantity, broker, begun_at)
    if policy is PositionBreaks.ADOPT and booked.is_calm:
        is_sure = (
            sighting.reads >= ADOPT_AFTER_READS and begun_at - sighting.first_at >= ADOPT_AFTER
        )
        return (Verdict.ADOPT if is_sure else Verdict.DISPUTED), sighting
    is_old = begun_at - sighting.since >= LOCK_AFTER
    return (Verdict.LOCK if is_old else Verdict.WARN), sighting


def is_mass_break(broken: int, held: int) -> bool:
    """Tell whether so many positions changed at once that the account itself is in question."""
    return broken >= MASS_BREAK_MIN and 2 * broken > held


def _seen_again(seen: Sighting | None, ours: int, broker: int, begun_at: datetime) -> Sighting:
    if seen is None:
        return Sighting(ours, broker, since=begun_at, first_at=begun_at)
    if (seen.ours, seen.broker) == (ours, broker):
        return replace(seen, reads=seen.reads + 1)
    return Sighting(ours, broker, since=seen.since, first_at=begun_at)
