"""The small ledger against the real one, step by step.

Owns: Twin, which does each move that writes with the functions of `paperdesk.ledger` on a SQLite
in memory, and `compare`: the rows, orders and positions of both are the same after each. So what
holds of every schedule of the small ledger is not true of the small ledger only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import process_time
from typing import Any, Final

import sqlalchemy as sa

from ledger_support import LINE, Judge, decide_by
from makers import AAPL, ACCOUNT, NOW, SEND_BEFORE, make_goal, make_head, make_target, recorded
from paperdesk.desk.ports import Claim, NewBatch, Submission
from paperdesk.domain.batch import ErrorCode, Refusal
from paperdesk.domain.order import Order, OrderEvent, OrderState
from paperdesk.domain.reports import ExecutionReport, Report
from paperdesk.domain.vocabulary import OrderId
from paperdesk.ledger import accepting, claims, plans, reading, resolving
from paperdesk.ledger.journal import Journal
from paperdesk.ledger.learning import Lesson
from paperdesk.ledger.rows import order_of
from paperdesk.ledger.schema import metadata, orders, owner, targets
from smallscope import search, service
from smallscope.core import Core, batch_of, execution_of, ref_of
from smallscope.model import ALIVE, NONE, READY, Bounds, Move, State, Twist, initial

EPOCH: Final = 1
SPAN_MAX: Final = timedelta(days=1)  # of any schedule: nothing here lapses by itself
SCHEDULE_MAX: Final = 200


@dataclass(slots=True)
class Steps:
    """What was compared, and what differed."""

    schedules: int = 0
    steps: int = 0
    seconds: float = 0.0
    differs: str | None = None
    moves: dict[str, int] = field(default_factory=dict)


class Twin:
    """The real ledger of one account, in one transaction that is never committed."""

    def __init__(self, connection: sa.Connection, core: Core) -> None:
        self._connection = connection
        self._core = core
        self._at = NOW
        self._writes: Final[Mapping[str, Callable[[State, State, Move], None]]] = {
            "accept": self._accept,
            "plan": self._plan,
            "claim": self._claim,
            "write": self._write,
            "lapse": self._lapse,
            "learn": self._learn,
            "settle": self._settle,
            "silence": self._lose,
            "restart": self._lose,
            "drop": self._lose,
            "connect": self._audit,
            "audit": self._audit,
            "read": self._read,
            "read on": self._read_on,
            "fence": self._fence,
            "conclude": self._conclude,
        }

    def follow(self, before: State, move: Move, after: State) -> None:
        """Do the move on the real ledger, where it writes anything."""
        write = self._writes.get(move.name)
        if write is not None:
            write(before, after, move)

    @property
    def _journal(self) -> Journal:
        return Journal(self._connection, self._at)

    def _decide(self, kind: str, work: Callable[[Journal], Any]) -> Any:
        journal = self._journal
        result = work(journal)
        journal.close(kind)
        return result

    # -- T0, T1, T2 ------------------------------------------------------------------------
    def _accept(self, before: State, _after: State, _move: Move) -> None:
        index = before.accepted
        target = make_target(quantity=self._core.targets[index])
        new = NewBatch(
            head=make_head(batch_of(index), at=self._at),
            submission=Submission(ACCOUNT, (target,)),
            key=None,
            fingerprint=None,
            send_before=SEND_BEFORE,
        )
        self._decide("accepted", lambda j: accepting.accept(j, new))

    def _plan(self, _before: State, _after: State, move: Move) -> None:
        goal = make_goal(self._core.targets[move.which], send_before=NOW + SPAN_MAX)
        batch = batch_of(move.which)
        self._decide(
            "planned",
            lambda j: plans.plan(j, batch, [goal], decide=decide_by(), whole_account=False),
        )

    def _claim(self, _before: State, _after: State, move: Move) -> None:
        wanted = [Claim(ref_of(move.which), OrderId(move.which + 1))]
        self._decide(
            "claimed", lambda j: claims.claim(j, wanted, LINE, judge=Judge(), epoch=EPOCH)
        )

    def _write(self, before: State, _after: State, move: Move) -> None:
        if before.life != READY:
            why = {ref_of(move.which): "the session ended"}
            self._decide("not_sent", lambda j: claims.not_sent(j, why))

    def _lapse(self, _before: State, _after: State, move: Move) -> None:
        why = {0: Refusal(ErrorCode.EXPIRED, "not sent in time")}
        self._decide("refused", lambda j: plans.refuse(j, batch_of(move.which), why))

    # -- T3 --------------------------------------------------------------------------------
    def _learn(self, before: State, _after: State, move: Move) -> None:
        kind, index, *rest = move.what.split()
        if kind == "trade":
            self._hear(self._trade(before, int(index), int(rest[0])))
        else:
            self._hear(self._core.report(move.what))

    def _hear(self, *reports: Report) -> None:
        messages = [recorded(report, at=self._at) for report in reports]
        Lesson(self._connection).take(messages)

    def _trade(self, state: State, i: int, number: int) -> ExecutionReport:
        side = self._core.order(state.orders[i]).side
        return ExecutionReport(execution_of(i, number, state.trades[i][number], side))

    def _settle(self, _before: State, _after: State, _move: Move) -> None:
        self._at += timedelta(seconds=1)

    def _lose(self, _before: State, _after: State, _move: Move) -> None:
        self._decide("lost", lambda j: claims.lose(j, [ACCOUNT], self._at))

    def _audit(self, before: State, _after: State, _move: Move) -> None:
        self._hear(*self._trades(before))

    def _trades(self, state: State) -> list[Report]:
        return [
            self._trade(state, i, number)
            for i, trades in enumerate(state.trades)
            for number in range(len(trades))
            if not state.hidden >> i & 1
        ]

    # -- resolving ---------------------------------------------------------------------------
    def _open(self, state: State) -> list[Report]:
        return [
            self._core.report(f"open {i} {service.OPEN_AS[place]}")
            for i, place in enumerate(state.market)
            if place in ALIVE and not state.hidden >> i & 1
        ]

    def _completed(self, state: State) -> list[Report]:
        return [
            self._core.report(
                f"completed {i} {service.LISTED_AS[place]} {sum(state.trades[i])}"
            )
            for i, place in enumerate(state.market)
            if place not in {NONE, *ALIVE} and not state.hidden >> i & 1
        ]

    def _read(self, before: State, _after: State, _move: Move) -> None:
        self._hear(*self._open(before))

    def _read_on(self, before: State, after: State, _move: Move) -> None:
        self._hear(*self._completed(before), *self._trades(before), *self._open(before))
        for i, number in enumerate(after.orders):
            now, ours = self._core.state(number), self._state(i)
            if now is OrderState.UNKNOWN and ours is OrderState.WORKING:
                self._move(i, OrderEvent.VANISHED, ours)

    def _fence(self, _before: State, _after: State, move: Move) -> None:
        self._decide("fenced", lambda j: resolving.fence(j, ref_of(move.which)))

    def _conclude(self, before: State, after: State, move: Move) -> None:
        self._hear(*self._open(before), *self._completed(before), *self._trades(before))
        ours, now = self._state(move.which), self._core.state(after.orders[move.which])
        if ours is OrderState.UNKNOWN and now is not ours:
            assert now is not None
            self._move(move.which, CONCLUDED[now], ours)

    def _move(self, i: int, event: OrderEvent, expected: OrderState) -> None:
        self._decide(
            "concluded",
            lambda j: resolving.conclude(j, ref_of(i), event, "found out", expected=expected),
        )

    # -- what it says --------------------------------------------------------------------------
    def _state(self, i: int) -> OrderState | None:
        found = self._order(i)
        return None if found is None else found.state

    def _order(self, i: int) -> Order | None:
        rows = self._connection.execute(sa.select(orders).where(orders.c.ref == ref_of(i)))
        row = rows.mappings().one_or_none()
        return None if row is None else order_of(row)

    def compare(self, state: State) -> str | None:
        """Say where the real ledger differs from the small one, None for nowhere."""
        outcomes = dict(
            self._connection.execute(sa.select(targets.c.batch_id, targets.c.outcome)).all()
        )
        for i, row in enumerate(state.rows):
            if outcomes.get(batch_of(i), "") != row:
                return f"row {i} is {outcomes.get(batch_of(i))}, not {row}"
            number = state.orders[i]
            small = None if number < 0 else _timeless(self._core.order(number))
            found = self._order(i)
            real = None if found is None else _timeless(found)
            if real != small:
                return f"order {i}:\n    {real}\n  not\n    {small}"
        held = reading.quantities(self._connection, ACCOUNT, [AAPL]).get(AAPL, 0)
        if held != service.position(self._core, state):
            return f"the position is {held}, not {service.position(self._core, state)}"
        return None


CONCLUDED: Final = {
    OrderState.NOT_PLACED: OrderEvent.ABSENT,
    OrderState.CANCELLED: OrderEvent.CANCELLED,
    OrderState.QUARANTINED: OrderEvent.QUARANTINED,
}


def _timeless(order: Order) -> Order:
    """Leave out the times, and the words of a conclusion: the small ledger has neither."""
    return replace(
        order,
        planned_at=NOW,
        send_before=NOW,
        sent_at=_since(order.sent_at),
        ended_at=_since(order.ended_at),
        warnings=tuple(words for words in order.warnings if words != "found out"),
    )


def _since(at: datetime | None) -> datetime | None:
    return None if at is None else NOW


@contextmanager
def open_memory() -> Iterator[sa.Connection]:
    """Give a connection to a ledger in memory, with its tables and its owner."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)

    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # as in `ledger.sqlite`

    sa.event.listen(engine, "connect", on_connect)
    sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(owner.insert().values(id=1, epoch=EPOCH, since=NOW))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def walk(bounds: Bounds, *twists: Twist, seed: int, schedules: int) -> Steps:
    """Follow random schedules on both ledgers; a twist is in the small one only."""
    core, chance, done = Core(bounds.targets, twists), random.Random(seed), Steps()
    ways, begun = search.Ways(core), process_time()
    with open_memory() as connection:
        while done.schedules < schedules and done.differs is None:
            with connection.begin() as transaction:
                done.differs = _walked(ways, bounds, Twin(connection, core), chance, done)
                transaction.rollback()
            done.schedules += 1
    done.seconds = process_time() - begun
    return done


def _walked(
    ways: search.Ways, bounds: Bounds, twin: Twin, chance: random.Random, done: Steps
) -> str | None:
    state = initial(bounds)
    trace: list[str] = []
    while len(trace) < SCHEDULE_MAX:
        reached = ways.step(state, chance)
        if reached is None or not _can_follow(ways.core, state, reached[0]):
            return None
        move, after = reached
        twin.follow(state, move, after)
        trace.append(f"{move.name} {move.what or move.which}")
        done.steps += 1
        done.moves[move.name] = done.moves.get(move.name, 0) + 1
        differs = twin.compare(after)
        if differs is not None:
            return "\n".join([*trace, differs])
        state = after
    return None


def _can_follow(core: Core, state: State, move: Move) -> bool:
    """Tell whether one clock can tell it: a second that passes, passes for every order."""
    if move.name != "settle":
        return True
    ended = [
        i
        for i, number in enumerate(state.orders)
        if core.state(number) is OrderState.CANCELLED and not state.calm >> i & 1
    ]
    return ended in ([], [move.which])


def every_step(bounds: Bounds) -> Steps:
    """Take every transition of a scope on both ledgers, each once."""
    core, done, seen = Core(bounds.targets), Steps(), {initial(bounds)}
    begun = process_time()
    with open_memory() as connection, connection.begin() as transaction:
        _descend(core, initial(bounds), connection, Twin(connection, core), seen, done)
        transaction.rollback()
    done.seconds = process_time() - begun
    return done


def _descend(
    core: Core,
    state: State,
    connection: sa.Connection,
    twin: Twin,
    seen: set[State],
    done: Steps,
) -> None:
    """Go down every move from here, and come back by a savepoint."""
    for move in search.enabled(core, state):
        after = search.apply(core, state, move)
        if after == state or done.differs is not None or not _can_follow(core, state, move):
            continue
        with connection.begin_nested() as savepoint:
            at = twin._at
            twin.follow(state, move, after)
            done.steps += 1
            done.differs = twin.compare(after)
            if after not in seen:
                seen.add(after)
                _descend(core, after, connection, twin, seen, done)
            twin._at = at
            savepoint.rollback()
