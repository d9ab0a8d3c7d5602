"""The small values: clients, executions, hours, views."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from makers import (
    ACCOUNT,
    BATCH,
    NOW,
    make_execution,
    make_order,
    make_target,
    order_report,
)
from paperdesk.domain.batch import Outcome, Row
from paperdesk.domain.client import Client
from paperdesk.domain.execution import base_and_revision, newest_revisions
from paperdesk.domain.hours import Session, SessionHours
from paperdesk.domain.reports import OpenOrder, Told
from paperdesk.domain.views import Preview, PreviewRow, Readiness, TargetState, TargetView
from paperdesk.domain.vocabulary import ClientName, ExecId, Scope, Side, Symbol


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


def test_a_session_holds_its_opening_but_not_its_close() -> None:
    session = Session(
        datetime(2026, 3, 9, 13, 30, tzinfo=UTC), datetime(2026, 3, 9, 20, tzinfo=UTC)
    )
    hours = SessionHours((session,))

    assert hours.session_at(session.opens_at) is session
    assert hours.session_at(session.closes_at) is None
    assert hours.next_open(session.closes_at) is None
    assert hours.next_open(datetime(2026, 3, 9, 1, tzinfo=UTC)) == session.opens_at
    assert hours.day_ends_at(session.opens_at) == session.closes_at
    assert hours.day_ends_at(session.closes_at) is None


@pytest.mark.parametrize(
    ("told", "filled", "leaves"),
    [
        (Told.SUBMITTED, 40, 60),
        (Told.INACTIVE, 0, 100),
        (Told.SUBMITTED, 101, 0),
        (Told.FILLED, 40, 0),
        (Told.CANCELLED, 40, 0),
    ],
)
def test_an_open_order_may_trade_what_it_has_not_yet(
    told: Told, filled: int, leaves: int
) -> None:
    listed = OpenOrder(order_report(told, quantity=100), Decimal(filled))

    assert listed.leaves == leaves


def test_the_gap_is_what_the_position_lacks() -> None:
    view = TargetView(
        Symbol("AAPL"),
        target=-50,
        position=20,
        working_qty=0,
        state=TargetState.SHORT,
        reason=None,
        batch_id=BATCH,
        client=ClientName("client1"),
        set_at=NOW,
    )

    assert view.gap == -70


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
