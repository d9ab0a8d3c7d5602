"""Writing one order or one row of a batch.

Owns: how an order's row is written back, how a target's row ends, and which batches are still
open. Each function runs inside a transaction that its caller opened. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.vocabulary import AccountId, BatchId, OrderRef, Symbol
from paperdesk.ledger.journal import Journal, Values
from paperdesk.ledger.prepared import among, given
from paperdesk.ledger.rows import RowMapping, order_of, order_row
from paperdesk.ledger.schema import (
    AS_PLANNED,
    IS_PENDING,
    batches,
    newest_targets,
    orders,
    targets,
)


def save_order(journal: Journal, before: Order, after: Order) -> None:
    """Write what changed of an order."""
    save_orders(journal, [(before, after)])


def save_orders(journal: Journal, changed: Iterable[tuple[Order, Order]], **more: Any) -> None:
    """Write what changed of orders, each from what it was; `more` in each."""
    changes: list[tuple[Values, Values]] = []
    for before, after in changed:
        if before.state is not after.state:
            journal.moved.append((before, after))
        old = order_row(before)
        to = {n: value for n, value in order_row(after).items() if value != old[n]} | more
        if to:
            changes.append(({"ref": after.ref}, to))
    update_alike(journal, orders, changes)


def update_row(journal: Journal, batch_id: BatchId, seq: int, **values: Any) -> None:
    """Change the row of a target."""
    update_rows(journal, [({"batch_id": batch_id, "seq": seq}, values)])


def update_rows(journal: Journal, changes: Sequence[tuple[Values, Values]]) -> None:
    """Change rows of targets, however they differ in what is changed."""
    journal.refused += [(at, to["error_code"]) for at, to in changes if "error_code" in to]
    update_alike(journal, targets, changes)


def update_alike(
    journal: Journal, table: sa.Table, changes: Sequence[tuple[Values, Values]]
) -> None:
    """Change rows, each by its own key, those at once of which the same columns change."""
    alike: dict[tuple[tuple[str, ...], ...], list[tuple[Values, Values]]] = {}
    for key, values in changes:
        alike.setdefault((tuple(key), tuple(values)), []).append((key, values))
    for group in alike.values():
        journal.update_each(table, group)


_KNOWN: Final = sa.select(newest_targets.c.symbol, newest_targets.c.target_id).where(
    newest_targets.c.account_id == given("account"),
    newest_targets.c.symbol.in_(among("symbols")),
)


def set_newest(journal: Journal, account: AccountId, stand: Mapping[Symbol, int]) -> None:
    """Make these targets the newest of their symbols, unless a newer one is already."""
    values = {"account": account, "symbols": list(stand)}
    known = dict(journal.connection.execute(_KNOWN, values).all()) if stand else {}
    journal.insert(
        newest_targets,
        [
            {"account_id": account, "symbol": symbol, "target_id": identity}
            for symbol, identity in stand.items()
            if symbol not in known
        ],
    )
    journal.update_each(
        newest_targets,
        [
            ({"account_id": account, "symbol": symbol}, {"target_id": identity})
            for symbol, identity in stand.items()
            if symbol in known and known[symbol] < identity
        ],
    )


def supersede(journal: Journal, order: Order, by: int) -> None:
    """Note on every row that `order` served which target took its place."""
    rows = journal.connection.execute(
        sa.select(targets.c.id).where(
            sa.or_(
                targets.c.kept_ref == order.ref,
                sa.and_(targets.c.batch_id == order.batch_id, targets.c.seq == order.seq),
            ),
            targets.c.superseded_by.is_(None),
        )
    )
    journal.update_each(
        targets, [({"id": identity}, {"superseded_by": by}) for (identity,) in rows]
    )


def planned_orders(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Order]:
    """Return intents that nobody has claimed."""
    return open_orders(connection, orders.c.state == OrderState.PLANNED.value, *where)


def open_orders(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Order]:
    """Return orders that have not ended, in the order of their planning."""
    open_ones = sa.select(orders).where(orders.c.is_open, *where).order_by(*AS_PLANNED)
    rows = connection.execute(open_ones)
    return [order_of(row) for row in rows.mappings()]


def order_row_of(connection: sa.Connection, ref: OrderRef) -> RowMapping:
    """Return the row of an order that exists."""
    return connection.execute(sa.select(orders).where(orders.c.ref == ref)).mappings().one()


def refresh_open(connection: sa.Connection, batch_ids: Collection[BatchId]) -> None:
    """Tell of batches whether a row of theirs is still to come to its end.

    It follows from the rows, so it is no event.
    """
    if batch_ids:
        connection.execute(_REFRESH, {"batch_ids": sorted(batch_ids)})


_REFRESH: Final = (
    batches.update()
    .where(batches.c.batch_id.in_(among("batch_ids")))
    .values(
        is_open=sa.or_(
            sa.exists().where(
                targets.c.batch_id == batches.c.batch_id,
                IS_PENDING,
            ),
            sa.exists().where(orders.c.batch_id == batches.c.batch_id, orders.c.is_open),
        )
    )
)
