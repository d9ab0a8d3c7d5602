"""Questions that change nothing.

Owns: every query whose answer leaves the ledger. Each function runs inside a transaction that
its caller opened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.desk.ports import ExecutionFilter, KeyRecord, OpenBatch, Page, Progress
from paperdesk.domain.batch import Batch, BatchHead, Successor
from paperdesk.domain.contract import Contract
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import SETTLE_AFTER_CANCEL, Order, OrderState
from paperdesk.domain.reconcile import EXECUTIONS_LAG
from paperdesk.domain.views import Lock, Positions
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    OrderRef,
    Symbol,
)
from paperdesk.ledger.prepared import among, given
from paperdesk.ledger.rows import (
    Relatives,
    RowMapping,
    booked_of,
    contract_of,
    halt_of,
    head_of,
    lock_of,
    order_of,
    row_of,
    snapshot_of,
)
from paperdesk.ledger.schema import (
    AS_PLANNED,
    IS_PENDING,
    batches,
    commissions,
    contracts,
    executions,
    orders,
    positions,
    snapshots,
    targets,
)
from paperdesk.ledger.schema import halts as halts_table
from paperdesk.ledger.schema import locks as locks_table


def batch(connection: sa.Connection, batch_id: BatchId) -> Batch | None:
    """Return a batch and its rows."""
    found = connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id))
    row = found.mappings().one_or_none()
    return None if row is None else _batch_of(connection, row)


def _batch_of(connection: sa.Connection, row: RowMapping) -> Batch:
    head = head_of(row)
    own = connection.execute(sa.select(orders).where(orders.c.batch_id == head.batch_id))
    by_seq = {row["seq"]: (order_of(row), row["serves"]) for row in own.mappings()}
    asked = connection.execute(
        sa.select(targets).where(targets.c.batch_id == head.batch_id).order_by(targets.c.seq)
    )
    rows = asked.mappings().all()
    relatives = relatives_of(connection, rows, by_seq)
    return Batch(
        head,
        tuple(row_of(row, by_seq.get(row["seq"], (None, 0))[0], relatives) for row in rows),
        tuple(row["warnings"]),
    )


def relatives_of(
    connection: sa.Connection,
    rows: Sequence[RowMapping],
    by_seq: Mapping[int, tuple[Order, int]],
) -> Relatives:
    """Return what the rows have to do with other batches; most have nothing."""
    ids = {row["seq"]: row["id"] for row in rows}
    holders = {row["kept_ref"]: row["id"] for row in rows if row["kept_ref"] is not None}
    kept = _serving(connection, holders)
    # Newer batches may keep what a row placed, and what it only kept itself.
    served = {order.ref: (serves, ids[seq]) for seq, (order, serves) in by_seq.items()}
    served |= {ref: (serves, holders[ref]) for ref, (_, serves) in kept.items()}
    serving = {ref: serves for ref, (serves, own_id) in served.items() if serves != own_id}
    successors = {row["superseded_by"] for row in rows} - {None}
    newer = _successors(connection, successors | set(serving.values()))
    return Relatives(
        kept={ref: order for ref, (order, _) in kept.items()},
        kept_by={ref: newer[serves].batch_id for ref, serves in serving.items()},
        successors=newer,
    )


def _serving(
    connection: sa.Connection, refs: Collection[OrderRef]
) -> dict[OrderRef, tuple[Order, int]]:
    """Return orders, each with the id of the target that it serves."""
    if not refs:
        return {}
    rows = connection.execute(sa.select(orders).where(orders.c.ref.in_(refs)))
    return {OrderRef(row["ref"]): (order_of(row), row["serves"]) for row in rows.mappings()}


def _successors(connection: sa.Connection, identities: Collection[int]) -> dict[int, Successor]:
    """Return batch and order id of targets; the order may be an older one that is kept."""
    if not identities:
        return {}
    own = orders.alias("own")
    kept = orders.alias("kept")
    rows = connection.execute(
        sa.select(
            targets.c.id,
            targets.c.batch_id,
            sa.func.coalesce(own.c.order_id, kept.c.order_id).label("order_id"),
        )
        .join(
            own,
            sa.and_(own.c.batch_id == targets.c.batch_id, own.c.seq == targets.c.seq),
            isouter=True,
        )
        .join(kept, kept.c.ref == targets.c.kept_ref, isouter=True)
        .where(targets.c.id.in_(identities))
    )
    return {row.id: Successor(BatchId(row.batch_id), row.order_id) for row in rows}


_UNSENT: Final = (
    sa.select(orders)
    .where(
        orders.c.state == OrderState.PLANNED.value,
        orders.c.is_open,
        sa.or_(
            orders.c.batch_id == given("batch_id"),  # also where a newer batch keeps it
            orders.c.serves.in_(
                sa.select(targets.c.id).where(targets.c.batch_id == given("batch_id"))
            ),
        ),
    )
    .order_by(*AS_PLANNED)
)


def unsent(connection: sa.Connection, batch_id: BatchId) -> list[Order]:
    """Return intents of the batch, or that serve it, and that nobody has claimed."""
    rows = connection.execute(_UNSENT, {"batch_id": batch_id})
    return [order_of(row) for row in rows.mappings()]


_BATCH_ID: Final = given("batch_id")
_UNANSWERED: Final = (OrderState.PLANNED.value, OrderState.SENDING.value)
_PROGRESS: Final = sa.select(
    sa.exists().where(targets.c.batch_id == _BATCH_ID, IS_PENDING),
    sa.exists().where(orders.c.batch_id == _BATCH_ID, orders.c.state.in_(_UNANSWERED)),
    sa.exists().where(orders.c.batch_id == _BATCH_ID, orders.c.is_open),
)


def progress(connection: sa.Connection, batch_id: BatchId) -> Progress:
    """Return how far a batch may have come."""
    row = connection.execute(_PROGRESS, {"batch_id": batch_id}).one()
    return Progress(
        is_answered=not row[0] and not row[1],
        is_ended=not row[0] and not row[2],
    )


_ACCOUNT_OF: Final = sa.select(batches.c.account_id).where(
    batches.c.batch_id == given("batch_id")
)


def account_of(connection: sa.Connection, batch_id: BatchId) -> AccountId:
    """Return the account of a batch that exists."""
    account = connection.scalar(_ACCOUNT_OF, {"batch_id": batch_id})
    assert account is not None
    return AccountId(account)


_HALTS: Final = sa.select(halts_table).where(halts_table.c.resumed_at.is_(None))


def halts(connection: sa.Connection) -> list[Halt]:
    """Return the halts that stand."""
    return [halt_of(row) for row in connection.execute(_HALTS).mappings()]


_LOCKS: Final = (
    sa.select(locks_table)
    .where(locks_table.c.account_id == given("account"), locks_table.c.cleared_at.is_(None))
    .order_by(locks_table.c.id)
)


def locks(connection: sa.Connection, account: AccountId) -> dict[ConId | None, Lock]:
    """Return the locks that stand."""
    rows = connection.execute(_LOCKS, {"account": account})
    return {
        None if row["conid"] is None else ConId(row["conid"]): lock_of(row)
        for row in rows.mappings()
    }


def sent_since(connection: sa.Connection, account: AccountId, since: datetime) -> int:
    """Return how many orders were claimed since an instant."""
    return (
        connection.scalar(
            sa.select(sa.func.count()).where(
                orders.c.account_id == account, orders.c.sent_at > since
            )
        )
        or 0
    )


def attempts(
    connection: sa.Connection, account: AccountId, since: datetime
) -> dict[tuple[ConId, int], int]:
    """Return, per contract and target, how many orders sent since then ended short of it.

    Those that the broker refused or ended by itself: one that was cancelled for a newer target
    or by its client is no attempt that failed.
    """
    failed = [OrderState.REJECTED.value, OrderState.CANCELLED.value]
    rows = connection.execute(
        sa.select(orders.c.conid, targets.c.quantity, sa.func.count())
        .join(
            targets,
            sa.and_(targets.c.batch_id == orders.c.batch_id, targets.c.seq == orders.c.seq),
        )
        .where(
            orders.c.account_id == account,
            orders.c.sent_at > since,
            orders.c.state.in_(failed),
            orders.c.cancel_asked.is_(False),
        )
        .group_by(orders.c.conid, targets.c.quantity)
    )
    return {(ConId(conid), quantity): count for conid, quantity, count in rows}


def own_refs(
    connection: sa.Connection, refs: Collection[OrderRef], perm_ids: Collection[int]
) -> tuple[set[OrderRef], set[int]]:
    """Return which of these are of orders of ours."""
    rows = connection.execute(
        sa.select(orders.c.ref, orders.c.perm_id).where(
            sa.or_(orders.c.ref.in_(refs), orders.c.perm_id.in_(perm_ids))
        )
    ).all()
    return {OrderRef(row.ref) for row in rows}, {row.perm_id for row in rows if row.perm_id}


def listing(
    connection: sa.Connection,
    accounts: Collection[AccountId],
    client: ClientName | None,
    page: Page,
) -> list[tuple[int, BatchHead]]:
    """Return batches, newest first, with the numbers they are listed by."""
    query = sa.select(batches).where(batches.c.account_id.in_(accounts))
    if client is not None:
        query = query.where(batches.c.client == client)
    if page.before is not None:
        query = query.where(batches.c.id < page.before)
    rows = connection.execute(query.order_by(batches.c.id.desc()).limit(page.limit))
    return [(row["id"], head_of(row)) for row in rows.mappings()]


def open_batches(connection: sa.Connection) -> list[OpenBatch]:
    """Return batches that are not final, oldest first."""
    rows = connection.execute(
        sa.select(batches).where(batches.c.is_open).order_by(batches.c.id)
    )
    return [
        OpenBatch(
            _batch_of(connection, row),
            row["send_before"],
            in_session=row["in_session"],
            valid_until=row["valid_until"],
        )
        for row in rows.mappings().all()
    ]


_KEY: Final = sa.select(batches.c.batch_id, batches.c.fingerprint, batches.c.answer).where(
    batches.c.client == given("client"),
    batches.c.idempotency_key == given("key"),
)


def key_record(connection: sa.Connection, client: ClientName, key: str) -> KeyRecord | None:
    """Return what a key was used for."""
    row = connection.execute(_KEY, {"client": client, "key": key}).one_or_none()
    return None if row is None else KeyRecord(BatchId(row[0]), row[1], row[2])


# Executions in their newest revision, with commission, batch and client.
BOOKED: Final = (
    sa.select(
        executions,
        commissions.c.commission,
        commissions.c.currency,
        commissions.c.realized_pnl,
        orders.c.batch_id,
        batches.c.client,
    )
    .join(commissions, commissions.c.exec_id == executions.c.exec_id, isouter=True)
    .join(orders, orders.c.ref == executions.c.ref, isouter=True)
    .join(batches, batches.c.batch_id == orders.c.batch_id, isouter=True)
    .where(executions.c.is_newest)
)


def executed(
    connection: sa.Connection, which: ExecutionFilter, page: Page
) -> list[BookedExecution]:
    """Return executions in their newest revision, newest first."""
    query = BOOKED.where(executions.c.account_id.in_(which.accounts))
    if which.symbol is not None:
        query = query.where(executions.c.symbol == which.symbol)
    if which.since is not None:
        query = query.where(executions.c.executed_at >= which.since)
    if page.before is not None:
        query = query.where(executions.c.seq < page.before)
    rows = connection.execute(query.order_by(executions.c.seq.desc()).limit(page.limit))
    return [booked_of(row) for row in rows.mappings()]


_WORKING: Final = (
    sa.select(orders)
    .where(orders.c.account_id == given("account"), orders.c.is_open)
    .order_by(*AS_PLANNED)
)


def working(connection: sa.Connection, account: AccountId) -> list[Order]:
    """Return orders that may still trade."""
    rows = connection.execute(_WORKING, {"account": account})
    return [order_of(row) for row in rows.mappings()]


def cancels_asked(connection: sa.Connection, accounts: Collection[AccountId]) -> list[Order]:
    """Return claimed orders whose cancel was asked and that may still trade."""
    rows = connection.execute(
        sa.select(orders)
        .where(orders.c.account_id.in_(accounts), orders.c.is_open, orders.c.cancel_asked)
        .order_by(*AS_PLANNED)
    )
    return [order_of(row) for row in rows.mappings()]


def _unsettled() -> sa.CompoundSelect[Any]:
    # Three questions, each by its own index: as one, a plan would read all that a contract ever
    # traded, if not the whole history. An order may answer more than one of them.
    parts = (
        orders.c.is_open,
        orders.c.executed_qty < orders.c.broker_filled,
        orders.c.ended_at > given("lately"),
    )
    whose = orders.c.account_id == given("account"), orders.c.conid.in_(among("conids"))
    return sa.union_all(*(sa.select(orders).where(*whose, part) for part in parts))


_UNSETTLED: Final = _unsettled()


def unsettled(
    connection: sa.Connection,
    account: AccountId,
    conids: Collection[ConId],
    at: datetime,
) -> list[Order]:
    """Return orders on these contracts beside which nothing may be planned."""
    values = {
        "account": account,
        "conids": list(conids),
        "lately": at - SETTLE_AFTER_CANCEL,
    }
    rows = connection.execute(_UNSETTLED, values).mappings()
    found = {row["ref"]: order_of(row) for row in rows}.values()
    left = [order for order in found if not order.is_settled(at)]
    return sorted(left, key=lambda order: order.planned_at)


_QUANTITIES: Final = sa.select(positions.c.conid, positions.c.opening + positions.c.own).where(
    positions.c.account_id == given("account"),
    positions.c.conid.in_(among("conids")),
)


def quantities(
    connection: sa.Connection, account: AccountId, conids: Collection[ConId]
) -> dict[ConId, int]:
    """Return the positions on these contracts."""
    rows = connection.execute(_QUANTITIES, {"account": account, "conids": list(conids)})
    return {ConId(conid): quantity for conid, quantity in rows}


def all_positions(
    connection: sa.Connection, account: AccountId
) -> dict[ConId, tuple[Symbol, int]]:
    """Return every position of the account, zeros included."""
    rows = connection.execute(sa.select(positions).where(positions.c.account_id == account))
    return {
        ConId(row["conid"]): (Symbol(row["symbol"]), row["opening"] + row["own"])
        for row in rows.mappings()
    }


def max_order_id(connection: sa.Connection, gateway: str, client_id: int) -> int:
    """Return the largest order id ever claimed on the line."""
    highest = connection.scalar(
        sa.select(sa.func.max(orders.c.order_id)).where(
            orders.c.gateway == gateway, orders.c.client_id == client_id
        )
    )
    return int(highest or 0)


def cached_contracts(
    connection: sa.Connection, symbols: Collection[Symbol]
) -> dict[Symbol, Contract]:
    """Return what the cache knows of these symbols."""
    rows = connection.execute(
        sa.select(contracts).where(contracts.c.symbol.in_(sorted(symbols)))
    )
    return {
        Symbol(row["symbol"]): contract_of(row["conid"], row["body"]) for row in rows.mappings()
    }


def snapshot(connection: sa.Connection, account: AccountId) -> Positions | None:
    """Return the last stored positions answer."""
    body: Mapping[str, object] | None = connection.scalar(
        sa.select(snapshots.c.body).where(snapshots.c.account_id == account)
    )
    return None if body is None else snapshot_of(account, body)


def orders_where(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Order]:
    """Return the orders that the clause names."""
    rows = connection.execute(sa.select(orders).where(*where).order_by(*AS_PLANNED))
    return [order_of(row) for row in rows.mappings()]


def ended_short(
    connection: sa.Connection, at: datetime, whose: sa.ColumnElement[bool]
) -> list[Order]:
    """Return orders that ended a while before `at`, and whose executions do not add up.

    The time is not in the question: with it a database would read the whole history.
    """
    latest = at - EXECUTIONS_LAG
    short = orders_where(connection, whose, orders.c.executed_qty < orders.c.broker_filled)
    return [o for o in short if o.ended_at is not None and o.ended_at < latest]
