"""The one state machine."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from makers import NOW, make_order, seconds
from paperdesk.domain.order import (
    TERMINAL,
    TRANSITIONS,
    InvalidTransition,
    OrderEvent,
    OrderState,
    ShownStatus,
    WireStatus,
    advance,
    shown_status,
)
from paperdesk.domain.vocabulary import Side


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("event", OrderEvent)
def test_every_cell_moves_as_the_table_says_or_raises(
    state: OrderState, event: OrderEvent
) -> None:
    order = make_order(state=state)
    expected = TRANSITIONS.get((state, event))

    if expected is None:
        with pytest.raises(InvalidTransition):
            advance(order, event, NOW)
        return
    after = advance(order, event, NOW)

    assert after.state is expected
    if expected is not state:
        assert (after.ended_at is not None) == (expected in TERMINAL)
    else:
        assert after is order


def test_nothing_leads_back_to_a_state_from_which_an_order_is_sent() -> None:
    assert OrderState.PLANNED not in TRANSITIONS.values()
    assert [key for key, state in TRANSITIONS.items() if state is OrderState.SENDING] == [
        (OrderState.PLANNED, OrderEvent.CLAIMED)
    ]


def test_only_a_late_arrival_reopens_a_terminal_order() -> None:
    reopening = {
        before
        for (before, _), after in TRANSITIONS.items()
        if before in TERMINAL and after not in TERMINAL
    }

    assert reopening == {OrderState.NOT_PLACED}


def test_every_event_that_a_report_can_be_is_taken_in_every_sent_state() -> None:
    sent = set(OrderState) - {OrderState.PLANNED, OrderState.DROPPED, OrderState.LAPSED}
    reports = {
        OrderEvent.ACKNOWLEDGED,
        OrderEvent.FILLED,
        OrderEvent.CANCELLED,
        OrderEvent.REJECTED,
    }

    assert all((state, event) in TRANSITIONS for state in sent for event in reports)


def test_leaves_are_what_may_still_trade() -> None:
    order = make_order(side=Side.SELL, quantity=100, filled=40)

    assert order.leaves == 60
    assert order.signed_leaves == -60
    assert replace(order, state=OrderState.CANCELLED).leaves == 0


def test_the_average_price_is_that_of_the_executions() -> None:
    assert make_order(filled=40, price="10.5").avg_fill_price == Decimal("10.5")
    assert make_order().avg_fill_price is None


def test_a_cancelled_order_settles_after_a_second() -> None:
    order = make_order(state=OrderState.CANCELLED, ended_at=NOW)

    assert not order.is_settled(NOW + seconds(0.9))
    assert order.is_settled(NOW + seconds(1))
    assert not replace(order, ended_at=None).is_settled(NOW + seconds(9))


def test_a_filled_order_settles_at_once_when_its_executions_add_up() -> None:
    order = make_order(state=OrderState.FILLED, filled=100)

    assert order.is_settled(NOW)
    assert not replace(order, broker_filled=101).is_settled(NOW)
    assert not make_order(filled=10).is_settled(NOW)


@pytest.mark.parametrize("state", OrderState)
def test_every_state_has_a_shown_status(state: OrderState) -> None:
    assert shown_status(make_order(state=state)) in ShownStatus


def test_a_working_order_shows_the_wires_status() -> None:
    order = replace(make_order(), wire_status=WireStatus.SUBMITTED)

    assert shown_status(order) is ShownStatus.SUBMITTED
    assert shown_status(make_order()) is ShownStatus.PRE_SUBMITTED


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (OrderState.SENDING, ShownStatus.PENDING_CANCEL),
        (OrderState.WORKING, ShownStatus.PENDING_CANCEL),
        (OrderState.UNKNOWN, ShownStatus.UNKNOWN),
        (OrderState.FILLED, ShownStatus.FILLED),
        (OrderState.CANCELLED, ShownStatus.CANCELLED),
    ],
)
def test_an_asked_cancel_shows_until_the_order_ends(
    state: OrderState, status: ShownStatus
) -> None:
    assert shown_status(make_order(state=state, cancel_asked=True)) is status
