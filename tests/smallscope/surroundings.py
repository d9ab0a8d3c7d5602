"""What is not the service: the wire, the broker, and what goes wrong.

Owns: the moves of the line and of the broker, as plain as can be. The broker is the truth:
what it has, and what it has traded. Decides nothing about an order of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from paperdesk.domain.order import OrderState
from paperdesk.domain.reports import Told
from smallscope.core import NOT_FOUND, Core
from smallscope.model import (
    ALIVE,
    CANCELLED,
    DEAD,
    DOWN,
    FILLED,
    HELD,
    LIVE,
    NONE,
    READY,
    REJECTED,
    UNREAD,
    Move,
    State,
    Twist,
    put,
)
from smallscope.service import held_at_broker, lose_all

Step = Callable[[Core, State, Move], State]

LOST, LATE = "lost", "late"  # what becomes of frames on a line that is lost
REFUSED, HIDDEN = "refused", "hidden"


def moves(core: Core, state: State) -> Iterator[Move]:
    """Yield what may happen around the service next."""
    if state.up:
        yield Move("receive", what=state.up[0])
        if state.quirks:
            yield from _odd_receipts(state, state.up[0])
    if state.limbo:
        yield Move("arrive", what=state.limbo[0])
        yield Move("vanish")
    for i, place in enumerate(state.market):
        if place != NONE:
            yield from _market_moves(core, state, i)
    if Twist.BELIEVES_POSITIONS in core.twists and state.pushed != held_at_broker(core, state):
        yield Move("push")
    yield from _faults(state)


def _odd_receipts(state: State, frame: str) -> Iterator[Move]:
    kind, index = frame.split()
    if kind == "place":
        yield Move("receive odd", int(index), REFUSED)
        yield Move("receive odd", int(index), HIDDEN)
    elif state.market[int(index)] in ALIVE:
        yield Move("receive odd", int(index), "cancel refused")


def _market_moves(core: Core, state: State, i: int) -> Iterator[Move]:
    place, left = state.market[i], _left(core, state, i)
    if state.hidden >> i & 1:
        yield Move("appear", i)
    if place in ALIVE:
        if left > 1 and len(state.trades[i]) < state.pieces - 1:
            yield Move("fill", i, "1")
        yield Move("fill", i, str(left))
        if state.quirks:
            yield Move("end", i)
            if place == LIVE and not state.trades[i]:
                yield Move("hold", i)
    elif place == CANCELLED and state.quirks and left and not state.calm >> i & 1:
        yield Move("fill late", i)


def _faults(state: State) -> Iterator[Move]:
    fates = (LOST, LATE) if state.up else (LOST,)
    if state.crashes and state.life != DEAD:
        yield from (Move("crash", what=fate) for fate in fates)
    if state.drops and state.life == READY:
        yield from (Move("drop", what=fate) for fate in fates)
    if state.losses:
        yield from (Move("lose", what=message) for message in state.down)


# -- the broker --------------------------------------------------------------------------------
def _left(core: Core, state: State, i: int) -> int:
    return core.order(state.orders[i]).quantity - sum(state.trades[i])


def _tell(state: State, *messages: str) -> State:
    """Send news to the session, where there is one. The same news twice is once on its way."""
    if state.life != READY:
        return state
    return state._replace(down=tuple(sorted({*state.down, *messages})))


def _receive(core: Core, state: State, move: Move) -> State:
    return _received(core, state._replace(up=state.up[1:]), move.what)


def _arrive(core: Core, state: State, move: Move) -> State:
    """A frame of a line that was lost comes after all."""
    return _received(core, state._replace(limbo=state.limbo[1:]), move.what)


def _vanish(_core: Core, state: State, _move: Move) -> State:
    return state._replace(limbo=())


def _received(core: Core, state: State, frame: str) -> State:
    kind, index = frame.split()
    i = int(index)
    if kind == "cancel":
        return _cancelled(state, i)
    if state.market[i] == NONE:
        return _tell(_taken(core, state, i, LIVE), f"open {i} {Told.SUBMITTED}")
    return state  # a second frame is a breach already: what it would do is of no interest


def _taken(core: Core, state: State, i: int, place: str) -> State:
    is_late = core.state(state.orders[i]) is OrderState.NOT_PLACED
    late = state.late | 1 << i if is_late else state.late
    return state._replace(market=put(state.market, i, place), late=late)


def _cancelled(state: State, i: int) -> State:
    place = state.market[i]
    if place in ALIVE:
        return _ended(state, i)
    return _tell(state, f"error {i} {10148 if place == FILLED else NOT_FOUND}")


def _ended(state: State, i: int) -> State:
    after = state._replace(market=put(state.market, i, CANCELLED))
    return _tell(after, f"status {i} {CANCELLED} {sum(state.trades[i])}", f"error {i} 202")


def _receive_odd(core: Core, state: State, move: Move) -> State:
    """Refuse an order, or its cancel; or take an order and show it in no list for a while."""
    i = move.which
    state = state._replace(up=state.up[1:], quirks=state.quirks - 1)
    if move.what == REFUSED:
        return _tell(_taken(core, state, i, REJECTED), f"error {i} 201")
    if move.what == HIDDEN:
        state = state._replace(hidden=state.hidden | 1 << i)
        return _taken(core, state, i, LIVE)
    return _tell(state, f"error {i} 321")


def _appear(_core: Core, state: State, move: Move) -> State:
    after = state._replace(hidden=state.hidden & ~(1 << move.which))
    is_alive = state.market[move.which] in ALIVE
    return _tell(after, f"open {move.which} {Told.SUBMITTED}") if is_alive else after


def _fill(core: Core, state: State, move: Move) -> State:
    i = move.which
    trades = (*state.trades[i], int(move.what))
    after = state._replace(trades=put(state.trades, i, trades))
    is_filled = not _left(core, after, i)
    if is_filled:
        after = after._replace(market=put(after.market, i, FILLED))
    told = Told.FILLED if is_filled else Told.SUBMITTED
    return _tell(after, f"trade {i} {len(trades) - 1}", f"status {i} {told} {sum(trades)}")


def _fill_late(_core: Core, state: State, move: Move) -> State:
    """A fill that was under way when the order was cancelled, and that Cancelled did not name."""
    i = move.which
    trades = (*state.trades[i], 1)
    after = state._replace(trades=put(state.trades, i, trades), quirks=state.quirks - 1)
    return _tell(after, f"trade {i} {len(trades) - 1}")


def _end(_core: Core, state: State, move: Move) -> State:
    return _ended(state, move.which)._replace(quirks=state.quirks - 1)


def _hold(_core: Core, state: State, move: Move) -> State:
    after = state._replace(market=put(state.market, move.which, HELD), quirks=state.quirks - 1)
    return _tell(after, f"status {move.which} {Told.INACTIVE} 0")


def _push(core: Core, state: State, _move: Move) -> State:
    return state._replace(pushed=held_at_broker(core, state))


# -- faults --------------------------------------------------------------------------------------
def _cut(state: State, fate: str, life: str) -> State:
    """End the session: what is on the wire is lost, or comes late where it went upwards."""
    return state._replace(
        life=life,
        suspects=0,
        passes=(0,) * len(state.passes),
        fence="",
        reading=UNREAD,
        up=(),
        limbo=(*state.limbo, *state.up) if fate == LATE else state.limbo,
        down=(),
    )


def _crash(_core: Core, state: State, move: Move) -> State:
    return _cut(state, move.what, DEAD)._replace(writing=0, crashes=state.crashes - 1)


def _drop(core: Core, state: State, move: Move) -> State:
    return lose_all(core, _cut(state, move.what, DOWN)._replace(drops=state.drops - 1))


def _lose(_core: Core, state: State, move: Move) -> State:
    down = list(state.down)
    down.remove(move.what)
    return state._replace(down=tuple(down), losses=state.losses - 1)


STEPS: Final[Mapping[str, Step]] = {
    "receive": _receive,
    "receive odd": _receive_odd,
    "arrive": _arrive,
    "vanish": _vanish,
    "appear": _appear,
    "fill": _fill,
    "fill late": _fill_late,
    "end": _end,
    "hold": _hold,
    "push": _push,
    "crash": _crash,
    "drop": _drop,
    "lose": _lose,
}
