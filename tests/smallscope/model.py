"""The state of the small world, and what may happen in it.

Owns: State, Bounds, Twist and Move. Knows nothing of what a move does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

DEAD, DOWN, READY = "dead", "down", "ready"  # the process and its session
NONE, LIVE, HELD = "none", "live", "held"  # an order at the broker
FILLED, CANCELLED, REJECTED = "filled", "cancelled", "rejected"
ALIVE: Final = (LIVE, HELD)
UNREAD: Final = -1  # no list is being read


class State(NamedTuple):
    """Everything there is. Words are strings: their hash is kept, and a trace can be read.

    A pair has one entry for each target, and so for each order: one target makes at most one.
    A mask has one bit for each. An order is the number under which `Core` keeps it.
    """

    # What is committed, and outlives a crash.
    accepted: int  # so many of the targets
    rows: tuple[str, ...]  # their outcomes
    orders: tuple[int, ...]
    serves: tuple[int, ...]  # whose target each order serves
    booked: tuple[int, ...]  # per order a mask of the trades that are in the books
    # What the process has in memory.
    life: str
    writing: int  # claimed, and the frame not written
    suspects: int  # to be looked for in the lists
    passes: tuple[int, ...]  # complete readings without a trace of the order
    fence: str  # "sent 0": the cancel of order 0 is on its way; "strange 0": 10147 came
    reading: int  # the orders in the first list of open ones, UNREAD between readings
    # What is on its way. Downwards the order is not kept: the gateway may tell in any.
    up: tuple[str, ...]
    limbo: tuple[str, ...]  # written before the line was lost, and not received so far
    down: tuple[str, ...]
    # The broker.
    market: tuple[str, ...]
    trades: tuple[tuple[int, ...], ...]  # shares
    hidden: int  # accepted, and in no list yet
    late: int  # received after it was concluded that it never would be
    pushed: int  # the position as last told; only where it is believed
    # How often each order's frame was written, and whether a second passed since it ended.
    sent: tuple[int, ...]
    calm: int
    # What may still go wrong.
    crashes: int
    drops: int
    losses: int
    quirks: int
    pieces: int


class Move(NamedTuple):
    """One step: what happens, and to which order or message."""

    name: str
    which: int = 0
    what: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of each: two targets from a position of 0, and what may go wrong.

    A drop loses the line, with what is on it or not; a loss one message of a live session; a
    quirk is one of: refused, cancelled or held by the broker, a cancel refused, accepted and in
    no list for a while, a fill after Cancelled, not sent in time.
    """

    targets: tuple[int, ...] = (2, -1)
    crashes: int = 1
    drops: int = 1
    losses: int = 0
    quirks: int = 0
    pieces: int = 2  # in which an order fills, at most


class Twist(StrEnum):
    """A defect of the service or of its rules, planted here to see that it is found."""

    RESENDS = "the frame of an unanswered order is written again in the next session"
    CLAIMS_LATER = "the claim is committed after the frame was written"
    SENDS_STALE = "a claim does not ask for a newer target"
    CLAIMS_BLINDLY = "a claim does not ask whether the order still leads to its target"
    PLANS_BESIDE = "a new order is planned beside the one that works"
    BELIEVES_POSITIONS = "orders are planned from the position that the broker pushed"
    NO_SETTLING = "the position is taken the moment that Cancelled is told"
    INACTIVE_IS_FINAL = "Inactive alone is taken for a refusal"
    NOT_FOUND_IS_CANCELLED = "10147 is taken for a cancelled order"
    REFUSAL_IS_FINAL = "a refused cancel is taken for a refused order"
    ONE_READING = "one complete reading without a trace is enough, and no cancel is asked"
    HALF_READINGS = "a reading that was cut off counts, and no cancel is asked"
    NO_FENCE = "after the readings no cancel is asked, and nothing read once more"
    NEVER_LOOKS = "what is unknown after a lost line is called not placed"
    BOOKS_TWICE = "an execution counts as often as it is told"
    IGNORES_LATE = "what arrives late is left alone"


def initial(bounds: Bounds) -> State:
    """Return the world before the first target: nothing held, the session ready."""
    of_each = len(bounds.targets)
    return State(
        accepted=0,
        rows=("",) * of_each,
        orders=(-1,) * of_each,
        serves=(-1,) * of_each,
        booked=(0,) * of_each,
        life=READY,
        writing=0,
        suspects=0,
        passes=(0,) * of_each,
        fence="",
        reading=UNREAD,
        up=(),
        limbo=(),
        down=(),
        market=(NONE,) * of_each,
        trades=((),) * of_each,
        hidden=0,
        late=0,
        pushed=0,
        sent=(0,) * of_each,
        calm=0,
        crashes=bounds.crashes,
        drops=bounds.drops,
        losses=bounds.losses,
        quirks=bounds.quirks,
        pieces=bounds.pieces,
    )


def put(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    """Return the tuple with one value in another's place."""
    return (*values[:index], value, *values[index + 1 :])
