"""Positions from executions, and when the broker's figure replaces ours.

Owns: the whole part of a holding, what reduces one, the judgement of a complete positions read.
The position itself is opening position plus own executions, by conid; the ledger sums it. Knows
nothing of pushes: they lag fills, and a stale one taken for truth would double the next trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from paperdesk.domain.vocabulary import ConId


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of an opening position, because the broker holds `broker` and we have `ours`."""

    conid: ConId
    ours: int
    broker: int

    @property
    def change(self) -> int:
        """Shares to add to the opening position."""
        return self.broker - self.ours


def whole_shares(quantity: Decimal) -> int:
    """Return the whole part of a holding: fractions cannot be traded here."""
    return int(quantity.to_integral_value(ROUND_DOWN))


def is_reducing(position: int, delta: int) -> bool:
    """Tell whether `delta` moves `position` towards zero without crossing it."""
    return position * delta < 0 and abs(delta) <= abs(position)


def adjustments(
    broker: Mapping[ConId, int], ours: Mapping[ConId, int], busy: AbstractSet[ConId]
) -> tuple[Adjustment, ...]:
    """Return what to adopt from a complete positions read.

    A contract in `busy`, on which an order of ours lives or filled a moment ago, is left as
    it is: there the read may be older than what we know.
    """
    return tuple(
        Adjustment(conid, ours.get(conid, 0), broker.get(conid, 0))
        for conid in sorted(set(broker) | set(ours))
        if conid not in busy and broker.get(conid, 0) != ours.get(conid, 0)
    )
