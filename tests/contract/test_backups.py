"""Backup and restore of a ledger: on every database, and from each to each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from embedded import Server
from makers import NOW
from paperdesk.domain.client import SERVICE
from paperdesk.domain.vocabulary import HaltMode
from paperdesk.errors import BackupRefused, LedgerUnavailable
from paperdesk.ledger import reading, schema
from paperdesk.ledger.backup import back_up, restore
from paperdesk.ledger.backup_file import BackupFile, write
from paperdesk.ledger.backup_rows import form_of
from paperdesk.ledger.columns import Instant, Money, Words
from paperdesk.ledger.engine import Owned
from paperdesk.ledger.opening import open_owned, snapshot
from paperdesk.ledger.schema import events, metadata, openings, owner

TABLES = metadata.sorted_tables
# The hardest of what a row may hold; the last is what most columns may hold too.
WORDS = ["plain", "Größe \u20ac \U0001f4c8 \u2028", "quo'te \"\\ %s :x {}", "", None]
DIGITS = [*map(Decimal, ("150.50", "0.00000001", "-0", f"{10**30}.10")), None]
# No bare numbers: SQLite makes of such a text what it takes for the same number.
DOCUMENTS = [[], {"b": 1, "a": [0.1, None, "€"]}, [10**30], sa.JSON.NULL, sa.null()]

# What the ledger itself reads of an order that is open, which the halt of a restore looks at.
READ = {
    "orders": {
        "side": "BUY",
        "order_type": "LMT",
        "time_in_force": "DAY",
        "state": "working",
        "wire_status": "Submitted",
    }
}
HALTED = (
    "halts",
    "audit",
    "events",
    "stream",
)  # a restore adds one row to each: the halt that it begins with


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.backup"


@pytest.fixture(params=["sqlite", "postgresql"])
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A ledger to restore into, on each database in turn; as PostgreSQL makes one, empty."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/restored.db"
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as name:
        server.run(f"DROP DATABASE {name}")
        server.run(f"CREATE DATABASE {name} TEMPLATE template0")
        yield server.url(name)


def value_for(column: sa.Column[Any], number: int) -> Any:
    """Return a value that the column takes; where it must be unique, another for each number."""
    of = next(iter(column.foreign_keys)).column if column.foreign_keys else column
    hard = number % (len(WORDS) if column.nullable else len(WORDS) - 1)
    kind = column.type
    is_free = isinstance(kind, Words) and not (column.primary_key or column.unique)
    name = f"{of.name}-{number}"[-(getattr(kind, "length", None) or 99) :]
    size = 3 * number + 1 if column.primary_key else (-1) ** number * (2**31 - 1 - number)
    made: list[tuple[Any, Any]] = [
        (sa.Integer, size),
        (sa.Boolean, number % 2 == 0),
        (Instant, NOW + timedelta(microseconds=number)),
        (sa.LargeBinary, bytes(range(256)) * number),
        (Money, DIGITS[hard]),
        (sa.JSON, DOCUMENTS[hard]),
        (sa.String | Words, WORDS[hard] if is_free else name),
    ]
    return next(value for of_type, value in made if isinstance(kind, of_type))


def fill(connection: sa.Connection) -> int:
    """Write rows of every kind into every table."""
    connection.execute(owner.delete())
    for table in TABLES:
        rows = 1 if table is owner else 10
        for number in range(rows):
            values = {column.name: value_for(column, number) for column in table.c}
            if table is owner:
                values |= {"id": 1, "epoch": 7}
            values |= READ.get(table.name, {})
            connection.execute(table.insert().values(values))
    return len(TABLES)


def filled(url: str) -> None:
    owned = open_owned(url, NOW)
    owned.transact(fill)
    close(owned)


def close(owned: Owned) -> None:
    owned.reader.dispose()
    owned.close()


def stored(url: str) -> dict[str, list[Any]]:
    """Return every row of a ledger but its owner's, the documents as they are written."""
    owned = open_owned(url, NOW)

    def read(connection: sa.Connection) -> dict[str, list[Any]]:
        return {
            table.name: [tuple(row) for row in connection.execute(exactly(table))]
            for table in TABLES
            if table is not owner
        }

    rows = owned.read(read)
    close(owned)
    return {name: sorted(found, key=repr) for name, found in rows.items()}


def restored(url: str, before: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the rows without the one that the halt adds to some tables, if it is only one."""
    rows = stored(url)
    for name in HALTED:
        (added,) = (row for row in rows[name] if row not in before[name])
        rows[name].remove(added)
    return rows


def exactly(table: sa.Table) -> sa.Select[Any]:
    return sa.select(
        *(
            sa.cast(column, sa.Text) if isinstance(column.type, sa.JSON) else column
            for column in table.c
        )
    )


def epoch_of(url: str) -> int:
    owned = open_owned(url, NOW)
    close(owned)
    return owned.epoch


def test_a_backup_knows_the_type_of_every_column() -> None:
    for table in TABLES:
        for column in table.c:
            assert form_of(column, "postgresql"), column


def test_every_value_of_every_table_comes_back_in_whichever_database(
    ledger_url: str, other_url: str, path: Path
) -> None:
    filled(ledger_url)
    before = stored(ledger_url)

    written = back_up(ledger_url, path, NOW)
    read = restore(other_url, path, NOW)

    assert restored(other_url, before) == before
    assert written == read
    assert written.rows == {table.name: 1 if table is owner else 10 for table in TABLES}


def test_a_backup_of_the_restored_ledger_is_the_same_backup(
    ledger_url: str, other_url: str, path: Path
) -> None:
    filled(ledger_url)
    back_up(ledger_url, path, NOW)
    restore(other_url, path, NOW)
    again = path.with_suffix(".again")
    back_up(other_url, again, NOW)

    def rows(file: Path) -> list[Any]:
        return sorted((row for row in BackupFile(file).rows() if row[0] != "owner"), key=repr)

    before, after = rows(path), rows(again)
    assert [row for row in after if row in before] == before
    assert sorted(name for name, row in after if (name, row) not in before) == sorted(HALTED)


def test_an_empty_ledger_can_be_backed_up_too(
    ledger_url: str, other_url: str, path: Path
) -> None:
    open_and_close(ledger_url)
    back_up(ledger_url, path, NOW)
    restore(other_url, path, NOW)

    before: dict[str, list[Any]] = {table.name: [] for table in TABLES if table is not owner}
    assert restored(other_url, before) == before


def test_a_restored_ledger_is_halted_and_says_of_when_it_is(
    ledger_url: str, other_url: str, path: Path
) -> None:
    open_and_close(ledger_url)
    back_up(ledger_url, path, NOW)
    restore(other_url, path, NOW + timedelta(hours=1))
    owned = open_owned(other_url, NOW)
    (halt,) = owned.read(reading.halts)
    ((action, by),) = owned.read(
        lambda c: c.execute(sa.select(schema.audit.c.action, schema.audit.c.client)).all()
    )
    close(owned)

    assert (halt.account, halt.mode, halt.by) == (None, HaltMode.ALL, SERVICE.name)
    assert halt.since == NOW + timedelta(hours=1)
    assert halt.reason == (
        f"restored from a backup of {NOW.isoformat()}: look at what the broker did since, "
        "then resume"
    )
    assert (action, by) == ("halt", SERVICE.name)


def open_and_close(url: str) -> None:
    close(open_owned(url, NOW))


def test_a_snapshot_is_of_one_moment_while_the_owner_writes_on(ledger_url: str) -> None:
    filled(ledger_url)
    owned = open_owned(ledger_url, NOW)
    count = sa.select(sa.func.count()).select_from(openings)
    with snapshot(ledger_url) as connection:
        before = connection.scalar(count)
        row = {column.name: value_for(column, 99) for column in openings.c}
        owned.transact(lambda c: c.execute(openings.insert().values(row)).rowcount)
        after = connection.scalar(count)
    now = owned.read(lambda c: c.scalar(count))
    close(owned)

    assert (before, after, now) == (10, 10, 11)


def test_a_snapshot_cannot_write(ledger_url: str) -> None:
    open_and_close(ledger_url)

    with (
        pytest.raises(LedgerUnavailable, match=r"read.?only"),
        snapshot(ledger_url) as connection,
    ):
        connection.execute(owner.update().values(epoch=0))


def test_after_a_restore_rows_are_numbered_on(
    ledger_url: str, other_url: str, path: Path
) -> None:
    filled(ledger_url)
    back_up(ledger_url, path, NOW)
    restore(other_url, path, NOW)
    numbered = {
        table: table.autoincrement_column
        for table in TABLES
        if table.autoincrement_column is not None and table is not owner
    }

    def largest(connection: sa.Connection) -> dict[str, int]:
        return {
            table.name: connection.scalar(sa.select(sa.func.max(column))) or 0
            for table, column in numbered.items()
        }

    def add(connection: sa.Connection) -> None:
        for table, column in numbered.items():
            values = {one.name: value_for(one, 99) for one in table.c if one is not column}
            connection.execute(table.insert().values(values))

    owned = open_owned(other_url, NOW)
    before = owned.read(largest)
    owned.transact(add)
    after = owned.read(largest)
    close(owned)

    assert after == {name: number + 1 for name, number in before.items()}
    assert "targets" in after


def test_the_restored_ledger_is_of_a_later_epoch_than_any_that_claimed(
    ledger_url: str, other_url: str, path: Path
) -> None:
    """A process that lost this database with its former ledger must find a stranger's."""
    filled(ledger_url)
    back_up(ledger_url, path, NOW)
    for _ in range(9):
        epoch_of(other_url)
    restore(other_url, path, NOW)

    assert epoch_of(other_url) == 12  # 9, the restore's own, the one that it leaves, this one
    assert epoch_of(ledger_url) == 8


def test_only_an_empty_ledger_is_restored_into(
    ledger_url: str, other_url: str, path: Path
) -> None:
    filled(ledger_url)
    back_up(ledger_url, path, NOW)
    owned = open_owned(other_url, NOW)
    row = {"account_id": "DU1", "body": {}}
    owned.transact(lambda c: c.execute(schema.snapshots.insert().values(row)).rowcount)
    close(owned)
    before = stored(other_url)

    with pytest.raises(BackupRefused, match="into an empty ledger only, and this one has snap"):
        restore(other_url, path, NOW)
    assert stored(other_url) == before


def test_a_ledger_in_use_is_not_restored_into_and_is_backed_up(
    ledger_url: str, path: Path
) -> None:
    owned = open_owned(ledger_url, NOW)
    back_up(ledger_url, path, NOW)

    with pytest.raises(LedgerUnavailable, match="another process owns the ledger"):
        restore(ledger_url, path, NOW)
    close(owned)


def test_a_file_that_is_not_whole_is_refused_before_there_is_a_ledger(
    ledger_url: str, path: Path, tmp_path: Path
) -> None:
    filled(ledger_url)
    back_up(ledger_url, path, NOW)
    whole = path.read_bytes()
    target = tmp_path / "never.db"
    for damaged in (whole[:-1], whole[: len(whole) // 2], whole[:500] + b"\0" + whole[501:]):
        path.write_bytes(damaged)
        with pytest.raises(BackupRefused, match="no whole backup"):
            restore(f"sqlite:///{target}", path, NOW)

    assert not list(tmp_path.glob("never.db*"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "0001"}, "of a ledger of schema 0001, and this Paperdesk restores schema"),
        ({"schema": "9999"}, "of a ledger of schema 9999, and this Paperdesk restores schema"),
        ({"tables": {}}, "has other tables than schema"),
    ],
)
def test_a_backup_of_another_schema_is_refused(
    tmp_path: Path, path: Path, change: dict[str, Any], words: str
) -> None:
    source, target = (f"sqlite:///{tmp_path}/{name}.db" for name in ("source", "never"))
    open_and_close(source)
    back_up(source, path, NOW)
    other = path.with_suffix(".other")
    write(other, replace(BackupFile(path).head(), **change), [])

    with pytest.raises(BackupRefused, match=words):
        restore(target, other, NOW)
    assert not list(tmp_path.glob("never.db*"))


def test_a_ledger_of_another_schema_is_not_backed_up(ledger_url: str, path: Path) -> None:
    owned = open_owned(ledger_url, NOW)
    owned.transact(
        lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'").rowcount
    )
    close(owned)

    with pytest.raises(LedgerUnavailable, match="the ledger is of schema 9999, and this Paper"):
        back_up(ledger_url, path, NOW)
    assert not path.exists()


def test_where_there_is_no_ledger_none_is_made(tmp_path: Path, path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="there is no ledger at"):
        back_up(f"sqlite:///{tmp_path}/none.db", path, NOW)

    assert list(tmp_path.iterdir()) == []


def test_what_a_database_cannot_hold_leaves_it_empty(postgres_url: str, path: Path) -> None:
    """SQLite checks no length; what slipped in there must not be half a ledger here."""
    url = f"sqlite:///{path.parent}/source.db"
    owned = open_owned(url, NOW)
    rows = [{"account_id": name, "body": {}} for name in ("DU1", "D" * 33)]
    owned.transact(lambda c: c.execute(schema.snapshots.insert(), rows).rowcount)
    close(owned)
    back_up(url, path, NOW)

    with pytest.raises(BackupRefused, match="does not fit this ledger, which is still empty"):
        restore(postgres_url, path, NOW)
    assert not any(stored(postgres_url).values())


PEAK = """
import re, sys
from pathlib import Path
from makers import NOW
from paperdesk.ledger import backup
getattr(backup, sys.argv[1])(sys.argv[2], Path(sys.argv[3]), NOW)
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak_mb(work: str, url: str, path: Path) -> float:
    """Return what a process of its own held at the most, what C holds for it too."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, work, url, path],
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    return int(done.stdout) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux counts it there")
def test_a_large_ledger_passes_through_little_memory(
    empty_url: Callable[[], str], path: Path
) -> None:
    rows, chars, small = 15_000, 2_000, path.with_suffix(".small")
    source, target = empty_url(), empty_url()
    open_and_close(source)
    before = max(peak_mb("back_up", source, small), peak_mb("restore", empty_url(), small))
    owned = open_owned(source, NOW)
    row = events.insert().values(at=NOW, kind="message", body=["x" * chars])
    owned.transact(lambda c: c.execute(row, [{"seq": seq + 1} for seq in range(rows)]).rowcount)
    close(owned)

    peaks = [peak_mb("back_up", source, path), peak_mb("restore", target, path)]
    assert max(peaks) - before < rows * chars / 1e6 / 3, (before, peaks)
