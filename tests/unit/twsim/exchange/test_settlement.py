"""What a trade does to the accounts, when its commission is told, and corrections."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.commissions import Schedule, Tariff
from twsim.exchange.exchange import Exchange
from twsim.exchange.outcomes import CommissionKnown
from twsim.exchange.rules import Rules
from twsim.exchange.settlement import COMMISSION_DELAY
from twsim_makers import ACCOUNT, NOW, contract, contracts, make_exchange, make_ticket

AAPL = contract("AAPL")
SOON = NOW + COMMISSION_DELAY
LATER = NOW + timedelta(seconds=10)


def kinds(exchange: Exchange, seconds: float) -> list[str]:
    outcomes = exchange.advance(NOW + timedelta(seconds=seconds))
    return [type(outcome).__name__ for outcome in outcomes]


class TestCommissions:
    def test_a_delay_holds_back_the_commission_and_not_the_position(self) -> None:
        exchange = make_exchange(rules=Rules(commission_delay=timedelta(seconds=10)))
        exchange.place(make_ticket(), NOW)

        assert kinds(exchange, 5) == ["HoldingChanged"]
        assert exchange.open_orders() == []
        assert exchange.completed_orders()[0].commission is None
        assert kinds(exchange, 10) == ["CommissionKnown"]

    def test_a_commission_may_never_be_told(self) -> None:
        exchange = make_exchange()
        exchange.set_commission_delay(None)
        exchange.place(make_ticket(), NOW)

        assert kinds(exchange, 3600) == ["HoldingChanged"]
        assert exchange.figures(ACCOUNT, NOW).cash < 1_000_000 - 100 * 150

    def test_a_later_fill_may_be_told_of_before(self) -> None:
        exchange = make_exchange()
        exchange.set_commission_delay(timedelta(seconds=30))
        exchange.place(make_ticket(), NOW)
        exchange.set_commission_delay(timedelta(0))
        exchange.place(make_ticket(order_id=2), NOW)
        (known,) = exchange.advance(NOW)

        assert isinstance(known, CommissionKnown)
        assert known.order.order_id == 2
        assert exchange.next_due(NOW) == SOON

    def test_the_tariff_is_the_rules(self) -> None:
        exchange = make_exchange(rules=Rules(tariff=Tariff(Schedule.FIXED)))
        exchange.place(make_ticket(), NOW)

        assert exchange.executions()[0].commission == Decimal("1.0003")


class TestCorrections:
    def test_a_correction_takes_the_place_of_the_execution(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.place(make_ticket(order_id=2, symbol="MSFT"), NOW)
        exchange.advance(SOON)
        first = exchange.executions()[0]
        corrected = exchange.correct(first.exec_id, LATER, price=Decimal("149.00"))
        changed = exchange.executions()[0]

        assert corrected.execution == changed
        assert (first.exec_id[-3:], changed.exec_id[-3:]) == (".01", ".02")
        assert first.exec_id[:-3] == changed.exec_id[:-3]
        assert changed.price == changed.average_price == 149
        assert changed.at == NOW
        assert len(exchange.executions()) == 2
        assert exchange.position(ACCOUNT, AAPL.con_id).average_cost == Decimal("149.0035")

    def test_its_commission_is_told_anew_and_the_orders_sum_is_right(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(quantity="1000"), NOW)
        exchange.advance(SOON)
        (execution, *_) = exchange.executions()
        order = exchange.order(execution.perm_id)
        less = execution.shares - 100
        exchange.correct(execution.exec_id, SOON, shares=less)
        told = exchange.advance(SOON + COMMISSION_DELAY)[0]

        assert isinstance(told, CommissionKnown)
        assert told.execution.exec_id.endswith(".02")
        assert told.order.commission == Decimal("3.5") - 100 * Decimal("0.0035")
        assert (told.order.filled, told.order.status) == (900, order.status)

    def test_one_that_was_not_told_yet_is_told_once(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.correct(exchange.executions()[0].exec_id, NOW, shares=90)

        assert kinds(exchange, 1) == ["CommissionKnown", "HoldingChanged"]
        assert exchange.position(ACCOUNT, AAPL.con_id).quantity == 90

    def test_a_corrected_sale_realises_something_else(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        exchange.place(make_ticket(order_id=2, side="SELL"), NOW)
        sale = exchange.executions()[1]
        exchange.correct(sale.exec_id, NOW, price=sale.price + 1)
        changed = exchange.executions()[1]

        assert sale.realized is not None
        assert changed.realized == sale.realized + 100
        assert exchange.position(ACCOUNT, AAPL.con_id).realized == changed.realized

    def test_only_the_latest_revision_of_today_can_be_corrected(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        first = exchange.executions()[0].exec_id
        exchange.correct(first, NOW, shares=90)

        with pytest.raises(KeyError):
            exchange.correct(first, NOW, shares=80)
        with pytest.raises(AssertionError, match="beyond the order"):
            exchange.correct(exchange.executions()[0].exec_id, NOW, shares=101)

    def test_a_correction_lives_through_a_restart(self) -> None:
        exchange = make_exchange()
        exchange.place(make_ticket(), NOW)
        before = exchange.take_changes()
        exchange.correct(exchange.executions()[0].exec_id, NOW, shares=90)
        after = exchange.take_changes()
        assert before is not None
        assert after is not None
        other = Exchange(contracts(), exchange.opening)
        other.restore([before, after], NOW)

        assert other.everything() == exchange.everything()
        assert [each.exec_id[-3:] for each in other.executions()] == [".02"]


@settings(deadline=None, max_examples=60)
@given(
    orders=st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 300)), min_size=1, max_size=6
    ),
    corrections=st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 300), st.integers(140, 160)), max_size=4
    ),
)
def test_whatever_is_corrected_cash_cost_and_results_add_up(
    orders: list[tuple[str, int]], corrections: list[tuple[int, int, int]]
) -> None:
    exchange = make_exchange()
    for order_id, (side, quantity) in enumerate(orders, start=1):
        exchange.place(make_ticket(order_id=order_id, side=side, quantity=str(quantity)), NOW)
    for which, shares, price in corrections:
        done = exchange.executions()
        execution = done[which % len(done)]
        fewer = min(shares, execution.shares)
        exchange.correct(execution.exec_id, NOW, shares=fewer, price=Decimal(price))
    position = exchange.position(ACCOUNT, AAPL.con_id)
    executions = exchange.executions()
    spent = sum(e.side.sign * e.shares * e.price + e.commission for e in executions)

    assert position.quantity == sum(e.side.sign * e.shares for e in executions)
    assert exchange.figures(ACCOUNT, NOW).cash == 1_000_000 - spent
    assert position.cost - position.realized == pytest.approx(spent, abs=Decimal("0.000001"))
    for order in exchange.completed_orders():
        own = [e for e in executions if e.perm_id == order.perm_id]
        assert order.filled == sum(e.shares for e in own)
        assert order.value == sum(e.shares * e.price for e in own)
