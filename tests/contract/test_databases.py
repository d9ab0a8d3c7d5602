"""Opening, owning and migrating a ledger: the same on every database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ledger_support import let_events_be_altered
from makers import NOW
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger import schema
from paperdesk.ledger.engine import Owned
from paperdesk.ledger.opening import open_owned


def test_migrations_lead_to_exactly_the_schema(ledger_url: str) -> None:
    owned = open_owned(ledger_url, NOW)
    with owned.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    owned.close()

    assert differences == []


def test_a_second_owner_is_refused_until_the_first_has_gone(ledger_url: str) -> None:
    first = open_owned(ledger_url, NOW)
    with pytest.raises(LedgerUnavailable, match="another process owns the ledger"):
        open_owned(ledger_url, NOW)
    first.close()

    second = open_owned(ledger_url, NOW)
    second.close()

    assert second.epoch == first.epoch + 1


def test_a_ledger_of_a_newer_version_is_refused(ledger_url: str) -> None:
    owned = open_owned(ledger_url, NOW)
    owned.transact(
        lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'").rowcount
    )
    owned.close()

    for _ in range(2):  # and nothing is left locked
        with pytest.raises(LedgerUnavailable, match="of a newer Paperdesk"):
            open_owned(ledger_url, NOW)


def _go_back(connection: sa.Connection) -> None:
    """Make the ledger what version 0001 left."""
    connection.exec_driver_sql("DROP INDEX ix_targets_symbol_as_of")
    connection.exec_driver_sql("ALTER TABLE orders DROP COLUMN is_said")
    for table in ("api_keys", "key_uses", "account_limits", "audit", "stream", "equity"):
        connection.exec_driver_sql(f"DROP TABLE {table}")
    let_events_be_altered(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP FUNCTION audit_stays, events_stays, stream_stays")
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")


def test_a_ledger_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_has(
    ledger_url: str,
) -> None:
    older = open_owned(ledger_url, NOW)
    older.transact(_go_back)
    older.close()

    owned = open_owned(ledger_url, NOW)
    with owned.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    owned.close()

    assert differences == []
    assert owned.epoch == older.epoch + 1


def test_the_version_is_another_one_after_every_transaction_and_none_during_one(
    ledger_url: str,
) -> None:
    owned = open_owned(ledger_url, NOW)

    def fail(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    seen = [owned.version(), owned.version()]
    during = owned.transact(lambda _: owned.version())
    seen.append(owned.version())
    with pytest.raises(LedgerUnavailable):
        owned.transact(fail)
    seen.append(owned.version())
    owned.read(lambda c: c.exec_driver_sql("SELECT 1").scalar())
    seen.append(owned.version())
    owned.reader.dispose()
    owned.close()

    assert during is None
    # Where another owner can take over unseen, nothing is certain.
    assert seen == ([None] * 5 if owned.can_be_lost else [0, 0, 1, 2, 2])
    assert owned.can_be_lost == ledger_url.startswith("postgresql")


def test_a_failed_transaction_leaves_nothing_and_says_so(ledger_url: str) -> None:
    owned = open_owned(ledger_url, NOW)

    def half(connection: sa.Connection) -> None:
        connection.execute(schema.snapshots.insert().values(account_id="DU1", body={}))
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    with pytest.raises(LedgerUnavailable, match="no_such_table"):
        owned.transact(half)
    count = sa.select(sa.func.count()).select_from(schema.snapshots)
    left = owned.transact(lambda connection: connection.scalar(count))
    close(owned)

    assert left == 0


def test_the_reading_connection_cannot_write(ledger_url: str) -> None:
    owned = open_owned(ledger_url, NOW)
    with pytest.raises(LedgerUnavailable, match=r"read.?only"):
        owned.read(lambda c: c.execute(schema.owner.update().values(epoch=0)).rowcount)
    close(owned)


def test_one_reading_sees_one_ledger(ledger_url: str) -> None:
    owned = open_owned(ledger_url, NOW)
    count = sa.select(sa.func.count()).select_from(schema.snapshots)

    def twice(connection: sa.Connection) -> list[int | None]:
        before = connection.scalar(count)
        snapshot = schema.snapshots.insert().values(account_id="DU1", body={})
        owned.transact(lambda c: c.execute(snapshot).rowcount)
        return [before, connection.scalar(count)]

    seen, after = owned.read(twice), owned.read(lambda c: c.scalar(count))
    close(owned)

    assert (seen, after) == ([0, 0], 1)


def close(owned: Owned) -> None:
    owned.reader.dispose()
    owned.close()
