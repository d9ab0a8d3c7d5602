"""What every ledger must do once it could not be written for long."""

from __future__ import annotations

import contextlib

import sqlalchemy as sa

from ledger_support import SECOND, accept, claim, numbers, planned, ref, row
from makers import ACCOUNT, make_target, seconds
from paperdesk.clock import ManualClock
from paperdesk.domain.batch import ErrorCode
from paperdesk.domain.vocabulary import AccountId, HaltMode
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.schema import events, orders
from paperdesk.ledger.store import SqlLedger

ELSEWHERE = AccountId("DUP203550")
BOTH = (ACCOUNT, ELSEWHERE)


async def fail(ledger: SqlLedger) -> None:
    """Let one attempt to write fail, as the database would let it."""

    def broken(_: sa.Connection) -> None:
        raise LedgerUnavailable("the disk is full")

    with contextlib.suppress(LedgerUnavailable):
        await ledger._transact(broken)


def kinds(ledger: SqlLedger, after: int) -> list[str]:
    """Return the kinds of events behind a number."""
    query = sa.select(events.c.kind).where(events.c.seq > after).order_by(events.c.seq)
    return list(ledger._owned.read(lambda c: c.scalars(query).all()))


async def test_a_long_loss_halts_every_account_before_anything_else_is_written(
    ledger: SqlLedger, clock: ManualClock
) -> None:
    ledger.guard(BOTH, seconds(10))
    last = max(numbers(ledger), default=0)
    await fail(ledger)
    clock.advance(seconds(10))
    await accept(ledger)

    halts = await ledger.halts()
    assert [(halt.account, halt.mode, halt.by) for halt in halts] == [
        (ACCOUNT, HaltMode.ALL, "paperdesk"),
        (ELSEWHERE, HaltMode.ALL, "paperdesk"),
    ]
    assert "could not be written for 10 s, from 2026-03-09T14:30:00+00:00 on" in halts[0].reason
    assert kinds(ledger, last) == ["halted", "halted", "accepted"]
    assert [stopped.halt for stopped in await ledger.mend()] == halts
    assert await ledger.mend() == []


async def test_a_claim_that_waited_for_the_ledger_finds_the_halt(
    ledger: SqlLedger, clock: ManualClock
) -> None:
    ledger.guard(BOTH, seconds(10))
    await planned(ledger)
    await fail(ledger)
    clock.advance(seconds(30))

    assert await claim(ledger, ref()) == []
    assert (await row(ledger)).error_code is ErrorCode.HALTED
    (stopped, _) = await ledger.mend()
    assert [order.ref for order in stopped.dropped] == [ref()]


async def test_a_blip_passes_by_itself(ledger: SqlLedger, clock: ManualClock) -> None:
    ledger.guard(BOTH, seconds(10))
    await planned(ledger)
    await fail(ledger)
    clock.advance(seconds(9.9))

    assert await ledger.mend() == []
    clock.advance(seconds(60))
    assert len(await claim(ledger, ref(), at=clock.now() - seconds(60))) == 1
    assert await ledger.halts() == []


async def test_a_loss_lasts_from_the_first_failure_to_the_first_success(
    ledger: SqlLedger, clock: ManualClock
) -> None:
    ledger.guard(BOTH, seconds(10))
    for _ in range(3):
        await fail(ledger)
        clock.advance(seconds(4))
    await ledger.mend()

    assert "for 12 s" in (await ledger.halts())[0].reason


async def test_a_transaction_that_writes_nothing_does_not_end_a_loss(
    ledger: SqlLedger, clock: ManualClock
) -> None:
    def written_by_nobody(connection: sa.Connection) -> int:
        return connection.execute(orders.delete().where(orders.c.ref == "nobody's")).rowcount

    ledger.guard(BOTH, seconds(10))
    await fail(ledger)
    clock.advance(seconds(9))
    # A full disk has room for both.
    await ledger._transact(lambda connection: connection.scalar(sa.select(1)))
    await ledger._transact(written_by_nobody)
    clock.advance(seconds(2))
    await ledger.mend()

    assert "for 11 s" in (await ledger.halts())[0].reason


async def test_a_refusal_of_ours_is_no_success_and_takes_no_halt_with_it(
    ledger: SqlLedger, clock: ManualClock
) -> None:
    ledger.guard(BOTH, seconds(10))
    await fail(ledger)
    clock.advance(seconds(10))

    def refused(_: sa.Connection) -> None:
        raise KeyError

    with contextlib.suppress(KeyError):
        await ledger._transact(refused)
    before = await ledger.halts()
    await accept(ledger, make_target("MSFT"), batch=SECOND)

    assert before == []
    assert len(await ledger.halts()) == 2


async def test_without_a_guard_nothing_is_halted(ledger: SqlLedger, clock: ManualClock) -> None:
    await fail(ledger)
    clock.advance(seconds(600))
    await accept(ledger)

    assert await ledger.halts() == []


async def test_what_was_halted_is_in_the_history(ledger: SqlLedger, clock: ManualClock) -> None:
    ledger.guard(BOTH, seconds(1))
    await planned(ledger)
    await fail(ledger)
    clock.advance(seconds(5))
    await ledger.mend()

    assert await ledger.check_history(lambda *_: None) == ()
