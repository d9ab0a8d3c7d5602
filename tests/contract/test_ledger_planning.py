"""T1: what every ledger must do when targets become intents."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from ledger_support import (
    FIRST,
    SECOND,
    SOON,
    THIRD,
    accept,
    claim,
    decide_by,
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
    AAPL,
    ACCOUNT,
    MSFT,
    NOW,
    commission_report,
    execution_report,
    make_goal,
    make_target,
    order_report,
    seconds,
    status_report,
)
from paperdesk.desk.ports import Ledger
from paperdesk.domain.batch import ErrorCode, Outcome, Refusal, Successor
from paperdesk.domain.limits import Limits
from paperdesk.domain.order import OrderState, ShownStatus
from paperdesk.domain.planning import Goal, Plan, Rules, Situation
from paperdesk.domain.reports import Told
from paperdesk.domain.views import Lock, TargetState
from paperdesk.domain.vocabulary import BatchId, HaltMode, OrderId, Symbol


async def test_planning_writes_an_intent_with_every_field(ledger: Ledger) -> None:
    target = make_target(limit="150.10", expected="150")
    await accept(ledger, target)
    await plan(ledger, make_goal(target=target, send_before=SOON))

    found = await row(ledger)
    assert (found.current_pos, found.delta, found.working_qty) == (0, 100, 0)
    assert found.order is not None
    assert found.order.ref == ref()
    assert found.order.state is OrderState.PLANNED
    assert found.order.terms.limit_price == Decimal("150.10")
    assert found.order.reference_price == Decimal(150)
    assert (found.order.planned_at, found.order.send_before) == (NOW, SOON)
    assert await ledger.order(ref()) == found.order


async def test_planning_starts_from_the_adopted_position(ledger: Ledger) -> None:
    await hold(ledger, 50)
    await planned(ledger)

    found = await row(ledger)
    assert (found.current_pos, found.delta) == (50, 50)


async def test_a_reached_target_ends_without_an_order(ledger: Ledger) -> None:
    await hold(ledger, 100)
    await planned(ledger)

    assert (await row(ledger)).status is ShownStatus.NO_CHANGE
    assert await ledger.open_batches() == []


async def test_a_row_is_planned_once(ledger: Ledger) -> None:
    await accept(ledger)

    first, second = await plan(ledger), await plan(ledger)

    assert len(first.decisions) == 1
    assert second.decisions == ()


async def test_a_preview_decides_as_a_plan_would_and_writes_nothing(ledger: Ledger) -> None:
    goals = goals_of(make_target())
    foretold = await ledger.preview(ACCOUNT, goals, decide_by(), NOW)
    await accept(ledger)

    assert (await row(ledger)).outcome is Outcome.PENDING
    assert await ledger.working(ACCOUNT) == []
    assert await ledger.plan(BatchId(FIRST), goals, decide_by(), NOW) == foretold


async def test_a_locked_symbol_and_a_halted_account_refuse(ledger: Ledger) -> None:
    await ledger.lock(ACCOUNT, AAPL, Lock(Symbol("AAPL"), "a break", NOW))
    await ledger.halt(make_halt(HaltMode.REDUCE_ONLY), cancel_working=False)
    await hold(ledger, 10, "SPY")
    await planned(ledger, make_target(), make_target("MSFT"), make_target("SPY", 4))

    locked, halted, reducing = (await get(ledger)).rows
    assert (locked.error_code, locked.error) == (ErrorCode.LOCKED, "a break")
    assert halted.error_code is ErrorCode.HALTED
    assert reducing.status is ShownStatus.PENDING_SUBMIT


async def test_limits_on_the_whole_account_see_every_position_and_order(
    ledger: Ledger,
) -> None:
    await hold(ledger, 10, "SPY")
    await sent(ledger, make_target("MSFT", 3))
    seen: list[Situation] = []

    def decide(goals: object, situation: Situation) -> Plan:
        seen.append(situation)
        return Plan(())

    await ledger.preview(ACCOUNT, [make_goal()], decide, NOW, whole_account=True)
    await ledger.preview(ACCOUNT, [make_goal()], decide, NOW)

    whole, part = seen
    assert sorted(whole.positions.values()) == [10]
    assert [(o.symbol, o.leaves) for o in whole.working] == [("MSFT", 3)]
    assert whole.sent_last_minute == 1
    assert (part.positions, part.working, part.sent_last_minute) == ({}, (), 0)


async def test_orders_sent_a_minute_ago_no_longer_count_as_pace(ledger: Ledger) -> None:
    await sent(ledger, make_target("MSFT", 3))
    counts = []

    def decide(goals: object, situation: Situation) -> Plan:
        counts.append(situation.sent_last_minute)
        return Plan(())

    for later in (59, 60):
        at = NOW + seconds(later)
        await ledger.preview(ACCOUNT, [make_goal()], decide, at, whole_account=True)

    assert counts == [1, 0]


async def test_the_target_of_another_client_within_a_day_is_a_warning(
    ledger: Ledger,
) -> None:
    await planned(ledger, client="client2")
    await planned(ledger, make_target(quantity=7), batch=SECOND)
    next_day = NOW + timedelta(days=1, seconds=1)
    again = make_target(quantity=8)
    await accept(ledger, again, batch=THIRD, client="client3", at=next_day)
    goals = goals_of(again, client="client3", send_before=next_day + seconds(9))
    await plan(ledger, *goals, batch=THIRD, at=next_day)

    (warning,) = (await row(ledger, batch=SECOND)).warnings
    assert "client2" in warning
    assert (await row(ledger, batch=THIRD)).warnings == ()


async def test_the_clients_own_older_target_is_no_warning(ledger: Ledger) -> None:
    await planned(ledger)
    await planned(ledger, make_target(quantity=7), batch=SECOND)

    assert (await row(ledger, batch=SECOND)).warnings == ()


# -- keeping ---------------------------------------------------------------------------------
async def test_the_same_target_beside_a_working_order_keeps_it(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report(Told.SUBMITTED))
    await planned(ledger, batch=SECOND)

    older, newer = await row(ledger), await row(ledger, batch=SECOND)
    assert newer.status is ShownStatus.NO_CHANGE
    assert (newer.working_qty, newer.delta, newer.order) == (100, 0, None)
    assert newer.kept == older.order
    assert older.kept_by == SECOND
    assert not newer.is_final
    assert [o.symbol for o in await ledger.working(ACCOUNT)] == ["AAPL"]


async def test_the_batch_of_a_kept_order_is_final_when_the_order_is(ledger: Ledger) -> None:
    await sent(ledger)
    await planned(ledger, batch=SECOND)
    await learn(ledger, execution_report(), commission_report())

    newer = await row(ledger, batch=SECOND)
    assert newer.kept is not None
    assert newer.kept.state is OrderState.FILLED
    assert newer.is_final
    assert newer.is_on_target
    assert await ledger.open_batches() == []


async def test_an_order_is_kept_again_and_again_and_serves_the_newest(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await planned(ledger, batch=SECOND)
    await planned(ledger, batch=THIRD)

    own, second, third = [await row(ledger, batch=b) for b in (FIRST, SECOND, THIRD)]
    assert own.kept_by == THIRD
    assert second.kept == third.kept == own.order


async def test_an_intent_that_is_kept_takes_over_the_newer_rows_time(ledger: Ledger) -> None:
    later = SOON + seconds(30)
    await planned(ledger)
    await planned_later(ledger, later)

    assert (await order(ledger)).send_before == later
    assert [o.ref for o in await ledger.unsent(BatchId(FIRST))] == [ref()]  # it is of it
    assert [o.ref for o in await ledger.unsent(BatchId(SECOND))] == [ref()]
    assert len(await claim(ledger, ref(), at=SOON + seconds(1))) == 1


async def planned_later(ledger: Ledger, send_before: object) -> None:
    """Plan the same target again in a second batch that may be sent longer."""
    await accept(ledger, batch=SECOND)
    await plan(ledger, replace(make_goal(), send_before=send_before), batch=SECOND)  # type: ignore[arg-type]


async def test_an_order_that_has_left_keeps_its_time_when_it_is_kept(ledger: Ledger) -> None:
    await sent(ledger)
    await planned_later(ledger, SOON + seconds(30))

    assert (await order(ledger)).send_before == SOON


async def test_an_order_whose_cancel_was_asked_is_not_kept(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.ask_cancel(BatchId(FIRST), NOW)
    await planned(ledger, batch=SECOND)

    found = await row(ledger, batch=SECOND)
    assert found.kept is None
    assert found.outcome is Outcome.PENDING


# -- giving way ------------------------------------------------------------------------------
async def test_an_unclaimed_intent_gives_way_to_a_newer_target(ledger: Ledger) -> None:
    await planned(ledger)
    await planned(ledger, make_target(quantity=7), batch=SECOND)

    older, newer = await row(ledger), await row(ledger, batch=SECOND)
    assert older.status is ShownStatus.CANCELLED
    assert older.superseded_by == Successor(BatchId(SECOND), None)
    assert newer.order is not None
    assert newer.order.quantity == 7
    assert newer.superseded == ()  # it never had an id
    assert [o.batch.head.batch_id for o in await ledger.open_batches()] == [SECOND]


async def test_a_working_order_gives_way_by_a_cancel_and_the_target_waits(
    ledger: Ledger,
) -> None:
    await sent(ledger, first_id=41)
    await learn(ledger, order_report(order_id=41))
    decided = await planned(ledger, make_target(quantity=7), batch=SECOND)

    older, newer = await row(ledger), await row(ledger, batch=SECOND)
    assert [o.ref for o in decided.to_cancel] == [ref()]
    assert older.status is ShownStatus.PENDING_CANCEL
    assert older.superseded_by == Successor(BatchId(SECOND), None)
    assert newer.status is ShownStatus.PENDING_SUBMIT
    assert newer.superseded == (41,)
    assert newer.delta == 7
    assert newer.warnings == ("waits: an earlier AAPL order is being cancelled",)
    assert [o.ref for o in await ledger.cancels_asked([ACCOUNT])] == [ref()]


async def test_what_took_an_orders_place_is_named_with_its_id_once_it_has_one(
    ledger: Ledger,
) -> None:
    await sent(ledger, first_id=41)
    await learn(ledger, order_report(order_id=41))
    await planned(ledger, make_target(quantity=7), batch=SECOND)
    await learn(ledger, status_report(Told.CANCELLED, order_id=41))
    settled = NOW + seconds(1)
    goal = make_goal(7)
    await plan(ledger, goal, batch=SECOND, at=settled)
    await claim(ledger, ref(batch=SECOND), first_id=42, at=settled)

    older, newer = await row(ledger), await row(ledger, batch=SECOND)
    assert older.status is ShownStatus.CANCELLED
    assert older.superseded_by == Successor(BatchId(SECOND), OrderId(42))
    assert newer.superseded == (41,)
    assert newer.order is not None
    assert newer.warnings == ()


async def test_a_fill_that_beats_the_cancel_may_leave_nothing_to_trade(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await planned(ledger, make_target(quantity=40), batch=SECOND)
    await learn(ledger, execution_report(quantity=40), status_report(Told.CANCELLED, filled=40))
    await plan(ledger, make_goal(40), batch=SECOND, at=NOW + seconds(1))

    found = await row(ledger, batch=SECOND)
    assert found.status is ShownStatus.NO_CHANGE
    assert found.superseded == (1,)
    assert await ledger.open_batches() == []


async def test_a_target_equal_to_the_position_cancels_what_works(ledger: Ledger) -> None:
    await sent(ledger)
    await planned(ledger, make_target(quantity=0), batch=SECOND)

    assert (await order(ledger)).cancel_asked
    assert (await row(ledger, batch=SECOND)).superseded == (1,)


async def test_a_kept_order_that_gives_way_tells_every_row_that_it_served(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await planned(ledger, batch=SECOND)
    await planned(ledger, make_target(quantity=7), batch=THIRD)

    successor = Successor(BatchId(THIRD), None)
    assert (await row(ledger)).superseded_by == successor
    assert (await row(ledger, batch=SECOND)).superseded_by == successor


async def test_a_target_that_is_refused_leaves_the_working_order_alone(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    rules = Rules(limits=Limits(max_order_quantity=100))
    target = make_target(quantity=500)
    await accept(ledger, target, batch=SECOND)
    await plan(ledger, make_goal(target=target), batch=SECOND, rules=rules)

    assert (await row(ledger, batch=SECOND)).error_code is ErrorCode.LIMIT
    assert not (await order(ledger)).cancel_asked


# -- coalescing and waiting ------------------------------------------------------------------
async def test_of_pending_targets_the_newest_wins_and_the_others_end(ledger: Ledger) -> None:
    for number, batch in enumerate((FIRST, SECOND, THIRD), start=1):
        await accept(ledger, make_target(quantity=number), batch=batch)

    for number, batch in enumerate((FIRST, SECOND, THIRD), start=1):
        await plan(ledger, make_goal(number), batch=batch)

    first, second, third = [await row(ledger, batch=b) for b in (FIRST, SECOND, THIRD)]
    assert first.outcome is second.outcome is Outcome.WITHDRAWN
    assert first.status is second.status is ShownStatus.CANCELLED
    assert first.superseded_by == second.superseded_by == Successor(BatchId(THIRD), None)
    assert third.order is not None
    assert [o.batch.head.batch_id for o in await ledger.open_batches()] == [THIRD]


async def test_what_was_overtaken_by_a_target_that_is_refused_overtakes_the_older_itself(
    ledger: Ledger,
) -> None:
    for number, batch in enumerate((FIRST, SECOND, THIRD), start=1):
        await accept(ledger, make_target(quantity=number), batch=batch)

    await plan(ledger, make_goal(2), batch=SECOND)
    await ledger.refuse(BatchId(THIRD), {0: Refusal(ErrorCode.LOCKED, "no")})
    await plan(ledger, make_goal(1), batch=FIRST)

    first, second = [await row(ledger, batch=b) for b in (FIRST, SECOND)]
    assert first.outcome is second.outcome is Outcome.WITHDRAWN
    assert first.superseded_by == Successor(BatchId(SECOND), None)
    (view,) = await ledger.targets(ACCOUNT)
    assert (view.target, view.state) == (2, TargetState.SHORT)
    assert view.reason == "what replaced it was refused: post the target again"


async def test_a_target_overtaken_by_one_that_is_planned_already_ends(
    ledger: Ledger,
) -> None:
    await accept(ledger)
    await planned(ledger, make_target(quantity=7), batch=SECOND)
    await plan(ledger)

    assert (await row(ledger)).outcome is Outcome.WITHDRAWN
    assert (await order(ledger, batch=SECOND)).state is OrderState.PLANNED


async def test_other_symbols_do_not_overtake(ledger: Ledger) -> None:
    await accept(ledger)
    await planned(ledger, make_target("MSFT"), batch=SECOND)
    await plan(ledger)

    assert (await row(ledger)).outcome is Outcome.ORDERED


async def test_a_target_waits_for_an_unknown_order_and_stays_pending(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)
    await planned(ledger, make_target(quantity=7), batch=SECOND)

    found = await row(ledger, batch=SECOND)
    assert found.status is ShownStatus.PENDING_SUBMIT
    assert found.warnings[0].startswith("waits: ")


async def test_a_cancelled_order_blocks_its_contract_for_a_second(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, status_report(Told.CANCELLED))

    at_once = await ledger.preview(ACCOUNT, [make_goal(7)], decide_by(), NOW)
    later = await ledger.preview(ACCOUNT, [make_goal(7)], decide_by(), NOW + seconds(1))

    assert at_once.decisions[0].again_at == NOW + seconds(1)
    assert later.decisions[0].draft is not None


async def test_executions_that_are_missing_block_their_contract(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, status_report(Told.CANCELLED, filled=40))
    later = NOW + seconds(3600)

    before = await ledger.preview(ACCOUNT, [make_goal(7)], decide_by(), later)
    await learn(ledger, execution_report(quantity=40), at=later)
    after = await ledger.preview(ACCOUNT, [make_goal(7)], decide_by(), later)

    assert before.decisions[0].waits_for is not None
    assert (after.decisions[0].current_pos, after.decisions[0].delta) == (40, -33)


# -- refusing and warning --------------------------------------------------------------------
async def test_a_refusal_ends_pending_rows_and_unclaimed_intents(ledger: Ledger) -> None:
    await accept(ledger, make_target(), make_target("MSFT"))
    await plan(ledger, make_goal(seq=0))
    expired = Refusal(ErrorCode.EXPIRED, "too late")

    await ledger.refuse(BatchId(FIRST), {0: expired, 1: expired})

    batch = await get(ledger)
    assert [found.status for found in batch.rows] == [ShownStatus.ERROR] * 2
    assert [found.error_code for found in batch.rows] == [ErrorCode.EXPIRED] * 2
    assert batch.is_final
    assert await ledger.open_batches() == []


async def test_a_refusal_does_not_touch_what_was_claimed(ledger: Ledger) -> None:
    await sent(ledger)

    await ledger.refuse(BatchId(FIRST), {0: Refusal(ErrorCode.EXPIRED, "too late")})

    found = await row(ledger)
    assert found.error is None
    assert found.order is not None
    assert found.order.state is OrderState.SENDING


async def test_a_warning_is_added_once(ledger: Ledger) -> None:
    await accept(ledger, make_target(), make_target("MSFT"))

    await ledger.warn(BatchId(FIRST), [0], "closed")
    await ledger.warn(BatchId(FIRST), [0], "closed")

    assert [found.warnings for found in (await get(ledger)).rows] == [("closed",), ()]


async def test_the_unsent_orders_are_those_nobody_claimed(ledger: Ledger) -> None:
    await planned(ledger, make_target(), make_target("MSFT"))
    await claim(ledger, ref())

    assert [found.conid for found in await ledger.unsent(BatchId(FIRST))] == [MSFT]


async def test_two_spellings_of_one_contract_make_one_order(ledger: Ledger) -> None:
    await accept(ledger, make_target("AAPL"), make_target("AAPL.OLD"))
    twin: Goal = make_goal(seq=1, target=make_target("AAPL.OLD"))
    await plan(ledger, make_goal(seq=0), twin)

    first, second = (await get(ledger)).rows
    assert first.order is not None
    assert second.error_code is ErrorCode.REJECTED
