"""How what happened becomes figures: words of labels, their number, and the page of the docs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from makers import NOW, make_batch, make_order, make_row, make_target
from paperdesk.desk.ports import Gauges, Moved
from paperdesk.domain.batch import ErrorCode, Outcome, Row
from paperdesk.domain.order import Order, OrderState, WireStatus
from paperdesk.domain.reports import Effect, ErrorReport
from paperdesk.domain.vocabulary import PermId, Side
from paperdesk.figures import METRICS
from paperdesk.metrics import LABEL_VALUES_MAX, Metrics, outcome_of
from scraping import Page

ORDERS = "paperdesk_orders_total"
SENT = replace(make_order(state=OrderState.SENDING), sent_at=NOW)
LATER = NOW + timedelta(seconds=3)


def page_of(metrics: Metrics) -> Page:
    return Page.of(metrics.page(Gauges({}, is_writable=True)).decode())


def moved(before: Order, *, code: ErrorCode | None = None, **to: Any) -> Moved:
    return Moved(before, replace(before, **to), LATER, code)


_S = OrderState
WORKING = replace(SENT, state=_S.WORKING, wire_status=WireStatus.SUBMITTED, perm_id=PermId(9))
PLANNED = make_order(state=_S.PLANNED)


@pytest.mark.parametrize(
    ("move", "labels"),
    [
        (moved(WORKING, state=_S.FILLED), ("filled", "none")),
        (moved(WORKING, state=_S.CANCELLED, cancel_asked=True), ("cancelled", "asked")),
        (moved(WORKING, state=_S.CANCELLED), ("cancelled", "broker")),
        (moved(WORKING, state=_S.CANCELLED, is_expired=True), ("expired", "none")),
        (moved(SENT, state=_S.REJECTED, broker_code=201), ("rejected", "ibkr_201")),
        (moved(WORKING, state=_S.REJECTED), ("rejected", "none")),
        (moved(SENT, state=_S.NOT_PLACED, code=ErrorCode.NOT_PLACED), ("not_placed", "not-placed")),
        (moved(PLANNED, state=_S.DROPPED), ("dropped", "none")),
        (moved(PLANNED, state=_S.DROPPED, code=ErrorCode.HALTED), ("dropped", "halted")),
        (moved(PLANNED, state=_S.LAPSED, code=ErrorCode.EXPIRED), ("lapsed", "expired")),
    ],
)  # fmt: skip
def test_an_order_that_ends_is_counted_with_how_and_why(
    move: Moved, labels: tuple[str, str]
) -> None:
    metrics = Metrics()
    metrics.orders_moved([move])

    outcome, reason = labels
    assert page_of(metrics).get(ORDERS, side="BUY", outcome=outcome, reason=reason) == 1


@pytest.mark.parametrize(
    "move",
    [
        moved(PLANNED, state=_S.SENDING),
        moved(SENT, state=_S.UNKNOWN),
        moved(SENT, state=_S.WORKING),
        moved(replace(WORKING, state=_S.CANCELLED), state=_S.FILLED),  # a fill that came later
        moved(replace(WORKING, state=_S.REJECTED), state=_S.CANCELLED),
        moved(replace(SENT, state=_S.NOT_PLACED), state=_S.FILLED, is_late=True),
        moved(replace(WORKING, is_late=True), state=_S.CANCELLED, is_late=True),
    ],
)
def test_an_order_that_goes_on_or_had_ended_counts_nothing(move: Moved) -> None:
    metrics = Metrics()
    metrics.orders_moved([move])

    assert page_of(metrics).total(ORDERS) == 0


def test_the_first_answer_is_timed_once_whatever_it_is() -> None:
    metrics = Metrics()
    unknown = replace(SENT, state=_S.UNKNOWN)
    for before, state in ((SENT, _S.WORKING), (SENT, _S.REJECTED), (unknown, _S.FILLED)):
        metrics.orders_moved([moved(before, state=state)])
    for before, state in ((WORKING, _S.FILLED), (SENT, _S.UNKNOWN), (SENT, _S.NOT_PLACED)):
        metrics.orders_moved([moved(before, state=state)])
    metrics.orders_moved([moved(replace(WORKING, state=_S.UNKNOWN), state=_S.WORKING)])

    page = page_of(metrics)
    assert page.get("paperdesk_order_ack_seconds_count") == 3
    assert page.get("paperdesk_order_ack_seconds_sum") == 9
    assert page.get("paperdesk_order_fill_seconds_count") == 2


def filled(side: Side = Side.BUY, *, price: str, expected: str | None = "100") -> Row:
    order = make_order(side=side, state=_S.FILLED, filled=10, quantity=10, price=price)
    return make_row(make_target(expected=expected), order=order)


@pytest.mark.parametrize(
    ("row", "usd", "at_most"),
    [
        (filled(price="100.05"), 0.5, "5.0"),
        (filled(price="99.90"), -1.0, "-10.0"),
        (filled(Side.SELL, price="99.90"), 1.0, "10.0"),
        (filled(Side.SELL, price="100.05"), -0.5, "-5.0"),
        (filled(price="100"), 0.0, "0.0"),
    ],
)
def test_slippage_is_positive_where_it_cost(row: Row, usd: float, at_most: str) -> None:
    metrics = Metrics()
    metrics.batch_ended(make_batch(row))

    page = page_of(metrics)
    assert page.get("paperdesk_slippage_usd") == pytest.approx(usd)
    steps = dict(sorted((float(dict(of)["le"]), n) for of, n in page.all("paperdesk_slippage_bps_bucket")))  # fmt: skip
    assert min(step for step, n in steps.items() if n == 1) == float(at_most)


def test_an_order_without_an_expected_price_has_no_slippage() -> None:
    metrics = Metrics()
    metrics.batch_ended(make_batch(filled(price="100", expected=None)))

    page = page_of(metrics)
    assert page.get("paperdesk_slippage_bps_count") == 0
    assert page.get("paperdesk_traded_usd_total") == 1_000


def test_a_rebate_makes_no_counter_fall() -> None:
    metrics = Metrics()
    row = filled(price="100")
    assert row.order is not None
    paid = replace(row.order, commission=Decimal("-0.2"))
    metrics.batch_ended(make_batch(replace(row, order=paid)))

    assert page_of(metrics).get("paperdesk_commissions_usd_total") == 0


REFUSED = make_row(outcome=Outcome.ERROR, error="no", error_code=ErrorCode.LIMIT)
CANCELLED = make_row(order=make_order(state=_S.CANCELLED))
REACHED = make_row(outcome=Outcome.NO_CHANGE)
KEEPS = replace(REACHED, kept=make_order(state=_S.WORKING))


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ((REACHED,), "on_target"),
        ((REACHED, KEEPS), "on_target"),
        ((REFUSED,), "refused"),
        ((REFUSED, REACHED), "short"),
        ((CANCELLED, REACHED), "cancelled"),
        ((CANCELLED, REFUSED), "short"),
        ((make_row(order=make_order(state=_S.REJECTED)),), "short"),
        ((make_row(outcome=Outcome.WITHDRAWN),), "cancelled"),
    ],
)
def test_a_batch_came_to_one_of_four_ends(rows: tuple[Row, ...], outcome: str) -> None:
    assert outcome_of(make_batch(*rows)) == outcome


def test_words_that_others_choose_are_bounded_in_number() -> None:
    metrics = Metrics()
    for code in range(2 * LABEL_VALUES_MAX):
        metrics.error_told(ErrorReport(-1, code, "words", Effect.AMBIGUOUS))
    for number in range(2 * LABEL_VALUES_MAX):
        metrics.request_served(f"M{number}", "/health", 200, 0.1)

    page = page_of(metrics)
    errors = "paperdesk_ibkr_errors_total"
    assert len(list(page.all(errors))) == LABEL_VALUES_MAX + 1
    assert page.total(errors) == 2 * LABEL_VALUES_MAX
    assert page.total(errors, code="other") == LABEL_VALUES_MAX
    assert [dict(of)["method"] for of, _ in page.all("paperdesk_requests_total")] == ["other"]


def test_a_name_ends_as_its_kind_and_its_unit_want_it() -> None:
    for figure in METRICS:
        assert figure.name.startswith("paperdesk_")
        assert figure.name.endswith("_total") == (figure.kind == "counter")
        assert ("_seconds" in figure.name) == (figure.unit == "seconds")
        assert ("_usd" in figure.name) == (figure.unit == "USD")
        assert figure.words.endswith(".")
        assert "symbol" not in figure.labels
