"""How far every ledger must say that each newest target has come."""

from __future__ import annotations

from ledger_support import (
    FIRST,
    SECOND,
    accept,
    hold,
    learn,
    make_halt,
    plan,
    planned,
    ref,
    sent,
)
from makers import (
    AAPL,
    ACCOUNT,
    NOW,
    error_report,
    execution_report,
    make_goal,
    make_target,
    order_report,
    seconds,
    status_report,
)
from paperdesk.desk.ports import Ledger
from paperdesk.domain.batch import ErrorCode, Refusal
from paperdesk.domain.order import OrderEvent, OrderState
from paperdesk.domain.reports import Told
from paperdesk.domain.views import Lock, TargetState, TargetView
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Symbol


async def view(ledger: Ledger) -> TargetView:
    (only,) = await ledger.targets(ACCOUNT)
    return only


async def shown(ledger: Ledger) -> tuple[TargetState, str | None]:
    found = await view(ledger)
    return found.state, found.reason


# -- working ---------------------------------------------------------------------------------
async def test_a_target_that_is_to_be_planned_is_working(ledger: Ledger) -> None:
    await accept(ledger)

    assert await view(ledger) == TargetView(
        symbol=Symbol("AAPL"),
        target=100,
        position=0,
        working_qty=0,
        state=TargetState.WORKING,
        reason="it is being planned",
        batch_id=BatchId(FIRST),
        client=ClientName("client1"),
        set_at=NOW,
    )


async def test_a_target_that_waits_says_for_what(ledger: Ledger) -> None:
    await sent(ledger, client="client2")
    await planned(ledger, make_target(quantity=7), batch=SECOND)

    assert await shown(ledger) == (
        TargetState.WORKING,
        "waits: an earlier AAPL order is being cancelled",
    )


async def test_an_order_that_works_towards_it_counts_with_its_leaves(ledger: Ledger) -> None:
    await hold(ledger, 20)
    await sent(ledger, make_target(quantity=120))
    await learn(ledger, execution_report(quantity=30))

    found = await view(ledger)
    assert (found.target, found.position, found.working_qty, found.gap) == (120, 50, 70, 70)
    assert (found.state, found.reason) == (TargetState.WORKING, None)


async def test_a_target_is_served_by_the_order_that_it_keeps(ledger: Ledger) -> None:
    await sent(ledger)
    await planned(ledger, batch=SECOND)

    found = await view(ledger)
    assert (found.batch_id, found.working_qty) == (SECOND, 100)
    assert found.state is TargetState.WORKING


async def test_a_target_of_an_unknown_order_is_being_found_out(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)

    assert await shown(ledger) == (
        TargetState.WORKING,
        "the outcome of its order is being found out",
    )


# -- reached ---------------------------------------------------------------------------------
async def test_a_target_is_reached_by_a_fill_or_without_an_order(ledger: Ledger) -> None:
    await hold(ledger, 5, "MSFT")
    await sent_and_held(ledger)

    reached = [(found.symbol, found.state) for found in await ledger.targets(ACCOUNT)]
    assert reached == [("AAPL", TargetState.REACHED), ("MSFT", TargetState.REACHED)]


async def sent_and_held(ledger: Ledger) -> None:
    """Fill one target and find the other reached."""
    await planned(ledger, make_target("MSFT", 5), batch=SECOND)
    await sent(ledger)
    await learn(ledger, execution_report())


async def test_the_newest_target_of_a_symbol_is_shown_and_no_other(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, execution_report())
    await planned(ledger, make_target(quantity=100), batch=SECOND, client="client2")

    found = await view(ledger)
    assert (found.batch_id, found.client) == (SECOND, "client2")
    assert found.state is TargetState.REACHED


# -- short -----------------------------------------------------------------------------------
async def test_a_target_whose_order_ended_is_short_with_the_brokers_words(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(ledger, error_report(201, "Order rejected - reason: margin"))

    assert await shown(ledger) == (TargetState.SHORT, "Order rejected - reason: margin")


async def test_a_target_whose_order_was_cancelled_in_part_is_short(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, execution_report(quantity=30), status_report(Told.CANCELLED, filled=30))

    found = await view(ledger)
    assert (found.state, found.gap) == (TargetState.SHORT, 70)
    assert found.reason == "its order ended cancelled with 30 filled"


async def test_a_target_that_was_refused_when_it_was_sent_is_short(ledger: Ledger) -> None:
    await planned(ledger)
    await ledger.refuse(BatchId(FIRST), {0: Refusal(ErrorCode.EXPIRED, "too late")})

    assert await shown(ledger) == (TargetState.SHORT, "too late")


async def test_a_target_that_was_never_applied_leaves_the_one_before_it(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)
    await ledger.refuse(BatchId(SECOND), {0: Refusal(ErrorCode.EXPIRED, "too late")})

    assert (await view(ledger)).batch_id == FIRST


async def test_a_position_that_was_changed_elsewhere_is_short(ledger: Ledger) -> None:
    await hold(ledger, 100)
    await planned(ledger)
    await hold(ledger, 90, before=100)

    assert await shown(ledger) == (
        TargetState.SHORT,
        "the position has changed since: post the target again",
    )


async def test_a_target_whose_intent_was_halted_is_short(ledger: Ledger) -> None:
    await planned(ledger)
    await ledger.halt(make_halt(), cancel_working=False)

    state, reason = await shown(ledger)
    assert state is TargetState.SHORT
    assert "ops: drill" in (reason or "")


# -- withdrawn and locked --------------------------------------------------------------------
async def test_a_target_whose_batch_was_cancelled_is_withdrawn(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.ask_cancel(BatchId(FIRST), NOW)

    found = await view(ledger)
    assert (found.state, found.working_qty) == (TargetState.WITHDRAWN, 100)


async def test_a_target_of_a_locked_symbol_or_account_is_locked(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report())
    await ledger.lock(ACCOUNT, None, Lock(Symbol("*"), "a mass break", NOW))
    of_account = await shown(ledger)
    await ledger.lock(ACCOUNT, AAPL, Lock(Symbol("AAPL"), "a break", NOW))

    assert of_account == (TargetState.LOCKED, "a mass break")
    assert await shown(ledger) == (TargetState.LOCKED, "a break")


async def test_a_target_whose_order_is_for_a_person_is_locked(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)
    await ledger.conclude(
        ref(), OrderEvent.QUARANTINED, "contradictory", NOW, expected=OrderState.UNKNOWN
    )

    state, reason = await shown(ledger)
    assert state is TargetState.LOCKED
    assert "for a person" in (reason or "")


# -- which -----------------------------------------------------------------------------------
async def test_targets_are_of_one_account_and_by_symbol(ledger: Ledger) -> None:
    await planned(ledger, make_target("MSFT"), make_target("AAPL"))
    await plan(ledger, make_goal(seq=1), at=NOW + seconds(1))

    assert [found.symbol for found in await ledger.targets(ACCOUNT)] == ["AAPL", "MSFT"]
    assert await ledger.targets(AccountId("DUP203550")) == ()
