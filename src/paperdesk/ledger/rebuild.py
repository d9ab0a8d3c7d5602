"""The tables of state, folded anew from the history.

Owns: `rebuild`, which does every event again in empty tables, and `differences`, which compares
what comes of it with what is stored. Knows nothing of how a gateway lays out its fields: who
calls brings the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.domain.reports import Recorded, Report
from paperdesk.ledger.journal import MESSAGE, UNREAD, replay
from paperdesk.ledger.learning import Lesson
from paperdesk.ledger.records import refresh_open
from paperdesk.ledger.rows import RowMapping
from paperdesk.ledger.schema import (
    account_limits,
    api_keys,
    audit,
    batches,
    commissions,
    events,
    executions,
    findings,
    halts,
    locks,
    metadata,
    newest_targets,
    openings,
    orders,
    positions,
    stream,
    targets,
)

# The fields of a message, the version of the protocol and when it came, to what it reports.
Read = Callable[[Sequence[str], int, datetime], Report | None]

# What the history is the whole truth of.
STATE: Final = (
    batches,
    targets,
    newest_targets,
    orders,
    executions,
    commissions,
    positions,
    openings,
    halts,
    locks,
    findings,
    api_keys,
    account_limits,
    audit,
)
_AT_ONCE: Final = 500  # a database bounds how many values one question may name
# The stored answer of a key is a copy of what the state said once, and no event.
_NO_STATE: Final = frozenset({"answer"})


def rebuild(history: Iterable[RowMapping], into: sa.Connection, read: Read) -> None:
    """Do every event of `history`, in its order, in the empty tables of `into`."""
    for is_told, told in groupby(history, lambda event: bool(event["kind"] == MESSAGE)):
        if is_told:
            messages = (_message_of(event, read) for event in told)
            while some := list(islice(messages, _AT_ONCE)):
                Lesson(into).fold(some)  # any parts of a history come to the same
        else:
            for event in told:
                if event["kind"] != UNREAD:
                    replay(into, event["body"])
    found = into.scalars(sa.select(batches.c.batch_id)).all()
    for start in range(0, len(found), _AT_ONCE):
        refresh_open(into, found[start : start + _AT_ONCE])


def _message_of(event: RowMapping, read: Read) -> Recorded:
    fields = tuple(event["body"])
    return Recorded(
        event["at"],
        event["gateway"],
        event["client_id"],
        fields,
        read(fields, event["version"], event["at"]),
        version=event["version"],
    )


def differences(stored: sa.Connection, read: Read) -> tuple[str, ...]:
    """Return in words each row that a rebuilt ledger has otherwise; () where it is the same."""
    engine = sa.create_engine("sqlite://")  # in memory: nothing of it is kept
    metadata.create_all(engine)
    try:
        with engine.begin() as rebuilt:
            history = stored.execute(sa.select(events).order_by(events.c.seq))
            rebuild(history.mappings(), rebuilt, read)
            found = [*_gaps(stored, events.c.seq), *_gaps(stored, stream.c.id)]
            for table in STATE:
                found += _differences(table, _rows(stored, table), _rows(rebuilt, table))
            return tuple(found)
    finally:
        engine.dispose()


def _gaps(stored: sa.Connection, numbers: sa.Column[int]) -> Iterator[str]:
    """Say where the numbers of a sequence do not run from 1 without a gap."""
    count, first, last = stored.execute(
        sa.select(sa.func.count(), sa.func.min(numbers), sa.func.max(numbers))
    ).one()
    if count and (first, last) != (1, count):
        yield f"{numbers.table.name}: {count} of them are numbered from {first} to {last}"


def _rows(
    connection: sa.Connection, table: sa.Table
) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Return the rows by primary key, without what is no state."""
    wanted = [column for column in table.c if column.name not in _NO_STATE]
    return {
        tuple(row[column.name] for column in table.primary_key): dict(row)
        for row in connection.execute(sa.select(*wanted)).mappings()
    }


def _differences(
    table: sa.Table,
    stored: Mapping[tuple[Any, ...], Mapping[str, Any]],
    rebuilt: Mapping[tuple[Any, ...], Mapping[str, Any]],
) -> Iterator[str]:
    for key in stored.keys() | rebuilt.keys():
        before, after = stored.get(key), rebuilt.get(key)
        if before is None or after is None:
            yield f"{table.name} {key}: only {'rebuilt' if before is None else 'stored'}"
        elif before != after:
            changed = {
                name: (before[name], after[name])
                for name in before
                if before[name] != after[name]
            }
            yield f"{table.name} {key}: stored and rebuilt differ in {changed}"
