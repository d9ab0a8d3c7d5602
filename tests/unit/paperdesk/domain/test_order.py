"""The one state machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import NOW, make_order, seconds
from paperdesk.domain.order import (
    SENT,
    TERMINAL,
    TRANSITIONS,
    UNPLACED,
    UNRESOLVED,
    InvalidTransition,
    OrderEvent,
    OrderState,
    ShownStatus,
    WireStatus,
    advance,
    shown_status,
    shown_warnings,
)
from paperdesk.domain.vocabulary import Side

# Written a second time, by hand: per state where each event of OrderEvent leads, in the order
# of the first line; "." is an event that cannot happen there.
BY_HAND = """
            clai nots lost vani abse quar ackn fill canc reje drop laps
planned     send .    .    .    .    .    .    .    .    .    drop laps
sending     .    notp unkn unkn .    .    work fill canc reje .    .
unknown     .    notp unkn unkn notp quar work fill canc reje .    .
quarantined .    .    quar quar notp quar work fill canc reje .    .
working     .    .    work unkn .    .    work fill canc reje .    .
filled      .    .    fill fill .    .    fill fill fill fill .    .
cancelled   .    .    canc canc .    .    canc fill canc canc .    .
rejected    .    .    reje reje .    .    reje fill canc reje .    .
not_placed  .    .    notp notp .    .    work fill canc reje .    .
dropped     .    .    .    .    .    .    work fill canc reje .    .
lapsed      .    .    .    .    .    .    work fill canc reje .    .
"""
REPORTED = (
    OrderEvent.ACKNOWLEDGED,
    OrderEvent.FILLED,
    OrderEvent.CANCELLED,
    OrderEvent.REJECTED,
)
SHOWN = {
    OrderState.PLANNED: ShownStatus.PENDING_SUBMIT,
    OrderState.SENDING: ShownStatus.PENDING_SUBMIT,
    OrderState.UNKNOWN: ShownStatus.UNKNOWN,
    OrderState.QUARANTINED: ShownStatus.UNKNOWN,
    OrderState.WORKING: ShownStatus.PRE_SUBMITTED,
    OrderState.FILLED: ShownStatus.FILLED,
    OrderState.CANCELLED: ShownStatus.CANCELLED,
    OrderState.REJECTED: ShownStatus.INACTIVE,
    OrderState.NOT_PLACED: ShownStatus.ERROR,
    OrderState.DROPPED: ShownStatus.CANCELLED,
    OrderState.LAPSED: ShownStatus.ERROR,
}
ASKED = {
    OrderState.SENDING: ShownStatus.PENDING_CANCEL,
    OrderState.WORKING: ShownStatus.PENDING_CANCEL,
}


def by_hand() -> Mapping[tuple[OrderState, OrderEvent], OrderState]:
    states = {str(state).replace("_", "")[:4]: state for state in OrderState}
    lines = BY_HAND.strip("\n").splitlines()[1:]
    return {
        (OrderState(name), event): states[cell]
        for name, *cells in map(str.split, lines)
        for event, cell in zip(OrderEvent, cells, strict=True)
        if cell != "."
    }


def test_the_table_is_what_was_meant() -> None:
    assert by_hand() == TRANSITIONS


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("event", OrderEvent)
def test_every_cell_moves_as_the_table_says_or_raises(
    state: OrderState, event: OrderEvent
) -> None:
    order = make_order(state=state, ended_at=NOW if state in TERMINAL else None)
    expected = TRANSITIONS.get((state, event))

    if expected is None:
        before = replace(order)
        with pytest.raises(InvalidTransition, match=f"{event} while {state}"):
            advance(order, event, NOW)
        assert order == before
        return
    after = advance(order, event, NOW + seconds(1))

    if expected is state:
        assert after is order
    else:
        ended_at = NOW + seconds(1) if expected in TERMINAL else None
        assert after == replace(order, state=expected, ended_at=ended_at)


@given(
    st.sampled_from([OrderState.SENDING, *SENT, *sorted(UNPLACED)]),
    st.lists(st.sampled_from(REPORTED), min_size=1, max_size=8),
    st.data(),
)
def test_any_order_and_repetition_of_reports_leads_to_the_same_state(
    state: OrderState, events: list[OrderEvent], data: st.DataObject
) -> None:
    again = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=4))]

    def after(heard: list[OrderEvent]) -> OrderState:
        order = make_order(state=state)
        for event in heard:
            order = advance(order, event, NOW)
        return order.state

    assert after(events) is after(data.draw(st.permutations(again)))


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

    assert reopening == UNPLACED
    assert {OrderState.NOT_PLACED, OrderState.DROPPED, OrderState.LAPSED} == UNPLACED


def test_a_state_is_unsent_with_the_broker_or_over() -> None:
    assert {OrderState.PLANNED} | SENT | TERMINAL == set(OrderState)
    assert not SENT & TERMINAL
    assert UNRESOLVED < SENT


def test_every_event_that_a_report_can_be_is_taken_in_every_state_but_planned() -> None:
    heard = set(OrderState) - {OrderState.PLANNED}  # a restored ledger has none of before

    assert all((state, event) in TRANSITIONS for state in heard for event in REPORTED)


def test_leaves_are_what_may_still_trade() -> None:
    order = make_order(side=Side.SELL, quantity=100, filled=40)

    assert order.leaves == 60
    assert order.signed_leaves == -60
    assert replace(order, state=OrderState.CANCELLED).leaves == 0


def test_a_correction_that_takes_shares_back_leaves_no_more_to_trade() -> None:
    assert replace(make_order(filled=40), filled_qty=10).leaves == 60


def test_the_average_price_is_that_of_the_executions() -> None:
    assert make_order(filled=40, price="10.5").avg_fill_price == Decimal("10.5")
    assert make_order().avg_fill_price is None


def test_a_cancelled_order_settles_after_a_second() -> None:
    order = make_order(state=OrderState.CANCELLED, ended_at=NOW)

    assert order.settles_at == NOW + seconds(1)
    assert not order.is_settled(NOW + seconds(0.999999))
    assert order.is_settled(NOW + seconds(1))
    assert not replace(order, ended_at=None).is_settled(NOW + seconds(9))


def test_a_clock_that_was_set_back_does_not_keep_a_contract_locked() -> None:
    order = make_order(state=OrderState.CANCELLED, ended_at=NOW)

    assert not order.is_settled(NOW - seconds(59))  # it may be a time that was read before
    assert order.is_settled(NOW - seconds(600))
    assert not replace(order, broker_filled=1).is_settled(NOW - seconds(600))


def test_an_order_with_executions_missing_settles_by_them_and_not_by_time() -> None:
    order = make_order(state=OrderState.CANCELLED, ended_at=NOW, filled=10, broker_filled=40)

    assert order.settles_at is None
    assert not order.is_settled(NOW + seconds(3600))
    assert replace(order, executed_qty=40).is_settled(NOW + seconds(1))


@pytest.mark.parametrize("state", sorted(TERMINAL - {OrderState.CANCELLED}))
def test_any_other_end_settles_at_once_when_executions_add_up(state: OrderState) -> None:
    order = make_order(state=state, filled=40, broker_filled=40, ended_at=NOW)

    assert order.settles_at is None
    assert order.is_settled(NOW)
    assert not replace(order, broker_filled=41).is_settled(NOW + seconds(9))


@pytest.mark.parametrize("state", sorted(set(OrderState) - TERMINAL))
def test_what_is_not_over_is_never_settled(state: OrderState) -> None:
    order = make_order(state=state)

    assert not order.is_settled(NOW + seconds(3600))
    assert order.settles_at is None


@pytest.mark.parametrize("state", OrderState)
def test_every_state_has_its_shown_status(state: OrderState) -> None:
    order = make_order(state=state)
    asked = replace(order, cancel_asked=True)

    assert shown_status(order) is SHOWN[state]
    assert shown_status(asked) is ASKED.get(state, SHOWN[state])


@pytest.mark.parametrize("state", OrderState)
def test_an_order_that_ended_with_its_time_is_inactive_unless_it_filled(
    state: OrderState,
) -> None:
    order = replace(make_order(state=state), is_expired=True)
    is_over = state is OrderState.CANCELLED

    assert shown_status(order) is (ShownStatus.INACTIVE if is_over else SHOWN[state])


@pytest.mark.parametrize("wire", WireStatus)
def test_a_working_order_shows_the_wires_status(wire: WireStatus) -> None:
    assert shown_status(make_order(status=wire)) == wire.value


def test_a_late_order_shows_its_real_status_and_its_warnings() -> None:
    late = replace(
        make_order(status=WireStatus.SUBMITTED, warnings=("late",)),
        is_late=True,
        cancel_asked=True,
    )

    assert shown_status(late) is ShownStatus.PENDING_CANCEL
    assert shown_status(replace(late, state=OrderState.FILLED)) is ShownStatus.FILLED
    assert shown_warnings(late) == ("late",)


def test_what_has_left_and_not_ended_is_sent_and_what_is_shown_as_unknown_unresolved() -> None:
    assert set(OrderState) - TERMINAL - {OrderState.PLANNED} == SENT
    assert {s for s in OrderState if SHOWN[s] is ShownStatus.UNKNOWN} == UNRESOLVED


@pytest.mark.parametrize(
    ("sent_after", "is_silent"),
    [(-1, True), (0, True), (0.001, False), (70, False), (71, True)],
)
def test_an_order_is_silent_that_was_sent_by_then_or_before_the_clock_was_set_back(
    sent_after: float,
    is_silent: bool,  # noqa: FBT001 - a parameter
) -> None:
    sent_at = NOW + seconds(sent_after)
    order = replace(make_order(state=OrderState.SENDING), sent_at=sent_at)

    assert order.is_silent(NOW, NOW + seconds(10)) is is_silent
    assert not replace(order, state=OrderState.WORKING).is_silent(NOW, NOW + seconds(10))
    assert not replace(order, sent_at=None).is_silent(NOW, NOW + seconds(10))
