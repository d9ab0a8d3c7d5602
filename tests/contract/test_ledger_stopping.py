"""What every ledger must do when a batch is withdrawn, and when trading is halted."""

from __future__ import annotations

from ledger_support import (
    FIRST,
    SECOND,
    THIRD,
    accept,
    claim,
    get,
    goals_of,
    hold,
    learn,
    make_halt,
    order,
    plan,
    planned,
    ref,
    row,
    sent,
)
from makers import (
    ACCOUNT,
    NOW,
    OPS,
    execution_report,
    make_target,
    order_report,
    seconds,
    status_report,
)
from paperdesk.desk.ports import Ledger
from paperdesk.domain.batch import ErrorCode, Outcome, Successor
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import OrderState, ShownStatus
from paperdesk.domain.reports import Told
from paperdesk.domain.views import TargetState
from paperdesk.domain.vocabulary import AccountId, BatchId, HaltMode

ELSEWHERE = AccountId("DUP203550")
AAPL_MSFT_SPY = make_target(), make_target("MSFT"), make_target("SPY")


# -- withdrawing -----------------------------------------------------------------------------
async def test_a_cancel_withdraws_drops_and_marks(ledger: Ledger) -> None:
    await accept(ledger, *AAPL_MSFT_SPY)
    await plan(ledger, *goals_of(*AAPL_MSFT_SPY)[:2])
    await claim(ledger, ref())

    working = await ledger.ask_cancel(BatchId(FIRST), NOW)

    batch = await get(ledger)
    assert [(found.ref, found.cancel_asked) for found in working] == [(ref(), True)]
    assert [found.status for found in batch.rows] == [
        ShownStatus.PENDING_CANCEL,
        ShownStatus.CANCELLED,
        ShownStatus.CANCELLED,
    ]
    assert await ledger.cancels_asked([ACCOUNT]) == working


async def test_a_target_that_was_withdrawn_unapplied_still_overtakes_the_older(
    ledger: Ledger,
) -> None:
    await accept(ledger)
    await planned(ledger, make_target("MSFT"), batch=SECOND)
    await accept(ledger, make_target(quantity=7), make_target("MSFT", 7), batch=THIRD)

    await ledger.ask_cancel(BatchId(THIRD), NOW)
    await plan(ledger)

    assert await claim(ledger, ref(batch=SECOND)) == []
    for batch in (FIRST, SECOND):
        found = await row(ledger, batch=batch)
        assert found.status is ShownStatus.CANCELLED
        assert found.superseded_by == Successor(BatchId(THIRD), None)
    views = await ledger.targets(ACCOUNT)
    assert {view.state for view in views} == {TargetState.WITHDRAWN}


async def test_a_target_that_was_overtaken_and_is_withdrawn_overtakes_nothing(
    ledger: Ledger,
) -> None:
    await accept(ledger, make_target(quantity=7))
    await planned(ledger, batch=SECOND)

    await ledger.ask_cancel(BatchId(FIRST), NOW)

    assert len(await claim(ledger, ref(batch=SECOND))) == 1


async def test_a_second_cancel_finds_the_same_and_changes_nothing(ledger: Ledger) -> None:
    await sent(ledger, *AAPL_MSFT_SPY)
    first = await ledger.ask_cancel(BatchId(FIRST), NOW)
    before = await get(ledger)

    again = await ledger.ask_cancel(BatchId(FIRST), NOW + seconds(1))

    assert again == first
    assert await get(ledger) == before


async def test_a_cancel_of_what_is_over_finds_nothing(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, execution_report())

    assert await ledger.ask_cancel(BatchId(FIRST), NOW) == []
    assert (await row(ledger)).status is ShownStatus.FILLED


async def test_the_cancel_of_an_older_batch_leaves_what_a_newer_one_keeps(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await planned(ledger, batch=SECOND)

    assert await ledger.ask_cancel(BatchId(FIRST), NOW) == []
    assert not (await order(ledger)).cancel_asked


async def test_the_cancel_of_the_newest_batch_cancels_what_it_keeps(ledger: Ledger) -> None:
    await sent(ledger)
    await planned(ledger, batch=SECOND)

    working = await ledger.ask_cancel(BatchId(SECOND), NOW)

    assert [found.ref for found in working] == [ref()]
    kept = (await row(ledger, batch=SECOND)).kept
    assert kept is not None
    assert kept.cancel_asked


async def test_the_cancel_of_the_newest_batch_drops_an_intent_that_it_keeps(
    ledger: Ledger,
) -> None:
    await planned(ledger)
    await planned(ledger, batch=SECOND)

    assert await ledger.ask_cancel(BatchId(SECOND), NOW) == []
    assert (await order(ledger)).state is OrderState.DROPPED
    assert await ledger.open_batches() == []


async def test_what_was_withdrawn_is_no_longer_planned(ledger: Ledger) -> None:
    await accept(ledger)
    await ledger.ask_cancel(BatchId(FIRST), NOW)

    decided = await plan(ledger)

    assert decided.decisions == ()
    assert (await row(ledger)).outcome is Outcome.WITHDRAWN


async def test_a_cancel_that_was_confirmed_is_asked_no_longer(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.ask_cancel(BatchId(FIRST), NOW)
    await learn(ledger, status_report(Told.CANCELLED))

    assert await ledger.cancels_asked([ACCOUNT]) == []
    assert (await row(ledger)).status is ShownStatus.CANCELLED


async def test_working_orders_are_those_that_may_still_trade(ledger: Ledger) -> None:
    await sent(ledger, make_target(), make_target("MSFT"))
    await learn(ledger, status_report(Told.CANCELLED, order_id=2, perm_id=2))

    assert [o.symbol for o in await ledger.working(ACCOUNT)] == ["AAPL"]
    assert await ledger.working(ELSEWHERE) == []


# -- halting ---------------------------------------------------------------------------------
async def test_a_halt_ends_what_is_not_sent_and_names_what_works(ledger: Ledger) -> None:
    await accept(ledger, *AAPL_MSFT_SPY)
    await plan(ledger, *goals_of(*AAPL_MSFT_SPY)[:2])
    await claim(ledger, ref())
    halt = make_halt()

    stopped = await ledger.halt(halt, cancel_working=False)

    working, planned_one, pending = (await get(ledger)).rows
    assert stopped.halt == halt
    assert [found.ref for found in stopped.dropped] == [ref(1)]
    assert [found.ref for found in stopped.working] == [ref()]
    assert working.status is ShownStatus.PENDING_SUBMIT
    assert planned_one.status is pending.status is ShownStatus.CANCELLED
    assert planned_one.error_code is pending.error_code is ErrorCode.HALTED
    assert "ops: drill" in (pending.error or "")
    assert await ledger.halts() == [halt]
    assert await ledger.cancels_asked([ACCOUNT]) == []


async def test_a_halt_may_cancel_what_works(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report())

    stopped = await ledger.halt(make_halt(), cancel_working=True)

    assert [found.cancel_asked for found in stopped.working] == [True]
    assert [o.ref for o in await ledger.cancels_asked([ACCOUNT])] == [ref()]


async def test_a_reduce_only_halt_leaves_what_reduces_and_what_is_not_decided(
    ledger: Ledger,
) -> None:
    await hold(ledger, 150)
    await accept(ledger, *AAPL_MSFT_SPY)
    await plan(ledger, *goals_of(*AAPL_MSFT_SPY)[:2])

    stopped = await ledger.halt(make_halt(HaltMode.REDUCE_ONLY), cancel_working=False)

    reducing, opening, pending = (await get(ledger)).rows
    assert [found.ref for found in stopped.dropped] == [ref(1)]
    assert reducing.status is pending.status is ShownStatus.PENDING_SUBMIT
    assert opening.error_code is ErrorCode.HALTED


async def test_a_halt_of_one_account_leaves_the_others_alone(ledger: Ledger) -> None:
    await planned(ledger)

    stopped = await ledger.halt(make_halt(account=ELSEWHERE), cancel_working=True)

    assert (stopped.dropped, stopped.working) == ((), ())
    assert len(await claim(ledger, ref())) == 1


async def test_a_halt_of_all_accounts_stops_this_one(ledger: Ledger) -> None:
    await planned(ledger)
    await accept(ledger, make_target("MSFT"), batch=SECOND)

    stopped = await ledger.halt(make_halt(account=None), cancel_working=False)
    await planned(ledger, make_target("SPY"), batch=THIRD)

    assert [found.ref for found in stopped.dropped] == [ref()]
    assert (await row(ledger, batch=SECOND)).error_code is ErrorCode.HALTED
    refused = await row(ledger, batch=THIRD)
    assert refused.error_code is ErrorCode.HALTED
    assert "all trading" in (refused.error or "")


async def test_a_resume_lifts_the_halts_of_its_account_only(ledger: Ledger) -> None:
    await ledger.halt(make_halt(), cancel_working=False)
    await ledger.halt(make_halt(HaltMode.REDUCE_ONLY), cancel_working=False)
    await ledger.halt(make_halt(account=ELSEWHERE), cancel_working=False)
    await ledger.halt(make_halt(account=None), cancel_working=False)

    await ledger.resume(ACCOUNT, OPS, "drill over", NOW + seconds(1))
    of_one = await ledger.halts()
    await ledger.resume(None, OPS, "drill over", NOW + seconds(2))

    assert [halt.account for halt in of_one] == [ELSEWHERE, None]
    assert [halt.account for halt in await ledger.halts()] == [ELSEWHERE]


async def test_a_resumed_account_trades_again(ledger: Ledger) -> None:
    await ledger.halt(make_halt(), cancel_working=False)
    await planned(ledger)
    await ledger.resume(ACCOUNT, OPS, "drill over", NOW)
    await planned(ledger, batch=SECOND)

    assert (await row(ledger)).error_code is ErrorCode.HALTED
    assert len(await claim(ledger, ref(batch=SECOND))) == 1


async def test_a_resume_to_reduce_only_takes_the_place_of_the_halts_of_its_account(
    ledger: Ledger,
) -> None:
    await hold(ledger, 150)
    await ledger.halt(make_halt(), cancel_working=False)
    await ledger.halt(make_halt(HaltMode.REDUCE_ONLY), cancel_working=False)
    await ledger.halt(make_halt(account=ELSEWHERE), cancel_working=False)
    at = NOW + seconds(1)

    await ledger.resume(ACCOUNT, OPS, "get out", at, reduce_only=True)
    standing = await ledger.halts()
    await planned(ledger, make_target(quantity=0), make_target("MSFT"))

    milder = Halt(ACCOUNT, HaltMode.REDUCE_ONLY, OPS.name, at, "get out")
    assert standing == [make_halt(account=ELSEWHERE), milder]
    assert (await row(ledger, 1)).error_code is ErrorCode.HALTED
    assert len(await claim(ledger, ref())) == 1


async def test_a_resume_to_reduce_only_halts_nothing_and_changes_no_milder_halt(
    ledger: Ledger,
) -> None:
    await ledger.resume(ACCOUNT, OPS, "get out", NOW, reduce_only=True)
    free = await ledger.halts()
    stands = make_halt(HaltMode.REDUCE_ONLY)
    await ledger.halt(stands, cancel_working=False)
    await ledger.resume(ACCOUNT, OPS, "get out", NOW + seconds(1), reduce_only=True)

    assert free == []
    assert await ledger.halts() == [stands]


async def test_a_resume_of_what_is_not_halted_is_nothing(ledger: Ledger) -> None:
    await ledger.resume(ACCOUNT, OPS, "to be sure", NOW)

    assert await ledger.halts() == []


# -- flattening ------------------------------------------------------------------------------
async def test_a_flatten_ends_all_but_market_orders_towards_zero(ledger: Ledger) -> None:
    await hold(ledger, 150)
    await hold(ledger, 150, "MSFT")
    await hold(ledger, -5, "SPY")
    closing, limited, opening = (
        make_target(quantity=0),
        make_target("MSFT", 0, limit="400"),
        make_target("SPY", -9),
    )
    await sent(ledger, closing, limited, opening)

    stopped = await ledger.flatten(make_halt(HaltMode.REDUCE_ONLY), OPS)

    assert [found.ref for found in stopped.working] == [ref(1), ref(2)]
    assert [found.ref for found in await ledger.cancels_asked([ACCOUNT])] == [ref(1), ref(2)]
    assert not (await order(ledger, 0)).cancel_asked
    assert stopped.dropped == ()


async def test_a_flatten_ends_what_is_not_sent_with_the_words_of_its_halt(
    ledger: Ledger,
) -> None:
    await hold(ledger, 150)
    await planned(ledger, make_target(quantity=0, limit="400"), make_target("MSFT"))

    stopped = await ledger.flatten(make_halt(HaltMode.REDUCE_ONLY), OPS)

    first, second = (await get(ledger)).rows
    assert [found.ref for found in stopped.dropped] == [ref(0), ref(1)]
    assert first.status is second.status is ShownStatus.CANCELLED
    assert first.error_code is second.error_code is ErrorCode.HALTED
    assert await ledger.open_batches() == []


async def test_a_flatten_takes_the_place_of_the_halts_of_its_account_only(
    ledger: Ledger,
) -> None:
    await ledger.halt(make_halt(), cancel_working=False)
    await ledger.halt(make_halt(account=ELSEWHERE), cancel_working=False)
    await ledger.halt(make_halt(account=None), cancel_working=False)
    new = make_halt(HaltMode.REDUCE_ONLY, at=NOW + seconds(1))

    await ledger.flatten(new, OPS)

    standing = await ledger.halts()
    assert [halt.account for halt in standing] == [ELSEWHERE, None, ACCOUNT]
    assert standing[-1] == new


async def test_a_flatten_again_finds_only_what_came_since(ledger: Ledger) -> None:
    await hold(ledger, 150)
    await sent(ledger, make_target(quantity=0))
    first = await ledger.flatten(make_halt(HaltMode.REDUCE_ONLY), OPS)
    again = await ledger.flatten(make_halt(HaltMode.REDUCE_ONLY, at=NOW + seconds(1)), OPS)

    assert first.working == again.working == ()
    assert len(await ledger.halts()) == 1
