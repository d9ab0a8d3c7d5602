"""Opening, owning and migrating the ledger. A file on disk, no socket."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from makers import NOW
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger import engine, schema


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/deep/er/ledger.db"


def test_migrations_lead_to_exactly_the_schema(tmp_path: Path) -> None:
    owned = engine.open_sqlite(url_in(tmp_path), NOW)
    with owned.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    owned.close()

    assert differences == []


def test_a_second_owner_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    first = engine.open_sqlite(url_in(tmp_path), NOW)
    with pytest.raises(LedgerUnavailable, match="another process owns"):
        engine.open_sqlite(url_in(tmp_path), NOW)
    first.close()

    second = engine.open_sqlite(url_in(tmp_path), NOW)
    second.close()

    assert second.epoch == first.epoch + 1


def test_every_commit_is_durable(tmp_path: Path) -> None:
    owned = engine.open_sqlite(url_in(tmp_path), NOW)
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
        engine.open_sqlite(f"sqlite:///{tmp_path}/ledger.db", NOW)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        engine.open_sqlite(f"sqlite:///{tmp_path}/file/ledger.db", NOW)


def test_a_failed_transaction_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    owned = engine.open_sqlite(url_in(tmp_path), NOW)

    def half(connection: sa.Connection) -> None:
        connection.execute(schema.snapshots.insert().values(account_id="DU1", body={}))
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    with pytest.raises(LedgerUnavailable):
        owned.transact(half)
    count = sa.select(sa.func.count()).select_from(schema.snapshots)
    left = owned.transact(lambda connection: connection.scalar(count))
    owned.close()

    assert left == 0


def test_two_live_orders_on_one_contract_are_impossible(tmp_path: Path) -> None:
    owned = engine.open_sqlite(url_in(tmp_path), NOW)
    live = {
        "account_id": "DU1",
        "conid": 1,
        "symbol": "A",
        "side": "BUY",
        "quantity": 1,
        "order_type": "MKT",
        "time_in_force": "DAY",
        "outside_rth": False,
        "planned_at": NOW,
        "state": "working",
        "is_open": True,
        "is_held": False,
        "cancel_asked": False,
        "filled_qty": 0,
        "executed_qty": 0,
        "filled_value": 0,
        "broker_filled": 0,
        "warnings": [],
        "batch_id": "b",
    }

    def insert(connection: sa.Connection) -> None:
        connection.execute(
            schema.batches.insert().values(
                batch_id="b",
                account_id="DU1",
                client="c",
                submitted_at=NOW,
                send_before=NOW,
                is_open=True,
            )
        )
        for seq in range(2):
            connection.execute(schema.orders.insert().values(ref=f"r{seq}", seq=seq, **live))

    with pytest.raises(sa.exc.IntegrityError):
        owned.transact(insert)
    owned.close()
