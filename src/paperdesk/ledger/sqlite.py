"""SQLite under the ledger.

Owns: how the file is opened (every commit durable, one writer) and the locked file beside it
that keeps a second owner out. Knows no table.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.engine import Owned, migrate, next_epoch, words_of

BUSY_TIMEOUT_MS: Final = 1_000


def open_sqlite(url: str, at: datetime) -> Owned:
    """Open or make the SQLite ledger at `url`, as its only owner.

    Raises LedgerUnavailable where another process owns it or it cannot be opened.
    """
    path = Path(url.removeprefix("sqlite:///"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_fd = _lock(path)
    except OSError as error:
        raise LedgerUnavailable(f"the ledger {path} cannot be opened: {error}") from error
    try:
        engine = _engine(url, _WRITING, begin="BEGIN IMMEDIATE")
        migrate(engine)
        reader = _engine(url, _READING, begin="BEGIN")
        epoch = next_epoch(engine, at)
        return Owned(
            engine, reader, epoch, release=lambda: os.close(lock_fd), can_be_lost=False
        )
    except LedgerUnavailable:
        os.close(lock_fd)
        raise
    except sa.exc.DBAPIError as error:
        os.close(lock_fd)
        words = words_of(error)
        raise LedgerUnavailable(f"the ledger {path} cannot be opened: {words}") from error


def snapshot_of_sqlite(url: str) -> sa.Engine:
    """Return an engine that reads the ledger beside its owner, who notices nothing.

    In WAL a reader keeps nobody from writing. Raises LedgerUnavailable where there is no file.
    """
    path = Path(url.removeprefix("sqlite:///"))
    if not path.is_file():  # SQLite would make one
        raise LedgerUnavailable(f"there is no ledger at {path}")
    return _engine(url, _READING, begin="BEGIN")


def _lock(path: Path) -> int:
    fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise LedgerUnavailable(
            f"another process owns the ledger {path}: stop it, or name another ledger.url"
        ) from None
    return fd


_WRITING: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL may lose the last commits when power fails
    "foreign_keys=ON",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
)
_READING: Final = ("query_only=ON", f"busy_timeout={BUSY_TIMEOUT_MS}")


def _engine(url: str, pragmas: Sequence[str], *, begin: str) -> sa.Engine:
    """Return an engine of one connection."""
    engine = sa.create_engine(
        url,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
        hide_parameters=True,  # an error that is logged must not name keys
    )

    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy begins; the driver must not
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", on_connect)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
