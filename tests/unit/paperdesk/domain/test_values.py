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
    make_batch,
    make_execution,
    make_goal,
    make_order,
    make_row,
    make_target,
    order_report,
)
from paperdesk.domain.batch import Outcome, Row
from paperdesk.domain.client import Client
from paperdesk.domain.execution import base_and_revision, newest_revisions
from paperdesk.domain.hours import Session, SessionHours, day_began, reset_until
from paperdesk.domain.order import OrderState, ShownStatus
from paperdesk.domain.reports import OpenOrder, Told
from paperdesk.domain.views import (
    Cancellation,
    Preview,
    PreviewRow,
    Readiness,
    TargetState,
    TargetView,
)
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
    ("at", "until"),
    [
        ("2026-03-09T23:44:59-04:00", None),
        ("2026-03-09T23:45:00-04:00", "2026-03-10T00:45:00-04:00"),
        ("2026-03-10T00:44:59-04:00", "2026-03-10T00:45:00-04:00"),
        ("2026-03-10T00:45:00-04:00", None),
        ("2026-01-09T23:50:00-05:00", "2026-01-10T00:45:00-05:00"),
    ],
)
def test_the_nightly_reset_is_an_hour_around_midnight_in_new_york(
    at: str, until: str | None
) -> None:
    found = reset_until(datetime.fromisoformat(at))

    assert found == (until and datetime.fromisoformat(until))


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


@pytest.mark.parametrize(
    ("at", "began"),
    [
        (datetime(2026, 3, 9, 14, 30, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC)),
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_midnight_in_new_york(at: datetime, began: datetime) -> None:
    assert day_began(at) == began


def test_the_next_opening_is_the_first_after_now() -> None:
    days = [datetime(2026, 3, day, 13, 30, tzinfo=UTC) for day in (9, 10, 11)]
    hours = SessionHours(tuple(Session(day, day.replace(hour=20)) for day in days))

    assert hours.next_open(days[0]) == days[1]
    assert hours.day_ends_at(days[0]) == days[0].replace(hour=20)
    assert hours.next_open(days[2]) is None


def test_the_expected_price_is_named_as_the_price_that_was_reckoned_with() -> None:
    goal = make_goal(target=make_target(expected="150"))

    assert goal.price(Side.BUY) == Decimal(150)
    assert goal.price_words(Side.BUY, NOW) == "the expected_price"
    assert goal.price_words(Side.BUY, NOW) != make_goal().price_words(Side.BUY, NOW)


def test_a_cancel_lists_what_is_an_order_and_what_was_dropped_before_it_was_one() -> None:
    listed = (
        make_row(order=make_order(state=OrderState.WORKING, order_id=1, filled=30)),
        make_row(order=make_order(state=OrderState.CANCELLED, order_id=2)),
        make_row(order=make_order(state=OrderState.DROPPED)),
        make_row(outcome=Outcome.WITHDRAWN),
        replace(make_row(outcome=Outcome.NO_CHANGE), kept=make_order(order_id=3)),
    )
    left_out = (
        make_row(outcome=Outcome.ERROR),
        make_row(outcome=Outcome.NO_CHANGE),
        make_row(order=make_order(state=OrderState.LAPSED)),
        make_row(order=make_order(state=OrderState.NOT_PLACED)),
    )

    rows = Cancellation.of(make_batch(*listed, *left_out), is_up=True).rows

    assert [(row.order_id, row.cancelled, row.filled_qty) for row in rows] == [
        (1, False, 30),
        (2, True, 0),
        (None, True, 0),
        (None, True, 0),
        (3, False, 0),
    ]
    assert rows[3].status is ShownStatus.CANCELLED
    assert not any(row.cancel_requested for row in rows)


def test_a_cancel_is_on_its_way_only_for_what_works_and_only_without_a_line() -> None:
    working = make_row(order=make_order(state=OrderState.WORKING))
    ended = make_row(order=make_order(state=OrderState.FILLED, filled=100))
    kept = replace(working, kept_by=BATCH)
    batch = make_batch(working, ended, kept, make_row(outcome=Outcome.WITHDRAWN))

    down, up = (Cancellation.of(batch, is_up=is_up).rows for is_up in (False, True))

    assert [row.cancel_requested for row in down] == [True, False, False, False]
    assert not any(row.cancel_requested for row in up)
    assert [row.kept_by for row in down] == [None, None, BATCH, None]


@pytest.mark.parametrize(
    ("delta", "side"), [(1, Side.BUY), (100, Side.BUY), (-1, Side.SELL), (-100, Side.SELL)]
)
def test_the_side_is_that_of_the_difference(delta: int, side: Side) -> None:
    assert Side.of(delta) is side
