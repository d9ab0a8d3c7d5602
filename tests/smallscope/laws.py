"""What must be true in every state, of every step, and where nothing more happens.

Owns: the laws (reliability.md §4.1, by its names). Each returns what is wrong, in words. Knows
nothing of how states are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from paperdesk.domain.batch import Outcome
from paperdesk.domain.order import UNPLACED, OrderState
from smallscope.core import Core
from smallscope.model import ALIVE, NONE, Bounds, Move, State
from smallscope.service import APPLIED, held_at_broker, newest, position

S: Final = OrderState
SHORT: Final = frozenset({S.REJECTED, S.CANCELLED, S.NOT_PLACED, S.LAPSED, S.QUARANTINED})


def breaches(core: Core, state: State) -> Iterator[str]:
    """Yield what is wrong in a state."""
    if max(state.sent) > 1:
        yield "INV-SINGLE-SEND: a second frame was written for an intent"
    live = [i for i, place in enumerate(state.market) if place in ALIVE]
    if len(live) > 1 and not state.late:
        yield "INV-ONE-LIVE: two orders of ours live at the broker, and none arrived late"
    if not _is_in_hull(core, state):
        yield "INV-HULL: the broker's position is outside what the targets span"
    for i, number in enumerate(state.orders):
        if number >= 0:
            yield from _breaches_of(core, state, i)


def _is_in_hull(core: Core, state: State) -> bool:
    if state.late:
        return True
    hull = (0, *core.targets[: state.accepted])
    return min(hull) <= held_at_broker(core, state) <= max(hull)


def _breaches_of(core: Core, state: State, i: int) -> Iterator[str]:
    order, place, trades = core.order(state.orders[i]), state.market[i], state.trades[i]
    booked = [n for n in range(4) if state.booked[i] >> n & 1]
    if any(n >= len(trades) for n in booked):
        yield "INV-EXEC-EQ: an execution is booked that the broker does not have"
    elif order.filled_qty != sum(trades[n] for n in booked):
        yield "INV-POS-SUM: the order's fills are not the sum of its executions"
    if not 0 <= order.executed_qty <= order.quantity:
        yield "INV-CUM: more is filled than was ordered"
    if order.state is S.NOT_PLACED and place != NONE and not state.late >> i & 1:
        yield "INV-UNKNOWN-NOT-EMPTY: an order that the broker had was called not placed"
    if order.state in {S.DROPPED, S.LAPSED, S.PLANNED} and state.sent[i]:
        yield "INV-WRITE-AHEAD: a frame left of an order that nobody has claimed"
    is_over = order.is_terminal and order.state not in UNPLACED
    if is_over and place in ALIVE:
        yield f"INV-TERMINAL: the order is {order.state} here and alive at the broker"


def breach_of_step(core: Core, before: State, move: Move, after: State) -> str | None:
    """Return what is wrong with a step, None for nothing."""
    if move.name != "claim" or core.state(after.orders[move.which]) is not S.SENDING:
        return None
    if before.serves[move.which] != newest(before):
        return "INV-LATEST-WINS: an order was claimed for a target that is not the newest"
    order = core.order(after.orders[move.which])
    aims_at = position(core, before) + order.side.sign * order.quantity
    if aims_at != core.targets[before.serves[move.which]]:
        return (
            "INV-SETTLED-BEFORE-NEXT: the order does not lead from the position to its target"
        )
    return None


def breach_at_rest(core: Core, state: State, bounds: Bounds) -> str | None:
    """Return what is wrong where only something new could happen, None for nothing."""
    held, ours = held_at_broker(core, state), position(core, state)
    if held != ours:
        return f"INV-EXEC-EQ: at rest the broker holds {held} and the books say {ours}"
    if Outcome.PENDING.value in state.rows:
        return "INV-TERMINAL: a target was never planned"
    for number in state.orders:
        if number >= 0 and core.state(number) not in SHORT | {S.FILLED, S.DROPPED}:
            return f"INV-RESOLVE-LIVE: an order stays {core.state(number)}"
    if not state.accepted or held == core.targets[state.accepted - 1]:
        return None
    if _is_faultless(state, bounds) or not _reason(core, state):
        return f"INV-CONVERGE: {held} is held, and nothing says why"
    return None


def _is_faultless(state: State, bounds: Bounds) -> bool:
    now = (state.crashes, state.drops, state.losses, state.quirks)
    return now == (bounds.crashes, bounds.drops, bounds.losses, bounds.quirks)


def _reason(core: Core, state: State) -> bool:
    """Tell whether a caller is told why the newest target is not reached."""
    if state.late or state.rows[state.accepted - 1] not in APPLIED:
        return True
    own = [n for n, s in zip(state.orders, state.serves, strict=True) if s == newest(state)]
    return any(core.state(number) in SHORT for number in own)
