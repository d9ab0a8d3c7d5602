"""What follows from reports: whatever their order, and however often they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import (
    AAPL,
    ACCOUNT,
    NOW,
    error_report,
    make_execution,
    make_order,
    order_report,
    seconds,
    status_report,
)
from paperdesk.domain import reconcile
from paperdesk.domain.execution import Execution
from paperdesk.domain.order import (
    HELD,
    Order,
    OrderEvent,
    OrderState,
    ShownStatus,
    WireStatus,
    advance,
    shown_status,
    shown_warnings,
)
from paperdesk.domain.reports import (
    CompletedReport,
    Effect,
    ErrorReport,
    OrderReport,
    StatusReport,
    Told,
)
from paperdesk.domain.vocabulary import ExecId, OrderRef, PermId

Evidence = OrderReport | StatusReport | CompletedReport | ErrorReport | Execution
NO_COMMISSIONS: Mapping[ExecId, Decimal] = {}


def completed(told: Told, *, filled: int = 0, words: str = "") -> CompletedReport:
    return CompletedReport(
        order_ref=OrderRef("pd-a1b2c3d4e5f67890-0"),
        perm_id=PermId(9001),
        account=ACCOUNT,
        conid=AAPL,
        told=told,
        filled=Decimal(filled),
        words=words,
    )


def fold(order: Order, evidence: Sequence[Evidence]) -> Order:
    executions: list[Execution] = []
    for item in evidence:
        match item:
            case OrderReport() | StatusReport():
                order = reconcile.apply_status(order, item, NOW)
            case CompletedReport():
                order = reconcile.apply_completed(order, item, NOW)
            case ErrorReport():
                order = reconcile.apply_error(order, item, NOW)
            case Execution():
                executions.append(item)
                order = reconcile.apply_executions(order, executions, NO_COMMISSIONS, NOW)
    return order


def sending() -> Order:
    return make_order(state=OrderState.SENDING)


evidence_items: st.SearchStrategy[Evidence] = st.one_of(
    st.sampled_from(Told).map(order_report),
    st.builds(status_report, st.sampled_from(Told), filled=st.integers(0, 100)),
    st.builds(completed, st.sampled_from(Told), filled=st.integers(0, 100)),
    st.builds(
        error_report,
        st.sampled_from([201, 202, 399, 10148]),
        st.sampled_from(["a", "b", "Order Canceled - reason:"]),
        effect=st.sampled_from(Effect),
    ),
    st.sampled_from(
        [
            make_execution("x.01.01", quantity=60),
            make_execution("x.01.02", quantity=20),
            make_execution("y.01.01", quantity=40),
            make_execution("z.01.01", quantity=30),
        ]
    ),
)


@given(st.lists(evidence_items, max_size=8), st.randoms(use_true_random=False), st.data())
def test_any_order_and_repetition_of_evidence_gives_the_same_order(
    evidence: list[Evidence], random: object, data: st.DataObject
) -> None:
    again = (
        [*evidence, *data.draw(st.lists(st.sampled_from(evidence), max_size=4))]
        if evidence
        else []
    )
    random.shuffle(again)  # type: ignore[attr-defined]

    assert fold(sending(), evidence) == fold(sending(), again)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (Told.ACKNOWLEDGED, ShownStatus.PRE_SUBMITTED),
        (Told.PRE_SUBMITTED, ShownStatus.PRE_SUBMITTED),
        (Told.SUBMITTED, ShownStatus.SUBMITTED),
        (Told.CANCELLED, ShownStatus.CANCELLED),
        (Told.INACTIVE, ShownStatus.PRE_SUBMITTED),
    ],
)
def test_a_status_report_moves_the_order(told: Told, status: ShownStatus) -> None:
    assert shown_status(fold(sending(), [status_report(told)])) is status


def test_filled_is_believed_of_executions_only() -> None:
    told = fold(sending(), [status_report(Told.FILLED, filled=100)])

    assert told.state is OrderState.WORKING
    assert told.broker_filled == 100
    assert not told.is_settled(NOW)

    executed = fold(told, [make_execution(quantity=100)])

    assert executed.state is OrderState.FILLED
    assert executed.is_settled(NOW)


def test_executions_alone_fill_an_order() -> None:
    order = fold(
        sending(),
        [
            make_execution("a.01", quantity=40, price="10"),
            make_execution("b.01", quantity=60, price="11"),
        ],
    )

    assert order.state is OrderState.FILLED
    assert order.avg_fill_price == Decimal("10.6")
    assert order.perm_id == 9001


def test_a_partial_execution_acknowledges_the_order() -> None:
    order = fold(sending(), [make_execution(quantity=40)])

    assert order.state is OrderState.WORKING
    assert order.wire_status is WireStatus.SUBMITTED


def test_a_correction_replaces_the_execution() -> None:
    order = fold(
        sending(),
        [make_execution("a.01.01", quantity=40), make_execution("a.01.02", quantity=30)],
    )

    assert order.filled_qty == 30


def test_a_correction_does_not_make_a_filled_order_work_again() -> None:
    order = fold(
        sending(),
        [make_execution("a.01.01", quantity=100), make_execution("a.01.02", quantity=30)],
    )

    assert order.state is OrderState.FILLED
    assert order.filled_qty == 30


def test_no_executions_change_nothing() -> None:
    assert reconcile.apply_executions(sending(), [], {}, NOW) == sending()


def test_the_commission_is_known_once_every_execution_has_one() -> None:
    booked = [make_execution("a.01", quantity=40), make_execution("b.01", quantity=60)]
    first = {ExecId("a.01"): Decimal("0.35")}
    both = first | {ExecId("b.01"): Decimal(0)}

    assert reconcile.apply_executions(sending(), booked, first, NOW).commission is None
    assert reconcile.apply_executions(sending(), booked, both, NOW).commission == Decimal(
        "0.35"
    )


def test_inactive_alone_is_held_and_with_a_reject_final() -> None:
    held = fold(sending(), [status_report(Told.INACTIVE)])
    rejected = fold(held, [error_report(201, "Order rejected - reason: margin")])

    assert held.state is OrderState.WORKING
    assert held.is_held
    assert rejected.state is OrderState.REJECTED
    assert rejected.error == "Order rejected - reason: margin"
    assert rejected.broker_code == 201


def test_inactive_among_completed_orders_is_final() -> None:
    order = fold(sending(), [completed(Told.INACTIVE, words="Rejected by System: closed")])

    assert order.state is OrderState.REJECTED
    assert order.error == "Rejected by System: closed"


def test_what_was_never_sent_is_known_even_after_it_was_called_unknown() -> None:
    lost = advance(sending(), OrderEvent.LOST, NOW)

    assert advance(lost, OrderEvent.NOT_SENT, NOW).state is OrderState.NOT_PLACED


def test_a_late_arrival_reopens_the_order_and_says_so() -> None:
    order = fold(make_order(state=OrderState.NOT_PLACED), [order_report(Told.SUBMITTED)])

    assert order.state is OrderState.WORKING
    assert order.warnings == (reconcile.LATE,)


def test_an_order_that_ends_with_its_time_is_inactive() -> None:
    day = replace(sending(), good_until=NOW)
    unasked = fold(day, [status_report(Told.CANCELLED)])
    by_words = fold(sending(), [completed(Told.CANCELLED, words="Expired")])
    asked = fold(replace(day, cancel_asked=True), [status_report(Told.CANCELLED)])
    before = fold(replace(day, good_until=NOW + seconds(1)), [status_report(Told.CANCELLED)])

    assert shown_status(unasked) is shown_status(by_words) is ShownStatus.INACTIVE
    assert shown_status(asked) is shown_status(before) is ShownStatus.CANCELLED


def test_a_held_order_is_warned_of_until_it_ends() -> None:
    held = fold(sending(), [status_report(Told.INACTIVE)])
    ended = fold(held, [status_report(Told.CANCELLED)])

    assert shown_warnings(held) == (HELD,)
    assert shown_warnings(ended) == ()


def test_a_cancel_with_a_reason_keeps_the_brokers_words() -> None:
    plain = fold(
        sending(), [error_report(202, "Order Canceled - reason:", effect=Effect.CANCELLED)]
    )
    banded = fold(
        sending(),
        [error_report(202, "Order Canceled - reason:too far", effect=Effect.CANCELLED)],
    )

    assert plain.state is OrderState.CANCELLED
    assert plain.error is None
    assert banded.error == "Order Canceled - reason:too far"


@pytest.mark.parametrize("effect", [Effect.INFORMATION, Effect.AMBIGUOUS])
def test_what_says_nothing_certain_only_warns(effect: Effect) -> None:
    order = fold(make_order(), [error_report(10349, "TIF was set to DAY", effect=effect)])

    assert order.state is OrderState.WORKING
    assert order.warnings == ("TIF was set to DAY (IBKR 10349)",)


def test_warnings_are_bounded() -> None:
    order = make_order()
    for number in range(reconcile.WARNINGS_MAX + 5):
        report = error_report(number, "w", effect=Effect.INFORMATION)
        order = reconcile.apply_error(order, report, NOW)

    assert len(order.warnings) == reconcile.WARNINGS_MAX


def test_a_cancel_after_a_partial_fill_keeps_the_fill() -> None:
    order = fold(
        sending(), [make_execution(quantity=40), status_report(Told.CANCELLED, filled=40)]
    )

    assert order.state is OrderState.CANCELLED
    assert order.filled_qty == 40
    assert replace(order, ended_at=None).broker_filled == 40
