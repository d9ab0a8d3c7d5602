"""Withdrawing and halting: what ends unsent, and what must be cancelled.

Owns: the cancel of a batch, the halts, and what ends before an account is flattened. Each function
runs inside a transaction that its caller opened. Knows nothing of who may ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from paperdesk.crash import crash_point
from paperdesk.desk.ports import Stopped
from paperdesk.domain.audit import Action
from paperdesk.domain.batch import ErrorCode, Outcome
from paperdesk.domain.client import SERVICE, Actor
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import (
    Order,
    OrderEvent,
    OrderState,
    Terms,
    advance,
    shown_status,
)
from paperdesk.domain.position import is_reducing
from paperdesk.domain.vocabulary import AccountId, BatchId, HaltMode, OrderType, Symbol
from paperdesk.ledger import reading, telling, trail
from paperdesk.ledger.journal import Journal, next_id
from paperdesk.ledger.records import (
    open_orders,
    planned_orders,
    refresh_open,
    save_order,
    set_newest,
    update_row,
    update_rows,
)
from paperdesk.ledger.schema import IS_PENDING, halts, orders, targets


def ask_cancel(journal: Journal, batch_id: BatchId, by: Actor) -> list[Order]:
    """Withdraw the targets; end what is unsent; return what serves the batch and has left."""
    rows = journal.connection.execute(
        sa.select(targets.c.id, targets.c.symbol, targets.c.outcome).where(
            targets.c.batch_id == batch_id
        )
    ).all()
    pending = [row for row in rows if row.outcome == Outcome.PENDING.value]
    account = reading.account_of(journal.connection, batch_id)
    # They are taken back, not undone: they were answered, and what they replace must not leave.
    set_newest(journal, account, {Symbol(row.symbol): row.id for row in pending})
    update_rows(journal, [({"id": row.id}, {"is_withdrawn": True}) for row in rows])
    update_rows(
        journal,
        [({"id": row.id}, {"outcome": Outcome.WITHDRAWN.value}) for row in pending],
    )
    serving = open_orders(journal.connection, orders.c.serves.in_([row.id for row in rows]))
    sent = _end_unsent(journal, serving)
    refresh_open(journal.connection, {batch_id})
    trail.note(
        journal,
        by,
        Action.CANCEL,
        account=account,
        batch_id=batch_id,
        before={order.symbol: shown_status(order).value for order in serving},
        after={"cancel_asked": [order.symbol for order in sent]},
    )
    return _ask(journal, sent)


def flatten(journal: Journal, new: Halt, by: Actor) -> Stopped:
    """Put a halt in the place of the account's own; end every order of it but those that close.

    A market order towards zero goes on: the plan of the targets that follow keeps it where it
    closes the rest of the position, so that flattening again sends nothing again.
    """
    assert new.account is not None
    before = _standing(journal, new.account)
    _lift(journal, new.account, by, new.reason)
    _store(journal, new)
    found = [
        order
        for order in open_orders(journal.connection, orders.c.account_id == new.account)
        if not (_is_plain_market(order) and _reduces(journal, order))
    ]
    sent = _end_unsent(journal, found)
    dropped = [order for order in found if order.state is OrderState.PLANNED]
    for order in dropped:
        update_row(journal, order.batch_id, order.seq, **_words(new))
    stopped = Stopped(new, tuple(dropped), tuple(_ask(journal, sent)))
    _note(journal, by, Action.FLATTEN, before, stopped, cancel_working=True)
    return stopped


def halt(journal: Journal, new: Halt, *, cancel_working: bool, by: Actor) -> Stopped:
    """Store a halt and end what it stops and is not sent."""
    before = _standing(journal, new.account)
    is_new = not any(_is_same(new, halt) for halt in before)
    if is_new:
        _store(journal, new)
    where = [] if new.account is None else [orders.c.account_id == new.account]
    dropped = [
        order
        for order in planned_orders(journal.connection, *where)
        if new.stops(is_reducing=_reduces(journal, order))
    ]
    _end_unsent(journal, dropped)
    for order in dropped:
        update_row(journal, order.batch_id, order.seq, **_words(new))
    if new.mode is HaltMode.ALL:
        _withdraw_pending(journal, new.account, _words(new))
    sent = [
        order
        for order in open_orders(journal.connection, *where)
        if order.state is not OrderState.PLANNED
    ]
    working = _ask(journal, sent) if cancel_working else sent
    stopped = Stopped(new, tuple(dropped), tuple(working))
    if is_new or dropped or cancel_working:
        _note(journal, by, Action.HALT, before, stopped, cancel_working=cancel_working)
    crash_point("CP28")
    return stopped


def halt_ourselves(connection: sa.Connection, new: Halt) -> Stopped:
    """Halt by the service itself, and note it: a decision of its own. What works goes on."""
    journal = Journal(connection, new.since)
    stopped = halt(journal, new, cancel_working=False, by=SERVICE)
    telling.tell(journal)
    journal.close("halted", account=new.account)
    return stopped


def _is_same(new: Halt, standing: Halt) -> bool:
    """Tell whether a halt says again what stands: a program that repeats it adds nothing."""
    return replace(new, since=standing.since) == standing


def _standing(journal: Journal, account: AccountId | None) -> list[Halt]:
    """Return the halts that stand for an account, or of all of them: no other account's."""
    found = reading.halts(journal.connection)
    return [halt for halt in found if halt.account in {None, account}]


def _note(
    journal: Journal,
    by: Actor,
    action: Action,
    standing: Sequence[Halt],
    stopped: Stopped,
    *,
    cancel_working: bool,
) -> None:
    after = {
        **trail.halt_state(stopped.halt),
        "cancel_working": cancel_working,
        "ended_unsent": len(stopped.dropped),
        "working": len(stopped.working),
    }
    before = {"halts": [trail.halt_state(halt) for halt in standing]}
    trail.note(journal, by, action, account=stopped.halt.account, before=before, after=after)


def _store(journal: Journal, new: Halt) -> None:
    journal.insert(
        halts,
        [
            {
                "id": next_id(journal.connection, halts),
                "account_id": new.account,
                "mode": new.mode.value,
                "by": new.by,
                "since": new.since,
                "reason": new.reason,
            }
        ],
    )


def _words(new: Halt) -> dict[str, str]:
    """Return what a row says that ended by a halt."""
    return {"error": new.words, "error_code": ErrorCode.HALTED.value}


def resume(
    journal: Journal, account: AccountId | None, by: Actor, reason: str, *, reduce_only: bool
) -> None:
    """Lift the halts of the account, or the one of all accounts; or put a milder one there.

    A release stops nothing: where no halt stops more than the milder one would, none changes.
    """
    found = [halt for halt in reading.halts(journal.connection) if halt.account == account]
    is_mild = all(halt.mode is HaltMode.REDUCE_ONLY for halt in found)
    if not found or (reduce_only and is_mild):
        return
    _lift(journal, account, by, reason)
    milder = Halt(account, HaltMode.REDUCE_ONLY, by.name, journal.at, reason)
    left = [milder] if reduce_only else []
    for halt in left:
        _store(journal, halt)
    before = {"halts": [trail.halt_state(halt) for halt in found]}
    after = {"halts": [trail.halt_state(halt) for halt in left], "reason": reason}
    trail.note(journal, by, Action.RESUME, account=account, before=before, after=after)


def _lift(journal: Journal, account: AccountId | None, by: Actor, reason: str) -> None:
    same = halts.c.account_id.is_(None) if account is None else halts.c.account_id == account
    standing = journal.connection.scalars(
        sa.select(halts.c.id).where(same, halts.c.resumed_at.is_(None))
    )
    lifted = {"resumed_at": journal.at, "resumed_by": by.name, "resumed_because": reason}
    journal.update_each(halts, [({"id": identity}, lifted) for identity in standing.all()])


def _end_unsent(journal: Journal, found: Sequence[Order]) -> list[Order]:
    """Drop intents that nobody claimed; return the others."""
    for order in found:
        if order.state is OrderState.PLANNED:
            save_order(journal, order, advance(order, OrderEvent.DROPPED, journal.at))
            refresh_open(journal.connection, {order.batch_id})
    return [order for order in found if order.state is not OrderState.PLANNED]


def _ask(journal: Journal, sent: Sequence[Order]) -> list[Order]:
    asked = [replace(order, cancel_asked=True) for order in sent]
    for before, after in zip(sent, asked, strict=True):
        save_order(journal, before, after)
    return asked


def _reduces(journal: Journal, order: Order) -> bool:
    held = reading.quantities(journal.connection, order.account, [order.conid])
    return is_reducing(held.get(order.conid, 0), order.signed_leaves)


def _is_plain_market(order: Order) -> bool:
    return order.terms == Terms(OrderType.MKT) and not order.cancel_asked


def _withdraw_pending(
    journal: Journal, account: AccountId | None, words: dict[str, str]
) -> None:
    where = [] if account is None else [targets.c.account_id == account]
    pending = journal.connection.execute(
        sa.select(targets.c.id, targets.c.batch_id).where(IS_PENDING, *where)
    ).all()
    update_rows(
        journal,
        [({"id": row.id}, {"outcome": Outcome.WITHDRAWN.value} | words) for row in pending],
    )
    refresh_open(journal.connection, {BatchId(row.batch_id) for row in pending})
