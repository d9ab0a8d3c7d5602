"""The connection to the database, and who owns it.

Owns: how SQLite is opened (every commit durable, one writer), the lock that keeps a second
owner out, the owner's epoch, and bringing the schema up to date. Knows no table but `owner`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger import schema

T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 1_000
MIGRATIONS: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Owned:
    """An open ledger.

    One connection that writes and one that only reads, the epoch of the owner, and the lock
    that keeps others out.
    """

    engine: sa.Engine
    reader: sa.Engine
    epoch: int
    lock_fd: int

    def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in one transaction. Raises LedgerUnavailable, with nothing stored."""
        return _run(self.engine, work)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run questions on what is committed. Raises LedgerUnavailable."""
        return _run(self.reader, work)

    def close(self) -> None:
        """Close the writing connection and let the next owner in."""
        self.engine.dispose()
        os.close(self.lock_fd)


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
        return Owned(engine, reader, _next_epoch(engine, at), lock_fd)
    except LedgerUnavailable:
        os.close(lock_fd)
        raise
    except sa.exc.DBAPIError as error:
        os.close(lock_fd)
        raise LedgerUnavailable(f"the ledger {path} cannot be opened: {error.orig}") from error


def _run(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except sa.exc.DBAPIError as error:
        if isinstance(error, sa.exc.IntegrityError):
            raise  # a broken invariant of ours, not a broken database
        raise LedgerUnavailable(f"the ledger cannot be used: {error.orig}") from error


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest version."""
    with engine.connect() as connection:
        if sa.inspect(connection).has_table("alembic_version"):
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            version = str(found.scalar())
            if version == _newest_version():
                return
            if version > _newest_version():
                raise LedgerUnavailable(
                    f"the ledger is of a newer Paperdesk (schema {version}, this one knows "
                    f"{_newest_version()}): start that version, or name another ledger.url"
                )
    _upgrade(engine)


def _upgrade(engine: sa.Engine) -> None:
    # Alembic takes a quarter of a second to import: only a start that migrates pays for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _newest_version() -> str:
    """Return the id of the newest migration: its file's name begins with it."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("*.py")).partition("_")[0]


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


def _next_epoch(engine: sa.Engine, at: datetime) -> int:
    with engine.begin() as connection:
        epoch = connection.scalar(sa.select(schema.owner.c.epoch)) or 0
        connection.execute(schema.owner.delete())
        connection.execute(schema.owner.insert().values(id=1, epoch=epoch + 1, since=at))
        return epoch + 1
