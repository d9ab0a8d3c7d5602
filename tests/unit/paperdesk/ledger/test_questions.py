"""Which index answers which question: none may read the whole history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from makers import AAPL, ACCOUNT, NOW, make_head, make_target
from paperdesk.desk.ports import (
    EventFilter,
    ExecutionFilter,
    NewBatch,
    Page,
    SlippageFilter,
    Submission,
)
from paperdesk.domain.vocabulary import BatchId, ClientName, Symbol
from paperdesk.ledger import (
    accepting,
    books,
    claims,
    reading,
    resolving,
    slippage,
    standing,
    stream,
    telling,
)
from paperdesk.ledger.journal import Journal
from paperdesk.ledger.records import planned_orders
from paperdesk.ledger.schema import metadata

Ask = Callable[[sa.Connection], object]
AAPL_ONLY = [Symbol("AAPL")]
EXECUTED = ExecutionFilter([ACCOUNT])
EXECUTED_AAPL = ExecutionFilter([ACCOUNT], Symbol("AAPL"))
MANY = [Symbol(f"S{n}") for n in range(500)]
AS_OF = NewBatch(make_head(), Submission(ACCOUNT, (make_target(),), as_of=NOW), None, None, NOW)
CLIENT, FIRST = ClientName("client1"), BatchId("a1b2c3d4e5f67890")
OF_BATCH = EventFilter(frozenset([ACCOUNT]), CLIENT, batch_id=FIRST)
SLIPPED = SlippageFilter([ACCOUNT])
OF_CLIENT = SlippageFilter([ACCOUNT], CLIENT, Symbol("AAPL"), since=NOW, until=NOW)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def plans_of(connection: sa.Connection, ask: Ask) -> str:
    """Return how SQLite would answer each statement of a question, a line per step."""
    asked: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    sa.event.listen(connection, "before_cursor_execute", keep)
    ask(connection)
    sa.event.remove(connection, "before_cursor_execute", keep)
    steps = [
        row[3]
        for statement, parameters in asked
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]
    return "\n".join(steps)


@pytest.mark.parametrize(
    ("ask", "indexes"),
    [
        (
            lambda c: reading.unsettled(c, ACCOUNT, [AAPL], NOW),
            {"ix_orders_open", "ix_orders_short", "ix_orders_account_id_ended_at"},
        ),
        (lambda c: standing.newest_ids(c, ACCOUNT, AAPL_ONLY), {"ix_targets_pending"}),
        # Beside the open orders and the halts this is all that a scrape of /metrics asks.
        (lambda c: standing.views(c, ACCOUNT), {"ix_targets_pending", "ix_orders_serves"}),
        (reading.halts, set()),
        (lambda c: reading.cached_contracts(c, MANY), set()),
        (
            lambda c: resolving.in_doubt(c, [ACCOUNT], NOW),
            {"ix_orders_open", "ix_orders_short"},
        ),
        (lambda c: reading.cancels_asked(c, [ACCOUNT]), {"ix_orders_open"}),
        (lambda c: reading.working(c, ACCOUNT), {"ix_orders_open"}),
        (lambda c: claims.lose(Journal(c, NOW), [ACCOUNT], NOW), {"ix_orders_open"}),
        (planned_orders, {"ix_orders_open"}),
        (lambda c: reading.unsent(c, FIRST), {"ix_orders_serves"}),
        (lambda c: reading.sent_since(c, ACCOUNT, NOW), {"ix_orders_account_id_sent_at"}),
        (
            lambda c: books.booked(c, ACCOUNT),
            {
                "ix_orders_open",
                "ix_orders_account_id_conid_ended_at",
                "ix_executions_account_id_conid_learnt_at",
                "ix_executions_outside",
            },
        ),
        (lambda c: accepting.stale(c, AS_OF, AAPL_ONLY), {"ix_targets_symbol_as_of"}),
        (lambda c: accepting.stale(c, AS_OF, MANY), {"ix_targets_symbol_as_of"}),
        (lambda c: accepting.stamp(c, ACCOUNT, AAPL_ONLY), {"ix_orders_open"}),
        (reading.open_batches, {"ix_batches_open"}),
        (
            lambda c: reading.listing(c, [ACCOUNT], CLIENT, Page(50)),
            {"ix_batches_client_id"},
        ),
        (
            lambda c: reading.executed(c, EXECUTED, Page(50)),
            {"ix_executions_account_id_seq"},
        ),
        (
            lambda c: reading.executed(c, EXECUTED_AAPL, Page(50)),
            {"ix_executions_account_id_symbol_seq"},
        ),
        (lambda c: slippage.chunk(c, SLIPPED, ACCOUNT), {"ix_orders_account_id_sent_at"}),
        (lambda c: slippage.chunk(c, OF_CLIENT, ACCOUNT), {"ix_orders_account_id_sent_at"}),
        (
            lambda c: slippage.chunk(c, SLIPPED, ACCOUNT, slippage.Place(NOW, "pd-1-0")),
            {"ix_orders_account_id_sent_at"},
        ),
        (
            lambda c: slippage.of_batch(c, replace(OF_CLIENT, batch_id=FIRST)),
            {"sqlite_autoindex_orders_2"},
        ),
        (lambda c: slippage.planned_for(c, [1, 2]), {"sqlite_autoindex_orders_2"}),
        (lambda c: stream.page(c, EventFilter(), 7), {"stream USING INTEGER PRIMARY KEY"}),
        (lambda c: stream.page(c, OF_BATCH, 7), {"ix_stream_batch_id_id"}),
        (lambda c: stream.connected(c, [ACCOUNT]), {"ix_stream_connections"}),
        (lambda c: c.execute(telling._COUNTS, {"batch_ids": [FIRST]}), set()),
        (lambda c: c.execute(telling._SHORT, {"batch_ids": [FIRST]}), set()),
        (lambda c: c.execute(telling._ROWS_OF_ORDERS, {"refs": ["pd-1-0"]}), set()),
        (lambda c: c.execute(telling._KEEPERS, {"refs": ["pd-1-0"]}), {"ix_targets_kept_ref"}),
        (lambda c: c.execute(telling._BOOKED, {"exec_ids": ["x"]}), set()),
        (lambda c: c.execute(telling._BASES, {"seqs": [1]}), set()),
    ],
)
def test_a_question_is_answered_by_its_index(
    connection: sa.Connection, ask: Ask, indexes: set[str]
) -> None:
    steps = plans_of(connection, ask)

    assert {name for name in indexes if name not in steps} == set(), steps
    assert {line for line in steps.splitlines() if _is_whole(line)} == set()


def _is_whole(step: str) -> bool:
    """Tell whether a step reads a table, or an index of all of it, from end to end."""
    tables = ("batches", "targets", "orders", "executions", "commissions", "events", "stream")
    partial = ("ix_orders_open", "ix_batches_open", "ix_targets_pending")
    return step.startswith(tuple(f"SCAN {table}" for table in tables)) and not step.endswith(
        partial
    )
