"""What follows from reports: whatever their order, and however often they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import (
    AAPL,
    ACCOUNT,
    NOW,
    commission_report,
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
    SENT,
    UNPLACED,
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
    CommissionReport,
    CompletedReport,
    Effect,
    ErrorReport,
    OrderReport,
    StatusReport,
    Told,
)
from paperdesk.domain.vocabulary import ExecId, OrderId, OrderRef, PermId

Evidence = (
    OrderReport | StatusReport | CompletedReport | ErrorReport | Execution | CommissionReport
)


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


def fold(
    order: Order, evidence: Sequence[Evidence], at: Mapping[int, datetime] | None = None
) -> Order:
    """Fold as the ledger does; `at` says when some of it, by index, was heard: NOW otherwise."""
    executions: list[Execution] = []
    commissions: dict[ExecId, Decimal] = {}
    for index, item in enumerate(evidence):
        now = (at or {}).get(index, NOW)
        match item:
            case OrderReport() | StatusReport():
                order = reconcile.apply_status(order, item, now)
            case CompletedReport():
                order = reconcile.apply_completed(order, item, now)
            case ErrorReport():
                order = reconcile.apply_error(order, item, now)
            case Execution():
                executions.append(item)
                order = reconcile.apply_executions(order, executions, commissions, now)
            case CommissionReport():
                if item.commission is not None:
                    commissions[item.exec_id] = item.commission
                order = reconcile.apply_executions(order, executions, commissions, now)
    return order


def sending() -> Order:
    return make_order(state=OrderState.SENDING)


EXECUTIONS = [
    make_execution("x.01.01", quantity=60),
    make_execution("x.01.02", quantity=20),
    make_execution("y.01.01", quantity=40, price="151"),
    make_execution("z.01.01", quantity=30, perm_id=0),
]
evidence_items: st.SearchStrategy[Evidence] = st.one_of(
    st.sampled_from(Told).map(order_report),
    st.builds(
        status_report,
        st.sampled_from(Told),
        filled=st.integers(0, 100),
        perm_id=st.sampled_from([0, 9001]),
    ),
    st.builds(
        completed,
        st.sampled_from(Told),
        filled=st.integers(0, 100),
        words=st.sampled_from(["", "Expired", "Rejected by System: no"]),
    ),
    st.builds(
        error_report,
        st.sampled_from([201, 202, 399, 10148]),
        st.sampled_from(["a", "b", "Order Canceled - reason:"]),
        effect=st.sampled_from(Effect),
    ),
    st.sampled_from(EXECUTIONS),
    st.builds(
        commission_report,
        st.sampled_from([execution.exec_id for execution in EXECUTIONS]),
        st.sampled_from([None, "0.35"]),
    ),
)
# What was heard, and how many seconds after NOW: the order's time ends 5 s after it.
heard = st.lists(st.tuples(evidence_items, st.integers(0, 9)), max_size=8)
CLOSE = NOW + seconds(5)


def fold_at(order: Order, evidence: Sequence[tuple[Evidence, int]]) -> Order:
    at = {index: NOW + seconds(after) for index, (_, after) in enumerate(evidence)}
    return replace(fold(order, [item for item, _ in evidence], at), ended_at=None)


@st.composite
def repeated(draw: st.DrawFn) -> tuple[list[tuple[Evidence, int]], list[tuple[Evidence, int]]]:
    """Return evidence, and the same in another order with some of it more than once."""
    evidence = draw(heard)
    again = draw(st.lists(st.sampled_from(evidence), max_size=4)) if evidence else []
    return evidence, draw(st.permutations([*evidence, *again]))


@given(
    repeated(),
    st.sampled_from(sorted(SENT)),
    st.booleans(),
    st.sampled_from([None, CLOSE]),
)
def test_any_order_and_repetition_of_evidence_gives_the_same_order(
    evidence: tuple[list[tuple[Evidence, int]], list[tuple[Evidence, int]]],
    state: OrderState,
    cancel_asked: bool,  # noqa: FBT001
    good_until: datetime | None,
) -> None:
    before = replace(make_order(state=state, cancel_asked=cancel_asked), good_until=good_until)
    once, again = evidence

    assert fold_at(before, once) == fold_at(before, again)


@given(st.sampled_from(sorted(UNPLACED)), repeated(), st.booleans())
def test_a_late_arrival_is_the_same_order_whatever_was_heard_first(
    state: OrderState,
    evidence: tuple[list[tuple[Evidence, int]], list[tuple[Evidence, int]]],
    cancel_asked: bool,  # noqa: FBT001
) -> None:
    before = replace(make_order(state=state, cancel_asked=cancel_asked), good_until=CLOSE)
    once, again = (fold_at(before, heard) for heard in evidence)

    assert replace(once, cancel_asked=True) == replace(again, cancel_asked=True)
    assert once.is_late is (once.state is not state)
    assert once.is_late is (reconcile.LATE in once.warnings)
    if once.is_late and not once.is_terminal:
        assert once.cancel_asked
        assert again.cancel_asked


@given(st.lists(evidence_items, max_size=8), evidence_items)
def test_more_evidence_never_takes_a_fill_back(
    evidence: list[Evidence], one_more: Evidence
) -> None:
    before, after = fold(sending(), evidence), fold(sending(), [*evidence, one_more])

    assert after.broker_filled >= before.broker_filled
    assert after.executed_qty >= before.executed_qty
    assert after.state is OrderState.FILLED or before.state is not OrderState.FILLED


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


@pytest.mark.parametrize("report", [order_report(Told.FILLED), status_report(Told.FILLED)])
def test_a_report_of_filled_means_all_of_it_whatever_figure_it_has(report: Evidence) -> None:
    ended = fold(
        sending(), [make_execution(quantity=40), report, status_report(Told.CANCELLED)]
    )

    assert ended.broker_filled == 100
    assert not ended.is_settled(NOW + seconds(60))


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
    assert order.executed_qty == 40
    assert order.leaves == 60


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


@pytest.mark.parametrize(
    ("heard", "commission"),
    [
        ([("a.01.01", "0.35")], "0.35"),
        ([("a.01.01", None)], None),
        ([("a.01.01", "0.35"), ("a.01.01", None)], "0.35"),
        ([("b.01.01", "0.35")], None),
        ([("a.01.02", "0.35")], None),
        ([("a.01.01", "0")], "0"),
        ([("a.01.01", "-0.20")], "-0.20"),
    ],
    ids=["known", "unset", "unset later", "another's", "of no revision yet", "none", "rebate"],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_a_commission_counts_before_and_after_its_execution(
    heard: list[tuple[str, str | None]],
    commission: str | None,
    is_late: bool,  # noqa: FBT001
) -> None:
    reports: list[Evidence] = [commission_report(*each) for each in heard]
    execution = make_execution("a.01.01", quantity=100)

    order = fold(sending(), [execution, *reports] if is_late else [*reports, execution])

    assert order.state is OrderState.FILLED
    assert order.commission == (None if commission is None else Decimal(commission))


def test_the_commission_of_a_corrected_execution_is_that_of_its_newest_revision() -> None:
    evidence: list[Evidence] = [
        make_execution("a.01.01", quantity=100),
        commission_report("a.01.01", "0.35"),
        make_execution("a.01.02", quantity=90),
    ]

    assert fold(sending(), evidence).commission is None
    evidence.append(commission_report("a.01.02", "0.30"))
    assert fold(sending(), evidence).commission == Decimal("0.30")


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


@pytest.mark.parametrize("unplaced", sorted(UNPLACED))
@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        ([order_report(Told.SUBMITTED)], OrderState.WORKING),
        ([status_report(Told.INACTIVE)], OrderState.WORKING),
        ([make_execution(quantity=40)], OrderState.WORKING),
        ([make_execution(quantity=100)], OrderState.FILLED),
        ([completed(Told.CANCELLED)], OrderState.CANCELLED),
        ([error_report(201), status_report(Told.INACTIVE)], OrderState.WORKING),
        ([error_report(201), completed(Told.INACTIVE)], OrderState.REJECTED),
    ],
)
def test_what_arrives_late_is_cancelled_where_it_may_still_trade(
    evidence: list[Evidence], state: OrderState, unplaced: OrderState
) -> None:
    order = fold(make_order(state=unplaced), evidence)

    assert order.state is state
    assert order.is_late
    assert order.warnings == (reconcile.LATE,)
    assert order.cancel_asked is not order.is_terminal


@pytest.mark.parametrize("state", sorted(UNPLACED))
@pytest.mark.parametrize("effect", [Effect.INFORMATION, Effect.AMBIGUOUS, Effect.REJECTED])
def test_what_says_nothing_certain_is_no_late_arrival(
    effect: Effect, state: OrderState
) -> None:
    order = fold(make_order(state=state), [error_report(effect=effect)])

    assert order.state is state
    assert not order.is_late


@pytest.mark.parametrize(
    "evidence", [order_report(Told.SUBMITTED), make_execution(quantity=40)]
)
def test_what_this_ledger_never_claimed_is_given_the_ids_that_it_was_sent_with(
    evidence: Evidence,
) -> None:
    order = fold(make_order(state=OrderState.DROPPED), [evidence])
    assert isinstance(evidence, OrderReport | Execution)

    assert (order.client_id, order.order_id) == (evidence.client_id, evidence.order_id)
    assert order.sent_at == order.planned_at


def test_a_cancel_that_was_asked_stays_asked_when_the_order_arrives_ended() -> None:
    asked = make_order(state=OrderState.NOT_PLACED, cancel_asked=True)

    assert fold(asked, [status_report(Told.CANCELLED)]).cancel_asked


def test_a_late_arrival_that_ended_with_its_time_expired() -> None:
    day = replace(make_order(state=OrderState.NOT_PLACED), good_until=NOW)
    ended, working = status_report(Told.CANCELLED), order_report(Told.SUBMITTED)
    heard: list[list[Evidence]] = [[ended], [working, ended], [ended, working]]

    for evidence in heard:
        for before in (day, replace(day, cancel_asked=True)):
            assert shown_status(fold(before, evidence)) is ShownStatus.INACTIVE


def test_an_order_that_ends_with_its_time_is_inactive() -> None:
    day = replace(sending(), good_until=NOW)
    unasked = fold(day, [status_report(Told.CANCELLED)])
    by_words = fold(sending(), [completed(Told.CANCELLED, words="Expired")])
    wanted = replace(day, cancel_asked=True)
    asked = fold(wanted, [status_report(Told.CANCELLED)])
    asked_by_words = fold(wanted, [completed(Told.CANCELLED, words="Expired")])
    before = fold(replace(day, good_until=NOW + seconds(1)), [status_report(Told.CANCELLED)])

    assert shown_status(unasked) is shown_status(by_words) is ShownStatus.INACTIVE
    for order in (asked, asked_by_words, before):
        assert shown_status(order) is ShownStatus.CANCELLED


def test_a_held_order_is_warned_of_until_it_ends() -> None:
    held = fold(sending(), [status_report(Told.INACTIVE)])
    ended = fold(held, [status_report(Told.CANCELLED)])

    again = fold(held, [status_report(Told.SUBMITTED)])

    assert shown_warnings(held) == shown_warnings(again) == (HELD,)
    assert shown_warnings(ended) == ()
    assert ended.is_held


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


@pytest.mark.parametrize("effect", [Effect.INFORMATION, Effect.AMBIGUOUS, Effect.LOCKS_ACCOUNT])
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


def test_a_refusal_after_a_cancel_was_asked_may_be_of_the_cancel_of_a_held_order() -> None:
    working = make_order(status=WireStatus.SUBMITTED, perm_id=9001, cancel_asked=True)
    refused = error_report(321, "Error validating request")
    inactive = status_report(Told.INACTIVE)

    after = reconcile.apply_error(working, refused, NOW)
    assert after.state is OrderState.WORKING
    assert shown_warnings(after) == ("Error validating request (IBKR 321)",)
    held = reconcile.apply_status(after, inactive, NOW)
    assert held.state is OrderState.WORKING
    assert held.is_held
    assert held.is_refused
    other_way = reconcile.apply_error(
        reconcile.apply_status(working, inactive, NOW), refused, NOW
    )
    assert other_way == held
    rejected = reconcile.apply_completed(held, completed(Told.INACTIVE), NOW)
    assert rejected.state is OrderState.REJECTED


def test_an_open_order_says_nothing_of_how_much_is_filled() -> None:
    assert fold(sending(), [order_report(Told.SUBMITTED)]).broker_filled == 0


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (Told.ACKNOWLEDGED, None),
        (Told.PRE_SUBMITTED, WireStatus.PRE_SUBMITTED),
        (Told.INACTIVE, WireStatus.PRE_SUBMITTED),
        (Told.SUBMITTED, WireStatus.SUBMITTED),
        (Told.FILLED, WireStatus.SUBMITTED),
    ],
)
def test_what_was_told_is_kept_as_the_wires_status(
    told: Told, status: WireStatus | None
) -> None:
    order = fold(sending(), [status_report(told, perm_id=0)])

    assert order.wire_status is status
    assert fold(order, [status_report(Told.ACKNOWLEDGED)]).wire_status is status


def test_a_completed_order_that_was_refused_has_words_and_no_code() -> None:
    order = fold(sending(), [completed(Told.INACTIVE, words="Rejected: no margin")])

    assert (order.broker_code, order.error) == (None, "Rejected: no margin")


def test_twenty_warnings_are_kept_and_no_more() -> None:
    told = [error_report(399, f"{n:02}", effect=Effect.INFORMATION) for n in range(30)]

    assert len(fold(sending(), told).warnings) == 20


def test_warnings_stand_in_one_order_whatever_they_came_in() -> None:
    told = [error_report(399, words, effect=Effect.INFORMATION) for words in "dbacfe"]
    warnings = fold(sending(), told).warnings

    assert list(warnings) == sorted(warnings)


def test_an_order_takes_the_first_perm_id_that_says_anything() -> None:
    unsaid, said = make_execution("x.01.01", quantity=10, perm_id=0), make_execution("y.01.01")

    assert fold(sending(), [replace(said, quantity=10), unsaid]).perm_id == 9001
    assert fold(sending(), [unsaid, replace(said, quantity=10)]).perm_id == 9001


def test_an_order_that_has_no_order_id_takes_the_one_it_is_told_and_keeps_its_own() -> None:
    unnumbered, numbered = sending(), replace(sending(), order_id=OrderId(7))
    told = [order_report(order_id=41)]

    assert fold(unnumbered, told).order_id == 41
    assert fold(numbered, told).order_id == 7
    assert fold(unnumbered, [order_report(order_id=0)]).order_id is None


@pytest.mark.parametrize(
    "told", [order_report(), status_report(), completed(Told.CANCELLED)], ids=["o", "s", "c"]
)
def test_an_order_keeps_the_first_perm_id_that_it_is_told(told: Evidence) -> None:
    assert fold(sending(), [told]).perm_id == 9001
    assert fold(replace(sending(), perm_id=PermId(5)), [told]).perm_id == 5


# -- what a person said --------------------------------------------------------------------
def test_what_a_person_said_stands_whatever_the_broker_lists_later() -> None:
    order = replace(make_order(state=OrderState.CANCELLED), executed_qty=40, broker_filled=100)
    said = reconcile.as_said(order)
    listed = fold(said, [completed(Told.CANCELLED, filled=100)])

    assert said == replace(order, broker_filled=40, is_said=True)
    assert (listed.broker_filled, listed.is_said) == (40, True)


def test_an_order_that_was_said_to_be_nowhere_and_turns_up_is_believed() -> None:
    said = reconcile.as_said(make_order(state=OrderState.NOT_PLACED))
    late = fold(said, [completed(Told.CANCELLED, filled=100)])

    assert (late.broker_filled, late.is_said, late.is_late) == (100, False, True)


def test_filled_among_completed_orders_adds_nothing_to_what_executions_say() -> None:
    order = make_order(state=OrderState.WORKING)
    told = fold(order, [completed(Told.FILLED, words="Filled Size: 100")])

    assert (told.state, told.filled_qty, told.error) == (order.state, 0, None)


def test_an_order_that_ended_says_which_of_its_fills_are_not_known_here() -> None:
    order = replace(make_order(state=OrderState.FILLED), executed_qty=40, broker_filled=1_100)

    assert shown_warnings(order) == (
        "the broker filled 1,100 shares of it, of which 40 are known here by their executions",
    )
    assert shown_warnings(replace(order, broker_filled=40)) == ()
