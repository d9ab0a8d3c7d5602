"""An open ledger, whatever database it is on.

Owns: how a transaction runs and what its failure means, whether what was read still holds, the
owner's epoch, and bringing the schema up to date. How a database is opened, and how a second owner is kept out, is in `sqlite`
and `postgres`. Knows no table but `owner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger import schema
from paperdesk.ledger.loss import Loss

T = TypeVar("T")

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class CommitUnknown(LedgerUnavailable):
    """The commit failed: the line may have gone before it or after it. Read back to know."""


class Transactions:
    """A count by which a reader can tell that nothing was written since.

    One thread writes, any may ask: each step is one assignment.
    """

    def __init__(self) -> None:
        self._steps = 0  # two for each transaction: odd while one is under way

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a transaction, whatever becomes of it: a failed commit may have been one."""
        self._steps += 1
        try:
            yield
        finally:
            self._steps += 1

    @property
    def version(self) -> int | None:
        """How many there were, None while one is under way."""
        steps = self._steps
        return None if steps % 2 else steps // 2


class Writes:
    """How many statements changed something. Used by the writing thread."""

    def __init__(self) -> None:
        self.count = 0

    def listen(self, engine: sa.Engine) -> None:
        """Count what an engine executes."""
        sa.event.listen(engine, "after_cursor_execute", self._executed)

    def _executed(
        self,
        _connection: Any,
        cursor: Any,
        _statement: str,
        _values: Any,
        context: Any,
        *_: Any,
    ) -> None:
        if (context.isinsert or context.isupdate or context.isdelete) and cursor.rowcount:
            self.count += 1


@dataclass(frozen=True, slots=True)
class Owned:
    """An open ledger.

    One connection that writes and one that only reads, the epoch of the owner, and how to let
    go of what keeps others out. `can_be_lost` says that others are kept out only while the
    writing connection lives: then another may have written without our knowing.
    """

    engine: sa.Engine
    reader: sa.Engine
    epoch: int
    release: Callable[[], None]
    can_be_lost: bool
    transactions: Transactions = field(default_factory=Transactions)
    loss: Loss = field(default_factory=Loss)
    writes: Writes = field(default_factory=Writes)

    def __post_init__(self) -> None:
        """Begin to count."""
        self.writes.listen(self.engine)

    def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in one transaction.

        Raises LedgerUnavailable, with nothing stored; as CommitUnknown where that is not sure.
        """
        begun_at, written = self.loss.begin(), self.writes.count
        try:
            with (
                self.transactions.counted(),
                told(),
                self.engine.connect() as connection,
                connection.begin() as transaction,
            ):
                halted = self.loss.make_up(connection)
                done = work(connection)
                _commit(transaction)
        except LedgerUnavailable:
            self.loss.failed(begun_at)
            raise
        # One that wrote nothing succeeds on a full disk too: it shows nothing.
        if self.writes.count > written:
            self.loss.over(halted)
        return done

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run questions on what is committed. Raises LedgerUnavailable."""
        try:
            with told(), self.reader.begin() as connection:
                return work(connection)
        except LedgerUnavailable:
            self.loss.doubt()
            raise

    def version(self) -> int | None:
        """Return a number that stands while the ledger is certainly unchanged.

        None where that cannot be said: while a transaction is under way, and always where the
        ledger `can_be_lost`.
        """
        return None if self.can_be_lost else self.transactions.version

    def close(self) -> None:
        """Close the writing connection and let the next owner in."""
        self.engine.dispose()
        self.release()


@contextmanager
def told() -> Iterator[None]:
    """Raise as LedgerUnavailable what the database raises."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if _is_about_values(error):
            raise
        raise LedgerUnavailable(f"the ledger cannot be used: {words_of(error)}") from error


def _commit(transaction: sa.RootTransaction) -> None:
    try:
        transaction.commit()
    except sa.exc.DBAPIError as error:
        if _is_about_values(error):
            raise  # a constraint judged at the end: rolled back, and that is sure
        raise CommitUnknown(f"the ledger lost a commit: {words_of(error)}") from error


def _is_about_values(error: sa.exc.DBAPIError) -> bool:
    """Tell whether what was written cannot be stored: a defect of ours, not of the database.

    Such an error must never look like a database that is down: trying again would not end.
    """
    if isinstance(error, sa.exc.IntegrityError | sa.exc.DataError):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    return str(state).startswith("54")  # too large, in PostgreSQL's words: for an index, say


def words_of(error: sa.exc.DBAPIError) -> str:
    """Return what the database says, in one line and without the values it names."""
    told = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return " ".join(str(told or error.orig).split())


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest version."""
    with engine.connect() as connection:
        version = version_of(connection)
    if version == newest_version():
        return
    if version is not None and version > newest_version():
        raise LedgerUnavailable(
            f"the ledger is of a newer Paperdesk (schema {version}, this one knows "
            f"{newest_version()}): start that version, or name another ledger.url"
        )
    _upgrade(engine)


def version_of(connection: sa.Connection) -> str | None:
    """Return the id of the migration that the schema is at, None where there are no tables."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
    return str(found.scalar())


def _upgrade(engine: sa.Engine) -> None:
    # Alembic takes a quarter of a second to import: only a start that migrates pays for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest_version() -> str:
    """Return the id of the newest migration: its file's name begins with it."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("*.py")).partition("_")[0]


def next_epoch(engine: sa.Engine, at: datetime) -> int:
    """Begin the next owner's epoch; return it."""
    with engine.begin() as connection:
        epoch = connection.scalar(sa.select(schema.owner.c.epoch)) or 0
        connection.execute(schema.owner.delete())
        connection.execute(schema.owner.insert().values(id=1, epoch=epoch + 1, since=at))
        return epoch + 1
