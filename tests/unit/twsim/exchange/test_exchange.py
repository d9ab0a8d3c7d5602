from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.book import Opening
from twsim.exchange.exchange import Exchange
from twsim.exchange.outcomes import (
    Acknowledged,
    Cancelled,
    CancelPending,
    CommissionKnown,
    Executed,
    HoldingChanged,
    Outcome,
    Refused,
    Rejected,
)
from twsim.exchange.prices import STEP
from twsim.exchange.refusals import Refusal
from twsim.exchange.settlement import COMMISSION_DELAY
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import AccountId, ClientId, OrderId, OrderStatus
from twsim_makers import (
    ACCOUNT,
    CLIENT,
    NOW,
    OTHER_ACCOUNT,
    contract,
    contracts,
    make_exchange,
    make_ticket,
)

AAPL = contract("AAPL")
SOON = NOW + COMMISSION_DELAY
TOMORROW = NOW + timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 10, 4, tzinfo=UTC)


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    return [o.order.status for o in outcomes if not isinstance(o, Refused | HoldingChanged)]


def refusal(outcomes: Sequence[Outcome]) -> Refusal:
    (refused,) = outcomes
    assert isinstance(refused, Refused)
    return refused.refusal


def held(exchange: Exchange, symbol: str = "AAPL") -> int:
    return exchange.position(ACCOUNT, contract(symbol).con_id).quantity


class TestTrading:
    def test_a_market_buy_is_presubmitted_and_then_filled(self) -> None:
        exchange = make_exchange()
        outcomes = exchange.place(make_ticket(quantity="50"), NOW)

        assert kinds(outcomes) == ["Acknowledged", "Executed"]
        assert statuses(outcomes) == ["PreSubmitted", "Filled"]
        assert held(exchange) == 50

    def test_a_market_sell_is_submitted_and_then_filled(self) -> None:
        exchange = make_exchange()

        assert statuses(exchange.place(make_ticket(side="SELL"), NOW)) == [
            "Submitted",
            "Filled",
        ]
        assert held(exchange) == -100

    def test_fifty_apple_cost_35_cents_a_moment_later(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(quantity="50"), NOW)

        assert exchange.next_due(NOW) == SOON
        assert exchange.advance(NOW) == []

        known, changed = exchange.advance(SOON)

        assert isinstance(known, CommissionKnown)
        assert known.execution.commission == known.order.commission == Decimal("0.35")
        assert changed == HoldingChanged(ACCOUNT, AAPL.con_id)
        assert exchange.next_due(SOON) == MIDNIGHT

    def test_a_large_order_fills_in_parts_and_pays_the_minimum_once(self) -> None:
        exchange = make_exchange()
        exchange.set_size(AAPL, 40, NOW)
        outcomes = exchange.place(make_ticket(), NOW)
        executed = [o for o in outcomes if isinstance(o, Executed)]

        assert statuses(outcomes) == ["Submitted", "Submitted", "Submitted", "Filled"]
        assert [o.execution.shares for o in executed] == [40, 40, 20]
        assert [o.execution.cumulative for o in executed] == [40, 80, 100]
        assert [o.execution.commission for o in executed] == [Decimal("0.35"), 0, 0]
        assert len({o.execution.venue for o in executed}) == 3
        assert executed[-1].order.average_price == Decimal("150.018")

    def test_a_limit_order_rests_until_the_price_comes(self) -> None:
        exchange = make_exchange()

        assert statuses(exchange.place(make_ticket(limit="149.00"), NOW)) == ["Submitted"]
        assert [order.order_id for order in exchange.open_orders(CLIENT)] == [1]

        outcomes = exchange.set_price(AAPL, Decimal("148.50"), NOW)

        assert statuses(outcomes) == ["Filled"]
        (execution,) = exchange.executions()
        assert execution.price == Decimal("148.51")
        assert execution.liquidity == 1

    def test_a_resting_order_fills_as_time_moves_the_price(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="150.00"), NOW)
        now = NOW
        while exchange.open_orders():
            due = exchange.next_due(now)
            assert due is not None
            assert due > now
            now = due
            exchange.advance(now)

        assert exchange.executions()[0].price <= Decimal("150.00")
        assert held(exchange) == 100

    def test_a_marketable_limit_order_takes_what_its_limit_allows_and_rests(self) -> None:
        exchange = make_exchange()
        exchange.set_size(AAPL, 40, NOW)
        outcomes = exchange.place(make_ticket(limit="150.01"), NOW)

        assert statuses(outcomes) == ["PreSubmitted", "Submitted"]
        assert exchange.open_orders()[0].leaves == 60

    def test_immediate_or_cancel_ends_at_once(self) -> None:
        exchange = make_exchange()
        exchange.set_size(AAPL, 40, NOW)
        outcomes = exchange.place(make_ticket(limit="150.01", tif="IOC"), NOW)

        assert kinds(outcomes) == ["Acknowledged", "Executed", "CancelPending", "Cancelled"]
        assert isinstance(outcomes[2], CancelPending)
        assert exchange.open_orders() == []
        assert exchange.completed_orders()[0].completed_words == "Cancelled by System"

    def test_held_orders_work_without_trading(self) -> None:
        exchange = make_exchange()
        exchange.hold()

        assert statuses(exchange.place(make_ticket(), NOW)) == ["PreSubmitted"]
        assert statuses(exchange.place(make_ticket(order_id=2, limit="151"), NOW)) == [
            "Submitted"
        ]
        assert statuses(exchange.place(make_ticket(order_id=3, tif="IOC"), NOW)) == [
            "PreSubmitted"
        ]
        assert statuses(exchange.release(NOW)) == ["Filled", "Filled", "Filled"]

    def test_one_symbol_may_be_held_alone(self) -> None:
        exchange = make_exchange()
        exchange.hold(AAPL.con_id)
        exchange.place(make_ticket(), NOW)
        exchange.place(make_ticket(order_id=2, symbol="MSFT"), NOW)

        assert (held(exchange), held(exchange, "MSFT")) == (0, 100)

        exchange.release(NOW, AAPL.con_id)

        assert held(exchange) == 100

    def test_the_same_seed_and_orders_give_the_same_outcomes(self) -> None:
        def run(seed: int) -> list[Outcome]:
            exchange = make_exchange(seed=seed)
            outcomes = exchange.place(make_ticket(limit="149.90", quantity="5000"), NOW)
            for seconds in range(1, 200):
                outcomes += exchange.advance(NOW + timedelta(seconds=seconds))
            return outcomes

        assert run(3) == run(3)
        assert run(3) != run(4)


class TestExpiring:
    @pytest.mark.parametrize("held", [False, True])
    def test_day_orders_end_at_midnight_in_new_york_and_others_do_not(self, held: bool) -> None:  # noqa: FBT001
        exchange = make_exchange()
        if held:
            exchange.hold()
        exchange.place(make_ticket(limit="100"), NOW)
        exchange.place(make_ticket(order_id=2, limit="100", tif="GTC"), NOW)
        assert exchange.advance(MIDNIGHT - STEP) == []
        due = exchange.next_due(MIDNIGHT - STEP)
        (expired,) = exchange.advance(MIDNIGHT)

        assert due == MIDNIGHT
        assert isinstance(expired, Cancelled)
        assert (expired.order.order_id, expired.order.completed_words) == (1, "Expired")
        assert exchange.completed_orders() == [expired.order]
        assert [order.order_id for order in exchange.open_orders()] == [2]

    def test_a_held_order_that_is_good_till_cancelled_waits_for_nothing(self) -> None:
        exchange = make_exchange()
        exchange.hold()
        exchange.place(make_ticket(tif="GTC"), NOW)

        assert exchange.next_due(NOW) is None

    def test_a_day_order_expires_while_the_gateway_is_down(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)
        other = Exchange(contracts(), exchange.opening)
        other.restore([exchange.everything()], TOMORROW)

        assert other.open_orders() == []
        assert other.completed_orders()[0].completed_words == "Expired"


class TestRefusing:
    def test_a_bad_ticket_uses_up_its_order_id(self) -> None:
        exchange = make_exchange()

        assert refusal(exchange.place(make_ticket(order_id=4, symbol="NOPE"), NOW)).code == 200
        assert exchange.next_order_id(CLIENT) == 5
        assert exchange.completed_orders() == []

    def test_an_order_id_that_was_passed_is_a_duplicate(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(order_id=4), NOW)

        assert refusal(exchange.place(make_ticket(order_id=3), NOW)).code == 103
        assert exchange.place(make_ticket(order_id=3, client_id=2), NOW) != []

    def test_a_filled_order_cannot_be_changed(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)

        assert refusal(exchange.place(make_ticket(), NOW)).code == 104

    def test_a_cancelled_order_cannot_be_changed(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)
        exchange.cancel(CLIENT, OrderId(1), NOW)
        no = refusal(exchange.place(make_ticket(limit="101"), NOW))

        assert no.code == 201
        assert "too late to replace" in no.text

    def test_equity_must_exceed_the_initial_margin(self) -> None:
        exchange = make_exchange(cash="1000")
        (rejected,) = exchange.place(make_ticket(limit="150.00"), NOW)

        assert isinstance(rejected, Rejected)
        assert rejected.order.status is OrderStatus.INACTIVE
        assert rejected.refusal.code == 201
        assert "LOAN VALUE [1000.00 USD] MUST EXCEED THE INITIAL MARGIN [3750.00 USD]" in (
            rejected.refusal.text
        )
        assert exchange.completed_orders() == [rejected.order]
        assert refusal(exchange.place(make_ticket(), NOW)).code == 103

    def test_a_market_order_is_judged_at_the_last_price(self) -> None:
        exchange = make_exchange(cash="1000")

        assert kinds(exchange.place(make_ticket(quantity="26"), NOW)) == [
            "Acknowledged",
            "Executed",
        ]
        assert kinds(exchange.place(make_ticket(order_id=2, quantity="2"), NOW)) == ["Rejected"]

    def test_what_only_reduces_is_never_short_of_margin(self) -> None:
        exchange = make_exchange(cash="1")
        exchange.set_position(ACCOUNT, AAPL.con_id, 100, Decimal(15_000))
        exchange.set_price(AAPL, Decimal(1), NOW)

        assert statuses(exchange.place(make_ticket(side="SELL"), NOW))[-1] == "Filled"

    def test_the_test_may_refuse_the_next_ticket(self) -> None:
        exchange = make_exchange()
        exchange.reject_next(Refusal(460, "No trading permissions."))

        assert refusal(exchange.place(make_ticket(), NOW)).code == 460
        assert kinds(exchange.place(make_ticket(order_id=2), NOW)) == [
            "Acknowledged",
            "Executed",
        ]

    def test_a_forced_201_leaves_an_inactive_order(self) -> None:
        exchange = make_exchange()
        for _ in range(3):
            exchange.reject_next(Refusal(201, "Order rejected - reason:Exchange is closed."))

        assert kinds(exchange.place(make_ticket(), NOW)) == ["Rejected"]
        assert kinds(exchange.place(make_ticket(order_id=2, symbol="NOPE"), NOW)) == ["Refused"]
        assert kinds(exchange.place(make_ticket(order_id=2), NOW)) == ["Rejected"]

    def test_there_is_an_end_to_working_orders(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("twsim.exchange.exchange.LIVE_ORDERS_MAX", 1)
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)

        assert kinds(exchange.place(make_ticket(order_id=2, limit="100"), NOW)) == ["Rejected"]


class TestMargin:
    def test_working_orders_are_counted(self) -> None:
        exchange = make_exchange(cash="4000")
        exchange.place(make_ticket(limit="100.00"), NOW)
        (rejected,) = exchange.place(make_ticket(order_id=2, limit="100.00"), NOW)

        assert isinstance(rejected, Rejected)
        assert "LOAN VALUE [4000.00 USD] MUST EXCEED THE INITIAL MARGIN [6250.00 USD]" in (
            rejected.refusal.text
        )

    def test_what_is_cancelled_is_counted_no_more(self) -> None:
        exchange = make_exchange(cash="4000")
        exchange.place(make_ticket(limit="100.00"), NOW)
        exchange.cancel(CLIENT, OrderId(1), NOW)

        assert statuses(exchange.place(make_ticket(order_id=2, limit="100.00"), NOW)) == [
            "Submitted"
        ]

    def test_only_the_worse_side_is_counted(self) -> None:
        exchange = make_exchange(cash="4000")
        exchange.place(make_ticket(limit="100.00"), NOW)
        sale = make_ticket(order_id=2, side="SELL", limit="160.00")

        assert statuses(exchange.place(sale, NOW)) == ["Submitted"]
        assert kinds(exchange.place(replace(sale, order_id=OrderId(3)), NOW)) == ["Rejected"]

    def test_a_change_to_more_is_judged_and_the_order_lives_on_as_it_was(self) -> None:
        exchange = make_exchange(cash="4000")
        exchange.place(make_ticket(limit="100.00"), NOW)
        before = exchange.open_orders()

        assert (
            refusal(exchange.place(make_ticket(limit="100", quantity="200"), NOW)).code == 201
        )
        assert exchange.open_orders() == before
        assert kinds(exchange.place(make_ticket(limit="101", quantity="90"), NOW)) == [
            "Acknowledged"
        ]

    def test_a_sale_through_zero_is_judged_by_what_becomes_short(self) -> None:
        exchange = make_exchange(cash="0")
        exchange.set_position(ACCOUNT, AAPL.con_id, 100, Decimal(15_000))

        assert kinds(exchange.place(make_ticket(side="SELL", quantity="600"), NOW)) == [
            "Rejected"
        ]
        assert (
            statuses(exchange.place(make_ticket(order_id=2, side="SELL", quantity="300"), NOW))[
                -1
            ]
            == "Filled"
        )


class TestDay:
    def test_closed_positions_and_results_are_of_the_day(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.place(make_ticket(order_id=2, symbol="MSFT"), NOW)
        exchange.place(make_ticket(order_id=3, symbol="MSFT", side="SELL"), NOW)
        assert exchange.figures(ACCOUNT, NOW).realized < 0
        assert exchange.position(ACCOUNT, contract("MSFT").con_id).realized < 0
        exchange.advance(MIDNIGHT)

        assert [row.con_id for row in exchange.positions()] == [AAPL.con_id]
        assert exchange.figures(ACCOUNT, MIDNIGHT).realized == 0
        assert exchange.figures(ACCOUNT, MIDNIGHT).daily == 0

    def test_daily_results_are_what_the_account_has_won_since_the_day_began(self) -> None:
        exchange = make_exchange()
        exchange.set_position(ACCOUNT, AAPL.con_id, 100, Decimal(10_000))
        exchange.place(make_ticket(symbol="MSFT"), NOW)
        exchange.set_price(AAPL, Decimal(155), NOW)
        sums = exchange.figures(ACCOUNT, NOW)
        (apple, microsoft) = (exchange.holding(row, NOW) for row in exchange.positions(ACCOUNT))

        assert apple.daily == 500
        assert microsoft.daily == 100 * (microsoft.price - Decimal("420.02")) - Decimal("0.35")
        assert sums.daily == apple.daily + microsoft.daily
        assert sums.daily == sums.net_liquidation - 1_000_000 - 15_000

    def test_a_day_that_began_is_kept(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.place(make_ticket(order_id=2, side="SELL"), NOW)
        exchange.place(make_ticket(order_id=3, symbol="MSFT"), NOW)
        first = exchange.take_changes()
        exchange.advance(MIDNIGHT)
        second = exchange.take_changes()
        assert first is not None
        assert second is not None
        other = Exchange(contracts(), exchange.opening)
        other.restore([first, second], MIDNIGHT)

        assert other.positions() == exchange.positions()
        assert len(other.positions()) == 1
        assert (other.executions(), other.completed_orders()) == ([], [])
        assert other.next_due(MIDNIGHT) == exchange.next_due(MIDNIGHT)

    def test_an_account_that_is_reset_has_cash_and_nothing_else(self) -> None:
        exchange = make_exchange()
        exchange.open_account(OTHER_ACCOUNT, Decimal(5))
        exchange.place(make_ticket(), NOW)
        exchange.place(make_ticket(order_id=2, limit="100", tif="GTC"), NOW)
        exchange.place(make_ticket(order_id=3, limit="0.01", account=OTHER_ACCOUNT), NOW)
        outcomes = exchange.reset_account(ACCOUNT, Decimal(500), NOW)
        sums = exchange.figures(ACCOUNT, NOW)

        assert kinds(outcomes) == ["Cancelled", "HoldingChanged"]
        assert held(exchange) == 0
        assert sums.cash == sums.net_liquidation == 500
        assert sums.daily == 0
        assert [order.account for order in exchange.open_orders()] == [OTHER_ACCOUNT]

    def test_perm_ids_are_never_given_out_again(self) -> None:
        exchange = make_exchange()
        seen = set()
        now = NOW
        for order_id in range(1, 40):
            exchange.place(make_ticket(order_id=order_id, quantity="1"), now)
            seen |= {order.perm_id for order in exchange.completed_orders()}
            kept = exchange.everything()
            now += timedelta(hours=7)
            exchange = Exchange(contracts(), exchange.opening)
            exchange.restore([kept], now)

        assert len(seen) == 39
        assert len(exchange.completed_orders()) <= 4


class TestCancelling:
    def test_a_working_order_is_cancelled(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)
        (cancelled,) = exchange.cancel(CLIENT, OrderId(1), NOW)

        assert isinstance(cancelled, Cancelled)
        assert cancelled.order.status is OrderStatus.CANCELLED
        assert exchange.open_orders() == []

    def test_an_unknown_order_or_anothers_is_not_found(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)
        text = "OrderId 1 that needs to be cancelled is not found."

        assert refusal(exchange.cancel(ClientId(2), OrderId(1), NOW)) == Refusal(10147, text)
        assert refusal(exchange.cancel(CLIENT, OrderId(9), NOW)).code == 10147

    def test_a_finished_order_cannot_be_cancelled(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)

        assert refusal(exchange.cancel(CLIENT, OrderId(1), NOW)) == Refusal(
            10148, "OrderId 1 that needs to be cancelled cannot be cancelled, state: Filled."
        )


class TestChanging:
    def test_the_same_id_changes_a_working_order(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)
        (changed,) = exchange.place(make_ticket(limit="101", quantity="30"), NOW)

        assert isinstance(changed, Acknowledged)
        assert (changed.order.limit_price, changed.order.quantity) == (Decimal(101), 30)
        assert changed.order.modifications == 1
        assert [order.perm_id for order in exchange.open_orders()] == [changed.order.perm_id]

    def test_a_change_may_make_it_trade(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)

        assert statuses(exchange.place(make_ticket(), NOW)) == ["Submitted", "Filled"]

    def test_a_held_order_may_be_changed_and_does_not_trade(self) -> None:
        exchange = make_exchange()
        exchange.hold()
        exchange.place(make_ticket(), NOW)

        assert kinds(exchange.place(make_ticket(quantity="30"), NOW)) == ["Acknowledged"]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (make_ticket(limit="100", side="SELL"), 105),
            (make_ticket(limit="100", symbol="MSFT"), 105),
            (make_ticket(limit="100.005"), 110),
            (make_ticket(limit="100", quantity="40"), 104),
        ],
    )
    def test_a_change_of_something_else_is_refused(self, change: Ticket, code: int) -> None:
        exchange = make_exchange()
        exchange.set_size(AAPL, 40, NOW)
        exchange.place(make_ticket(limit="150.01"), NOW)
        before = exchange.open_orders()
        assert before[0].filled == 40

        assert refusal(exchange.place(change, NOW)).code == code
        assert exchange.open_orders() == before


class TestKeeping:
    def restored(self, exchange: Exchange, at: datetime = NOW) -> Exchange:
        kept = exchange.everything()
        assert kept.opening is not None
        other = Exchange(contracts(), kept.opening)
        other.restore([kept], at)
        return other

    def test_what_changed_is_taken_once(self) -> None:
        exchange = make_exchange()
        first = exchange.take_changes()

        assert first is not None
        assert [account.account for account in first.accounts] == [ACCOUNT]
        assert exchange.take_changes() is None

    def test_changes_applied_in_order_give_the_same_world(self) -> None:
        exchange = make_exchange()
        changes = []
        steps: list[Callable[[], object]] = [
            lambda: exchange.place(make_ticket(limit="100"), NOW),
            lambda: exchange.place(make_ticket(order_id=2), NOW),
            lambda: exchange.set_price(AAPL, Decimal(120), NOW),
            lambda: exchange.advance(SOON),
            lambda: exchange.cancel(CLIENT, OrderId(1), SOON),
        ]
        for step in steps:
            step()
            taken = exchange.take_changes()
            assert taken is not None
            changes.append(taken)
        other = Exchange(contracts(), exchange.opening)
        other.restore(changes, SOON)

        assert other.everything() == exchange.everything()
        assert other.quote(AAPL, SOON) == exchange.quote(AAPL, SOON)
        assert other.take_changes() is None

    def test_working_orders_go_on_after_a_restart(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="149.00"), NOW)
        other = self.restored(exchange)

        assert other.next_order_id(CLIENT) == 2
        assert statuses(other.set_price(AAPL, Decimal(148), NOW)) == ["Filled"]

    def test_a_commission_that_was_not_told_is_told_after_the_restart(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)

        assert kinds(self.restored(exchange).advance(SOON)) == [
            "CommissionKnown",
            "HoldingChanged",
        ]

    def test_a_commission_that_was_told_is_not_told_again(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.advance(SOON)

        assert self.restored(exchange).next_due(SOON) == MIDNIGHT

    def test_finished_orders_and_executions_are_of_the_day(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.place(make_ticket(order_id=2, limit="100", tif="GTC"), NOW)
        restored = self.restored(exchange, TOMORROW)
        exchange.advance(TOMORROW)

        for world in (exchange, restored):
            assert world.completed_orders() == []
            assert world.executions() == []
            assert [order.order_id for order in world.open_orders()] == [2]
            assert held(world) == 100
            assert refusal(world.place(make_ticket(), TOMORROW)).code == 103

    def test_a_commission_due_over_midnight_is_forgotten_with_its_execution(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        kept = exchange.everything()
        restored = self.restored(exchange)
        restored._books.forget_before(TOMORROW.date())

        assert kinds(restored.advance(SOON)) == ["HoldingChanged"]
        assert kept.executions[0].reported is False


class TestAsking:
    def test_all_orders_or_one_clients(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(limit="100"), NOW)
        exchange.place(make_ticket(limit="100", client_id=2), NOW)

        assert len(exchange.open_orders()) == 2
        assert len(exchange.open_orders(ClientId(2))) == 1
        assert exchange.order(exchange.open_orders()[0].perm_id).client_id == CLIENT

    def test_figures_follow_a_trade(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(quantity="50"), NOW)
        sums = exchange.figures(ACCOUNT, NOW)

        assert sums.cash == Decimal(1_000_000) - 50 * Decimal("150.01") - Decimal("0.35")
        assert sums.net_liquidation == Decimal(1_000_000) - Decimal("0.85")

    def test_an_account_is_opened_once(self) -> None:
        exchange = make_exchange()
        exchange.open_account(ACCOUNT, Decimal(5))
        exchange.open_account(OTHER_ACCOUNT, Decimal(5))

        assert exchange.accounts() == [ACCOUNT, OTHER_ACCOUNT]
        assert exchange.figures(ACCOUNT, NOW).cash == 1_000_000
        assert exchange.has_account("DUP203550")
        assert not exchange.has_account("DU0")
        assert exchange.positions(AccountId("DU0")) == []

    def test_prices_move_at_the_next_step(self) -> None:
        assert make_exchange().next_step(NOW) == NOW + STEP


sides = st.sampled_from(["BUY", "SELL"])
limits = st.one_of(st.none(), st.integers(14_900, 15_100).map(lambda cents: str(cents / 100)))
sizes = st.integers(1, 4000).map(str)


@settings(deadline=None, max_examples=60)
@given(
    orders=st.lists(
        st.tuples(sides, sizes, limits, st.integers(0, 30)), min_size=1, max_size=12
    )
)
def test_whatever_is_traded_the_books_agree(
    orders: list[tuple[str, str, str | None, int]],
) -> None:
    exchange = Exchange(contracts(), Opening(seed=5, at=NOW))
    exchange.open_account(ACCOUNT, Decimal(10**9))
    now = NOW
    for order_id, (side, quantity, limit, seconds) in enumerate(orders, start=1):
        ticket = make_ticket(order_id=order_id, side=side, quantity=quantity, limit=limit)
        exchange.place(ticket, now)
        now += timedelta(seconds=seconds)
        exchange.advance(now)
    exchange.advance(now + COMMISSION_DELAY)

    executions = exchange.executions()
    assert held(exchange) == sum(e.side.sign * e.shares for e in executions)
    assert len({e.exec_id for e in executions}) == len(executions)
    for order in [*exchange.open_orders(), *exchange.completed_orders()]:
        own = [e for e in executions if e.perm_id == order.perm_id]
        assert order.filled == sum(e.shares for e in own) <= order.quantity
        assert (order.commission or 0) == sum(e.commission for e in own)
        assert all(
            order.limit_price is None or (e.price - order.limit_price) * e.side.sign <= 0
            for e in own
        )
    spent = sum(e.side.sign * e.shares * e.price + e.commission for e in executions)
    assert exchange.figures(ACCOUNT, now).cash == 10**9 - spent
