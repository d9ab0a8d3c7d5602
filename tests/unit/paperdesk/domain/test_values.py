"""The small values: clients, executions, positions, hours, rows, views."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import AAPL, ACCOUNT, make_execution, make_head, make_order, make_target
from paperdesk.domain.batch import Batch, Outcome, Row
from paperdesk.domain.client import Client
from paperdesk.domain.execution import base_and_revision, newest_revisions
from paperdesk.domain.hours import Session, SessionHours
from paperdesk.domain.order import OrderState, ShownStatus
from paperdesk.domain.position import Adjustment, adjustments, whole_shares
from paperdesk.domain.views import Preview, PreviewRow, Readiness
from paperdesk.domain.vocabulary import ClientName, ConId, ExecId, Scope, Side

books = st.dictionaries(st.integers(1, 5).map(ConId), st.integers(-9, 9))


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Scope.READ, {Scope.READ}),
        (Scope.TRADE, {Scope.TRADE, Scope.READ}),
        (Scope.AUDIT, {Scope.AUDIT, Scope.READ}),
        (Scope.ADMIN, set(Scope)),
    ],
)
def test_a_scope_includes_what_the_contract_says(scope: Scope, allowed: set[Scope]) -> None:
    client = Client(ClientName("c"), frozenset({scope}), frozenset({ACCOUNT}))

    assert {wanted for wanted in Scope if client.may(wanted)} == allowed
    assert client.sees_every_batch == (Scope.AUDIT in allowed)


@pytest.mark.parametrize(
    ("exec_id", "parts"),
    [
        ("0000e0d5.67fe667b.01.01", ("0000e0d5.67fe667b.01", 1)),
        ("0000e0d5.67fe667b.01.12", ("0000e0d5.67fe667b.01", 12)),
        ("odd", ("odd", 0)),
        ("odd.x", ("odd.x", 0)),
        ("odd.²", ("odd.²", 0)),
    ],
)
def test_a_revision_is_the_number_behind_the_last_dot(
    exec_id: str, parts: tuple[str, int]
) -> None:
    assert base_and_revision(ExecId(exec_id)) == parts


def test_the_newest_revision_counts_whatever_came_first() -> None:
    old, new = make_execution("a.01"), make_execution("a.02")

    assert newest_revisions([old, new]) == newest_revisions([new, old, old]) == [new]


def test_a_signed_quantity_has_the_sides_sign() -> None:
    assert make_execution(side=Side.SELL, quantity=3).signed_quantity == -3
    assert Side.of(-3) is Side.SELL
    assert Side.of(3) is Side.BUY


@pytest.mark.parametrize(("held", "whole"), [("1.9", 1), ("-1.9", -1), ("5", 5), ("0.2", 0)])
def test_a_fractional_holding_counts_by_its_whole_part(held: str, whole: int) -> None:
    assert whole_shares(Decimal(held)) == whole


@given(books, books, st.sets(st.integers(1, 5).map(ConId)))
def test_adjustments_lead_to_the_brokers_figure_except_where_it_may_lag(
    broker: dict[ConId, int], ours: dict[ConId, int], busy: set[ConId]
) -> None:
    after = dict(ours)
    for change in adjustments(broker, ours, busy):
        after[change.conid] = after.get(change.conid, 0) + change.change

    for conid in set(broker) | set(ours):
        expected = ours if conid in busy else broker
        assert after.get(conid, 0) == expected.get(conid, 0)


def test_a_contract_the_broker_does_not_name_is_flat() -> None:
    assert adjustments({}, {AAPL: 5}, set()) == (Adjustment(AAPL, ours=5, broker=0),)


def test_a_session_holds_its_opening_but_not_its_close() -> None:
    session = Session(
        datetime(2026, 3, 9, 13, 30, tzinfo=UTC), datetime(2026, 3, 9, 20, tzinfo=UTC)
    )
    hours = SessionHours((session,))

    assert hours.session_at(session.opens_at) is session
    assert hours.session_at(session.closes_at) is None
    assert hours.next_open(session.closes_at) is None
    assert hours.next_open(datetime(2026, 3, 9, 1, tzinfo=UTC)) == session.opens_at


@pytest.mark.parametrize(
    ("outcome", "state", "status", "is_final", "is_on_target"),
    [
        (Outcome.PENDING, None, ShownStatus.PENDING_SUBMIT, False, False),
        (Outcome.NO_CHANGE, None, ShownStatus.NO_CHANGE, True, True),
        (Outcome.ERROR, None, ShownStatus.ERROR, True, False),
        (Outcome.WITHDRAWN, None, ShownStatus.CANCELLED, True, False),
        (Outcome.ORDERED, OrderState.PLANNED, ShownStatus.PENDING_SUBMIT, False, False),
        (Outcome.ORDERED, OrderState.UNKNOWN, ShownStatus.UNKNOWN, False, False),
        (Outcome.ORDERED, OrderState.CANCELLED, ShownStatus.CANCELLED, True, False),
    ],
)
def test_a_row_shows_what_became_of_its_target(
    outcome: Outcome,
    state: OrderState | None,
    status: ShownStatus,
    is_final: bool,  # noqa: FBT001
    is_on_target: bool,  # noqa: FBT001
) -> None:
    order = None if state is None else make_order(state=state)
    row = Row(0, make_target(), outcome, order=order)
    batch = Batch(make_head(), (row,))

    assert (row.status, row.is_final, row.is_on_target) == (status, is_final, is_on_target)
    assert batch.is_final is is_final


def test_a_filled_row_is_on_target() -> None:
    order = make_order(state=OrderState.FILLED, filled=100)

    assert Row(0, make_target(), Outcome.ORDERED, order=order).is_on_target


def test_the_notional_of_a_preview_is_unknown_where_one_price_is() -> None:
    ordered = Row(0, make_target(), Outcome.ORDERED, order=make_order())
    idle = PreviewRow(Row(1, make_target(), Outcome.NO_CHANGE), None, None)
    priced = PreviewRow(ordered, Decimal(150), Decimal(15000))
    unpriced = PreviewRow(replace(ordered, seq=2), None, None)

    def notional(*rows: PreviewRow) -> Decimal | None:
        return Preview(ACCOUNT, rows, Decimal(0)).estimated_notional

    assert notional(priced, idle) == Decimal(15000)
    assert notional(priced, unpriced) is None
    assert notional(idle) == Decimal(0)


def test_ready_is_a_writable_ledger_and_an_account_that_is_up() -> None:
    assert Readiness(ledger_writable=True, account_up=True).is_ready
    assert not Readiness(ledger_writable=True, account_up=False).is_ready
    assert not Readiness(ledger_writable=False, account_up=True).is_ready
