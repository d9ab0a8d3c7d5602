"""From what a transaction wrote to what the world is told of it.

Owns: `tell`, which reads off the writes of a journal which events they come to, and appends them
in the same transaction: so an event is never lost and never told twice, and nobody sees it before
it is so. Each body is read from the tables as the transaction leaves them. Decides nothing.

A row that changed several times in one transaction is told as it ends: an order that was claimed
and filled by messages of one group is only told as filled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from paperdesk.domain.batch import BatchHead, Outcome, Row
from paperdesk.domain.events import OF_STATE, EventType
from paperdesk.domain.halt import strictest_of
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.vocabulary import BatchId, OrderRef
from paperdesk.ledger import reading, stream
from paperdesk.ledger.journal import Journal, Values
from paperdesk.ledger.prepared import among, given
from paperdesk.ledger.rows import (
    RowMapping,
    booked_of,
    halt_of,
    head_of,
    lock_of,
    order_of,
    row_of,
)
from paperdesk.ledger.schema import (
    IS_PENDING,
    batches,
    commissions,
    executions,
    halts,
    locks,
    newest_targets,
    openings,
    orders,
    positions,
    targets,
)
from paperdesk.wire.bodies import LockBody
from paperdesk.wire.encoding import encode, rfc3339
from paperdesk.wire.events import (
    AccountUpdated,
    BatchProgress,
    ConnectionChanged,
    HaltChanged,
    PositionChanged,
    TargetChanged,
)
from paperdesk.wire.holdings import ExecutionBody
from paperdesk.wire.rows import OrderRow

# What of an order its listeners are told of; the rest they read with the next of these.
_NEWS: Final = frozenset({"state", "filled_qty", "filled_value"})


def tell(journal: Journal) -> None:
    """Append the events that the writes of this transaction come to."""
    if not journal.writes:
        return
    told = list(_Telling(journal).events())
    if told:
        stream.append(journal.connection, told)
        journal.is_told = True


def announce(
    connection: sa.Connection, body: ConnectionChanged | AccountUpdated, at: datetime
) -> None:
    """Append what no table of state has: the gateway's word of an account."""
    kind = EventType.ACCOUNT_UPDATED
    if isinstance(body, ConnectionChanged):
        kind = EventType.CONNECTION_UP if body.connected else EventType.CONNECTION_DOWN
    stream.append(connection, [_event(kind, at, body, account=body.account_id)])


def _event(
    kind: EventType,
    at: datetime,
    body: Struct,
    *,
    account: str | None,
    batch_id: str | None = None,
    client: str | None = None,
) -> Values:
    return {
        "at": at,
        "type": kind.value,
        "account_id": account,
        "batch_id": batch_id,
        "client": client,
        "body": encode(body).decode(),
    }


class _Telling:
    """What one transaction comes to, in an order in which causes come first."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._connection = journal.connection
        self._at = journal.at
        self._writes = journal.writes

    def events(self) -> Iterator[Values]:
        """Return every event. The end of a batch comes behind whatever it ends by."""
        yield from self._accepted()
        yield from self._halts()
        yield from self._targets()
        yield from self._fills()
        yield from self._rows()
        yield from self._positions()
        yield from self._mismatches()
        yield from self._batches()

    # -- what was written ------------------------------------------------------------------
    def _new(self, table: sa.Table) -> list[Values]:
        return [row for key, row in self._writes.get(table, ()) if key is None]

    def _changed(self, table: sa.Table, *columns: str) -> list[Values]:
        """Return the keys of rows that were there before, and of which one of these changed."""
        return [
            key
            for key, values in self._writes.get(table, ())
            if key is not None and not values.keys().isdisjoint(columns)
        ]

    def _ask(self, question: sa.Select[Any], **values: Any) -> Sequence[RowMapping]:
        return self._connection.execute(question, values).mappings().all()

    # -- batches ---------------------------------------------------------------------------
    @cached_property
    def _posted(self) -> set[BatchId]:
        return {BatchId(row["batch_id"]) for row in self._new(batches)}

    @cached_property
    def _counted(self) -> Mapping[BatchId, tuple[BatchHead, BatchProgress]]:
        """Return how far each batch has come that is new, or of which a row ended."""
        ended = [
            (after.ref, after.batch_id)
            for before, after in self._journal.moved
            if _standing(before) != _standing(after)
        ]
        found = self._posted | {batch_id for _, batch_id in ended}
        found |= {BatchId(row["batch_id"]) for row in self._ended_rows}
        if ended:
            refs = sorted({ref for ref, _ in ended})
            keepers = self._connection.scalars(_KEEPERS, {"refs": refs})
            found |= {BatchId(batch_id) for batch_id in keepers}
        return self._count(sorted(found)) if found else {}

    def _count(
        self, found: Sequence[BatchId]
    ) -> Mapping[BatchId, tuple[BatchHead, BatchProgress]]:
        short: defaultdict[str, list[str]] = defaultdict(list)
        rows = self._ask(_COUNTS, batch_ids=found)
        failed = [row["batch_id"] for row in rows if row["failed"]]
        for row in self._ask(_SHORT, batch_ids=failed) if failed else ():
            short[row["batch_id"]].append(row["symbol"])
        return {
            BatchId(row["batch_id"]): (
                head_of(row),
                BatchProgress.of(
                    head_of(row),
                    total=row["total"],
                    working=row["working"],
                    short=tuple(short[row["batch_id"]]),
                ),
            )
            for row in rows
        }

    def _accepted(self) -> Iterator[Values]:
        for batch_id in sorted(self._posted):
            yield self._of_batch(EventType.BATCH_ACCEPTED, *self._counted[batch_id])

    def _batches(self) -> Iterator[Values]:
        for batch_id, (head, progress) in self._counted.items():
            if progress.summary.final:
                yield self._of_batch(EventType.BATCH_FINAL, head, progress)
            elif batch_id not in self._posted:
                yield self._of_batch(EventType.BATCH_PROGRESS, head, progress)

    def _of_batch(self, kind: EventType, head: BatchHead, body: Struct) -> Values:
        return _event(
            kind,
            self._at,
            body,
            account=head.account_id,
            batch_id=head.batch_id,
            client=head.client,
        )

    # -- orders, and rows that have none ---------------------------------------------------
    @cached_property
    def _ended_rows(self) -> Sequence[RowMapping]:
        """Return the rows that ended in this transaction without an order of their own."""
        ended = [
            row if key is None else key
            for key, row in self._writes.get(targets, ())
            if row.get("outcome") in _ENDED and row.get("kept_ref") is None
        ]
        ids = [key["id"] for key in ended if "id" in key]
        for key in ended:
            if "id" not in key:
                ids += self._connection.scalars(_ROW_ID, key)
        return self._ask(_ROWS, ids=ids) if ids else ()

    def _rows(self) -> Iterator[Values]:
        refs = sorted({key["ref"] for key in self._changed(orders, *_NEWS)})
        asked = [row for row in self._ended_rows if row["outcome"] != Outcome.NO_CHANGE.value]
        own: Sequence[RowMapping] = ()
        if refs:
            own = self._ask(_ORDERS, refs=refs)
            asked += self._ask(_ROWS_OF_ORDERS, refs=refs)
        moved = {after.ref for _, after in self._journal.moved}
        for found, row in self._read(asked, own):
            kind = _kind_of(row, moved)
            if kind is not None:
                yield _event(
                    kind,
                    self._at,
                    OrderRow.of(row),
                    account=found["account_id"],
                    batch_id=found["batch_id"],
                    client=found["client"],
                )

    def _read(
        self, asked: Iterable[RowMapping], own: Iterable[RowMapping]
    ) -> Iterator[tuple[RowMapping, Row]]:
        """Return rows of batches as values, with what they have to do with other batches."""
        of_batch: defaultdict[str, dict[int, RowMapping]] = defaultdict(dict)
        placed: defaultdict[str, dict[int, tuple[Order, int]]] = defaultdict(dict)
        for row in asked:
            of_batch[row["batch_id"]][row["seq"]] = row
        for order in own:
            placed[order["batch_id"]][order["seq"]] = order_of(order), order["serves"]
        for batch_id, rows in of_batch.items():
            by_seq = placed[batch_id]
            relatives = reading.relatives_of(self._connection, list(rows.values()), by_seq)
            for seq, row in rows.items():
                yield row, row_of(row, by_seq.get(seq, (None, 0))[0], relatives)

    # -- what is of the account ------------------------------------------------------------
    def _halts(self) -> Iterator[Values]:
        released = [key["id"] for key in self._changed(halts, "resumed_at")]
        lifted = {row["account_id"] for row in self._halts_of(released)}
        standing = reading.halts(self._connection) if lifted else []
        for account in sorted(lifted, key=str):
            # Of all accounts none else is named: its listeners may not use every account.
            other = None if account is None else strictest_of(standing, account)
            body = HaltChanged.released(account, other)
            yield _event(EventType.HALT_RELEASED, self._at, body, account=account)
        for row in self._halts_of([row["id"] for row in self._new(halts)]):
            body = HaltChanged.set_by(halt_of(row))
            yield _event(EventType.HALT_SET, self._at, body, account=row["account_id"])

    def _halts_of(self, ids: Sequence[int]) -> Sequence[RowMapping]:
        return self._ask(_HALTS, ids=ids) if ids else ()

    def _targets(self) -> Iterator[Values]:
        ids = sorted({row["target_id"] for _, row in self._writes.get(newest_targets, ())})
        for row in self._ask(_ROWS, ids=ids) if ids else ():
            body = TargetChanged(
                symbol=row["symbol"],
                target=row["quantity"],
                batch_id=row["batch_id"],
                client=row["client"],
                set_at=rfc3339(row["submitted_at"]),
            )
            yield _event(
                EventType.TARGET_CHANGED,
                self._at,
                body,
                account=row["account_id"],
                batch_id=row["batch_id"],
                client=row["client"],
            )

    def _fills(self) -> Iterator[Values]:
        written = self._writes.get(executions, ())
        created = {row["exec_id"]: row for key, row in written if key is None}
        known = {(key or row)["exec_id"] for key, row in self._writes.get(commissions, ())}
        ours = [key["seq"] for key in self._changed(executions, "ref")]  # were foreign so far
        known |= set(self._connection.scalars(_EXEC_IDS, {"seqs": ours})) if ours else set()
        if not created and not known:
            return
        # What a newer revision took the place of was told before this transaction.
        retired = [key["seq"] for key in self._changed(executions, "is_newest")]
        replaced = (
            set(self._connection.scalars(_BASES, {"seqs": retired})) if retired else set()
        )
        for row in self._ask(_BOOKED, exec_ids=sorted(created.keys() | known)):
            new = created.get(row["exec_id"])
            is_first = new is not None and new["base"] not in replaced
            booked = booked_of(row)
            yield _event(
                EventType.FILL_CREATED if is_first else EventType.FILL_CORRECTED,
                self._at,
                ExecutionBody.of(booked),
                account=booked.execution.account,
                batch_id=booked.batch_id,
                client=booked.client,
            )

    def _positions(self) -> Iterator[Values]:
        moved = [row for row in self._new(positions) if row["opening"] + row["own"]]
        moved += self._changed(positions, "opening", "own")
        by_account: defaultdict[str, set[int]] = defaultdict(set)
        for key in moved:
            by_account[key["account_id"]].add(key["conid"])
        for account, conids in sorted(by_account.items()):
            for row in self._ask(_POSITIONS, account=account, conids=sorted(conids)):
                body = PositionChanged(
                    symbol=row["symbol"],
                    conid=row["conid"],
                    quantity=row["opening"] + row["own"],
                )
                yield _event(EventType.POSITION_CHANGED, self._at, body, account=account)

    def _mismatches(self) -> Iterator[Values]:
        locked = [row["id"] for row in self._new(locks)]
        for row in self._ask(_LOCKS, ids=locked) if locked else ():
            body = LockBody.of(lock_of(row))
            kind = EventType.RECONCILE_MISMATCH
            yield _event(kind, self._at, body, account=row["account_id"])
        yield from self._adopted()

    def _adopted(self) -> Iterator[Values]:
        """Tell of figures that were taken over, but for those that an account begins with."""
        ids = [row["id"] for row in self._new(openings)]
        for row in self._ask(_OPENINGS, ids=ids) if ids else ():
            before = {"account": row["account_id"], "first": ids[0]}
            is_first = self._connection.scalar(_OPENED, before) is None
            if is_first or row["ours"] == row["broker"]:
                continue
            body = LockBody(
                symbol=row["symbol"],
                reason=row["why"],
                since=rfc3339(row["adopted_at"]),
                position=row["ours"],
                broker_position=row["broker"],
            )
            kind = EventType.RECONCILE_MISMATCH
            yield _event(kind, self._at, body, account=row["account_id"])


def _standing(order: Order) -> tuple[bool, bool]:
    """Return how an order is counted in its batch."""
    return order.is_terminal, order.state is OrderState.FILLED


def _kind_of(row: Row, moved: Collection[OrderRef]) -> EventType | None:
    """Return what a row's event is called, None where there is nothing to tell."""
    order = row.order
    if order is None:
        is_error = row.outcome is Outcome.ERROR
        return EventType.ORDER_REJECTED if is_error else EventType.ORDER_CANCELLED
    is_filling = order.state is OrderState.WORKING and order.filled_qty > 0
    if order.ref in moved and not is_filling:
        return OF_STATE.get(order.state)
    is_whole = order.state is OrderState.FILLED and order.filled_qty >= order.quantity
    return EventType.ORDER_FILLED if is_whole else EventType.ORDER_PARTIALLY_FILLED


_ENDED: Final = frozenset(
    outcome.value for outcome in (Outcome.NO_CHANGE, Outcome.ERROR, Outcome.WITHDRAWN)
)
_IN_BATCH: Final = sa.and_(
    orders.c.batch_id == targets.c.batch_id, orders.c.seq == targets.c.seq
)
_ROW_ID: Final = sa.select(targets.c.id).where(
    targets.c.batch_id == given("batch_id"), targets.c.seq == given("seq")
)
_OF_CLIENTS: Final = sa.select(targets, batches.c.client, batches.c.submitted_at).join(
    batches, batches.c.batch_id == targets.c.batch_id
)
_ROWS: Final = _OF_CLIENTS.where(targets.c.id.in_(among("ids"))).order_by(targets.c.id)
_ROWS_OF_ORDERS: Final = (
    _OF_CLIENTS.join(orders, _IN_BATCH)
    .where(orders.c.ref.in_(among("refs")))
    .order_by(targets.c.id)
)
_ORDERS: Final = sa.select(orders).where(orders.c.ref.in_(among("refs")))
_KEEPERS: Final = sa.select(targets.c.batch_id).where(targets.c.kept_ref.in_(among("refs")))
_HALTS: Final = sa.select(halts).where(halts.c.id.in_(among("ids"))).order_by(halts.c.id)
_LOCKS: Final = sa.select(locks).where(locks.c.id.in_(among("ids"))).order_by(locks.c.id)
_OPENINGS: Final = (
    sa.select(openings).where(openings.c.id.in_(among("ids"))).order_by(openings.c.id)
)
_OPENED: Final = (
    sa.select(openings.c.id)
    .where(openings.c.account_id == given("account"), openings.c.id < given("first"))
    .limit(1)
)
_POSITIONS: Final = (
    sa.select(positions)
    .where(positions.c.account_id == given("account"), positions.c.conid.in_(among("conids")))
    .order_by(positions.c.conid)
)
_EXEC_IDS: Final = sa.select(executions.c.exec_id).where(executions.c.seq.in_(among("seqs")))
_BASES: Final = sa.select(executions.c.base).where(executions.c.seq.in_(among("seqs")))
_BOOKED: Final = reading.BOOKED.where(executions.c.exec_id.in_(among("exec_ids"))).order_by(
    executions.c.seq
)


def _counting() -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Return the questions for how far batches have come, and which of their rows are short.

    As `Row.is_final` and `Row.is_on_target` say it of one row.
    """
    kept = orders.alias("kept")
    is_open = sa.func.coalesce(orders.c.is_open, kept.c.is_open, sa.false())
    is_working = sa.or_(IS_PENDING, is_open)
    is_reached = sa.and_(
        targets.c.foreign_qty == 0,
        sa.func.coalesce(
            orders.c.filled_qty == orders.c.quantity,
            kept.c.filled_qty == kept.c.quantity,
            targets.c.outcome == Outcome.NO_CHANGE.value,
        ),
    )
    is_short = sa.and_(sa.not_(is_working), sa.not_(is_reached))
    whose = (batches.c.batch_id, batches.c.account_id, batches.c.client, batches.c.submitted_at)
    rows = (
        sa.select(targets)
        .join(batches, batches.c.batch_id == targets.c.batch_id)
        .join(orders, _IN_BATCH, isouter=True)
        .join(kept, kept.c.ref == targets.c.kept_ref, isouter=True)
        .where(targets.c.batch_id.in_(among("batch_ids")))
    )
    counts = rows.with_only_columns(
        *whose,
        sa.func.count().label("total"),
        sa.func.sum(sa.case((is_working, 1), else_=0)).label("working"),
        sa.func.sum(sa.case((is_short, 1), else_=0)).label("failed"),
    )
    short = rows.with_only_columns(targets.c.batch_id, targets.c.symbol).where(is_short)
    return (
        counts.group_by(*whose).order_by(batches.c.batch_id),
        short.order_by(targets.c.batch_id, targets.c.seq),
    )


_COUNTS, _SHORT = _counting()
