"""The public stream as a table: one sequence without gaps, written once and read in pages.

Owns: how events are appended and read, and which of them a filter lets through. Each function runs
inside a transaction that its caller opened. Knows nothing of what is told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.desk.ports import EventFilter, EventPage
from paperdesk.domain.events import CONNECTIONS, OF_BATCH, Event, EventType
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName
from paperdesk.ledger.journal import Values, next_id
from paperdesk.ledger.prepared import given
from paperdesk.ledger.rows import RowMapping
from paperdesk.ledger.schema import stream

EVENTS_MAX: Final = 200  # in one page
# So far one question looks, whatever it finds: other readers wait for it.
LOOKED_AT_MAX: Final = 5_000

_INSERT: Final = stream.insert()
_HEAD: Final = sa.select(sa.func.max(stream.c.id))


def append(connection: sa.Connection, told: Sequence[Values]) -> None:
    """Append events with the next numbers. There is one writer, so none is taken twice."""
    first = next_id(connection, stream)
    rows = [row | {"id": first + n} for n, row in enumerate(told)]
    connection.execute(_INSERT, rows)


def head(connection: sa.Connection) -> int:
    """Return the number of the newest event, 0 for none."""
    return connection.scalar(_HEAD) or 0


def page(connection: sa.Connection, which: EventFilter, after: int) -> EventPage:
    """Return the next events behind a number, and how far that looked.

    The newest number is read first: what is committed meanwhile is for the next page.
    """
    newest = head(connection)
    upto = newest if which.batch_id else min(newest, after + LOOKED_AT_MAX)
    rows = connection.execute(
        sa.select(stream)
        .where(stream.c.id > after, stream.c.id <= upto, *_conditions(which))
        .order_by(stream.c.id)
        .limit(EVENTS_MAX)
    )
    found = tuple(_event_of(row) for row in rows.mappings())
    if len(found) == EVENTS_MAX:
        upto = found[-1].number
    return EventPage(found, max(upto, after), newest)


def _conditions(which: EventFilter) -> list[sa.ColumnElement[bool]]:
    """Return what an event must be to be told."""
    where: list[sa.ColumnElement[bool]] = []
    if which.batch_id is not None:
        where.append(stream.c.batch_id == which.batch_id)
    if which.accounts is not None:
        of_all = stream.c.account_id.is_(None)
        where.append(sa.or_(stream.c.account_id.in_(sorted(which.accounts)), of_all))
    if which.client is not None:
        is_own = stream.c.client == which.client
        where.append(sa.or_(is_own, stream.c.type.not_in(sorted(OF_BATCH))))
    if which.types is not None:
        where.append(stream.c.type.in_(sorted(which.types)))
    return where


def _event_of(row: RowMapping) -> Event:
    return Event(
        number=row["id"],
        at=row["at"],
        kind=EventType(row["type"]),
        account=None if row["account_id"] is None else AccountId(row["account_id"]),
        batch_id=None if row["batch_id"] is None else BatchId(row["batch_id"]),
        client=None if row["client"] is None else ClientName(row["client"]),
        body=row["body"],
    )


# In the words of its index.
_CONNECTION: Final[sa.Select[Any]] = (
    sa.select(stream.c.type)
    .where(
        stream.c.account_id == given("account"),
        sa.text("type IN ('connection.up', 'connection.down')"),
    )
    .order_by(stream.c.id.desc())
    .limit(1)
)


def connected(connection: sa.Connection, accounts: Collection[AccountId]) -> set[AccountId]:
    """Return the accounts of which it was told last that they are connected."""
    up = CONNECTIONS[0].value
    return {
        account
        for account in accounts
        if connection.scalar(_CONNECTION, {"account": account}) == up
    }
