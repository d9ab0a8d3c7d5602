"""What every ledger must keep of how an unknown order was resolved."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger_support import FIRST, SECOND, get, learn, order, planned, ref, row, sent
from makers import (
    AAPL,
    ACCOUNT,
    MSFT,
    NOW,
    OPS,
    commission_report,
    execution_report,
    make_target,
    order_report,
    seconds,
    status_report,
)
from paperdesk.desk.ports import ExecutionFilter, Ledger, Page
from paperdesk.domain.batch import ErrorCode, Resolution
from paperdesk.domain.order import OrderEvent, OrderState, ShownStatus, shown_warnings
from paperdesk.domain.reconcile import EXECUTIONS_LAG
from paperdesk.domain.reports import Told
from paperdesk.domain.views import Finding, Lock
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, Symbol
from paperdesk.errors import BadRequest

AAPL_NOT_PLACED = Resolution(Symbol("AAPL"))


def filled(quantity: int, price: str = "150.00") -> Resolution:
    return Resolution(Symbol("AAPL"), quantity, Decimal(price))


async def unknown(ledger: Ledger) -> None:
    """Bring an order to be unknown."""
    await sent(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)


async def doubted(ledger: Ledger, later: float = 0) -> list[str]:
    return [found.ref for found in await ledger.in_doubt([ACCOUNT], NOW + seconds(later))]


# -- in doubt --------------------------------------------------------------------------------
async def test_an_unknown_order_is_in_doubt_until_it_is_answered(ledger: Ledger) -> None:
    await sent(ledger)
    before = await doubted(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)
    lost = await doubted(ledger)
    await learn(ledger, order_report())

    assert (before, lost, await doubted(ledger)) == ([], [ref()], [])


async def test_an_ended_order_with_executions_missing_is_in_doubt_after_a_while(
    ledger: Ledger,
) -> None:
    lag = EXECUTIONS_LAG.total_seconds()
    await sent(ledger)
    await learn(ledger, status_report(Told.CANCELLED, filled=40))

    assert await doubted(ledger, lag) == []
    assert await doubted(ledger, lag + 1) == [ref()]
    await learn(ledger, execution_report(quantity=40))
    assert await doubted(ledger, lag + 1) == []


async def test_an_order_for_a_person_is_not_asked_about_again(ledger: Ledger) -> None:
    await unknown(ledger)
    await ledger.conclude(
        ref(), OrderEvent.QUARANTINED, "contradictory", NOW, expected=OrderState.UNKNOWN
    )

    assert await doubted(ledger) == []
    assert (await order(ledger)).state is OrderState.QUARANTINED
    assert (await row(ledger)).status is ShownStatus.UNKNOWN


# -- concluding ------------------------------------------------------------------------------
async def test_a_proof_of_absence_ends_the_row_with_its_words(ledger: Ledger) -> None:
    await unknown(ledger)

    after = await ledger.conclude(
        ref(), OrderEvent.ABSENT, "three reads show none", NOW, expected=OrderState.UNKNOWN
    )

    found = await row(ledger)
    assert after == found.order
    assert found.status is ShownStatus.ERROR
    assert (found.error, found.error_code) == (
        "three reads show none",
        ErrorCode.NOT_PLACED,
    )
    assert await ledger.open_batches() == []


async def test_a_vanished_order_is_unknown_and_keeps_its_row(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report())

    await ledger.conclude(
        ref(), OrderEvent.VANISHED, "it is in no list", NOW, expected=OrderState.WORKING
    )

    found = await row(ledger)
    assert found.status is ShownStatus.UNKNOWN
    assert found.error is None


async def test_a_conclusion_that_it_was_cancelled_is_a_warning(ledger: Ledger) -> None:
    await unknown(ledger)

    await ledger.conclude(
        ref(),
        OrderEvent.CANCELLED,
        "gone, and nothing filled",
        NOW,
        expected=OrderState.UNKNOWN,
    )

    found = await order(ledger)
    assert found.state is OrderState.CANCELLED
    assert found.warnings == ("gone, and nothing filled",)


# -- evidence --------------------------------------------------------------------------------
async def test_findings_are_kept_in_the_order_they_were_made(ledger: Ledger) -> None:
    await sent(ledger, make_target(), make_target("MSFT"))
    first = Finding(NOW, "read", "incomplete: the line dropped", is_complete=False)
    second = Finding(NOW + seconds(10), "read", "none of the lists has it", is_complete=True)
    await ledger.note({ref(): first, ref(1): first})
    await ledger.note({ref(): second})

    aapl, msft = await ledger.evidence(BatchId(FIRST))

    assert (aapl.symbol, aapl.order_ref, aapl.order_id) == ("AAPL", ref(), 1)
    assert aapl.status is ShownStatus.PENDING_SUBMIT
    assert aapl.findings == (first, second)
    assert msft.findings == (first,)


async def test_a_batch_without_orders_has_no_evidence(ledger: Ledger) -> None:
    assert await ledger.evidence(BatchId(FIRST)) == ()


# -- what a person says ----------------------------------------------------------------------
async def test_a_person_may_say_that_it_was_never_placed(ledger: Ledger) -> None:
    await unknown(ledger)

    await ledger.resolve(BatchId(FIRST), AAPL_NOT_PLACED, OPS, NOW)

    found = await row(ledger)
    assert found.error_code is ErrorCode.NOT_PLACED
    assert found.error == "ops said: it was never placed"
    (aapl,) = await ledger.evidence(BatchId(FIRST))
    assert [finding.shows for finding in aapl.findings] == [found.error]


async def test_a_person_may_say_that_all_was_filled(ledger: Ledger) -> None:
    await unknown(ledger)

    await ledger.resolve(BatchId(FIRST), filled(100, "149.50"), OPS, NOW)

    found = await order(ledger)
    assert (found.state, found.filled_qty) == (OrderState.FILLED, 100)
    assert found.avg_fill_price == Decimal("149.50")
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 100)}
    assert await ledger.open_batches() == []


async def test_a_person_may_say_that_some_was_filled_and_the_rest_is_over(
    ledger: Ledger,
) -> None:
    await unknown(ledger)

    await ledger.resolve(BatchId(FIRST), filled(60), OPS, NOW)

    found = await order(ledger)
    assert (found.state, found.filled_qty) == (OrderState.CANCELLED, 60)
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 60)}
    assert await ledger.working(ACCOUNT) == []


async def test_what_a_person_says_adds_to_the_executions_that_are_known(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(ledger, execution_report(quantity=40))
    await ledger.conclude(
        ref(), OrderEvent.VANISHED, "it is in no list", NOW, expected=OrderState.WORKING
    )

    await ledger.resolve(BatchId(FIRST), filled(60), OPS, NOW)

    assert (await order(ledger)).filled_qty == 60
    assert len(await ledger.executions(ExecutionFilter([ACCOUNT]), Page(9))) == 2


async def test_the_brokers_own_executions_replace_what_a_person_said(ledger: Ledger) -> None:
    await unknown(ledger)
    await ledger.resolve(BatchId(FIRST), filled(60, "140"), OPS, NOW)

    await learn(ledger, execution_report(quantity=30), commission_report())

    found = await order(ledger)
    assert (found.filled_qty, found.avg_fill_price) == (30, Decimal("150.00"))
    assert found.commission == Decimal("0.35")
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 30)}
    (booked,) = await ledger.executions(ExecutionFilter([ACCOUNT]), Page(9))
    assert booked.execution.quantity == 30


async def test_executions_with_a_cut_reference_replace_what_a_person_said(
    ledger: Ledger,
) -> None:
    await unknown(ledger)
    await ledger.resolve(BatchId(FIRST), filled(60, "140"), OPS, NOW)

    await learn(ledger, execution_report(ref=None, quantity=30))

    assert (await order(ledger)).filled_qty == 30
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 30)}


async def test_an_order_said_never_placed_that_shows_up_is_a_late_arrival(
    ledger: Ledger,
) -> None:
    await unknown(ledger)
    await ledger.resolve(BatchId(FIRST), AAPL_NOT_PLACED, OPS, NOW)

    learned = await learn(ledger, execution_report(quantity=30))

    assert [late.ref for late in learned.to_cancel] == [ref()]
    assert (await row(ledger)).error is None


async def test_an_order_for_a_person_is_settled_by_one_and_the_symbol_trades_again(
    ledger: Ledger,
) -> None:
    await unknown(ledger)
    await ledger.conclude(
        ref(), OrderEvent.QUARANTINED, "contradictory", NOW, expected=OrderState.UNKNOWN
    )
    barred = await planned(ledger, batch=SECOND)

    await ledger.resolve(BatchId(FIRST), AAPL_NOT_PLACED, OPS, NOW)
    free = await planned(ledger, batch="c1b2c3d4e5f67890")

    assert barred.decisions[0].refusal is not None
    assert barred.decisions[0].refusal.code is ErrorCode.LOCKED
    assert free.decisions[0].draft is not None


@pytest.mark.parametrize(
    ("resolution", "field", "words"),
    [
        (Resolution(Symbol("MSFT")), "symbol", "has no order in this batch"),
        (filled(101), "qty", "more than the order's 100 shares"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_stored(
    ledger: Ledger, resolution: Resolution, field: str, words: str
) -> None:
    await unknown(ledger)
    before = await get(ledger)

    with pytest.raises(BadRequest, match=words) as refused:
        await ledger.resolve(BatchId(FIRST), resolution, OPS, NOW)

    assert [error.field for error in refused.value.errors] == [field]
    assert await get(ledger) == before
    assert [found.findings for found in await ledger.evidence(BatchId(FIRST))] == [()]


async def test_an_order_that_is_not_unknown_is_not_for_a_person(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report())

    with pytest.raises(BadRequest, match="is Submitted, not Unknown"):
        await ledger.resolve(BatchId(FIRST), AAPL_NOT_PLACED, OPS, NOW)


async def test_a_conclusion_changes_nothing_of_an_order_that_was_heard_of_meanwhile(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)
    await learn(ledger, order_report())

    for event in (OrderEvent.ABSENT, OrderEvent.CANCELLED, OrderEvent.QUARANTINED):
        after = await ledger.conclude(ref(), event, "late", NOW, expected=OrderState.UNKNOWN)
        assert after.state is OrderState.WORKING


# -- executions that never come ----------------------------------------------------------------
async def short(ledger: Ledger) -> None:
    """Bring an order to its end with 60 of the 100 shares that the broker filled."""
    await sent(ledger)
    await learn(ledger, execution_report(quantity=60))
    await learn(ledger, status_report(Told.CANCELLED, filled=100))


@pytest.mark.parametrize("conid", [AAPL, None], ids=["its own", "the account's"])
async def test_what_a_person_accepted_is_short_of_nothing_whatever_is_listed_again(
    ledger: Ledger, conid: ConId | None
) -> None:
    await short(ledger)
    before = await doubted(ledger, later=60)

    await ledger.unlock(ACCOUNT, {conid}, NOW + seconds(60), breaks_only=False, by=OPS)
    await learn(ledger, status_report(Told.FILLED, filled=100))

    assert before == [ref()]
    assert await doubted(ledger, later=60) == []
    assert (await order(ledger)).is_settled(NOW + seconds(60))


async def test_an_order_says_what_is_missing_of_it_and_who_accepted_that(
    ledger: Ledger,
) -> None:
    await short(ledger)
    before = shown_warnings(await order(ledger))

    await ledger.unlock(ACCOUNT, {AAPL}, NOW + seconds(60), breaks_only=False, by=OPS)

    words = (
        "ops said: the position is right, though of the 100 shares that the broker filled 60 "
        "are known here"
    )
    (found,) = await ledger.evidence(BatchId(FIRST))
    assert before == (
        "the broker filled 100 shares of it, of which 60 are known here by their executions",
    )
    assert shown_warnings(await order(ledger)) == (words,)
    assert [(each.step, each.shows) for each in found.findings] == [("a person said", words)]


@pytest.mark.parametrize(
    ("account", "conid", "breaks_only"), [(ACCOUNT, MSFT, False), (ACCOUNT, AAPL, True)]
)
async def test_an_order_is_short_until_a_person_accepts_its_own_position(
    ledger: Ledger,
    account: AccountId,
    conid: ConId,
    breaks_only: bool,  # noqa: FBT001 - a parameter
) -> None:
    await short(ledger)
    await ledger.lock(account, conid, Lock(Symbol("X"), "so", NOW, is_break=True))

    await ledger.unlock(account, {conid}, NOW + seconds(60), breaks_only=breaks_only)

    assert await doubted(ledger, later=60) == [ref()]


async def test_an_order_that_has_just_ended_may_still_be_told_its_fills(
    ledger: Ledger,
) -> None:
    await short(ledger)

    await ledger.unlock(ACCOUNT, {AAPL}, NOW + EXECUTIONS_LAG, breaks_only=False)

    assert await doubted(ledger, later=60) == [ref()]


async def test_a_late_execution_counts_beside_what_a_person_accepted(ledger: Ledger) -> None:
    await short(ledger)
    await ledger.unlock(ACCOUNT, {AAPL}, NOW + seconds(60), breaks_only=False)

    await learn(ledger, execution_report(exec_id="0002.01.01", quantity=40))

    assert (await order(ledger)).filled_qty == 100
    assert (await order(ledger)).state is OrderState.FILLED


async def test_a_person_says_so_once_whatever_the_broker_lists_again(ledger: Ledger) -> None:
    await short(ledger)

    await ledger.resolve(BatchId(FIRST), filled(60), OPS, NOW)
    await learn(ledger, status_report(Told.FILLED, filled=100))

    assert await doubted(ledger, later=60) == []


async def test_what_was_said_of_an_order_that_arrives_after_all_is_forgotten(
    ledger: Ledger,
) -> None:
    await unknown(ledger)
    await ledger.resolve(BatchId(FIRST), AAPL_NOT_PLACED, OPS, NOW)

    await learn(ledger, status_report(Told.CANCELLED, filled=40))

    assert not (await order(ledger)).is_said
    assert await doubted(ledger, later=60) == [ref()]
