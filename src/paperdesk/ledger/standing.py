"""The newest target of each symbol.

Owns: which target stands for a symbol, and how far it has come. Each function runs inside a
transaction that its caller opened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from paperdesk.domain.batch import Outcome
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.views import Lock, TargetState, TargetView
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, ConId, Symbol
from paperdesk.ledger import reading
from paperdesk.ledger.prepared import among, given
from paperdesk.ledger.rows import RowMapping, order_of
from paperdesk.ledger.schema import (
    AS_PLANNED,
    IS_PENDING,
    batches,
    newest_targets,
    orders,
    targets,
)

WAITS: Final = "waits: "  # so begins the warning of a row whose decision is put off


_ACCOUNT: Final = given("account")
_SYMBOLS: Final = among("symbols")
_OF_SYMBOLS: Final = (
    newest_targets.c.account_id == _ACCOUNT,
    newest_targets.c.symbol.in_(_SYMBOLS),
)
_NEWEST: Final = sa.union_all(
    sa.select(newest_targets.c.symbol, newest_targets.c.target_id).where(*_OF_SYMBOLS),
    sa.select(targets.c.symbol, targets.c.id).where(
        targets.c.account_id == _ACCOUNT,
        targets.c.symbol.in_(_SYMBOLS),
        IS_PENDING,
    ),
)
_APPLIED: Final = (
    sa.select(targets.c.symbol, batches.c.client, batches.c.submitted_at)
    .join(newest_targets, newest_targets.c.target_id == targets.c.id)
    .join(batches, batches.c.batch_id == targets.c.batch_id)
    .where(*_OF_SYMBOLS)
)


def newest_ids(
    connection: sa.Connection, account: AccountId, symbols: Collection[Symbol]
) -> dict[Symbol, int]:
    """Return per symbol the id of the newest target that was applied or is still to be."""
    values = {"account": account, "symbols": list(symbols)}
    newest: dict[Symbol, int] = {}
    for symbol, identity in connection.execute(_NEWEST, values):
        newest[Symbol(symbol)] = max(newest.get(Symbol(symbol), 0), identity)
    return newest


def applied(
    connection: sa.Connection, account: AccountId, symbols: Collection[Symbol]
) -> list[tuple[Symbol, ClientName, datetime]]:
    """Return whose the newest target that was applied is, by symbol, and since when."""
    values = {"account": account, "symbols": list(symbols)}
    rows = connection.execute(_APPLIED, values)
    return [(Symbol(symbol), ClientName(client), at) for symbol, client, at in rows]


def standing_targets(
    connection: sa.Connection, account: AccountId, symbols: Collection[Symbol] | None = None
) -> Sequence[RowMapping]:
    """Return the newest target of each symbol, applied or pending, with client and time."""
    where = [] if symbols is None else [targets.c.symbol.in_(symbols)]
    applied = sa.select(newest_targets.c.target_id).where(
        newest_targets.c.account_id == account
    )
    pending = sa.select(targets.c.id).where(targets.c.account_id == account, IS_PENDING)
    rows = connection.execute(
        sa.select(targets, batches.c.client, batches.c.submitted_at)
        .join(batches, batches.c.batch_id == targets.c.batch_id)
        .where(targets.c.id.in_(sa.union_all(applied, pending)), *where)
        .order_by(targets.c.id)
    )
    return list({row["symbol"]: row for row in rows.mappings()}.values())


def views(connection: sa.Connection, account: AccountId) -> tuple[TargetView, ...]:
    """Return how far each newest target has come, by symbol."""
    standing = standing_targets(connection, account)
    serving = _serving(connection, [row["id"] for row in standing])
    held = reading.all_positions(connection, account)
    quantities = dict(held.values())
    locked = reading.locks(connection, account)
    return tuple(
        _view(row, serving.get(row["id"]), quantities.get(row["symbol"], 0), locked)
        for row in sorted(standing, key=lambda row: str(row["symbol"]))
    )


def _serving(connection: sa.Connection, identities: Sequence[int]) -> dict[int, Order]:
    rows = connection.execute(
        sa.select(orders).where(orders.c.serves.in_(identities)).order_by(*AS_PLANNED)
    )
    return {row["serves"]: order_of(row) for row in rows.mappings()}


def _view(
    row: RowMapping, order: Order | None, position: int, locked: Mapping[ConId | None, Lock]
) -> TargetView:
    state, reason = _state(row, order, position, locked)
    is_live = order is not None and not order.is_terminal
    return TargetView(
        symbol=Symbol(row["symbol"]),
        target=row["quantity"],
        position=position,
        working_qty=order.signed_leaves if is_live and order is not None else 0,
        state=state,
        reason=reason,
        batch_id=BatchId(row["batch_id"]),
        client=ClientName(row["client"]),
        set_at=row["submitted_at"],
        price=row["limit_price"] or row["expected_price"],
    )


def _state(
    row: RowMapping, order: Order | None, position: int, locked: Mapping[ConId | None, Lock]
) -> tuple[TargetState, str | None]:
    if row["is_withdrawn"]:
        return TargetState.WITHDRAWN, "its batch was cancelled"
    lock = locked.get(row["conid"]) or locked.get(None)
    if lock is not None:
        return TargetState.LOCKED, lock.reason
    if row["outcome"] == Outcome.PENDING.value:
        waits = [words for words in row["warnings"] if words.startswith(WAITS)]
        return TargetState.WORKING, next(iter(waits), "it is being planned")
    if order is not None and not order.is_terminal:
        return _LIVE.get(order.state, (TargetState.WORKING, None))
    if position == row["quantity"]:
        return TargetState.REACHED, None
    return TargetState.SHORT, row["error"] or _ended(row, order)


_LIVE: Final[Mapping[OrderState, tuple[TargetState, str]]] = {
    OrderState.QUARANTINED: (
        TargetState.LOCKED,
        "what became of its order is for a person to say",
    ),
    OrderState.UNKNOWN: (
        TargetState.WORKING,
        "the outcome of its order is being found out",
    ),
}


def _ended(row: RowMapping, order: Order | None) -> str:
    if order is None and row["outcome"] == Outcome.WITHDRAWN.value:
        return "what replaced it was refused: post the target again"
    if order is None:
        return "the position has changed since: post the target again"
    return order.error or f"its order ended {order.state} with {order.filled_qty} filled"
