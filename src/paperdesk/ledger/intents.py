"""From a batch to intents, from intents to claims: T0, T1, T2 and cancels.

Owns: every write that happens before a report. Each function runs inside one transaction
that its caller opened. Knows nothing of what is decided, only how it is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from paperdesk.desk.ports import Claim, Decide, Line, NewBatch
from paperdesk.domain.batch import ErrorCode, Outcome, Refusal
from paperdesk.domain.order import Order, OrderEvent, OrderState, advance
from paperdesk.domain.planning import Decision, Goal, Plan, intent_of
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, OrderRef, TimeInForce
from paperdesk.ledger import reading
from paperdesk.ledger.rows import RowMapping, order_of, order_row, target_row
from paperdesk.ledger.schema import batches, orders, owner, targets


def accept(connection: sa.Connection, new: NewBatch) -> None:
    """T0: write batch, targets and key."""
    head = new.head
    connection.execute(
        batches.insert().values(
            batch_id=head.batch_id,
            account_id=head.account_id,
            client=head.client,
            submitted_at=head.submitted_at,
            send_before=new.send_before,
            idempotency_key=new.key,
            fingerprint=new.fingerprint,
            is_open=True,
        )
    )
    connection.execute(
        targets.insert(),
        [
            {
                "batch_id": head.batch_id,
                "seq": seq,
                "account_id": head.account_id,
                **target_row(target),
            }
            for seq, target in enumerate(new.targets)
        ],
    )


def plan(
    connection: sa.Connection,
    batch_id: BatchId,
    goals: Sequence[Goal],
    *,
    decide: Decide,
    at: datetime,
) -> Plan:
    """T1: decide on the goals that are still pending, and write what was decided."""
    account = _account_of(connection, batch_id)
    pending = _pending_ids(connection, batch_id, [goal.seq for goal in goals])
    live = []
    for goal in goals:
        if goal.seq not in pending:
            continue
        if _newer_target(connection, account, goal, pending[goal.seq]):
            _end_row(connection, batch_id, goal.seq, outcome=Outcome.WITHDRAWN, **_SUPERSEDED)
            continue
        live.append(goal)
        _give_way(connection, account, goal.contract.conid, at)
    conids = [goal.contract.conid for goal in live]
    decided = decide(
        live,
        reading.quantities(connection, account, conids),
        reading.unsettled(connection, account, conids, at),
    )
    for decision in decided.decisions:
        _write_decision(connection, (batch_id, account), decision, at)
    refresh_open(connection, {batch_id})
    return decided


def refuse(
    connection: sa.Connection,
    batch_id: BatchId,
    refusals: Mapping[int, Refusal],
    at: datetime,
) -> None:
    """End rows that are pending, and lapse intents that are not claimed."""
    pending = _pending_ids(connection, batch_id, list(refusals))
    for seq, refusal in refusals.items():
        words = {"error": refusal.words, "error_code": refusal.code.value}
        if seq in pending:
            _end_row(connection, batch_id, seq, outcome=Outcome.ERROR, **words)
            continue
        for order in _planned(connection, orders.c.batch_id == batch_id, orders.c.seq == seq):
            _save(connection, advance(order, OrderEvent.LAPSED, at))
            _update_row(connection, batch_id, seq, **words)
    refresh_open(connection, {batch_id})


def warn(
    connection: sa.Connection, batch_id: BatchId, seqs: Collection[int], warning: str
) -> None:
    """Add a warning to rows, once."""
    rows = connection.execute(
        sa.select(targets.c.id, targets.c.warnings).where(
            targets.c.batch_id == batch_id, targets.c.seq.in_(seqs)
        )
    )
    for identity, warnings in rows.all():
        if warning not in warnings:
            connection.execute(
                targets.update()
                .where(targets.c.id == identity)
                .values(warnings=[*warnings, warning])
            )


def claim(
    connection: sa.Connection,
    claims: Sequence[Claim],
    line: Line,
    *,
    epoch: int,
    at: datetime,
) -> list[Order]:
    """T2: claim what may still be sent. From this commit on nobody may send it again."""
    if connection.scalar(sa.select(owner.c.epoch)) != epoch:
        return []
    won = []
    for wanted in claims:
        for order in _planned(connection, orders.c.ref == wanted.ref):
            row = _target_of(connection, order)
            if row["send_before"] <= at:
                continue  # the sender lapses it
            if _has_newer(connection, row):
                _save(connection, advance(order, OrderEvent.DROPPED, at))
                _update_row(connection, order.batch_id, order.seq, **_SUPERSEDED)
                refresh_open(connection, {order.batch_id})
                continue
            claimed = replace(
                advance(order, OrderEvent.CLAIMED, at),
                order_id=wanted.order_id,
                client_id=line.client_id,
                sent_at=at,
                good_until=_good_until(order, line),
            )
            _save(connection, claimed, gateway=line.gateway, session=line.session, epoch=epoch)
            won.append(claimed)
    return won


def _good_until(order: Order, line: Line) -> datetime | None:
    is_day = order.terms.time_in_force is TimeInForce.DAY
    return line.day_ends_at if is_day else None


def not_sent(connection: sa.Connection, ref: OrderRef, why: str, at: datetime) -> None:
    """Record that a claimed intent never left."""
    order = order_of(_order_row(connection, ref))
    _save(connection, advance(order, OrderEvent.NOT_SENT, at))
    _update_row(
        connection,
        order.batch_id,
        order.seq,
        error=f"not sent: {why}",
        error_code=ErrorCode.NOT_PLACED.value,
    )
    refresh_open(connection, {order.batch_id})


def lose(
    connection: sa.Connection,
    accounts: Collection[AccountId],
    sent_before: datetime,
    at: datetime,
) -> set[BatchId]:
    """Mark claimed intents without any answer as unknown."""
    rows = connection.execute(
        sa.select(orders).where(
            orders.c.account_id.in_(accounts),
            orders.c.is_open,
            orders.c.state == OrderState.SENDING.value,
            orders.c.sent_at <= sent_before,
        )
    )
    found = [order_of(row) for row in rows.mappings()]
    for order in found:
        _save(connection, advance(order, OrderEvent.LOST, at))
    return {order.batch_id for order in found}


def ask_cancel(connection: sa.Connection, batch_id: BatchId, at: datetime) -> list[Order]:
    """Withdraw the targets, drop what is unsent, mark the rest; return what works."""
    connection.execute(
        targets.update().where(targets.c.batch_id == batch_id).values(is_withdrawn=True)
    )
    connection.execute(
        targets.update()
        .where(targets.c.batch_id == batch_id, targets.c.outcome == Outcome.PENDING.value)
        .values(outcome=Outcome.WITHDRAWN.value)
    )
    for order in _planned(connection, orders.c.batch_id == batch_id):
        _save(connection, advance(order, OrderEvent.DROPPED, at))
    rows = connection.execute(
        sa.select(orders)
        .where(orders.c.batch_id == batch_id, orders.c.is_open)
        .order_by(orders.c.seq)
    )
    working = [replace(order_of(row), cancel_asked=True) for row in rows.mappings()]
    for order in working:
        _save(connection, order)
    refresh_open(connection, {batch_id})
    return working


def refresh_open(connection: sa.Connection, batch_ids: Collection[BatchId]) -> None:
    """Tell of batches whether a row of theirs is still to come to its end."""
    pending = sa.exists().where(
        targets.c.batch_id == batches.c.batch_id, targets.c.outcome == Outcome.PENDING.value
    )
    working = sa.exists().where(orders.c.batch_id == batches.c.batch_id, orders.c.is_open)
    connection.execute(
        batches.update()
        .where(batches.c.batch_id.in_(sorted(batch_ids)))
        .values(is_open=sa.or_(pending, working))
    )


_SUPERSEDED: dict[str, Any] = {
    "error": "superseded before it was sent: a newer target for the symbol was accepted",
    "is_withdrawn": True,
}


def _account_of(connection: sa.Connection, batch_id: BatchId) -> AccountId:
    account = connection.scalar(
        sa.select(batches.c.account_id).where(batches.c.batch_id == batch_id)
    )
    assert account is not None
    return AccountId(account)


def _pending_ids(
    connection: sa.Connection, batch_id: BatchId, seqs: Sequence[int]
) -> dict[int, int]:
    rows = connection.execute(
        sa.select(targets.c.seq, targets.c.id).where(
            targets.c.batch_id == batch_id,
            targets.c.seq.in_(seqs),
            targets.c.outcome == Outcome.PENDING.value,
        )
    )
    return {row.seq: row.id for row in rows}


def _newer_target(
    connection: sa.Connection, account: AccountId, goal: Goal, identity: int
) -> bool:
    return _has_newer(
        connection,
        {"account_id": account, "symbol": goal.target.symbol, "target_id": identity},
    )


def _has_newer(connection: sa.Connection, row: RowMapping) -> bool:
    """Tell whether a newer target that still stands exists for the symbol."""
    newer = sa.select(targets.c.id).where(
        targets.c.account_id == row["account_id"],
        targets.c.symbol == row["symbol"],
        targets.c.id > row["target_id"],
        targets.c.is_withdrawn.is_(False),
        targets.c.outcome.notin_([Outcome.ERROR.value, Outcome.WITHDRAWN.value]),
    )
    return connection.scalar(newer.limit(1)) is not None


def _target_of(connection: sa.Connection, order: Order) -> RowMapping:
    row = connection.execute(
        sa.select(
            targets.c.id.label("target_id"),
            targets.c.account_id,
            targets.c.symbol,
            batches.c.send_before,
        )
        .join(batches, batches.c.batch_id == targets.c.batch_id)
        .where(targets.c.batch_id == order.batch_id, targets.c.seq == order.seq)
    )
    return row.mappings().one()


def _give_way(
    connection: sa.Connection, account: AccountId, conid: ConId, at: datetime
) -> None:
    """Drop an unclaimed intent: a newer target is about to be planned."""
    for order in _planned(connection, orders.c.account_id == account, orders.c.conid == conid):
        _save(connection, advance(order, OrderEvent.DROPPED, at))
        _update_row(connection, order.batch_id, order.seq, **_SUPERSEDED)
        refresh_open(connection, {order.batch_id})


def _planned(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Order]:
    rows = connection.execute(
        sa.select(orders)
        .where(orders.c.is_open, orders.c.state == OrderState.PLANNED.value, *where)
        .order_by(*reading.AS_PLANNED)
    )
    return [order_of(row) for row in rows.mappings()]


def _write_decision(
    connection: sa.Connection,
    whose: tuple[BatchId, AccountId],
    decision: Decision,
    at: datetime,
) -> None:
    batch_id, account = whose
    seq = decision.goal.seq
    figures: dict[str, Any] = {
        "conid": decision.goal.contract.conid,
        "current_pos": decision.current_pos,
        "working_qty": decision.working_qty,
        "delta": decision.delta,
        "warnings": list(decision.warnings),
    }
    if decision.waits_for is not None:
        figures["warnings"] = [f"waits: {decision.waits_for}"]
        _update_row(connection, batch_id, seq, **figures)
    elif decision.refusal is not None:
        refusal = decision.refusal
        words = {"error": refusal.words, "error_code": refusal.code.value}
        _end_row(connection, batch_id, seq, outcome=Outcome.ERROR, **figures, **words)
    elif decision.draft is None:
        _end_row(connection, batch_id, seq, outcome=Outcome.NO_CHANGE, **figures)
    else:
        _end_row(connection, batch_id, seq, outcome=Outcome.ORDERED, **figures)
        connection.execute(
            orders.insert().values(order_row(intent_of(decision, batch_id, account, at=at)))
        )


def _end_row(
    connection: sa.Connection, batch_id: BatchId, seq: int, *, outcome: Outcome, **values: Any
) -> None:
    _update_row(connection, batch_id, seq, outcome=outcome.value, **values)


def _update_row(connection: sa.Connection, batch_id: BatchId, seq: int, **values: Any) -> None:
    connection.execute(
        targets.update()
        .where(targets.c.batch_id == batch_id, targets.c.seq == seq)
        .values(values)
    )


def _order_row(connection: sa.Connection, ref: OrderRef) -> RowMapping:
    return connection.execute(sa.select(orders).where(orders.c.ref == ref)).mappings().one()


def _save(connection: sa.Connection, order: Order, **more: Any) -> None:
    """Write an order's row back."""
    connection.execute(
        orders.update().where(orders.c.ref == order.ref).values(order_row(order) | more)
    )
