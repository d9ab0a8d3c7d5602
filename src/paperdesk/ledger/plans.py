"""T1: targets become intents.

Owns: which targets are still to be planned, what a decision is made from, and how each is
written. Knows nothing of what is decided.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.desk.ports import Decide
from paperdesk.domain.batch import Outcome, Refusal
from paperdesk.domain.halt import strictest_of
from paperdesk.domain.hours import day_began
from paperdesk.domain.order import OrderEvent, OrderState, advance
from paperdesk.domain.planning import Decision, Goal, Plan, Previous, Situation, intent_of
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, Symbol
from paperdesk.ledger import reading, standing
from paperdesk.ledger.journal import Journal, Values
from paperdesk.ledger.limits import standing_limits
from paperdesk.ledger.prepared import among, given
from paperdesk.ledger.records import (
    planned_orders,
    refresh_open,
    save_order,
    set_newest,
    supersede,
    update_rows,
)
from paperdesk.ledger.rows import order_row
from paperdesk.ledger.schema import IS_PENDING, orders, targets

MINUTE: Final = timedelta(minutes=1)
ATTEMPTS: Final = timedelta(minutes=10)  # for so long a failed order counts as an attempt


def plan(
    journal: Journal,
    batch_id: BatchId,
    goals: Sequence[Goal],
    *,
    decide: Decide,
    whole_account: bool,
) -> Plan:
    """Decide on the goals that are still pending, and write what was decided."""
    connection = journal.connection
    account = reading.account_of(connection, batch_id)
    pending = _pending_ids(connection, batch_id, [goal.seq for goal in goals])
    live = [goal for goal in goals if goal.seq in pending]
    newer = standing.newest_ids(connection, account, {goal.target.symbol for goal in live})
    overtaken = [g for g in live if newer.get(g.target.symbol, 0) > pending[g.seq]]
    update_rows(
        journal,
        [
            (
                {"id": pending[goal.seq]},
                {
                    "outcome": Outcome.WITHDRAWN.value,
                    "superseded_by": newer[goal.target.symbol],
                },
            )
            for goal in overtaken
        ],
    )
    # What overtook them may be refused yet: they would be older than nothing then.
    set_newest(journal, account, {goal.target.symbol: pending[goal.seq] for goal in overtaken})
    gone = {goal.seq for goal in overtaken}
    live = [goal for goal in live if goal.seq not in gone]
    decided = decide(
        live, situation(connection, account, live, at=journal.at, whole_account=whole_account)
    )
    _Writing(journal, batch_id, account, pending).write(decided)
    refresh_open(connection, {batch_id})
    return decided


def situation(
    connection: sa.Connection,
    account: AccountId,
    goals: Sequence[Goal],
    *,
    at: datetime,
    whole_account: bool,
) -> Situation:
    """Return what the goals are decided from."""
    conids = [goal.contract.conid for goal in goals]
    symbols = [goal.target.symbol for goal in goals]
    known = account_situation(connection, account, conids, at=at, whole_account=whole_account)
    is_counting = whole_account or known.limits is not None
    return replace(
        known,
        unsettled=reading.unsettled(connection, account, conids, at),
        previous=_previous(connection, account, symbols),
        attempts=reading.attempts(connection, account, at - ATTEMPTS) if is_counting else {},
    )


def account_situation(
    connection: sa.Connection,
    account: AccountId,
    conids: Collection[ConId],
    *,
    at: datetime,
    whole_account: bool,
) -> Situation:
    """Return what is true of an account, as far as a claim on these contracts needs it.

    Limits that were set by hand are read here, in the transaction that is decided in.
    """
    limits = standing_limits(connection, account)
    whole_account = whole_account or limits is not None
    return Situation(
        at=at,
        positions=(
            {c: q for c, (_, q) in reading.all_positions(connection, account).items()}
            if whole_account
            else reading.quantities(connection, account, conids)
        ),
        working=reading.working(connection, account) if whole_account else (),
        locks={c: lock.reason for c, lock in reading.locks(connection, account).items()},
        halt=strictest_of(reading.halts(connection), account),
        sent_last_minute=(
            reading.sent_since(connection, account, at - MINUTE) if whole_account else 0
        ),
        sent_today=(
            reading.sent_since(connection, account, day_began(at)) if whole_account else 0
        ),
        limits=limits,
    )


def refuse(journal: Journal, batch_id: BatchId, refusals: Mapping[int, Refusal]) -> None:
    """End rows that are pending, and lapse intents that are not claimed."""
    connection = journal.connection
    pending = _pending_ids(connection, batch_id, list(refusals))
    unclaimed = planned_orders(
        connection, orders.c.batch_id == batch_id, orders.c.seq.in_(list(refusals))
    )
    for order in unclaimed:
        save_order(journal, order, advance(order, OrderEvent.LAPSED, journal.at))
    changes: list[tuple[Values, Values]] = []
    for seq, refusal in refusals.items():
        words = {"error": refusal.words, "error_code": refusal.code.value}
        key = {"batch_id": batch_id, "seq": seq}
        if seq in pending:
            changes.append((key, {"outcome": Outcome.ERROR.value} | words))
        elif any(order.seq == seq for order in unclaimed):
            changes.append((key, words))
    update_rows(journal, changes)
    refresh_open(connection, {batch_id})


def warn(journal: Journal, batch_id: BatchId, seqs: Collection[int], warning: str) -> None:
    """Add a warning to rows, once."""
    rows = journal.connection.execute(
        sa.select(targets.c.id, targets.c.warnings).where(
            targets.c.batch_id == batch_id, targets.c.seq.in_(seqs)
        )
    )
    update_rows(
        journal,
        [
            ({"id": identity}, {"warnings": [*warnings, warning]})
            for identity, warnings in rows
            if warning not in warnings
        ],
    )


_PENDING: Final = sa.select(targets.c.seq, targets.c.id).where(
    targets.c.batch_id == given("batch_id"),
    targets.c.seq.in_(among("seqs")),
    IS_PENDING,
)


def _pending_ids(
    connection: sa.Connection, batch_id: BatchId, seqs: Sequence[int]
) -> dict[int, int]:
    rows = connection.execute(_PENDING, {"batch_id": batch_id, "seqs": seqs})
    return {row.seq: row.id for row in rows}


def _previous(
    connection: sa.Connection, account: AccountId, symbols: Sequence[Symbol]
) -> dict[Symbol, Previous]:
    return {
        symbol: Previous(client, set_at)
        for symbol, client, set_at in standing.applied(connection, account, symbols)
    }


class _Writing:
    """Writes the decisions on the rows of one batch."""

    def __init__(
        self, journal: Journal, batch_id: BatchId, account: AccountId, ids: Mapping[int, int]
    ) -> None:
        self._journal = journal
        self._batch_id = batch_id
        self._account = account
        self._ids = ids
        self._rows: list[tuple[Values, Values]] = []
        self._intents: list[Values] = []
        self._applied: dict[Symbol, int] = {}

    def write(self, decided: Plan) -> None:
        before = self._superseded(decided)
        for decision in decided.decisions:
            self._write(decision, before.get(decision.goal.seq, []))
        update_rows(self._journal, self._rows)
        self._journal.insert(orders, self._intents)
        set_newest(self._journal, self._account, self._applied)

    def _superseded(self, decided: Plan) -> dict[int, list[int]]:
        """Return what is noted already of rows that wait for an order to end."""
        waiting = [d.goal.seq for d in decided.decisions if d.replaces is not None]
        if not waiting:
            return {}
        rows = self._journal.connection.execute(
            sa.select(targets.c.seq, targets.c.superseded).where(
                targets.c.batch_id == self._batch_id, targets.c.seq.in_(waiting)
            )
        )
        return {row.seq: row.superseded for row in rows}

    def _write(self, decision: Decision, superseded: Sequence[int]) -> None:
        goal = decision.goal
        identity = self._ids[goal.seq]
        values: dict[str, Any] = {
            "conid": goal.contract.conid,
            "current_pos": decision.current_pos,
            "working_qty": decision.working_qty,
            "foreign_qty": decision.foreign_qty,
            "delta": decision.delta,
            "warnings": list(decision.warnings),
        }
        if decision.replaces is not None and decision.refusal is None:
            ended = self._make_way(decision, identity)
            if ended is not None and ended not in superseded:
                values["superseded"] = [*superseded, ended]
        values |= self._outcome(decision, identity)
        self._rows.append(({"id": identity}, values))

    def _outcome(self, decision: Decision, identity: int) -> dict[str, Any]:
        """Return what the row becomes."""
        if decision.refusal is not None:
            refusal = decision.refusal
            return {
                "outcome": Outcome.ERROR.value,
                "error": refusal.words,
                "error_code": refusal.code.value,
            }
        if decision.waits_for is not None:
            return {"warnings": [*decision.warnings, f"{standing.WAITS}{decision.waits_for}"]}
        self._applied[decision.goal.target.symbol] = identity
        if decision.keeps is not None:
            self._keep(decision, identity)
            return {"outcome": Outcome.NO_CHANGE.value, "kept_ref": decision.keeps.ref}
        if decision.draft is None:
            return {"outcome": Outcome.NO_CHANGE.value}
        intent = intent_of(decision, self._batch_id, self._account, at=self._journal.at)
        self._intents.append(order_row(intent) | {"serves": identity})
        return {"outcome": Outcome.ORDERED.value}

    def _keep(self, decision: Decision, identity: int) -> None:
        """Let the order serve this row from now on; its time is this row's where unsent."""
        order = decision.keeps
        assert order is not None
        values: dict[str, Any] = {"serves": identity}
        if order.state is OrderState.PLANNED:
            values["send_before"] = decision.goal.send_before
        self._journal.update(orders, {"ref": order.ref}, values)

    def _make_way(self, decision: Decision, identity: int) -> int | None:
        """Have an order end that stands in the way; return its id where it was sent."""
        order = decision.replaces
        assert order is not None
        supersede(self._journal, order, identity)
        if order.state is OrderState.PLANNED:
            after = advance(order, OrderEvent.DROPPED, self._journal.at)
            save_order(self._journal, order, after)
            refresh_open(self._journal.connection, {order.batch_id})
        elif not order.cancel_asked:
            self._journal.update(orders, {"ref": order.ref}, {"cancel_asked": True})
        return order.order_id
