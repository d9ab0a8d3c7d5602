"""Opening a ledger on SQLite: what is its own. A file on disk, no socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from makers import NOW
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.sqlite import open_sqlite


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
