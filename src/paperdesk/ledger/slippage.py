"""The slippage report, read from the ledger.

Owns: which orders are in it, and reading them in chunks. Prices are stored as their digits, so
no database adds them up exactly: each order that filled is read once, as few columns, and added
up here. A chunk is a transaction of its own, bounded by its index: however many orders there
are, whoever else reads waits for one chunk at most, and no more than one is in memory. Knows
nothing of the arithmetic.
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import sqlalchemy as sa

from paperdesk.desk.ports import Page, SlippageFilter
from paperdesk.domain.slippage import Fill, Slipped, Totals
from paperdesk.domain.vocabulary import AccountId, ClientName, Side
from paperdesk.ledger.rows import RowMapping, order_of
from paperdesk.ledger.schema import batches, orders, targets

T = TypeVar("T")

CHUNK_ORDERS: Final = 2_000

# An order is of the target that it was planned for, whichever newer one keeps it by now.
_PLANNED_FOR: Final = sa.and_(
    targets.c.batch_id == orders.c.batch_id, targets.c.seq == orders.c.seq
)
# Asked row by row, or the plan may begin with all that the client ever posted.
_CLIENT: Final = (
    sa.select(batches.c.client).where(batches.c.batch_id == orders.c.batch_id).scalar_subquery()
)
_NEWEST_FIRST: Final = (orders.c.sent_at.desc(), orders.c.ref.desc())


class _Reading(Protocol):
    """`SqlLedger._read`: one transaction that changes nothing."""

    def __call__(self, work: Callable[[sa.Connection], T]) -> Awaitable[T]:
        """Run `work`."""


@dataclass(frozen=True, slots=True)
class Place:
    """An order's place in the listing by time."""

    sent_at: datetime
    ref: str


@dataclass(slots=True)
class _Gathered:
    """What was added up, and the page so far: by the number of its target, smallest first."""

    page: Page
    totals: Totals = field(default_factory=Totals)
    newest: list[tuple[int, Fill]] = field(default_factory=list)

    def take(self, rows: Sequence[RowMapping]) -> None:
        """Add orders."""
        for row in rows:
            if row["expected_price"] is None:
                self.totals.without_expected_price += 1
                continue
            fill = _fill_of(row)
            self.totals.take(fill)
            self._list(row["number"], fill)

    def _list(self, number: int, fill: Fill) -> None:
        """Keep the largest numbers before the page's end."""
        if self.page.before is not None and number >= self.page.before:
            return
        if len(self.newest) < self.page.limit:
            heapq.heappush(self.newest, (number, fill))
        else:
            heapq.heappushpop(self.newest, (number, fill))


async def report(
    read: _Reading, which: SlippageFilter, page: Page
) -> tuple[Totals, list[Slipped]]:
    """Return the sums over all that match, and a page of it, the newest target first.

    What changes meanwhile is counted as it was when its chunk was read; no order is counted
    twice or left out, for the time at which one was sent never changes.
    """
    gathered = _Gathered(page)
    if which.batch_id is not None:
        gathered.take(await read(lambda c: of_batch(c, which)))
    else:
        for account in sorted(which.accounts):
            await _add_up(read, which, account, gathered)
    newest = sorted(gathered.newest, reverse=True)
    rows = await read(lambda c: planned_for(c, [number for number, _ in newest]))
    return gathered.totals, [
        Slipped(number, ClientName(rows[number]["client"]), order_of(rows[number]), fill)
        for number, fill in newest
    ]


async def _add_up(
    read: _Reading, which: SlippageFilter, account: AccountId, gathered: _Gathered
) -> None:
    rows, end = await read(lambda c: chunk(c, which, account))
    gathered.take(rows)
    while end is not None:
        rows, end = await read(partial(chunk, which=which, account=account, before=end))
        gathered.take(rows)


def chunk(
    connection: sa.Connection,
    which: SlippageFilter,
    account: AccountId,
    before: Place | None = None,
) -> tuple[Sequence[RowMapping], Place | None]:
    """Return what matches among the next orders of an account, and where the chunk ends.

    No end: there are no more. Orders that do not match count, too, so that a filter that few
    pass does not make one transaction read them all.
    """
    where = [orders.c.account_id == account, orders.c.sent_at.is_not(None), *_times(which)]
    if before is not None:
        where += [
            orders.c.sent_at <= before.sent_at,
            sa.or_(orders.c.sent_at < before.sent_at, orders.c.ref < before.ref),
        ]
    end = connection.execute(
        sa.select(orders.c.sent_at, orders.c.ref)
        .where(*where)
        .order_by(*_NEWEST_FIRST)
        .limit(1)
        .offset(CHUNK_ORDERS - 1)
    ).one_or_none()
    if end is not None:
        where += [
            orders.c.sent_at >= end.sent_at,
            sa.or_(orders.c.sent_at > end.sent_at, orders.c.ref >= end.ref),
        ]
    rows = connection.execute(_fills().where(*where, *_filled(which))).mappings().all()
    return rows, None if end is None else Place(end.sent_at, end.ref)


def of_batch(connection: sa.Connection, which: SlippageFilter) -> Sequence[RowMapping]:
    """Return what matches in one batch, which is as large as its request at most."""
    where = [orders.c.batch_id == which.batch_id, *_times(which), *_filled(which)]
    rows = connection.execute(_fills().where(*where)).mappings()
    # Not in the question: the index of the account would lead through all of its orders.
    return [row for row in rows if row["account_id"] in which.accounts]


def planned_for(connection: sa.Connection, numbers: Collection[int]) -> dict[int, RowMapping]:
    """Return the orders that were planned for these targets, each with its client."""
    rows = connection.execute(
        sa.select(orders, targets.c.id.label("number"), _CLIENT.label("client"))
        .join(targets, _PLANNED_FOR)
        .where(targets.c.id.in_(numbers))
    )
    return {row["number"]: row for row in rows.mappings()}


def _fills() -> sa.Select[Any]:
    return sa.select(
        orders.c.account_id,
        orders.c.side,
        orders.c.filled_qty,
        orders.c.filled_value,
        orders.c.commission,
        targets.c.expected_price,
        targets.c.id.label("number"),
    ).join(targets, _PLANNED_FOR)


def _times(which: SlippageFilter) -> list[sa.ColumnElement[bool]]:
    where = []
    if which.since is not None:
        where.append(orders.c.sent_at >= which.since)
    if which.until is not None:
        where.append(orders.c.sent_at < which.until)
    return where


def _filled(which: SlippageFilter) -> list[sa.ColumnElement[bool]]:
    where = [orders.c.filled_qty > 0]
    if which.symbol is not None:
        where.append(orders.c.symbol == which.symbol)
    if which.client is not None:
        where.append(sa.literal(which.client) == _CLIENT)
    return where


def _fill_of(row: RowMapping) -> Fill:
    return Fill(
        side=Side(row["side"]),
        shares=row["filled_qty"],
        value=row["filled_value"],
        expected_price=row["expected_price"],
        commission=row["commission"],
    )
