"""What the service does, step by step: accept, plan, claim, write, learn, look.

Owns: the moves of the process and of its ledger. Each is one commit, or one frame. The
decisions are the real ones, asked through `Core`; around them stands as little as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from paperdesk.desk import resolver
from paperdesk.domain.batch import Outcome
from paperdesk.domain.order import SENT, OrderEvent, OrderState
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

PENDING: Final = Outcome.PENDING.value
APPLIED: Final = frozenset({PENDING, Outcome.ORDERED.value, Outcome.NO_CHANGE.value})
S, E = OrderState, OrderEvent
LOOKED_FOR: Final = SENT - {S.SENDING}  # of one that is being sent the answer is awaited
UNASKED: Final = frozenset({Twist.ONE_READING, Twist.HALF_READINGS, Twist.NO_FENCE})
CANCELLABLE: Final = frozenset({S.SENDING, S.WORKING, S.UNKNOWN})
OPEN_AS: Final = {LIVE: Told.SUBMITTED, HELD: Told.INACTIVE}
LISTED_AS: Final = {FILLED: Told.FILLED, CANCELLED: Told.CANCELLED, REJECTED: Told.INACTIVE}

Step = Callable[[Core, State, Move], State]


# -- what is known -------------------------------------------------------------------------
def newest(state: State) -> int:
    """Return the newest target that was applied or is still to be, as a claim asks for it."""
    return max(i for i, row in enumerate(state.rows) if row in APPLIED)


def position(core: Core, state: State) -> int:
    """Return the position by the books."""
    held = 0
    for number in state.orders:
        if number >= 0:
            order = core.order(number)
            held += order.side.sign * order.filled_qty
    return held


def held_at_broker(core: Core, state: State) -> int:
    """Return the position by the broker."""
    return sum(
        core.order(number).side.sign * sum(trades)
        for number, trades in zip(state.orders, state.trades, strict=True)
        if trades
    )


def doubted(core: Core, state: State) -> int:
    """Return the orders that the resolver looks into, as `Resolver._in_doubt`."""
    mask = 0
    for i, number in enumerate(state.orders):
        if number < 0:
            continue
        order, bit = core.order(number), 1 << i
        is_meant = state.suspects & bit and order.state in LOOKED_FOR
        if (
            order.state is S.UNKNOWN
            or is_meant
            or (_is_short(core, number) and state.calm & bit)
        ):
            mask |= bit
    return mask


def _is_short(core: Core, number: int) -> bool:
    order = core.order(number)
    return order.is_terminal and order.executed_qty < order.broker_filled


def _ripe(core: Core, state: State) -> int:
    """Return the unknown order of which enough readings showed nothing, -1 for none."""
    for i, number in enumerate(state.orders):
        if core.state(number) is S.UNKNOWN and core.is_ripe(state.passes[i]):
            return i
    return -1


# -- which moves there are -------------------------------------------------------------------
def moves(core: Core, state: State) -> Iterator[Move]:
    """Yield what the service may do next."""
    if state.life == DEAD:
        yield Move("restart")
        return
    for i, number in enumerate(state.orders):
        if state.writing >> i & 1:
            yield Move("write", i)
        is_ended = core.state(number) is S.CANCELLED or (
            number >= 0 and _is_short(core, number)
        )
        if is_ended and _may_settle(core, state, i):
            yield Move("settle", i)
    if state.life == DOWN:
        if not state.writing:  # what was not sent is written down long before
            yield Move("connect")
        return
    yield from _ready_moves(core, state)
    yield from _resolver_moves(core, state)


def _ready_moves(core: Core, state: State) -> Iterator[Move]:
    if state.accepted < len(state.rows):
        yield Move("accept")
    for i, number in enumerate(state.orders):
        if state.rows[i] == PENDING:
            yield Move("plan", i)
        now = core.state(number)
        if now is S.PLANNED and not state.writing >> i & 1:
            yield Move("write first" if Twist.CLAIMS_LATER in core.twists else "claim", i)
        if state.quirks and (state.rows[i] == PENDING or now is S.PLANNED):
            yield Move("lapse", i)
        if state.writing >> i & 1:
            continue
        if now is S.SENDING:
            yield Move("silence", i)
        if _may_cancel(core, state, i):
            yield Move("cancel", i)
    for message in state.down:
        yield Move("learn", int(message.split()[1]), message)


def _resolver_moves(core: Core, state: State) -> Iterator[Move]:
    """One thing at a time; on one line, so that a list's end comes after all that was before."""
    is_through = not state.up and not state.down
    if state.fence:
        word, index = state.fence.split()
        if is_through:
            yield Move("conclude" if word == "strange" else "unanswered", int(index))
        return
    ripe = _ripe(core, state)
    if ripe >= 0:
        asks = not core.twists & UNASKED
        yield Move("fence" if asks else "conclude", ripe)
        return
    if not is_through:
        return
    if state.reading != UNREAD:
        yield Move("read on")
    elif wanted := doubted(core, state):
        late = [i for i, passes in enumerate(state.passes) if passes > 1]
        if not any(state.hidden & wanted >> i & 1 for i in late):  # a lag ends within 20 s
            yield Move("read")
        if Twist.HALF_READINGS in core.twists:
            yield Move("read half")
    if state.reading == UNREAD and _unbooked(state):
        yield Move("audit")


def _may_settle(core: Core, state: State, i: int) -> bool:
    """Tell whether a second may pass: a fill that Cancelled did not name comes within it."""
    if state.calm >> i & 1:
        return False
    all_booked = state.booked[i] == (1 << len(state.trades[i])) - 1
    return all_booked or sum(state.trades[i]) <= core.order(state.orders[i]).broker_filled


def _may_cancel(core: Core, state: State, i: int) -> bool:
    """Tell whether a cancel leaves: it was asked, and none is on its way or being answered."""
    number = state.orders[i]
    if core.state(number) not in CANCELLABLE or not core.order(number).cancel_asked:
        return False
    if Twist.IGNORES_LATE in core.twists and core.order(number).is_late:
        return False
    return not (
        state.fence
        or f"cancel {i}" in state.up
        or any(m.startswith((f"error {i} ", f"status {i} {CANCELLED} ")) for m in state.down)
    )


def _unbooked(state: State) -> bool:
    return any(
        trades and not state.hidden >> i & 1 and state.booked[i] != (1 << len(trades)) - 1
        for i, trades in enumerate(state.trades)
    )


# -- T0, T1, T2 ------------------------------------------------------------------------------
def _accept(_core: Core, state: State, _move: Move) -> State:
    rows = put(state.rows, state.accepted, PENDING)
    return state._replace(accepted=state.accepted + 1, rows=rows)


def _plan(core: Core, state: State, move: Move) -> State:
    i = move.which
    if newest(state) > i:
        return state._replace(rows=put(state.rows, i, Outcome.WITHDRAWN.value))
    unsettled = _unsettled(core, state)
    if Twist.PLANS_BESIDE in core.twists:
        unsettled = ()
    is_trusting = Twist.BELIEVES_POSITIONS in core.twists
    held = state.pushed if is_trusting else position(core, state)
    decided = core.plan(i, held, unsettled)
    orders, serves = state.orders, state.serves
    if decided.replaced is not None:
        before, after = decided.replaced
        orders = put(orders, orders.index(before), after)
    if decided.keeps:
        serves = put(serves, orders.index(unsettled[0]), i)
    if decided.drafted >= 0:
        orders, serves = put(orders, i, decided.drafted), put(serves, i, i)
    rows = put(state.rows, i, decided.outcome)
    return state._replace(rows=rows, orders=orders, serves=serves)


def _unsettled(core: Core, state: State) -> tuple[int, ...]:
    return tuple(
        number
        for i, number in enumerate(state.orders)
        if number >= 0 and not core.is_settled(number, bool(state.calm >> i & 1))
    )


def _claimed(core: Core, state: State, i: int) -> State:
    held, unsettled = position(core, state), _unsettled(core, state)
    number = core.claim(state.orders[i], state.serves[i], held, unsettled)
    return moved(core, state, i, number)


def _claim(core: Core, state: State, move: Move) -> State:
    i = move.which
    number, bit = state.orders[i], 1 << i
    if newest(state) > state.serves[i] and Twist.SENDS_STALE not in core.twists:
        return moved(core, state, i, core.advance(number, E.DROPPED))
    after = _claimed(core, state, i)
    if core.state(after.orders[i]) is not S.SENDING:
        return after
    return after._replace(writing=after.writing | bit)


def _write(core: Core, state: State, move: Move) -> State:
    """Write the frame, on the session that it was claimed for, or note that it never left."""
    i = move.which
    state = state._replace(writing=state.writing & ~(1 << i))
    if Twist.CLAIMS_LATER in core.twists:  # the frame has left: now the claim
        return _claimed(core, state, i)
    if state.life != READY:
        return moved(core, state, i, core.advance(state.orders[i], E.NOT_SENT))
    return _framed(state, i)


def _write_first(_core: Core, state: State, move: Move) -> State:
    """Write a frame before its claim: only a planted defect does."""
    return _framed(state, move.which)._replace(writing=state.writing | 1 << move.which)


def _framed(state: State, i: int) -> State:
    return state._replace(
        up=(*state.up, f"place {i}"), sent=put(state.sent, i, state.sent[i] + 1)
    )


def _lapse(core: Core, state: State, move: Move) -> State:
    """A row or an intent that was not sent in time ends."""
    state = state._replace(quirks=state.quirks - 1)
    if state.rows[move.which] == PENDING:
        return state._replace(rows=put(state.rows, move.which, Outcome.ERROR.value))
    return moved(core, state, move.which, core.advance(state.orders[move.which], E.LAPSED))


def _cancel(_core: Core, state: State, move: Move) -> State:
    return state._replace(up=(*state.up, f"cancel {move.which}"))


# -- T3 --------------------------------------------------------------------------------------
def moved(core: Core, state: State, i: int, number: int) -> State:
    """Return the state with an order as it is now; its second begins anew if it moved."""
    if number == state.orders[i]:
        return state
    calm = state.calm
    if core.state(number) is not core.state(state.orders[i]):
        calm &= ~(1 << i)
    return state._replace(orders=put(state.orders, i, number), calm=calm)


def _learn(core: Core, state: State, move: Move) -> State:
    down = list(state.down)
    down.remove(move.what)
    state = state._replace(down=tuple(down))
    kind, index, what = move.what.split()[:3]
    if kind == "trade":
        return book(core, state, int(index), int(what))
    if kind == "error" and state.fence == f"sent {index}":
        is_strange = int(what) == NOT_FOUND
        state = _answered(state, int(index), is_strange=is_strange)
    return told(core, state, move.what)


def told(core: Core, state: State, message: str) -> State:
    """Fold a message into its order; look into the order where it settles nothing."""
    i = int(message.split()[1])
    number = state.orders[i]
    if Twist.IGNORES_LATE in core.twists and core.state(number) is S.NOT_PLACED:
        return state
    after = moved(core, state, i, core.fold(number, message))
    is_open = core.state(after.orders[i]) in LOOKED_FOR - {S.QUARANTINED}
    if is_open and core.settles_nothing(number, message):
        after = after._replace(suspects=after.suspects | 1 << i)
    return after


def book(core: Core, state: State, i: int, trade: int) -> State:
    """Book an execution, unless it is known."""
    bit = 1 << trade
    if state.booked[i] & bit:
        if Twist.BOOKS_TWICE not in core.twists:
            return state
        bit <<= 2
    if Twist.IGNORES_LATE in core.twists and core.state(state.orders[i]) is S.NOT_PLACED:
        return state
    booked = state.booked[i] | bit
    shares = tuple(
        quantity * ((booked >> n & 1) + (booked >> n + 2 & 1))
        for n, quantity in enumerate(state.trades[i])
    )
    state = state._replace(booked=put(state.booked, i, booked))
    return moved(core, state, i, core.book(state.orders[i], shares))


def _settle(_core: Core, state: State, move: Move) -> State:
    return state._replace(calm=state.calm | 1 << move.which)


def _silence(core: Core, state: State, move: Move) -> State:
    return moved(core, state, move.which, core.advance(state.orders[move.which], E.LOST))


# -- sessions ----------------------------------------------------------------------------------
def lose_all(core: Core, state: State) -> State:
    """What was sent and not answered is unknown from now on."""
    for i, number in enumerate(state.orders):
        if core.state(number) is S.SENDING:
            state = moved(core, state, i, core.advance(number, E.LOST))
    return state


def _restart(core: Core, state: State, _move: Move) -> State:
    return lose_all(core, state)._replace(life=DOWN)


def _connect(core: Core, state: State, _move: Move) -> State:
    """Compare the books before the session is ready; then every order that left is doubted."""
    state = _audit(core, state, Move("audit"))
    suspects = 0
    for i, number in enumerate(state.orders):
        now = core.state(number)
        if now in LOOKED_FOR:
            suspects |= 1 << i
        if now is S.UNKNOWN and Twist.RESENDS in core.twists:
            state = _framed(state, i)
        if now is S.UNKNOWN and Twist.NEVER_LOOKS in core.twists:
            state = moved(core, state, i, core.advance(number, E.ABSENT))
    return state._replace(life=READY, suspects=suspects)


def _audit(core: Core, state: State, _move: Move) -> State:
    """Read positions and executions: what was not told is booked."""
    for i, trades in enumerate(state.trades):
        if not state.hidden >> i & 1:
            for trade in range(len(trades)):
                state = book(core, state, i, trade)
    return state


# -- resolving -----------------------------------------------------------------------------
def _open_orders(core: Core, state: State) -> tuple[State, int]:
    """Read the open orders; return who is in the list."""
    listed = 0
    for i, place in enumerate(state.market):
        if place in ALIVE and not state.hidden >> i & 1:
            listed |= 1 << i
            state = told(core, state, f"open {i} {OPEN_AS[place]}")
    return state, listed


def _read(core: Core, state: State, _move: Move) -> State:
    """Begin a complete reading with the open orders."""
    wanted = doubted(core, state)
    state, listed = _open_orders(core, state)
    return state._replace(reading=listed << len(state.rows) | wanted, suspects=0)


def _read_on(core: Core, state: State, _move: Move) -> State:
    """Read completed orders, executions and open orders again; judge whoever was in doubt."""
    first, wanted = divmod(state.reading, 1 << len(state.rows))
    state, listed = _finished(core, state)
    state = state._replace(reading=UNREAD)
    for i in range(len(state.rows)):
        if wanted >> i & 1:
            state = _judged(core, state, i, is_listed=bool((first | listed) >> i & 1))
    return state


def _finished(core: Core, state: State) -> tuple[State, int]:
    for i, place in enumerate(state.market):
        if place not in {NONE, *ALIVE} and not state.hidden >> i & 1:
            filled = sum(state.trades[i])
            state = told(core, state, f"completed {i} {LISTED_AS[place]} {filled}")
    state = _audit(core, state, Move("audit"))
    return _open_orders(core, state)


def _judged(core: Core, state: State, i: int, *, is_listed: bool) -> State:
    """Judge one order by a complete reading, as `Resolver._pass` does."""
    order = core.order(state.orders[i])
    passes = 0
    if resolver._is_answered(order):
        pass
    elif order.state is S.WORKING:
        if not is_listed:
            state = moved(core, state, i, core.advance(state.orders[i], E.VANISHED))
    elif order.state is S.UNKNOWN:
        passes = state.passes[i] + 1
    return state._replace(passes=put(state.passes, i, passes))


def _read_half(core: Core, state: State, _move: Move) -> State:
    """Count a reading that was cut off: only a planted defect does."""
    for i, number in enumerate(state.orders):
        if core.state(number) is S.UNKNOWN:
            state = state._replace(passes=put(state.passes, i, state.passes[i] + 1))
    return state


def _fence(core: Core, state: State, move: Move) -> State:
    """Cancel by order id, which the broker must not know."""
    i = move.which
    orders = put(state.orders, i, core.ask_cancel(state.orders[i]))
    return state._replace(orders=orders, up=(*state.up, f"cancel {i}"), fence=f"sent {i}")


def _answered(state: State, i: int, *, is_strange: bool) -> State:
    """Go on where the cancel is one of a strange order, else begin again."""
    if is_strange:
        return state._replace(fence=f"strange {i}")
    return state._replace(fence="", passes=put(state.passes, i, 0))


def _unanswered(_core: Core, state: State, move: Move) -> State:
    return _answered(state, move.which, is_strange=False)


def _conclude(core: Core, state: State, move: Move) -> State:
    """Read once more, compare the position, and conclude, as `Resolver._finish` does."""
    i = move.which
    if not core.twists & UNASKED:
        state, _ = _open_orders(core, state)
        state, _ = _finished(core, state)
    state = state._replace(fence="", passes=put(state.passes, i, 0))
    if core.state(state.orders[i]) is not S.UNKNOWN:
        return state
    if held_at_broker(core, state) != position(core, state):
        return moved(core, state, i, core.advance(state.orders[i], E.QUARANTINED))
    return moved(core, state, i, core.conclusion(state.orders[i]))


STEPS: Final[Mapping[str, Step]] = {
    "accept": _accept,
    "plan": _plan,
    "claim": _claim,
    "write": _write,
    "write first": _write_first,
    "lapse": _lapse,
    "cancel": _cancel,
    "learn": _learn,
    "settle": _settle,
    "silence": _silence,
    "restart": _restart,
    "connect": _connect,
    "audit": _audit,
    "read": _read,
    "read on": _read_on,
    "read half": _read_half,
    "fence": _fence,
    "unanswered": _unanswered,
    "conclude": _conclude,
}
