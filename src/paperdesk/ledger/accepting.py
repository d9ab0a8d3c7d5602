"""T0: a batch is accepted.

Owns: writing batch, targets and idempotency key in one commit, which targets are stale or past
their time by then, and the targets of 0 for what a submission does not list. Knows nothing of
contracts or of orders.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from paperdesk.crash import crash_point
from paperdesk.desk.ports import NewBatch, Stamp, Submission, SymbolStamp, Unlisted
from paperdesk.domain.audit import Action
from paperdesk.domain.batch import Batch, ErrorCode, Outcome, Row, Target
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, OrderRef, Symbol
from paperdesk.errors import PreviewStale
from paperdesk.ledger import standing, trail
from paperdesk.ledger.journal import Journal, next_id
from paperdesk.ledger.rows import target_row
from paperdesk.ledger.schema import (
    IS_PENDING,
    batches,
    newest_targets,
    orders,
    positions,
    targets,
)


def accept(journal: Journal, new: NewBatch) -> Batch:
    """Write batch, targets and key; return the batch as accepted. Raises PreviewStale."""
    connection, head, asked = journal.connection, new.head, new.submission
    extra = unlisted(connection, head.client, asked)
    rows = _rows(connection, new, asked.targets, extra.targets)
    if new.expected is not None:
        symbols = [row.target.symbol for row in rows]
        if stamp(connection, asked.account, symbols) != new.expected:
            raise PreviewStale(
                "a position, a working order or a target of its symbols has changed: "
                "preview the batch again"
            )
    journal.insert(
        batches,
        [
            {
                "id": next_id(connection, batches),
                "batch_id": head.batch_id,
                "account_id": head.account_id,
                "client": head.client,
                "submitted_at": head.submitted_at,
                "send_before": new.send_before,
                "in_session": new.in_session,
                "valid_until": asked.valid_until,
                "warnings": list(extra.warnings),
                "idempotency_key": new.key,
                "fingerprint": new.fingerprint,
                "is_open": any(row.outcome is Outcome.PENDING for row in rows),
            }
        ],
    )
    first = next_id(connection, targets)
    journal.insert(
        targets,
        [
            {
                "id": first + row.seq,
                "batch_id": head.batch_id,
                "seq": row.seq,
                "account_id": head.account_id,
                "as_of": asked.as_of or head.submitted_at,
                **target_row(row),
            }
            for row in rows
        ],
    )
    trail.note(
        journal,
        new.by,
        Action.SUBMIT,
        account=head.account_id,
        batch_id=head.batch_id,
        after={"orders": len(rows)},
    )
    journal.refused += [({}, row.error_code) for row in rows if row.error_code is not None]
    crash_point("CP02")
    return Batch(head, rows, extra.warnings)


def remember(connection: sa.Connection, batch_id: BatchId, answer: bytes) -> None:
    """Store the first answer to a batch; a later one changes nothing."""
    connection.execute(
        batches.update()
        .where(batches.c.batch_id == batch_id, batches.c.answer.is_(None))
        .values(answer=answer)
    )


def _rows(
    connection: sa.Connection,
    new: NewBatch,
    listed: tuple[Target, ...],
    extra: tuple[Target, ...],
) -> tuple[Row, ...]:
    asked, now = new.submission, new.head.submitted_at
    is_past = asked.valid_until is not None and asked.valid_until <= now
    too_old = stale(connection, new, {target.symbol for target in listed + extra})
    rows = []
    for seq, target in enumerate(listed + extra):
        row = Row(seq, target, is_unlisted=seq >= len(listed))
        if target.symbol in too_old:
            row = _ended(
                row,
                ErrorCode.STALE_TARGET,
                f"as_of is older than your newest target on the symbol, which is as of "
                f"{too_old[target.symbol].isoformat()}",
            )
        elif is_past:
            row = _ended(row, ErrorCode.EXPIRED, "valid_until has passed: nothing was sent")
        rows.append(row)
    return tuple(rows)


def _ended(row: Row, code: ErrorCode, words: str) -> Row:
    return Row(
        row.seq,
        row.target,
        Outcome.ERROR,
        error=words,
        error_code=code,
        is_unlisted=row.is_unlisted,
    )


def stale(
    connection: sa.Connection, new: NewBatch, symbols: Collection[Symbol]
) -> dict[Symbol, datetime]:
    """Return symbols on which the client has a target newer than this one, and its time.

    A rival's target may stand by now: the client's own is no newer for that.
    """
    if new.submission.as_of is None:
        return {}
    # Asked row by row, or the plan may begin with all that the client ever posted.
    client = (
        sa.select(batches.c.client)
        .where(batches.c.batch_id == targets.c.batch_id)
        .scalar_subquery()
    )
    found = connection.execute(
        sa.select(targets.c.symbol, sa.func.max(targets.c.as_of, type_=targets.c.as_of.type))
        .where(
            targets.c.account_id == new.submission.account,
            targets.c.symbol.in_(symbols),
            targets.c.as_of > new.submission.as_of,
            targets.c.outcome != Outcome.ERROR.value,
            client == new.head.client,
        )
        .group_by(targets.c.symbol)
    )
    return {Symbol(symbol): as_of for symbol, as_of in found}


def unlisted(connection: sa.Connection, client: ClientName, asked: Submission) -> Unlisted:
    """Return targets of 0 for holdings that this client's targets made, and what is left."""
    if not asked.closes_unlisted:
        return Unlisted((), ())
    listed = {target.symbol for target in asked.targets}
    held = {
        Symbol(row.symbol): row.quantity
        for row in connection.execute(
            sa.select(
                positions.c.symbol, (positions.c.opening + positions.c.own).label("quantity")
            ).where(
                positions.c.account_id == asked.account,
                positions.c.opening + positions.c.own != 0,
            )
        )
        if row.symbol not in listed
    }
    whose = {
        row["symbol"]: row["client"]
        for row in standing.standing_targets(connection, asked.account, held)
    }
    own = {symbol for symbol in held if whose.get(symbol) == client}
    closed = {symbol for symbol in own if asked.symbols is None or symbol in asked.symbols}
    warnings = tuple(
        f"{symbol}: {held[symbol]} shares are held by no target of yours and left alone"
        if symbol not in own
        else f"{symbol}: {held[symbol]} shares are left alone: the API key may not trade it"
        for symbol in sorted(held.keys() - closed)
    )
    return Unlisted(tuple(Target(symbol, 0) for symbol in sorted(closed)), warnings)


def stamp(connection: sa.Connection, account: AccountId, symbols: Collection[Symbol]) -> Stamp:
    """Return what a preview of these symbols depends on."""
    held = connection.execute(
        sa.select(positions.c.symbol, positions.c.opening + positions.c.own).where(
            positions.c.account_id == account, positions.c.symbol.in_(symbols)
        )
    )
    quantities = {row[0]: row[1] for row in held}
    newest = connection.execute(
        sa.select(newest_targets.c.symbol, newest_targets.c.target_id).where(
            newest_targets.c.account_id == account, newest_targets.c.symbol.in_(symbols)
        )
    )
    target_ids = {row[0]: row[1] for row in newest}
    pending = connection.execute(
        sa.select(targets.c.symbol, sa.func.max(targets.c.id))
        .where(
            targets.c.account_id == account,
            targets.c.symbol.in_(symbols),
            IS_PENDING,
        )
        .group_by(targets.c.symbol)
    )
    target_ids |= {row[0]: row[1] for row in pending}
    working: dict[str, list[tuple[OrderRef, int]]] = {}
    for row in connection.execute(
        sa.select(orders.c.symbol, orders.c.ref, orders.c.quantity - orders.c.executed_qty)
        .where(orders.c.account_id == account, orders.c.symbol.in_(symbols), orders.c.is_open)
        .order_by(orders.c.ref)
    ):
        working.setdefault(row[0], []).append((OrderRef(row[1]), row[2]))
    return tuple(
        SymbolStamp(
            symbol,
            quantities.get(symbol, 0),
            tuple(working.get(symbol, ())),
            target_ids.get(symbol),
        )
        for symbol in sorted(symbols)
    )
