"""Opening a ledger on SQLite: what is its own. A file on disk, no socket."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from makers import NOW
from paperdesk.clock import ManualClock
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.schema import owner
from paperdesk.ledger.sqlite import open_sqlite
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/deep/er/ledger.db"


def test_every_commit_is_durable(tmp_path: Path) -> None:
    owned = open_sqlite(url_in(tmp_path), NOW)
    with owned.engine.connect() as connection:
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        keys = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
    owned.close()

    assert (journal, synchronous, keys) == ("wal", 2, 1)


async def test_whether_it_can_be_written_is_found_out_by_writing(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(url_in(tmp_path), InlineExecutor(), ManualClock(NOW))
    log = tmp_path / "deep/er/ledger.db-wal"
    before, epoch = log.stat().st_size, ledger._owned.epoch
    await ledger.check_writable()
    after = log.stat().st_size
    kept = ledger._owned.read(lambda c: c.scalar(sa.select(owner.c.epoch)))
    await ledger.close()

    assert after > before  # SQLite leaves out a page to which nothing was done
    assert kept == epoch


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text(
        "not a database, but long enough to be read as one " * 20
    )

    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        open_sqlite(f"sqlite:///{tmp_path}/ledger.db", NOW)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        open_sqlite(f"sqlite:///{tmp_path}/file/ledger.db", NOW)
