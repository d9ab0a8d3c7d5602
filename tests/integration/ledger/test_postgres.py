"""A ledger on PostgreSQL that loses its connection, or its ledger to another owner."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from cut_line import Cut, CutLine, cut_line
from embedded import PASSWORD, PASSWORD_IN_URL, Server, database_of, running_server
from ledger_support import ALL, learn, sent
from makers import (
    AAPL,
    ACCOUNT,
    CLIENT_ID,
    GATEWAY,
    NOW,
    commission_report,
    execution_report,
    make_goal,
    make_head,
    make_target,
    order_report,
    seconds,
)
from paperdesk.clock import ManualClock
from paperdesk.desk.ports import Claim, ExecutionFilter, Line, NewBatch, Submission
from paperdesk.desk.rules import ClaimJudge
from paperdesk.domain import planning
from paperdesk.domain.order import Order
from paperdesk.domain.planning import Rules
from paperdesk.domain.vocabulary import BatchId, ClientName, OrderId, OrderRef, Symbol
from paperdesk.errors import LedgerUnavailable, OutcomeUnknown
from paperdesk.ledger import schema
from paperdesk.ledger.postgres import open_postgres
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor

FIRST = BatchId("a1b2c3d4e5f67890")
# Runs in the commit, which then takes long.
SLOW_COMMIT = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
BEGIN PERFORM {slowly}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON batches DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow();
"""
HALF_A_SECOND = SLOW_COMMIT.format(slowly="pg_sleep(0.5)")
UNTIL_RELEASED = SLOW_COMMIT.format(slowly="pg_advisory_xact_lock(1)")


async def open_ledger(url: str) -> SqlLedger:
    return await SqlLedger.open(url, InlineExecutor(), ManualClock(NOW))


async def accept(ledger: SqlLedger, batch_id: str = FIRST, key: str | None = None) -> None:
    await ledger.accept(
        NewBatch(
            head=make_head(batch_id),
            submission=Submission(ACCOUNT, (make_target(),)),
            key=key,
            fingerprint=None if key is None else "f" * 64,
            send_before=NOW + seconds(60),
        )
    )


async def is_stored(ledger: SqlLedger, batch_id: BatchId = FIRST) -> bool:
    return await ledger.batch(batch_id) is not None


async def until_writable(ledger: SqlLedger) -> None:
    while True:
        with contextlib.suppress(LedgerUnavailable):
            return await ledger.check_writable()


@pytest.fixture
async def ledger(postgres_url: str) -> AsyncIterator[SqlLedger]:
    opened = await open_ledger(postgres_url)
    yield opened
    await opened.close()


@pytest.fixture
def line(postgres_server: Server) -> Iterator[CutLine]:
    with cut_line(postgres_server.socket) as made:
        yield made


@pytest.fixture
async def behind_line(line: CutLine, postgres_url: str) -> AsyncIterator[SqlLedger]:
    opened = await open_ledger(line.url(postgres_url))
    yield opened
    line.is_refusing = False
    await opened.close()


# -- what is asked of the server -------------------------------------------------------------
async def test_every_commit_is_durable_and_nothing_waits_for_ever(ledger: SqlLedger) -> None:
    def shown(connection: sa.Connection) -> list[str]:
        names = ("synchronous_commit", "lock_timeout", "statement_timeout")
        return [str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in names]

    assert ledger._owned.transact(shown) == ["on", "1s", "10s"]
    assert ledger._owned.read(shown)[1:] == ["1s", "10s"]


async def test_no_question_reads_a_table_that_grows_from_end_to_end(
    postgres_server: Server, postgres_url: str
) -> None:
    postgres_server.run("SELECT pg_stat_reset()", database=database_of(postgres_url))
    ledger = await open_ledger(postgres_url)
    await sent(ledger)
    await learn(ledger, order_report(), execution_report(), commission_report())
    await ledger.agree(ACCOUNT, {AAPL: Symbol("AAPL")}, NOW)
    await ledger.in_doubt([ACCOUNT], NOW)
    await ledger.lost([ACCOUNT], NOW, NOW)
    await ledger.booked(ACCOUNT)
    await ledger.targets(ACCOUNT)
    await ledger.executions(ExecutionFilter([ACCOUNT]), ALL)
    await ledger.batch(FIRST)
    await ledger.open_batches()
    await ledger.unsent(FIRST)
    await ledger.max_order_id(GATEWAY, CLIENT_ID)
    await ledger.close()  # a session tells its figures when it ends at the latest

    rows = postgres_server.run(
        "SELECT relname FROM pg_stat_user_tables WHERE seq_scan > 0",
        database=database_of(postgres_url),
    )
    small = {"owner", "halts", "alembic_version"}
    assert {name for (name,) in rows} <= small


async def test_a_row_that_another_session_holds_is_not_waited_for(
    ledger: SqlLedger, postgres_url: str, postgres_server: Server
) -> None:
    with postgres_server.holding(database_of(postgres_url), "LOCK TABLE batches"):
        with pytest.raises(LedgerUnavailable, match="lock timeout"):
            await accept(ledger)
        await ledger.check_writable()  # which is another row
    await accept(ledger)


async def test_instants_are_exact_and_in_order_wherever_the_clock_stands(
    ledger: SqlLedger,
) -> None:
    written = [
        datetime(2026, 3, 8, 1, 59, 59, 999999, timezone(timedelta(hours=-5))),
        datetime(2026, 3, 8, 7, 0, 0, 0, UTC),
        datetime(2026, 3, 8, 16, 0, 0, 1, timezone(timedelta(hours=9))),
    ]
    table = schema.contracts

    def write_and_read(connection: sa.Connection) -> list[datetime]:
        for number, at in reversed(list(enumerate(written))):
            values = {"symbol": str(number), "conid": 1, "body": {}, "fetched_at": at}
            connection.execute(table.insert().values(values))
        return list(
            connection.scalars(sa.select(table.c.fetched_at).order_by(table.c.fetched_at))
        )

    read = ledger._owned.transact(write_and_read)

    assert read == written
    assert {at.utcoffset() for at in read} == {timedelta(0)}


async def test_a_text_too_long_for_an_index_is_no_broken_ledger(ledger: SqlLedger) -> None:
    noise = random.Random(1).randbytes(9_000).hex()  # does not compress

    with pytest.raises(sa.exc.DBAPIError, match="index row"):
        ledger._owned.transact(
            lambda c: (
                c.execute(
                    schema.commissions.insert().values(exec_id=noise, currency="USD")
                ).rowcount
            )
        )


def test_a_database_of_another_encoding_is_refused(postgres_server: Server) -> None:
    postgres_server.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")

    with pytest.raises(LedgerUnavailable, match="encoding LATIN1"):
        open_postgres(postgres_server.url("latin"), NOW)


async def test_each_schema_of_a_database_holds_a_ledger_of_its_own(
    ledger: SqlLedger, postgres_url: str, postgres_server: Server
) -> None:
    postgres_server.run("CREATE SCHEMA other", database=database_of(postgres_url))
    other = await open_ledger(f"{postgres_url}&options=-csearch_path%3Dother")
    await accept(other)

    assert await is_stored(other)
    assert not await is_stored(ledger)
    await other.close()


# -- passwords -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:{password}@127.0.0.1:1/db",
        "postgresql://me:{password}@/db?host=/nowhere",
        "postgresql://me:{password}@[::1/db",
        "postgresql://me:{password}@host/db?nonsense=1",
        "postgresql://me:{password}@host:port/db",
    ],
)
def test_no_error_repeats_the_password(url: str) -> None:
    with pytest.raises(LedgerUnavailable) as refused:
        open_postgres(url.format(password=PASSWORD_IN_URL), NOW)

    everything = [refused.value.detail]
    error: BaseException | None = refused.value
    while error is not None:
        everything.append(f"{error!r} {error}")
        error = error.__cause__
    assert PASSWORD not in " ".join(everything)
    assert PASSWORD_IN_URL not in " ".join(everything)


def test_a_wrong_password_and_a_missing_database_are_said_so(postgres_server: Server) -> None:
    with pytest.raises(LedgerUnavailable, match="password authentication failed") as refused:
        open_postgres(postgres_server.url("postgres", password="hush"), NOW)
    with pytest.raises(LedgerUnavailable, match="does not exist"):
        open_postgres(postgres_server.url("nowhere"), NOW)

    assert "hush" not in refused.value.detail


# -- lost connections ------------------------------------------------------------------------
async def test_a_lost_connection_fails_one_call_and_is_made_anew(
    ledger: SqlLedger, postgres_url: str, postgres_server: Server
) -> None:
    await accept(ledger)
    assert await is_stored(ledger)
    postgres_server.end_sessions(database_of(postgres_url))

    with pytest.raises(LedgerUnavailable):
        await ledger.check_writable()
    with pytest.raises(LedgerUnavailable):
        await ledger.batch(FIRST)
    await ledger.check_writable()
    assert await is_stored(ledger)
    with pytest.raises(LedgerUnavailable, match="another process owns the ledger"):
        await open_ledger(postgres_url)


async def test_an_owner_that_was_replaced_never_writes_or_reads_again(
    ledger: SqlLedger, postgres_url: str, postgres_server: Server
) -> None:
    await is_stored(ledger)
    postgres_server.end_sessions(database_of(postgres_url))
    second = await open_ledger(postgres_url)
    with pytest.raises(LedgerUnavailable):  # the call that finds the line cut
        await ledger.check_writable()

    with pytest.raises(LedgerUnavailable, match="took over the ledger"):
        await accept(ledger)
    await accept(second)
    await second.close()

    with pytest.raises(LedgerUnavailable, match="took over the ledger"):
        await ledger.check_writable()
    with pytest.raises(LedgerUnavailable, match="took over the ledger"):
        await ledger.batch(FIRST)


async def test_what_was_committed_outlives_a_crash_of_the_server() -> None:
    with running_server(fsync=True) as server, server.database() as name:
        ledger = await open_ledger(server.url(name))
        await accept(ledger)
        server.stop(signal.SIGQUIT)
        for _ in range(2):
            with pytest.raises(LedgerUnavailable):
                await ledger.check_writable()
        server.start()

        assert await is_stored(ledger)
        await accept(ledger, "b1b2c3d4e5f67890")
        await ledger.close()


# -- a line cut in the middle of a commit ----------------------------------------------------
async def test_a_commit_whose_answer_was_lost_is_read_back_as_accepted(
    behind_line: SqlLedger, line: CutLine
) -> None:
    line.cut = Cut.AFTER

    await accept(behind_line)

    assert line.cuts == 1
    assert await is_stored(behind_line)


async def test_a_commit_the_server_never_heard_of_stores_nothing(
    behind_line: SqlLedger, line: CutLine
) -> None:
    line.cut = Cut.BEFORE

    with pytest.raises(LedgerUnavailable, match="lost a commit"):
        await accept(behind_line)
    assert line.cuts == 1
    assert not await is_stored(behind_line)
    await accept(behind_line)


async def test_a_commit_that_still_goes_on_is_waited_for(
    behind_line: SqlLedger, line: CutLine, postgres_url: str, postgres_server: Server
) -> None:
    postgres_server.run(HALF_A_SECOND, database=database_of(postgres_url))
    line.cut = Cut.DURING

    await accept(behind_line)

    assert line.cuts == 1
    assert await is_stored(behind_line)


async def test_while_a_lost_commit_goes_on_nothing_is_said_of_it_and_nothing_is_written(
    behind_line: SqlLedger, line: CutLine, postgres_url: str, postgres_server: Server
) -> None:
    database = database_of(postgres_url)
    postgres_server.run(UNTIL_RELEASED, database=database)
    line.cut = Cut.DURING

    with postgres_server.holding(database, "SELECT pg_advisory_lock(1)"):
        with pytest.raises(OutcomeUnknown):
            await accept(behind_line)
        assert not await is_stored(behind_line)  # which is no answer
        with pytest.raises(LedgerUnavailable, match="still locked by a lost session"):
            await behind_line.check_writable()
    await until_writable(behind_line)
    assert await is_stored(behind_line)


async def test_a_commit_that_cannot_be_read_back_is_unknown(
    behind_line: SqlLedger, line: CutLine
) -> None:
    line.cut, line.is_refusing = Cut.AFTER, True

    with pytest.raises(OutcomeUnknown, match="same Idempotency-Key"):
        await accept(behind_line, key="k1")
    line.is_refusing = False

    await behind_line.check_writable()
    found = await behind_line.key_record(ClientName("client1"), "k1")
    assert found is not None
    assert found.batch_id == FIRST


async def claim(ledger: SqlLedger, order_id: int) -> list[Order]:
    claims = [Claim(OrderRef(f"pd-{FIRST}-0"), OrderId(order_id))]
    line = Line(GATEWAY, CLIENT_ID, session=1)
    return await ledger.claim(claims, line, ClaimJudge((), {ACCOUNT: Rules()}), NOW)


async def planned(ledger: SqlLedger) -> None:
    await accept(ledger)
    await ledger.plan(
        FIRST,
        [make_goal()],
        lambda goals, situation: planning.plan(goals, situation, Rules()),
        NOW,
    )


async def test_a_claim_whose_answer_was_lost_is_won_when_it_is_made_again(
    behind_line: SqlLedger, line: CutLine
) -> None:
    await planned(behind_line)
    line.cut = Cut.AFTER

    with pytest.raises(LedgerUnavailable):
        await claim(behind_line, 41)

    won = await claim(behind_line, 41)
    assert [order.order_id for order in won] == [41]
    assert won == await behind_line.working(ACCOUNT)
    assert await claim(behind_line, 42) == []


async def test_a_claim_that_was_not_committed_can_be_made_again(
    behind_line: SqlLedger, line: CutLine
) -> None:
    await planned(behind_line)
    line.cut = Cut.BEFORE

    with pytest.raises(LedgerUnavailable):
        await claim(behind_line, 41)
    assert [order.order_id for order in await claim(behind_line, 42)] == [42]
