"""T3: what every ledger must make of what the gateway says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_support import FIRST, claim, get, learn, make_halt, order, planned, ref, row, sent
from makers import (
    AAPL,
    ACCOUNT,
    CLIENT_ID,
    MSFT,
    NOW,
    commission_report,
    completed_report,
    error_report,
    execution_report,
    make_target,
    order_report,
    recorded,
    seconds,
    status_report,
)
from paperdesk.desk.ports import Ledger
from paperdesk.domain.order import OrderState, ShownStatus
from paperdesk.domain.reports import Effect, Report, Told
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, OrderRef, Side, Symbol
from paperdesk.ledger.rebuild import STATE
from paperdesk.ledger.store import SqlLedger


async def test_reports_bring_an_order_to_its_end(ledger: Ledger) -> None:
    await sent(ledger)

    learned = await learn(
        ledger,
        order_report(Told.PRE_SUBMITTED),
        status_report(Told.PRE_SUBMITTED),
        execution_report(),
        status_report(Told.FILLED, filled=100),
        commission_report(),
    )

    found = await order(ledger)
    assert found.state is OrderState.FILLED
    assert (found.filled_qty, found.avg_fill_price) == (100, Decimal("150.00"))
    assert found.commission == Decimal("0.35")
    assert found.perm_id == 9001
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 100)}
    assert await ledger.open_batches() == []
    assert learned.batches == {FIRST}
    assert learned.accounts == {ACCOUNT}


async def test_a_sell_lessens_the_position(ledger: Ledger) -> None:
    await sent(ledger, make_target(quantity=-100))
    await learn(ledger, execution_report(side=Side.SELL))

    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), -100)}


async def test_a_message_that_says_nothing_is_kept_and_changes_nothing(ledger: Ledger) -> None:
    await sent(ledger)
    before = await get(ledger)

    learned = await learn(ledger, None)

    assert learned.batches == frozenset()
    assert await get(ledger) == before


# -- whose it is -----------------------------------------------------------------------------
async def test_a_status_under_a_reused_order_id_is_not_ours(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report(perm_id=9001))

    await learn(ledger, status_report(Told.CANCELLED, order_id=1, perm_id=7777))

    assert (await order(ledger)).state is OrderState.WORKING


async def test_a_status_of_another_client_is_not_ours(ledger: Ledger) -> None:
    await sent(ledger)

    await learn(ledger, status_report(Told.CANCELLED, order_id=1, perm_id=0, client_id=3))

    assert (await order(ledger)).state is OrderState.SENDING


async def test_a_status_is_ours_by_its_perm_id_whatever_client_it_names(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(ledger, order_report())

    await learn(ledger, status_report(Told.CANCELLED, order_id=0, client_id=0))

    assert (await order(ledger)).state is OrderState.CANCELLED


async def test_an_error_finds_its_order_by_the_line_it_was_claimed_on(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    reject = error_report(201, "Order rejected - reason: margin", request_id=1)

    await ledger.learn([recorded(reject, client_id=99)])
    other_line = await order(ledger)
    await learn(ledger, reject)
    await learn(ledger, error_report(2104, "farm", effect=Effect.INFORMATION, request_id=-1))

    found = await order(ledger)
    assert other_line.state is OrderState.SENDING
    assert found.state is OrderState.REJECTED
    assert (found.broker_code, found.error) == (201, "Order rejected - reason: margin")


async def test_a_code_that_settles_nothing_raises_a_doubt(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report())
    doubtful = error_report(10147, "OrderId 1 not found", effect=Effect.AMBIGUOUS)

    learned = await learn(ledger, doubtful)

    found = await order(ledger)
    assert learned.doubted == {ref()}
    assert found.state is OrderState.WORKING
    assert found.warnings == ("OrderId 1 not found (IBKR 10147)",)


async def test_a_held_order_of_which_a_cancel_was_refused_raises_a_doubt_once_each(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(ledger, order_report())
    await ledger.ask_cancel(BatchId(FIRST), NOW)

    refused = await learn(ledger, error_report(321, "read-only"))
    held = await learn(ledger, status_report(Told.INACTIVE))
    again = await learn(ledger, status_report(Told.INACTIVE))

    assert refused.doubted == {ref()}
    assert held.doubted == {ref()}
    assert again.doubted == frozenset()
    assert (await order(ledger)).state is OrderState.WORKING


async def test_a_doubtful_code_of_no_order_raises_none(ledger: Ledger) -> None:
    learned = await learn(ledger, error_report(10147, effect=Effect.AMBIGUOUS))

    assert learned.doubted == frozenset()


async def test_a_completed_order_is_found_by_its_reference_or_perm_id(
    ledger: Ledger,
) -> None:
    await sent(ledger, make_target(), make_target("MSFT"))
    await learn(ledger, order_report(ref=ref(1), order_id=2, perm_id=5, conid=MSFT))

    await learn(ledger, completed_report(), completed_report(of="", perm_id=5, conid=MSFT))

    states = [found.status for found in (await get(ledger)).rows]
    assert states == [ShownStatus.CANCELLED] * 2


async def test_orders_of_others_are_told_from_ours(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, order_report(), order_report(ref="by-hand", order_id=9, perm_id=5))

    asked = [ref(), OrderRef("by-hand")]
    assert await ledger.own_refs(asked, []) == ({ref()}, {9001})
    assert await ledger.own_refs([], [5, 9001]) == ({ref()}, {9001})


# -- a late arrival --------------------------------------------------------------------------
async def test_a_late_arrival_reopens_and_its_cancel_is_asked(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.not_sent({ref(): "down"}, NOW)

    learned = await learn(ledger, order_report(Told.SUBMITTED))

    found = await row(ledger)
    assert found.order is not None
    assert found.order.is_late
    assert found.order.cancel_asked
    assert [late.ref for late in learned.to_cancel] == [ref()]
    assert found.status is ShownStatus.PENDING_CANCEL
    assert (found.error, found.error_code) == (None, None)
    assert any("never to have been placed" in warning for warning in found.order.warnings)
    assert [o.batch.head.batch_id for o in await ledger.open_batches()] == [FIRST]
    assert [o.ref for o in await ledger.cancels_asked([ACCOUNT])] == [ref()]


@pytest.mark.parametrize(
    "report", [order_report(Told.SUBMITTED), execution_report(quantity=30)]
)
async def test_what_was_dropped_and_left_all_the_same_is_cancelled_by_the_ids_it_left_with(
    ledger: Ledger, report: Report
) -> None:
    """A restored ledger dropped it; the one of before the restore had claimed and sent it."""
    await planned(ledger)
    await ledger.halt(make_halt(), cancel_working=False)
    before = await order(ledger)

    (late,) = (await learn(ledger, report)).to_cancel

    assert (before.state, before.order_id) == (OrderState.DROPPED, None)
    assert (late.state, late.order_id, late.client_id) == (OrderState.WORKING, 1, CLIENT_ID)
    assert late == await order(ledger)
    assert (await row(ledger)).error_code is None


async def test_a_late_arrival_is_recorded_although_another_order_lives(
    ledger: Ledger,
) -> None:
    second = "b1b2c3d4e5f67890"
    await sent(ledger)
    await ledger.not_sent({ref(): "down"}, NOW)
    await sent(ledger, batch=second, first_id=2)

    await learn(ledger, order_report(Told.SUBMITTED), execution_report(quantity=30))

    late, live = await order(ledger), await order(ledger, batch=second)
    assert (late.state, late.filled_qty) == (OrderState.WORKING, 30)
    assert live.state is OrderState.SENDING
    assert len(await ledger.working(ACCOUNT)) == 2
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 30)}


async def test_a_late_arrival_that_is_filled_has_nothing_to_cancel(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.not_sent({ref(): "down"}, NOW)

    learned = await learn(ledger, execution_report())

    found = await order(ledger)
    assert (found.state, found.is_late, found.cancel_asked) == (OrderState.FILLED, True, False)
    assert learned.to_cancel == ()


async def test_a_target_waits_for_a_late_arrival_to_end(ledger: Ledger) -> None:
    await sent(ledger)
    await ledger.not_sent({ref(): "down"}, NOW)
    await learn(ledger, order_report(Told.SUBMITTED))

    decided = await planned(ledger, batch="b1b2c3d4e5f67890")

    assert "arrived late" in (decided.decisions[0].waits_for or "")


# -- what carries another name than ours -----------------------------------------------------
async def test_a_truncated_or_blank_echo_is_ours_by_its_line_and_locks_the_symbol(
    ledger: Ledger,
) -> None:
    await sent(ledger, make_target(), make_target("MSFT"))

    await learn(
        ledger,
        order_report(ref="pd-a1b2"),
        order_report(ref="", order_id=2, perm_id=5, conid=MSFT),
    )

    batch = await get(ledger)
    assert [r.order.perm_id for r in batch.rows if r.order is not None] == [9001, 5]
    assert [r.status for r in batch.rows] == [ShownStatus.SUBMITTED] * 2
    locks = await ledger.locks(ACCOUNT)
    assert set(locks) == {AAPL, MSFT}
    assert "echoed the reference" in locks[AAPL].reason


async def test_an_order_under_our_id_that_is_not_ours_is_left_alone(ledger: Ledger) -> None:
    await sent(ledger)

    await learn(ledger, order_report(ref="", quantity=7), order_report(ref="", conid=MSFT))

    assert (await order(ledger)).state is OrderState.SENDING
    assert await ledger.locks(ACCOUNT) == {}


async def test_a_second_order_with_our_reference_locks_the_symbol(ledger: Ledger) -> None:
    await sent(ledger)

    await learn(ledger, order_report(perm_id=9001), order_report(perm_id=9002))

    found = await order(ledger)
    assert found.perm_id == 9001
    locks = await ledger.locks(ACCOUNT)
    assert set(locks) == {AAPL}
    assert "two orders" in locks[AAPL].reason


async def test_a_blank_echo_locks_also_where_a_status_came_before_it(ledger: Ledger) -> None:
    await sent(ledger)

    await learn(ledger, status_report(Told.SUBMITTED), order_report(ref=""))

    assert set(await ledger.locks(ACCOUNT)) == {AAPL}


async def test_fills_that_came_before_a_blank_echo_are_counted_with_it(ledger: Ledger) -> None:
    await sent(ledger)

    await learn(ledger, execution_report(ref=None, quantity=30), order_report(ref=""))

    assert (await order(ledger)).filled_qty == 30
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 30)}


@pytest.mark.parametrize("echoed", [None, "pd-a1b2"])
async def test_an_execution_with_a_cut_reference_is_ours_by_its_line_and_locks_the_symbol(
    ledger: Ledger, echoed: str | None
) -> None:
    await sent(ledger)
    cut = None if echoed is None else OrderRef(echoed)

    await learn(
        ledger,
        execution_report("x.01.01", ref=cut, quantity=30),
        execution_report("y.01.01", ref=cut, quantity=70),
        commission_report("x.01.01"),
        commission_report("y.01.01"),
    )

    found = await order(ledger)
    assert (found.state, found.filled_qty, found.perm_id) == (OrderState.FILLED, 100, 9001)
    assert found.commission == Decimal("0.70")
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 100)}
    assert "echoed the reference" in (await ledger.locks(ACCOUNT))[AAPL].reason


@pytest.mark.parametrize(
    "other",
    [
        {"account": AccountId("DUP203550")},
        {"side": Side.SELL},
        {"quantity": 101},
        {"conid": MSFT},
        {"client_id": CLIENT_ID + 1},
        {"order_id": 2},
        {"ref": OrderRef("momo")},
        {"perm_id": 0},
    ],
)
async def test_an_execution_that_only_looks_like_ours_is_left_alone(
    ledger: Ledger, other: dict[str, Any]
) -> None:
    await sent(ledger)

    await learn(ledger, execution_report(**{"ref": None, "quantity": 30} | other))

    assert (await order(ledger)).state is OrderState.SENDING
    assert await ledger.positions(ACCOUNT) == {}
    assert await ledger.locks(ACCOUNT) == {}


async def test_an_execution_with_a_cut_reference_of_another_order_under_our_id_is_not_ours(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(ledger, order_report())

    await learn(ledger, execution_report(ref=None, perm_id=5, quantity=30))

    assert (await order(ledger)).filled_qty == 0


# -- any order, any repetition ---------------------------------------------------------------
LIFE: Sequence[Report] = (
    # The first row: filled in parts, corrected, and cancelled too late.
    order_report(Told.PRE_SUBMITTED),
    status_report(Told.SUBMITTED),
    execution_report("x.01.01", quantity=40),
    status_report(Told.SUBMITTED, filled=40),
    execution_report("y.01.01", quantity=60, price="151"),
    execution_report("y.01.02", quantity=50, price="151"),
    commission_report("x.01.01", "0.35"),
    commission_report("y.01.02", None),
    commission_report("y.01.02", "0.10"),
    status_report(Told.CANCELLED, filled=90),
    error_report(399, "warning: held", effect=Effect.INFORMATION),
    error_report(10148, "cannot be cancelled", effect=Effect.AMBIGUOUS),
    # The second: rejected, with two explanations.
    order_report(Told.INACTIVE, ref=ref(1), order_id=2, perm_id=9002, conid=MSFT),
    error_report(201, "Order rejected - reason: margin", request_id=2),
    error_report(110, "price does not conform", request_id=2),
    # The third: some filled, the rest expired, as the list of completed orders tells.
    status_report(Told.SUBMITTED, filled=10, order_id=3, perm_id=9003),
    execution_report("z.01.01", ref=ref(2), perm_id=9003, conid=ConId(756733), quantity=10),
    completed_report(
        of=ref(2), perm_id=9003, conid=ConId(756733), filled=10, words="Expired by time"
    ),
    # Placed by hand.
    execution_report("h.01.01", ref="hand", perm_id=77, conid=MSFT, quantity=5),
    commission_report("h.01.01", "1.00"),
)
# By the order in which they came, and meant to be.
COUNTED_IN_ORDER = {"seq"}


def state_of(ledger: SqlLedger) -> dict[str, list[dict[str, Any]]]:
    """Return every row of state, sorted, without the numbers of arrival."""

    def read(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
        found = {}
        for table in STATE:
            dropped = COUNTED_IN_ORDER if table.name == "executions" else set()
            rows = connection.execute(sa.select(table)).mappings()
            kept = [{n: v for n, v in row.items() if n not in dropped} for row in rows]
            found[table.name] = sorted(kept, key=repr)
        return found

    return ledger._owned.read(read)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    order=st.permutations(range(len(LIFE))), extra=st.lists(st.sampled_from(range(len(LIFE))))
)
async def test_any_permutation_and_duplication_of_messages_gives_the_same_ledger(
    open_ledger: Callable[[], AbstractAsyncContextManager[SqlLedger]],
    order: list[int],
    extra: list[int],
) -> None:
    targets = make_target(), make_target("MSFT"), make_target("SPY")
    async with open_ledger() as straight, open_ledger() as shuffled:
        for ledger in (straight, shuffled):
            await sent(ledger, *targets)
        await learn(straight, *LIFE)
        await learn(shuffled, *(LIFE[index] for index in [*order, *extra]))

        first, second, third = [found.order for found in (await get(straight)).rows]
        assert first is not None
        assert second is not None
        assert third is not None
        assert first.state is OrderState.FILLED
        assert (first.filled_qty, first.filled_value) == (90, Decimal("13550.00"))
        assert first.commission == Decimal("0.45")
        assert second.state is OrderState.REJECTED
        assert (third.state, third.is_expired) == (OrderState.CANCELLED, True)
        assert await straight.positions(ACCOUNT) == {
            AAPL: (Symbol("AAPL"), 90),
            ConId(756733): (Symbol("S756733"), 10),
        }
        assert state_of(shuffled) == state_of(straight)


async def test_one_message_at_a_time_gives_the_same_as_all_at_once(
    open_ledger: Callable[[], AbstractAsyncContextManager[SqlLedger]],
) -> None:
    async with open_ledger() as together, open_ledger() as apart:
        for ledger in (together, apart):
            await sent(ledger, make_target(), make_target("MSFT"), make_target("SPY"))
        await learn(together, *LIFE)
        for report in LIFE:
            await learn(apart, report)

        assert state_of(apart) == state_of(together)


async def test_an_order_ends_when_its_last_message_came(ledger: Ledger) -> None:
    await sent(ledger)

    await learn(ledger, status_report(Told.CANCELLED), at=NOW + seconds(5))

    assert (await order(ledger)).ended_at == NOW + seconds(5)


async def test_a_cancelled_order_at_the_end_of_its_day_is_expired(ledger: Ledger) -> None:
    await planned(ledger)
    (won,) = await claim(ledger, ref())
    assert replace(won, good_until=None) == won

    await learn(ledger, completed_report(words="Expired: end of day"))

    assert (await row(ledger)).status is ShownStatus.INACTIVE
