"""Which scopes are looked at whole, and where each planted defect shows.

Owns: the bounds of `make smallscope` and of the suite. Each scope is complete in itself. All
faults at once, with fills in two pieces, would be some ten million states: so a crash and a lost
line meet with fills in one piece, and a lost message or a quirk comes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smallscope.model import Bounds, Twist

CROSSED: Final = (2, -1)  # the second target is on the other side of zero
REACHED: Final = (2, 2)  # it is the same: the working order is kept
LESS: Final = (2, 1)
CLOSED: Final = (2, 0)

FULL: Final[Mapping[str, Bounds]] = {
    "no fault": Bounds(CROSSED, crashes=0, drops=0),
    "the same target": Bounds(REACHED, crashes=0),
    "a smaller target": Bounds(LESS, crashes=0, pieces=1),
    "target 0": Bounds(CLOSED, drops=0, pieces=1),
    "a lost line": Bounds(CROSSED, crashes=0),
    "a crash": Bounds(CROSSED, drops=0),
    "a lost message": Bounds(CROSSED, crashes=0, drops=0, losses=1),
    "a quirk": Bounds(CROSSED, crashes=0, drops=0, quirks=1),
    "one target: a crash, a lost line, a quirk": Bounds((2,), quirks=1, pieces=1),
    "a crash and a lost line": Bounds(CROSSED, pieces=1),
}
SUITE: Final[Mapping[str, Bounds]] = {
    "no fault": FULL["no fault"],
    "the same target": Bounds(REACHED, crashes=0, pieces=1),
    "a lost message": Bounds(CROSSED, crashes=0, drops=0, losses=1, pieces=1),
    "a quirk": Bounds(CROSSED, crashes=0, drops=0, quirks=1, pieces=1),
    "one target: a crash, a lost line": Bounds((2,)),
}
# Of random schedules: everything at once.
RANDOM: Final = Bounds(CROSSED, crashes=2, drops=2, losses=1, quirks=1)
# Two quirks of one order: the broker holds it as Inactive, and refuses its cancel.
HELD_AND_REFUSED: Final = Bounds(CROSSED, crashes=0, drops=0, quirks=2, pieces=1)

_LINE: Final = Bounds(CROSSED, crashes=0)
_QUIRK: Final = Bounds(CROSSED, crashes=0, drops=0, quirks=1)
PLANTED: Final[Mapping[Twist, Bounds]] = {
    Twist.RESENDS: _LINE,
    Twist.CLAIMS_LATER: Bounds(CROSSED, drops=0),
    Twist.SENDS_STALE: FULL["no fault"],
    Twist.CLAIMS_BLINDLY: Bounds(CROSSED, crashes=0, pieces=1),
    Twist.PLANS_BESIDE: FULL["no fault"],
    Twist.BELIEVES_POSITIONS: FULL["no fault"],
    Twist.NO_SETTLING: _QUIRK,
    Twist.INACTIVE_IS_FINAL: _QUIRK,
    Twist.NOT_FOUND_IS_CANCELLED: _LINE,
    Twist.REFUSAL_IS_FINAL: _QUIRK,
    Twist.ONE_READING: _QUIRK,
    Twist.HALF_READINGS: _QUIRK,
    Twist.NO_FENCE: _LINE,
    Twist.NEVER_LOOKS: _LINE,
    Twist.BOOKS_TWICE: _LINE,
    Twist.IGNORES_LATE: Bounds((2,), crashes=0),
}
