"""T2: what every ledger must do when intents are claimed, and where nothing left."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from ledger_support import (
    FIRST,
    LINE,
    SECOND,
    SOON,
    THIRD,
    Judge,
    accept,
    claim,
    get,
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
    AAPL,
    ACCOUNT,
    CLIENT_ID,
    GATEWAY,
    NOW,
    execution_report,
    make_goal,
    make_target,
    order_report,
    seconds,
)
from paperdesk.desk.ports import Ledger
from paperdesk.domain.batch import ErrorCode, Refusal, Successor
from paperdesk.domain.limits import Limits
from paperdesk.domain.order import OrderEvent, OrderState, ShownStatus
from paperdesk.domain.planning import Rules
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import BatchId, HaltMode, OrderRef, Symbol, TimeInForce
from paperdesk.ledger.schema import orders
from paperdesk.ledger.store import SqlLedger

TWO_ORDERS = pytest.mark.parametrize(
    "limits", [Limits(max_orders_per_minute=2), Limits(max_orders_per_day=2)]
)


async def test_an_intent_is_claimed_once(ledger: Ledger) -> None:
    await planned(ledger)

    first = await claim(ledger, ref(), first_id=41)
    second = await claim(ledger, ref(), first_id=42)

    assert [(won.order_id, won.client_id, won.sent_at) for won in first] == [
        (41, CLIENT_ID, NOW)
    ]
    assert second == []
    assert await order(ledger) == first[0]
    assert await ledger.max_order_id(GATEWAY, CLIENT_ID) == 41
    assert await ledger.max_order_id(GATEWAY, 99) == 0


async def test_the_same_claim_again_returns_what_it_won(ledger: Ledger) -> None:
    await planned(ledger)

    first = await claim(ledger, ref(), first_id=41)
    again = await claim(ledger, ref(), first_id=41, at=NOW + seconds(1))

    assert again == first


async def test_the_same_claim_again_is_judged_again(ledger: Ledger) -> None:
    """Its answer was lost, so no frame of it was written; meanwhile its time has passed."""
    await planned(ledger)
    await claim(ledger, ref(), first_id=41)

    assert await claim(ledger, ref(), first_id=41, at=SOON) == []
    assert (await order(ledger)).state is OrderState.NOT_PLACED


async def test_claims_are_won_in_the_order_given(ledger: Ledger) -> None:
    await planned(ledger, make_target(), make_target("MSFT"), make_target("SPY"))

    won = await claim(ledger, ref(2), ref(0), ref(1))

    assert [found.seq for found in won] == [2, 0, 1]


async def test_an_intent_is_not_claimed_beside_a_newer_target(ledger: Ledger) -> None:
    await planned(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)

    assert await claim(ledger, ref()) == []
    found = await row(ledger)
    assert found.status is ShownStatus.CANCELLED
    assert found.superseded_by == Successor(BatchId(SECOND), None)


async def test_an_intent_that_a_newer_target_keeps_is_claimed_for_it(ledger: Ledger) -> None:
    await planned(ledger)
    await planned(ledger, batch=SECOND)

    assert len(await claim(ledger, ref())) == 1


async def test_an_intent_kept_by_a_target_that_is_overtaken_is_dropped(
    ledger: Ledger,
) -> None:
    await planned(ledger)
    await planned(ledger, batch=SECOND)
    await accept(ledger, make_target(quantity=7), batch=THIRD)

    assert await claim(ledger, ref()) == []
    assert (await row(ledger, batch=SECOND)).superseded_by == Successor(BatchId(THIRD), None)


async def test_a_refused_newer_target_does_not_stop_a_claim(ledger: Ledger) -> None:
    await planned(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)
    await ledger.refuse(BatchId(SECOND), {0: Refusal(ErrorCode.LOCKED, "no")})

    assert len(await claim(ledger, ref())) == 1


async def test_an_intent_is_not_claimed_too_late(ledger: Ledger) -> None:
    await planned(ledger)

    assert await claim(ledger, ref(), at=SOON) == []
    assert (await order(ledger)).state is OrderState.PLANNED


async def test_a_day_order_knows_when_its_time_ends(ledger: Ledger) -> None:
    await planned(ledger, make_target(), make_target("MSFT", tif=TimeInForce.GTC))

    won = await claim(ledger, ref(0), ref(1), line=replace(LINE, day_ends_at=SOON))

    assert [found.good_until for found in won] == [SOON, None]


async def test_an_intent_is_not_claimed_once_the_position_it_was_planned_from_is_another(
    ledger: Ledger,
) -> None:
    await planned(ledger, make_target(quantity=100))
    await hold(ledger, 30)  # somebody bought elsewhere

    assert await claim(ledger, ref()) == []
    found = await row(ledger)
    assert (found.status, found.error_code) == (ShownStatus.ERROR, ErrorCode.NOT_PLACED)
    assert "post the target again" in (found.error or "")


@pytest.mark.parametrize("filled", [0, 100])
async def test_no_intent_is_claimed_beside_or_after_an_order_that_arrived_late(
    ledger: Ledger, filled: int
) -> None:
    await sent(ledger, make_target(quantity=100))
    await ledger.lost([ACCOUNT], NOW, NOW)
    await ledger.conclude(
        ref(), OrderEvent.ABSENT, "never there", NOW, expected=OrderState.UNKNOWN
    )
    await planned(ledger, make_target(quantity=40), batch=SECOND)
    late = [execution_report(quantity=filled)] if filled else []
    await learn(ledger, order_report(), *late)

    assert await claim(ledger, ref(batch=SECOND), first_id=2) == []
    found = await row(ledger, batch=SECOND)
    assert (found.status, found.error_code) == (ShownStatus.ERROR, ErrorCode.NOT_PLACED)


# -- judged again ----------------------------------------------------------------------------
async def test_a_halt_drops_an_intent_that_is_claimed_after_it(ledger: Ledger) -> None:
    await accept(ledger)
    await ledger.halt(make_halt(HaltMode.REDUCE_ONLY), cancel_working=False)
    await hold(ledger, 150)
    await plan(ledger)
    await hold(ledger, 0, before=150)  # what would have reduced, opens now

    assert await claim(ledger, ref()) == []
    found = await row(ledger)
    assert found.status is ShownStatus.CANCELLED
    assert found.error_code is ErrorCode.HALTED


async def test_a_lock_lapses_an_intent_that_is_claimed_after_it(ledger: Ledger) -> None:
    await planned(ledger)
    await ledger.lock(ACCOUNT, AAPL, Lock(Symbol("AAPL"), "a break", NOW))

    assert await claim(ledger, ref()) == []
    found = await row(ledger)
    assert found.status is ShownStatus.ERROR
    assert (found.error_code, found.error) == (ErrorCode.LOCKED, "a break")


async def test_a_lock_on_the_account_stops_every_claim(ledger: Ledger) -> None:
    await planned(ledger, make_target(), make_target("MSFT"))
    await ledger.lock(ACCOUNT, None, Lock(Symbol("*"), "a mass break", NOW))

    assert await claim(ledger, ref(0), ref(1)) == []
    assert (await get(ledger)).is_final


async def test_limits_are_judged_again_at_the_claim(ledger: Ledger) -> None:
    await planned(ledger)
    judge = Judge(Rules(limits=Limits(max_order_quantity=99)))

    assert await claim(ledger, ref(), judge=judge) == []
    found = await row(ledger)
    assert found.status is ShownStatus.ERROR
    assert found.error_code is ErrorCode.LIMIT
    assert "max_order_quantity is 99" in (found.error or "")


@TWO_ORDERS
async def test_claims_of_one_call_count_against_each_other_and_not_against_themselves(
    ledger: Ledger, limits: Limits
) -> None:
    await planned(ledger, make_target(), make_target("MSFT"), make_target("SPY"))
    judge = Judge(Rules(limits=limits), whole_accounts=[ACCOUNT])

    won = await claim(ledger, ref(0), ref(1), ref(2), judge=judge)
    again = await claim(ledger, ref(0), ref(1), judge=judge)  # its commit was in doubt

    assert [found.seq for found in won] == [0, 1]
    assert again == won
    assert (await row(ledger, 2)).error_code is ErrorCode.LIMIT


@TWO_ORDERS
async def test_what_is_won_again_counts_against_what_is_claimed_beside_it(
    ledger: Ledger, limits: Limits
) -> None:
    await planned(ledger, make_target(), make_target("MSFT"), make_target("SPY"))
    judge = Judge(Rules(limits=limits), whole_accounts=[ACCOUNT])
    won = await claim(ledger, ref(0), ref(1), judge=judge)  # its commit was in doubt

    again = await claim(ledger, ref(0), ref(1), ref(2), judge=judge)

    assert again == won
    assert (await row(ledger, 2)).error_code is ErrorCode.LIMIT


# -- one live order, one owner ---------------------------------------------------------------
async def test_two_live_orders_on_one_contract_are_impossible_whatever_the_code_does(
    ledger: SqlLedger,
) -> None:
    await sent(ledger)
    await accept(ledger, batch=SECOND)

    def around(connection: sa.Connection) -> None:
        found = connection.execute(sa.select(orders)).mappings().one()
        twin = {"ref": ref(batch=SECOND), "batch_id": SECOND, "order_id": 2}
        connection.execute(orders.insert().values({**found, **twin}))

    with pytest.raises(sa.exc.IntegrityError):
        ledger._owned.transact(around)

    assert len(await ledger.working(ACCOUNT)) == 1


async def test_an_order_id_is_claimed_once_on_a_line(ledger: Ledger) -> None:
    await sent(ledger, first_id=41)
    await planned(ledger, make_target("MSFT"), batch=SECOND)

    with pytest.raises(sa.exc.IntegrityError):
        await claim(ledger, ref(batch=SECOND), first_id=41)

    assert (await order(ledger, batch=SECOND)).state is OrderState.PLANNED


async def test_a_claim_of_an_older_epoch_changes_nothing(ledger: SqlLedger) -> None:
    await planned(ledger)
    ledger._owned = replace(ledger._owned, epoch=ledger._owned.epoch - 1)

    assert await claim(ledger, ref()) == []
    assert (await order(ledger)).state is OrderState.PLANNED


async def test_what_an_older_epoch_claimed_is_not_won_again(ledger: SqlLedger) -> None:
    await sent(ledger)
    newer = replace(ledger._owned, epoch=ledger._owned.epoch + 1)
    ledger._owned.transact(lambda c: c.exec_driver_sql("UPDATE owner SET epoch = epoch + 1"))
    ledger._owned = newer

    assert await claim(ledger, ref()) == []


# -- without an answer -----------------------------------------------------------------------
async def test_what_never_left_is_known_not_placed(ledger: Ledger) -> None:
    await sent(ledger)

    await ledger.not_sent({ref(): "the line is down"}, NOW)

    found = await row(ledger)
    assert found.status is ShownStatus.ERROR
    assert found.error_code is ErrorCode.NOT_PLACED
    assert "the line is down" in (found.error or "")
    assert await ledger.open_batches() == []


async def test_the_sender_knows_better_than_the_guess_that_it_is_unknown(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)

    await ledger.not_sent({ref(): "the line is down"}, NOW)

    assert (await order(ledger)).state is OrderState.NOT_PLACED


async def test_silence_makes_a_sent_order_unknown_and_a_report_brings_it_back(
    ledger: Ledger,
) -> None:
    await sent(ledger)

    await ledger.lost([ACCOUNT], NOW - seconds(1), NOW)
    too_early = await order(ledger)
    learned = await ledger.lost([ACCOUNT], NOW, NOW)
    lost = await order(ledger)
    await learn(ledger, execution_report(quantity=1))

    assert too_early.state is OrderState.SENDING
    assert lost.state is OrderState.UNKNOWN
    assert learned.batches == {FIRST}
    assert (await order(ledger)).state is OrderState.WORKING


async def test_a_clock_that_was_set_back_leaves_no_order_without_an_answer(
    ledger: Ledger,
) -> None:
    await sent(ledger)

    hour_ago = NOW - seconds(3600)
    await ledger.lost([ACCOUNT], hour_ago - seconds(10), hour_ago)

    assert (await order(ledger)).state is OrderState.UNKNOWN


async def test_what_had_no_answer_when_the_line_went_is_lost_whenever_it_was_sent(
    ledger: Ledger,
) -> None:
    await sent(ledger)

    await ledger.lost([ACCOUNT], None, NOW - seconds(5))

    assert (await order(ledger)).state is OrderState.UNKNOWN


async def test_an_order_that_was_answered_is_not_lost(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, execution_report(quantity=1))

    learned = await ledger.lost([ACCOUNT], NOW + seconds(99), NOW + seconds(99))

    assert learned.batches == frozenset()
    assert (await order(ledger)).state is OrderState.WORKING


async def test_what_never_left_does_not_hold_up_the_next_target(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.not_sent({OrderRef(ref()): "down"}, NOW)
    decided = await planned(ledger, batch=SECOND)

    assert decided.decisions[0].draft is not None
    assert decided.decisions[0].goal == make_goal()
