"""The exchange's door for those who are no clients."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from twsim.exchange.exchange import Exchange
from twsim.exchange.orders import Order
from twsim.exchange.outcomes import Acknowledged, Executed, Outcome, Refused, Rejected
from twsim.exchange.refusals import Refusal
from twsim.exchange.vocabulary import ConId, OrderId, OrderStatus
from twsim_makers import ACCOUNT, CLIENT, NOW, contract, make_exchange, make_ticket

AAPL: ConId = contract().con_id
ONE, TWO = OrderId(1), OrderId(2)
NO = Refusal(201, "Order rejected - reason:no")


@pytest.fixture
def exchange() -> Exchange:
    return make_exchange()


def found(exchange: Exchange, order_id: OrderId = ONE) -> Order:
    order = exchange.find(CLIENT, order_id)
    assert order is not None
    return order


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def test_a_held_order_works_and_trades_once_it_is_released(exchange: Exchange) -> None:
    exchange.hold_order(CLIENT, ONE)
    placed = exchange.place(make_ticket(order_id=1), NOW)
    exchange.place(make_ticket(order_id=2), NOW)

    assert kinds(placed) == ["Acknowledged"]
    assert exchange.position(ACCOUNT, AAPL).quantity == 100  # the other one

    released = exchange.release_order(CLIENT, ONE, NOW)

    assert kinds(released) == ["Acknowledged", "Executed"]
    assert found(exchange).status is OrderStatus.FILLED
    assert exchange.release_order(CLIENT, ONE, NOW) == []
    assert exchange.release_order(CLIENT, OrderId(9), NOW) == []


def test_a_held_limit_order_is_shown_as_it_was(exchange: Exchange) -> None:
    exchange.hold_order(CLIENT, ONE)
    exchange.place(make_ticket(limit="100"), NOW)
    (shown,) = exchange.release_order(CLIENT, ONE, NOW)

    assert isinstance(shown, Acknowledged)
    assert shown.order.status is OrderStatus.SUBMITTED


def test_what_is_released_quietly_trades_when_time_passes(exchange: Exchange) -> None:
    exchange.hold_order(CLIENT, ONE)
    exchange.place(make_ticket(), NOW)
    exchange.release_quietly(CLIENT, ONE, NOW)
    exchange.release_quietly(CLIENT, TWO, NOW)
    later = exchange.advance(NOW + timedelta(seconds=2))

    assert "Executed" in kinds(later)


def test_an_order_fills_by_hand_in_parts_and_even_after_its_cancel(exchange: Exchange) -> None:
    exchange.place(make_ticket(limit="100"), NOW)
    (first,) = exchange.fill_order(found(exchange), 30, NOW)
    exchange.cancel(CLIENT, ONE, NOW)
    (late,) = exchange.fill_order(found(exchange), 500, NOW)

    assert isinstance(first, Executed)
    assert isinstance(late, Executed)
    assert (first.execution.shares, first.execution.price) == (30, Decimal(100))
    assert (late.execution.shares, late.order.status) == (70, OrderStatus.CANCELLED)
    assert late.order.completed_words == "Cancelled by Trader"
    assert exchange.position(ACCOUNT, AAPL).quantity == 100
    assert exchange.fill_order(found(exchange), 1, NOW) == []


def test_a_sell_at_the_market_fills_by_hand_at_the_bid(exchange: Exchange) -> None:
    exchange.hold()
    exchange.place(make_ticket(side="SELL"), NOW)
    (filled,) = exchange.fill_order(found(exchange), 100, NOW)

    assert isinstance(filled, Executed)
    assert filled.execution.price == exchange.quote(contract(), NOW).bid


def test_a_working_order_can_be_rejected_and_a_rejected_one_never_fills(
    exchange: Exchange,
) -> None:
    exchange.place(make_ticket(limit="100"), NOW)
    (rejected,) = exchange.reject_order(found(exchange), NO, NOW)

    assert isinstance(rejected, Rejected)
    assert rejected.order.status is OrderStatus.INACTIVE
    assert exchange.reject_order(found(exchange), NO, NOW) == []
    assert exchange.fill_order(found(exchange), 1, NOW) == []


def test_a_refusal_that_nobody_met_is_forgotten(exchange: Exchange) -> None:
    exchange.reject_next(NO)
    exchange.forget_refusal(NO)
    exchange.forget_refusal(NO)

    assert kinds(exchange.place(make_ticket(limit="100"), NOW)) == ["Acknowledged"]


def test_a_forced_ticket_may_have_an_id_that_works_already(exchange: Exchange) -> None:
    exchange.place(make_ticket(limit="100"), NOW)
    exchange.force(make_ticket(limit="101"), NOW)
    refused = exchange.force(make_ticket(quantity="0"), NOW)

    assert len({order.perm_id for order in exchange.open_orders()}) == 2
    assert kinds(refused) == ["Refused"]
    assert isinstance(refused[0], Refused)

    exchange.cancel(CLIENT, ONE, NOW)
    exchange.advance(NOW + timedelta(days=3))

    assert exchange.open_orders() == []


def test_a_draft_is_nowhere(exchange: Exchange) -> None:
    draft = exchange.draft(make_ticket(), NOW)

    assert isinstance(draft, Order)
    assert exchange.order_of(draft.perm_id) is None
    assert exchange.open_orders() == []


def test_ids_roll_back_but_never_below_a_working_order(exchange: Exchange) -> None:
    exchange.place(make_ticket(order_id=5, limit="100"), NOW)
    exchange.place(make_ticket(order_id=9), NOW)
    exchange.roll_back(2)

    assert exchange.next_order_id(CLIENT) == 8

    exchange.roll_back(100)

    assert exchange.next_order_id(CLIENT) == 6

    exchange.roll_back(0)

    assert exchange.next_order_id(CLIENT) == 6
