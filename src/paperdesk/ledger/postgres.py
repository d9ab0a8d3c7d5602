"""PostgreSQL under the ledger.

Owns: how its connections are made (every commit durable, nothing waits for ever), the advisory
lock that keeps a second owner out, and the way back after a lost line: the writing connection is
made anew, and given up for good where another owner has been there since. Knows no table but
`owner`.

The lock belongs to the session of the one connection that writes. So nobody else writes while it
lives, and READ COMMITTED is enough for it; and whoever has the lock knows that the transactions
of the session before it have come to their end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.pool import StaticPool

from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.engine import Owned, migrate, next_epoch, words_of

CONNECT_TIMEOUT_SECONDS: Final = 2  # libpq takes no less
LOCK_TIMEOUT_MS: Final = 1_000
STATEMENT_TIMEOUT_MS: Final = 10_000
# The first half of the lock's key; the second is the schema that the tables are in.
LOCK_CLASS: Final = 0x70617065  # "pape"

_Connection = psycopg.Connection[tuple[Any, ...]]


def open_postgres(url: str, at: datetime) -> Owned:
    """Open or make the ledger in the PostgreSQL database at `url`, as its only owner.

    Raises LedgerUnavailable where another process owns it or it cannot be opened.
    """
    ownership = _Ownership(url, _name_of(url))
    engine = _engine(ownership.connect)
    try:
        migrate(engine)
        ownership.epoch = next_epoch(engine, at)
    except LedgerUnavailable:
        engine.dispose()
        raise
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise LedgerUnavailable(
            f"the ledger {ownership.name} cannot be opened: {words_of(error)}"
        ) from error
    reader = _engine(lambda: _connect(url, _READING))
    sa.event.listen(reader, "begin", lambda _connection: ownership.check())
    # The lock goes with the connection: there is nothing else to release.
    return Owned(engine, reader, ownership.epoch, release=lambda: None, can_be_lost=True)


def snapshot_of_postgres(url: str) -> sa.Engine:
    """Return an engine that reads the ledger beside its owner, each transaction one moment of it.

    Connecting raises LedgerUnavailable and psycopg.Error.
    """
    _name_of(url)  # or libpq's error might repeat the password
    return _engine(lambda: _connect(url, _READING))


class _Ownership:
    """The lock, held on the writing connection, and whether it was ever lost to another."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._is_lost = False
        self.name = name
        self.epoch: int | None = None  # none is begun yet

    def check(self) -> None:
        """Raise LedgerUnavailable where another owner has taken the ledger over."""
        if self._is_lost:
            raise LedgerUnavailable(
                f"another process took over the ledger {self.name} while this one had lost its "
                "connection: this one can only be stopped"
            )

    def connect(self) -> _Connection:
        """Return a new connection that holds the lock. Raises LedgerUnavailable."""
        self.check()
        connection = _connect(self._url, _WRITING)
        try:
            self._take(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(self, connection: _Connection) -> None:
        is_locked = _lock(connection)
        if self.epoch is not None and _epoch(connection) != self.epoch:
            self._is_lost = True
            self.check()
        if is_locked:
            return
        if self.epoch is None:
            raise LedgerUnavailable(
                f"another process owns the ledger {self.name}: stop it, or name another "
                "ledger.url"
            )
        # Another owner that has only begun; or our own session, of which the server does not
        # know yet that it is lost. A later call will tell.
        raise LedgerUnavailable(f"the ledger {self.name} is still locked by a lost session")


def _lock(connection: _Connection) -> bool:
    """Take the lock, waiting a moment for a session that is just ending; return whether."""
    try:
        connection.execute(
            "SELECT pg_advisory_lock(%s, hashtext(coalesce(current_schema(), '')))",
            [LOCK_CLASS],
        )
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _epoch(connection: _Connection) -> int | None:
    row = connection.execute("SELECT epoch FROM owner").fetchone()
    return None if row is None else row[0]


_BOTH: Final[Mapping[str, str]] = {
    "timezone": "UTC",
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    # Each question to a table that grows has its index. Statistics that are behind, or a plan
    # made when the tables were small, must not have the whole of it read instead. (Servers
    # before 18 take what is switched off for dear, and dear questions are worth compiling.)
    "enable_seqscan": "off",
    "jit": "off",
    # The server must see soon that we are gone, or the next owner waits for hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
}
_WRITING: Final = {
    **_BOTH,
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
}
# One answer is often more than one question: they must all see the same ledger.
_READING: Final = {
    **_BOTH,
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "repeatable read",
}


def _connect(url: str, settings: Mapping[str, str]) -> _Connection:
    """Return a connection with these settings, each statement of which is a transaction.

    Raises LedgerUnavailable and psycopg.Error.
    """
    connection = psycopg.connect(
        url,
        autocommit=True,
        application_name="paperdesk",
        client_encoding="utf8",
        target_session_attrs="read-write",  # of several hosts the one that is no standby
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        keepalives_idle=5,
        keepalives_interval=5,
        keepalives_count=2,
        tcp_user_timeout=STATEMENT_TIMEOUT_MS,
    )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise LedgerUnavailable(
            f"the ledger's database is of encoding {encoding}: make one with ENCODING 'UTF8'"
        )
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    return connection


def _engine(connect: Callable[[], _Connection]) -> sa.Engine:
    """Return an engine of one connection, which is made anew after it was lost."""

    def ready() -> _Connection:
        connection = connect()
        connection.autocommit = False  # SQLAlchemy ends transactions; the driver begins them
        return connection

    return sa.create_engine(
        "postgresql+psycopg://",  # only the dialect: SQLAlchemy never sees the password
        creator=ready,
        poolclass=StaticPool,
        hide_parameters=True,  # an error that is logged must not name keys
    )


def _name_of(url: str) -> str:
    """Return database and host, for errors and logs: never user or password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # What libpq says of it may repeat the password.
        raise LedgerUnavailable(
            "the ledger.url cannot be read: it must be postgresql://user:password@host/database"
            " with special characters written as %XX"
        ) from None
    return f"{parts.get('dbname', '')} on {parts.get('host', 'this machine')}"
