"""Writing, and noting what was written.

Owns: Journal, through which every decision of ours reaches the tables of state, and the events
that record it in the one gap-free sequence; and `replay`, which does a noted decision again.
Knows nothing of what is decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import AccountId, BatchId
from paperdesk.ledger.columns import Instant, Money, Words
from paperdesk.ledger.schema import events, metadata

# Kinds of events that are a gateway's message: one that was folded, and one that nothing was
# made of, then or at all. Every other kind is a decision of ours.
MESSAGE: Final = "message"
UNREAD: Final = "unread"

Values = dict[str, Any]
Write = tuple[Values | None, Values]  # the key, None of a row that is new; and the values
_Writer = Callable[[Any, sa.Dialect], Any]


class Journal:
    """The writes of one decision, inside the transaction that its caller opened.

    What follows from a gateway's message is not noted: the message itself is the event.
    """

    def __init__(
        self, connection: sa.Connection, at: datetime, *, is_noting: bool = True
    ) -> None:
        self.connection = connection
        self.at = at
        # For whoever counts, once it is committed: orders as they were and are, and the rows
        # that were refused, each with its code.
        self.moved: list[tuple[Order, Order]] = []
        self.refused: list[tuple[Values, str]] = []
        # For whoever tells the world of it (`telling`): all writes, by table.
        self.writes: defaultdict[sa.Table, list[Write]] = defaultdict(list)
        self.is_told = False
        self._is_noting = is_noting
        self._noted: list[list[Any]] = []

    def insert(self, table: sa.Table, rows: Sequence[Values]) -> None:
        """Insert rows. Each must name its primary key, so that a replay gives the same."""
        if rows:
            self.connection.execute(_insert(table), rows)
            self._note(table, [(None, row) for row in rows])

    def update(self, table: sa.Table, key: Values, values: Values) -> int:
        """Change the rows that `key` names; return how many."""
        return self.update_each(table, [(key, values)])

    def update_each(self, table: sa.Table, changes: Sequence[tuple[Values, Values]]) -> int:
        """Change rows, each by its own key; all keys, and all values, of the same columns."""
        if not changes:
            return 0
        key, values = changes[0]
        rows = [
            {f"key_{name}": value for name, value in at.items()}
            | {f"new_{name}": value for name, value in to.items()}
            for at, to in changes
        ]
        statement = _update(table, tuple(key), tuple(values))
        changed = self.connection.execute(statement, rows if len(rows) > 1 else rows[0])
        self._note(table, changes)
        return changed.rowcount

    def _note(self, table: sa.Table, writes: Sequence[Write]) -> None:
        self.writes[table] += writes
        if self._is_noting:
            writers = _writers(table)
            self._noted += [[table.name, at, _noted(writers, to)] for at, to in writes]

    def close(
        self, kind: str, *, account: AccountId | None = None, batch_id: BatchId | None = None
    ) -> None:
        """Append the event, where anything was written."""
        if self._noted:
            append(
                self.connection,
                [
                    {
                        "at": self.at,
                        "kind": kind,
                        "account_id": account,
                        "batch_id": batch_id,
                        "body": self._noted,
                    }
                ],
            )


def append(connection: sa.Connection, rows: Sequence[Values]) -> None:
    """Append events with the next numbers. There is one writer, so none is taken twice."""
    if not rows:
        return
    first = next_id(connection, events)
    connection.execute(
        _insert(events), [row | {"seq": first + n} for n, row in enumerate(rows)]
    )


def next_id(connection: sa.Connection, table: sa.Table) -> int:
    """Return the number of a table's next row: its id, or its seq."""
    return (connection.scalar(_last(table)) or 0) + 1


# A statement is made once: to make one takes longer than the database takes to run it. There
# are as many as there are combinations of columns that the ledger writes together.
@cache
def _insert(table: sa.Table) -> sa.Insert:
    return table.insert()


@cache
def _update(table: sa.Table, key: tuple[str, ...], changed: tuple[str, ...]) -> sa.Update:
    return (
        table.update()
        .where(*(table.c[name] == sa.bindparam(f"key_{name}") for name in key))
        .values(
            {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in changed}
        )
    )


@cache
def _last(table: sa.Table) -> sa.Select[Any]:
    (numbered,) = table.primary_key
    return sa.select(sa.func.max(numbered))


def replay(connection: sa.Connection, body: Sequence[Sequence[Any]]) -> None:
    """Do the writes of a decision again."""
    for name, key, noted in body:
        table = metadata.tables[name]
        values = {column: _read(table.c[column].type, value) for column, value in noted.items()}
        if key is None:
            connection.execute(table.insert().values(values))
        else:
            where = (table.c[column] == value for column, value in key.items())
            connection.execute(table.update().where(*where).values(values))


def _noted(writers: Mapping[str, _Writer], row: Mapping[str, Any]) -> Values:
    return {
        column: writers[column](value, _NO_DIALECT) if column in writers else value
        for column, value in row.items()
    }


@cache
def _writers(table: sa.Table) -> Mapping[str, _Writer]:
    """Return how the values of a table's columns are written, where not as they are."""
    return {
        column.name: column.type.process_bind_param
        for column in table.c
        if isinstance(column.type, Money | Instant | Words)
    }


def _read(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    if isinstance(kind, Money | Instant):
        return kind.process_result_value(value, _NO_DIALECT)
    return value


_NO_DIALECT: Final = sa.engine.default.DefaultDialect()  # money and time do not ask for it
