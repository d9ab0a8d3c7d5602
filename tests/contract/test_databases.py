"""Opening, owning and migrating a ledger: the same on every database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from makers import NOW
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger import schema
from paperdesk.ledger.engine import Owned
from paperdesk.ledger.store import open_owned


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


def test_two_live_orders_on_one_contract_are_impossible(ledger_url: str) -> None:
    owned = open_owned(ledger_url, NOW)
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
        "is_expired": False,
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

    with pytest.raises(sa.exc.IntegrityError) as refused:
        owned.transact(insert)
    close(owned)

    assert "account_id" in str(refused.value.orig)  # not another constraint than is meant


def close(owned: Owned) -> None:
    owned.reader.dispose()
    owned.close()
