"""The ledger into a file, and out of it into an empty ledger.

Owns: what is copied (every table there is, at one moment), when a restore is refused, and what
must be true of a restored ledger. Knows nothing of what a table means but `owner`: whoever owned
the ledger before must not take the restored one for its own. What the ledger did since the backup
it does not know, so it begins halted: an intent that was unsent then may long have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa

from paperdesk.domain.client import SERVICE
from paperdesk.domain.halt import Halt
from paperdesk.domain.vocabulary import HaltMode
from paperdesk.errors import BackupRefused, LedgerUnavailable
from paperdesk.ledger import backup_file, stops
from paperdesk.ledger.backup_file import BackupFile, Head, Row, Summary
from paperdesk.ledger.backup_rows import Rows
from paperdesk.ledger.engine import newest_version, version_of, words_of
from paperdesk.ledger.opening import open_owned, snapshot
from paperdesk.ledger.schema import metadata, owner

T = TypeVar("T")

ROWS_AT_ONCE: Final = 500  # in memory: a ledger may be larger than that


def back_up(url: str, path: Path, at: datetime) -> Summary:
    """Write the ledger as it is now to a new file, while its owner goes on.

    Raises BackupRefused, LedgerUnavailable and OSError; then there is no file.
    """
    backup_file.refuse_existing(path)
    with snapshot(url) as connection:
        version = version_of(connection)
        if version != newest_version():
            raise LedgerUnavailable(
                f"the ledger is of schema {version or 'none'}, and this Paperdesk backs up "
                f"schema {newest_version()}: use the version that runs on it"
            )
        head = Head(newest_version(), at.isoformat(), _columns())
        tables = ((table.name, _rows_of(connection, table)) for table in metadata.sorted_tables)
        return backup_file.write(path, head, tables)


def restore(url: str, path: Path, at: datetime) -> Summary:
    """Write what is in the file to an empty ledger, as its owner, and halt it, in one transaction.

    The file is read to its end before anything is opened or made. Raises BackupRefused and
    LedgerUnavailable; then the ledger is as it was, or made and empty.
    """
    file = BackupFile(path)
    summary = file.verify()  # first: of a file that was altered nothing is believed
    _refuse_other_schema(file.head(), path)
    owned = open_owned(url, at)
    try:
        owned.transact(lambda connection: _revive(connection, file, summary, path, at))
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        raise BackupRefused(
            f"{path} does not fit this ledger, which is still empty: {words_of(error)}."
        ) from error
    finally:
        owned.reader.dispose()
        owned.close()
    return summary


def _columns() -> dict[str, list[str]]:
    return {table.name: list(table.c.keys()) for table in metadata.sorted_tables}


def _refuse_other_schema(head: Head, path: Path) -> None:
    if head.schema != newest_version():
        raise BackupRefused(
            f"{path} is of a ledger of schema {head.schema}, and this Paperdesk restores schema "
            f"{newest_version()}: restore it with the version that wrote it, then start this one."
        )
    if head.tables != _columns():
        raise BackupRefused(f"{path} has other tables than schema {head.schema} has.")


def _rows_of(connection: sa.Connection, table: sa.Table) -> Iterator[Row]:
    rows = Rows(table, connection.dialect.name)
    options = {"yield_per": ROWS_AT_ONCE}
    for row in connection.execute(rows.question, execution_options=options):
        yield rows.written(row)


def _revive(
    connection: sa.Connection, file: BackupFile, summary: Summary, path: Path, at: datetime
) -> None:
    """Write what was, and after it, once it is counted, what a restore adds."""
    _fill(connection, file, summary, path)
    _halt(connection, file.head(), at)
    for table in metadata.sorted_tables:
        _number_on(connection, table)


def _fill(connection: sa.Connection, file: BackupFile, summary: Summary, path: Path) -> None:
    """Write every row into tables that are seen to be empty, and count them."""
    _refuse_rows(connection, path)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # to count takes its time
    epoch = _epoch(connection)
    connection.execute(owner.delete())
    for name, found in groupby(file.rows(), key=itemgetter(0)):
        rows = Rows(metadata.tables[name], connection.dialect.name)
        for some in _in_parts(row for _, row in found):
            connection.execute(rows.insertion, [rows.read(row) for row in some])
    # Above both: a process that lost this database with its former ledger must not go on.
    after = max(epoch, _epoch(connection)) + 1
    connection.execute(owner.update().values(epoch=after))
    for table in metadata.sorted_tables:
        counted = connection.scalar(sa.select(sa.func.count()).select_from(table))
        told = summary.rows[table.name]
        assert counted == told, f"{table.name}: {counted} rows of {told} are there"


def _halt(connection: sa.Connection, head: Head, at: datetime) -> None:
    """End what the backup has unsent: it may have been sent since, and must not leave twice."""
    since = datetime.fromisoformat(head.at).isoformat(timespec="seconds")
    reason = (
        f"restored from a backup of {since}: look at what the broker did since, then resume"
    )
    stops.halt_ourselves(connection, Halt(None, HaltMode.ALL, SERVICE.name, at, reason))


def _refuse_rows(connection: sa.Connection, path: Path) -> None:
    for table in metadata.sorted_tables:
        question = sa.select(sa.literal(1)).select_from(table).limit(1)
        if table is not owner and connection.scalar(question):
            raise BackupRefused(
                f"{path} is restored into an empty ledger only, and this one has {table.name}: "
                "name another ledger.url, or move this ledger away."
            )


def _epoch(connection: sa.Connection) -> int:
    return connection.scalar(sa.select(owner.c.epoch)) or 0


def _number_on(connection: sa.Connection, table: sa.Table) -> None:
    """Let PostgreSQL's next row be numbered after the last; SQLite looks for itself."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    last = sa.func.max(column)
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
    connection.execute(
        sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None)))
    )


def _in_parts(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        yield some
