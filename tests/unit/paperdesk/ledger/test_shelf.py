"""What a group of messages is about is read at once, changed in memory, and written once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from makers import NOW, make_order
from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import ConId, PermId
from paperdesk.ledger.journal import Journal
from paperdesk.ledger.rows import order_row
from paperdesk.ledger.schema import commissions, metadata, orders
from paperdesk.ledger.shelf import AT_ONCE, OrderShelf, Shelf

PERM_ID = PermId(9001)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def statements(connection: sa.Connection) -> list[str]:
    """Return a list that every statement from now on is added to."""
    asked: list[str] = []

    def keep(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement.split(maxsplit=1)[0])

    sa.event.listen(connection, "before_cursor_execute", keep)
    return asked


def paid(connection: sa.Connection, count: int) -> list[str]:
    """Store so many commissions; return their ids."""
    exec_ids = [f"e{number:05}" for number in range(count)]
    rows = [{"exec_id": each, "currency": "USD"} for each in exec_ids]
    connection.execute(commissions.insert(), rows)
    return exec_ids


def stored(connection: sa.Connection, *found: Order) -> None:
    rows = [order_row(order) | {"serves": 1, "gateway": "g"} for order in found]
    connection.execute(orders.insert(), rows)


def test_many_rows_are_read_with_few_questions_and_each_only_once(
    connection: sa.Connection,
) -> None:
    exec_ids = paid(connection, 2 * AT_ONCE + 1)
    shelf, asked = Shelf(connection, commissions, "exec_id"), statements(connection)
    shelf.load("exec_id", exec_ids)
    found = [shelf.find("exec_id", each) for each in [*exec_ids, *exec_ids]]

    assert [len(rows) for rows in found] == [1] * 2 * len(exec_ids)
    assert asked == ["SELECT"] * 3


def test_a_changed_row_is_found_by_what_it_is_now(connection: sa.Connection) -> None:
    (exec_id,) = paid(connection, 1)
    shelf = Shelf(connection, commissions, "exec_id", "currency")
    (row,) = shelf.find("exec_id", exec_id)
    shelf.change(row, {"currency": "EUR"})

    assert shelf.find("currency", "USD") == []
    assert [each["exec_id"] for each in shelf.find("currency", "EUR")] == [exec_id]


def test_what_was_added_and_changed_is_written_with_one_statement_for_each(
    connection: sa.Connection,
) -> None:
    exec_ids = paid(connection, 2)
    shelf = Shelf(connection, commissions, "exec_id")
    shelf.load("exec_id", exec_ids)
    asked = statements(connection)
    for each in exec_ids:
        shelf.change(shelf.find("exec_id", each)[0], {"currency": "EUR"})
    for each in ("new1", "new2"):
        shelf.add({"exec_id": each, "currency": ""})
        shelf.change(shelf.find("exec_id", each)[0], {"currency": "CHF"})
    shelf.write(Journal(connection, NOW, is_noting=False))
    shelf.write(Journal(connection, NOW, is_noting=False))

    # What is left out are questions for the new ones: nobody had asked for them.
    assert [word for word in asked if word != "SELECT"] == ["INSERT", "UPDATE"]
    rows = connection.execute(sa.select(commissions.c.exec_id, commissions.c.currency))
    assert {row.exec_id: row.currency for row in rows} == {
        "e00000": "EUR",
        "e00001": "EUR",
        "new1": "CHF",
        "new2": "CHF",
    }


def test_an_order_is_found_by_every_name_it_has_by_then(connection: sa.Connection) -> None:
    sent = replace(make_order(order_id=7), client_id=17)
    stored(connection, sent)
    shelf = OrderShelf(connection)

    assert shelf.by_ref("") is None
    assert shelf.by_perm_id(PERM_ID) is None
    assert shelf.by_line("g", 17, 7) == shelf.by_ref(sent.ref) == sent
    assert shelf.by_line("another", 17, 7) is None
    after = replace(sent, perm_id=PERM_ID)
    shelf.put(after)
    assert shelf.by_perm_id(PERM_ID) == shelf.by_ref(sent.ref) == after

    asked = statements(connection)
    shelf.write(Journal(connection, NOW, is_noting=False))
    shelf.write(Journal(connection, NOW, is_noting=False))
    assert asked == ["UPDATE"]
    assert OrderShelf(connection).by_perm_id(PERM_ID) == after


def test_of_two_orders_with_one_perm_id_the_newest_is_meant(connection: sa.Connection) -> None:
    older = make_order(seq=0, conid=ConId(1), perm_id=PERM_ID)
    newer = replace(
        make_order(seq=1, conid=ConId(2), perm_id=PERM_ID),
        planned_at=NOW + timedelta(seconds=1),
    )
    stored(connection, newer, older)

    assert OrderShelf(connection).by_perm_id(PERM_ID) == newer
