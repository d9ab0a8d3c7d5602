"""The history: one sequence without gaps, of which the state is a fold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ledger_support import (
    FIRST,
    SECOND,
    SOON,
    THIRD,
    Wire,
    accept,
    claim,
    hold,
    let_events_be_altered,
    make_halt,
    numbers,
    plan,
    planned,
    ref,
    row,
    sent,
)
from makers import (
    AAPL,
    ACCOUNT,
    MSFT,
    NOW,
    OPS,
    commission_report,
    completed_report,
    error_report,
    execution_report,
    make_goal,
    make_target,
    order_report,
    recorded,
    seconds,
    status_report,
)
from paperdesk.domain.batch import ErrorCode, Refusal, Resolution
from paperdesk.domain.order import OrderEvent, OrderState
from paperdesk.domain.reports import Effect, ExecutionReport, Told
from paperdesk.domain.views import Finding, Lock
from paperdesk.domain.vocabulary import (
    BatchId,
    OrderRef,
    PermId,
    Symbol,
)
from paperdesk.errors import BadRequest, LedgerUnavailable, PreviewStale
from paperdesk.ledger.journal import MESSAGE, UNREAD
from paperdesk.ledger.schema import batches, events, orders, targets
from paperdesk.ledger.store import SqlLedger


def kinds(ledger: SqlLedger) -> list[str]:
    query = sa.select(events.c.kind).order_by(events.c.seq)
    return list(ledger._owned.read(lambda c: c.scalars(query).all()))


# -- the sequence ----------------------------------------------------------------------------
async def test_the_history_begins_with_1_and_has_no_gap(ledger: SqlLedger) -> None:
    wire = Wire()
    await sent(ledger)
    await wire.tell(ledger, order_report(), None, execution_report())
    await ledger.ask_cancel(BatchId(FIRST), NOW)

    assert numbers(ledger) == list(range(1, len(numbers(ledger)) + 1))
    assert kinds(ledger) == [
        "accepted",
        "planned",
        "claimed",
        MESSAGE,
        UNREAD,
        MESSAGE,
        "withdrawn",
    ]


async def test_what_was_rolled_back_leaves_no_gap(ledger: SqlLedger) -> None:
    wire = Wire()
    await sent(ledger)
    bad = replace(execution_report().execution, symbol=None)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError):
        await wire.tell(ledger, order_report(), ExecutionReport(bad))
    with pytest.raises(sa.exc.IntegrityError):
        await accept(ledger)  # the same batch id again
    with pytest.raises(PreviewStale):
        await accept(ledger, batch=SECOND, expected=())
    with pytest.raises(BadRequest):
        await ledger.resolve(BatchId(FIRST), Resolution(Symbol("X")), OPS, NOW)
    await wire.tell(ledger, order_report())

    assert numbers(ledger) == [1, 2, 3, 4]
    assert await ledger.check_history(wire.read) == ()


async def test_many_at_once_leave_no_gap(ledger: SqlLedger) -> None:
    wire = Wire()
    await asyncio.gather(
        *(accept(ledger, batch=f"{number:016x}") for number in range(20)),
        *(wire.tell(ledger, None, None) for _ in range(20)),
    )

    assert numbers(ledger) == list(range(1, 61))


async def test_what_changes_nothing_is_no_event(ledger: SqlLedger) -> None:
    await accept(ledger)
    await ledger.refuse(BatchId(FIRST), {})
    await ledger.warn(BatchId(FIRST), [0], "once")
    await ledger.warn(BatchId(FIRST), [0], "once")
    await ledger.resume(ACCOUNT, OPS, "to be sure", NOW)
    await ledger.lost([ACCOUNT], NOW, NOW)
    await ledger.unlock(ACCOUNT, [AAPL], NOW, breaks_only=False)

    assert kinds(ledger) == ["accepted", "warned"]


async def test_what_a_list_tells_again_is_no_event(ledger: SqlLedger) -> None:
    wire = Wire()
    await sent(ledger)
    cancelled = completed_report()
    told = (execution_report(quantity=30), commission_report(), cancelled)
    await wire.tell(ledger, *told)
    before = numbers(ledger)

    again = await ledger.learn([wire.message(report) for report in told])
    assert (numbers(ledger), again.batches) == (before, frozenset())

    await wire.tell(ledger, execution_report(quantity=30, ref=None))  # ours by its perm id
    assert numbers(ledger) == before

    await wire.tell(ledger, execution_report("0000e0d5.67fe667b.01.02", quantity=20))
    await wire.tell(ledger, execution_report(quantity=30, price="151"))  # it contradicts itself
    await wire.tell(ledger, commission_report(commission="0.40"))
    await wire.tell(ledger, replace(cancelled, filled=Decimal(50)))
    await wire.tell(ledger, replace(cancelled, order_ref=OrderRef("theirs"), perm_id=PermId(7)))
    assert len(numbers(ledger)) == len(before) + 5
    assert await ledger.check_history(wire.read) == ()


async def test_a_message_is_kept_word_for_word(ledger: SqlLedger) -> None:
    message = replace(
        recorded(order_report()), fields=("5", "", "Ä\t\n", "1.7976931348623157E308")
    )
    await ledger.learn([message])

    kept = ledger._owned.read(lambda c: c.execute(sa.select(events)).mappings().one())
    assert tuple(kept["body"]) == message.fields
    assert (kept["at"], kept["gateway"], kept["client_id"], kept["version"]) == (
        message.at,
        message.gateway,
        message.client_id,
        178,
    )


# -- rebuilding ------------------------------------------------------------------------------
async def live(ledger: SqlLedger, wire: Wire) -> None:
    """Do something of everything."""
    await hold(ledger, 30)
    await ledger.agree(ACCOUNT, {AAPL: Symbol("AAPL"), MSFT: Symbol("MSFT")}, NOW)
    await kept_and_replaced(ledger, wire)
    await lost_and_found(ledger, wire)
    await stopped_and_locked(ledger, wire)


async def kept_and_replaced(ledger: SqlLedger, wire: Wire) -> None:
    target = make_target(limit="150.50", expected="150.00000001")
    await accept(ledger, target, make_target("MSFT"), key="k", as_of=NOW, valid_until=SOON)
    await ledger.warn(BatchId(FIRST), [1], "closed")
    await plan(ledger, make_goal(target=target))
    await ledger.refuse(BatchId(FIRST), {1: Refusal(ErrorCode.UNKNOWN_SYMBOL, "what?")})
    await ledger.remember_answer(BatchId(FIRST), b"{}")
    await claim(ledger, ref())
    await wire.tell(ledger, order_report(), execution_report("a.01.01", quantity=40), None)
    await accept(ledger, target, batch=SECOND, client="client2")
    await plan(ledger, make_goal(target=target), batch=SECOND)
    await accept(ledger, make_target(quantity=7), batch=THIRD, as_of=NOW)
    await plan(ledger, make_goal(7), batch=THIRD)
    await wire.tell(
        ledger,
        status_report(Told.CANCELLED, filled=40),
        execution_report("a.01.02", quantity=35),
        commission_report("a.01.02", None),
        commission_report("a.01.02", "0.35"),
        execution_report("hand.01", ref=None, perm_id=5, quantity=9),
    )
    await plan(ledger, make_goal(7), batch=THIRD, at=NOW + seconds(1))
    await hold(ledger, 74, before=65)


async def lost_and_found(ledger: SqlLedger, wire: Wire) -> None:
    batch = "d1b2c3d4e5f67890"
    await sent(ledger, make_target("MSFT"), make_target("SPY"), batch=batch, first_id=10)
    await ledger.lost([ACCOUNT], NOW, NOW)
    shown = Finding(NOW, "read", "none of the lists has it", is_complete=True)
    await ledger.note({ref(0, batch): shown, ref(1, batch): shown})
    said = Resolution(Symbol("MSFT"), 60, Decimal("420.00"))
    await ledger.resolve(BatchId(batch), said, OPS, NOW)
    await wire.tell(ledger, execution_report("m.01", ref=ref(0, batch), quantity=50))
    await ledger.conclude(
        ref(1, batch), OrderEvent.ABSENT, "never placed", NOW, expected=OrderState.UNKNOWN
    )
    late = order_report(ref=ref(1, batch), order_id=11, perm_id=12)
    await wire.tell(ledger, late, error_report(10148, effect=Effect.AMBIGUOUS, request_id=11))


async def stopped_and_locked(ledger: SqlLedger, wire: Wire) -> None:
    batch, settled = "e1b2c3d4e5f67890", NOW + seconds(2)
    await ledger.lock(ACCOUNT, None, Lock(Symbol("*"), "a mass break", NOW, 1, 2))
    await ledger.unlock(ACCOUNT, [None], NOW, breaks_only=False)
    await planned(ledger, make_target(quantity=500), batch=batch, at=settled)
    await ledger.halt(make_halt(), cancel_working=True)
    await ledger.resume(ACCOUNT, OPS, "get out", NOW + seconds(2), reduce_only=True)
    await ledger.resume(ACCOUNT, OPS, "over", NOW + seconds(3))
    again = "f1b2c3d4e5f67890"
    await sent(ledger, make_target(quantity=500), batch=again, first_id=20, at=settled)
    await ledger.not_sent({ref(0, again): "the line is down"}, NOW)
    await wire.tell(ledger, order_report(ref="", order_id=20, perm_id=33, quantity=426))
    await ledger.ask_cancel(BatchId(again), NOW)


async def test_a_rebuilt_ledger_is_the_stored_one(ledger: SqlLedger) -> None:
    wire = Wire()
    await live(ledger, wire)

    assert await ledger.check_history(wire.read) == ()
    assert set(kinds(ledger)) == {
        "accepted",
        "adopted",
        "agreed",
        "claimed",
        "concluded",
        "found",
        "halted",
        "locked",
        "lost",
        MESSAGE,
        "not_sent",
        "planned",
        "refused",
        "resolved",
        "resumed",
        "unlocked",
        UNREAD,
        "warned",
        "withdrawn",
    }
    assert len(ledger._owned.read(lambda c: c.execute(sa.select(orders)).all())) == 6


async def test_an_empty_ledger_is_rebuilt_to_an_empty_one(ledger: SqlLedger) -> None:
    assert await ledger.check_history(Wire().read) == ()


async def test_a_message_that_could_not_be_folded_is_not_folded_by_a_rebuild_either(
    ledger: SqlLedger,
) -> None:
    wire = Wire()
    await sent(ledger)
    kept_raw = replace(wire.message(execution_report()), report=None)
    await ledger.learn([kept_raw])

    assert await ledger.check_history(wire.read) == ()
    assert (await row(ledger)).order is not None


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (orders.update().values(filled_qty=1), "orders ('pd-a1b2c3d4e5f67890-0',)"),
        (orders.delete(), "only rebuilt"),
        (targets.update().values(delta=9), "'delta': (9, 100)"),
        (batches.update().values(is_open=False), "'is_open': (False, True)"),
        (events.delete().where(events.c.seq == 2), "numbered from 1 to 3"),
    ],
)
async def test_what_was_changed_behind_the_history_is_told(
    ledger: SqlLedger, harm: sa.UpdateBase, words: str
) -> None:
    await sent(ledger)
    ledger._owned.transact(let_events_be_altered)
    ledger._owned.transact(lambda c: c.execute(harm).rowcount)

    assert words in "\n".join(await ledger.check_history(Wire().read))


async def test_a_refused_commit_leaves_state_and_history_as_they_were(
    ledger: SqlLedger,
) -> None:
    await planned(ledger)

    def half(connection: sa.Connection) -> None:
        connection.execute(orders.update().values(state=OrderState.SENDING.value))
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    with pytest.raises(LedgerUnavailable):
        ledger._owned.transact(half)

    assert await ledger.check_history(Wire().read) == ()
