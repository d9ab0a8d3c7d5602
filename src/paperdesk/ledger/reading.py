"""Questions that change nothing.

Owns: every query whose answer leaves the ledger. Each function runs inside a transaction that
its caller opened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from paperdesk.desk.ports import ExecutionFilter, KeyRecord, OpenBatch, Page
from paperdesk.domain.batch import Batch, BatchHead
from paperdesk.domain.contract import Contract
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.order import SETTLE_AFTER_CANCEL, Order, OrderState
from paperdesk.domain.views import Positions
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, ConId, Symbol
from paperdesk.ledger.rows import (
    booked_of,
    contract_of,
    head_of,
    order_of,
    row_of,
    snapshot_of,
)
from paperdesk.ledger.schema import (
    batches,
    commissions,
    contracts,
    executions,
    orders,
    positions,
    snapshots,
    targets,
)

# Without an order PostgreSQL gives rows as they lie on its pages: another one after each change.
AS_PLANNED: Final = (orders.c.planned_at, orders.c.batch_id, orders.c.seq)


def batch(connection: sa.Connection, batch_id: BatchId) -> Batch | None:
    """Return a batch and its rows."""
    found = connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id))
    head = found.mappings().one_or_none()
    return None if head is None else _batch_of(connection, head_of(head))


def _batch_of(connection: sa.Connection, head: BatchHead) -> Batch:
    own = connection.execute(sa.select(orders).where(orders.c.batch_id == head.batch_id))
    by_seq = {row["seq"]: order_of(row) for row in own.mappings()}
    rows = connection.execute(
        sa.select(targets).where(targets.c.batch_id == head.batch_id).order_by(targets.c.seq)
    )
    return Batch(head, tuple(row_of(row, by_seq.get(row["seq"])) for row in rows.mappings()))


def unsent(connection: sa.Connection, batch_id: BatchId) -> list[int]:
    """Return the rows whose intent nobody has claimed."""
    return list(
        connection.scalars(
            sa.select(orders.c.seq)
            .where(orders.c.batch_id == batch_id, orders.c.state == OrderState.PLANNED.value)
            .order_by(orders.c.seq)
        )
    )


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
        OpenBatch(_batch_of(connection, head_of(row)), row["send_before"])
        for row in rows.mappings().all()
    ]


def key_record(connection: sa.Connection, client: ClientName, key: str) -> KeyRecord | None:
    """Return what a key was used for."""
    row = connection.execute(
        sa.select(batches.c.batch_id, batches.c.fingerprint, batches.c.answer).where(
            batches.c.client == client, batches.c.idempotency_key == key
        )
    ).one_or_none()
    return None if row is None else KeyRecord(BatchId(row[0]), row[1], row[2])


def executed(
    connection: sa.Connection, which: ExecutionFilter, page: Page
) -> list[BookedExecution]:
    """Return executions in their newest revision, newest first."""
    query = (
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
        .where(executions.c.is_newest, executions.c.account_id.in_(which.accounts))
    )
    if which.symbol is not None:
        query = query.where(executions.c.symbol == which.symbol)
    if which.since is not None:
        query = query.where(executions.c.executed_at >= which.since)
    if page.before is not None:
        query = query.where(executions.c.seq < page.before)
    rows = connection.execute(query.order_by(executions.c.seq.desc()).limit(page.limit))
    return [booked_of(row) for row in rows.mappings()]


def working(connection: sa.Connection, account: AccountId) -> list[Order]:
    """Return orders that may still trade."""
    rows = connection.execute(
        sa.select(orders)
        .where(orders.c.account_id == account, orders.c.is_open)
        .order_by(*AS_PLANNED)
    )
    return [order_of(row) for row in rows.mappings()]


def cancels_asked(connection: sa.Connection, accounts: Collection[AccountId]) -> list[Order]:
    """Return claimed orders whose cancel was asked and that may still trade."""
    rows = connection.execute(
        sa.select(orders)
        .where(orders.c.account_id.in_(accounts), orders.c.is_open, orders.c.cancel_asked)
        .order_by(*AS_PLANNED)
    )
    return [order_of(row) for row in rows.mappings()]


def unsettled(
    connection: sa.Connection,
    account: AccountId,
    conids: Collection[ConId],
    at: datetime,
) -> list[Order]:
    """Return orders on these contracts beside which nothing may be planned."""
    rows = connection.execute(
        sa.select(orders)
        .where(
            orders.c.account_id == account,
            orders.c.conid.in_(conids),
            sa.or_(
                orders.c.is_open,
                orders.c.executed_qty < orders.c.broker_filled,
                sa.and_(
                    orders.c.state == OrderState.CANCELLED.value,
                    orders.c.ended_at > at - SETTLE_AFTER_CANCEL,
                ),
            ),
        )
        .order_by(*AS_PLANNED)
    )
    found = [order_of(row) for row in rows.mappings()]
    return [order for order in found if not order.is_settled(at)]


def quantities(
    connection: sa.Connection, account: AccountId, conids: Collection[ConId]
) -> dict[ConId, int]:
    """Return the positions on these contracts."""
    rows = connection.execute(
        sa.select(positions.c.conid, positions.c.opening + positions.c.own).where(
            positions.c.account_id == account, positions.c.conid.in_(conids)
        )
    )
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


def busy(connection: sa.Connection, account: AccountId, filled_since: datetime) -> set[ConId]:
    """Return contracts on which the broker's figure may be older than ours."""
    live = sa.select(orders.c.conid).where(orders.c.account_id == account, orders.c.is_open)
    recent = sa.select(executions.c.conid).where(
        executions.c.account_id == account,
        executions.c.is_own,
        executions.c.learnt_at >= filled_since,
    )
    return {ConId(conid) for conid in connection.scalars(sa.union(live, recent))}


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


def order_where(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Order | None:
    """Return the newest order that the clause names, None for none."""
    rows = connection.execute(
        sa.select(orders).where(*where).order_by(orders.c.planned_at.desc()).limit(1)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else order_of(row)
