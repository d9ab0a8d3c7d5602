"""Rows beside other orders: kept, superseded, foreign, not listed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import make_batch, make_order, make_row
from paperdesk.domain.batch import Outcome, Row, Successor
from paperdesk.domain.order import HELD, Order, OrderState, WireStatus
from paperdesk.domain.vocabulary import BatchId, OrderId, Side
from paperdesk.wire.bodies import BatchSummary
from paperdesk.wire.encoding import encode
from paperdesk.wire.rows import OrderRow, ResultRow

OLDER, NEWER = BatchId("0123456789abcdef"), BatchId("fedcba9876543210")


def written(answer: object) -> Any:
    return json.loads(encode(answer), parse_float=Decimal)


def result(row: Row) -> Any:
    return written(ResultRow.of(row))


def order(row: Row) -> Any:
    return written(OrderRow.of(row))


def kept_order(**state: Any) -> Order:
    return make_order(batch=OLDER, order_id=7, status=WireStatus.SUBMITTED, **state)


def keeping(order: Order) -> Row:
    """Return the row of a target that a working order reaches already."""
    row = make_row(
        outcome=Outcome.NO_CHANGE,
        current_pos=100 - order.signed_leaves,
        delta=0,
        working_qty=order.signed_leaves,
    )
    return replace(row, kept=order)


def test_a_row_that_keeps_an_order_trades_nothing_and_names_it() -> None:
    row = keeping(kept_order(quantity=60, limit="150.50"))

    assert result(row) == {
        "symbol": "AAPL", "current_pos": 40, "desired_pos": 100, "delta": 0, "action": None,
        "qty": 0, "order_type": None, "ibkr_order_id": None, "status": "no_change",
        "working_qty": 60,
        "kept": {"ibkr_order_id": 7, "batch_id": OLDER, "limit_price": Decimal("150.5")},
    }  # fmt: skip


def test_in_the_batch_a_kept_order_is_shown_live() -> None:
    row = keeping(kept_order(side=Side.SELL, quantity=60, filled=20, price="150.25"))

    assert order(row)["kept"] == {
        "ibkr_order_id": 7, "batch_id": OLDER, "limit_price": None, "status": "Submitted",
        "filled_qty": 20, "avg_fill_price": Decimal("150.25"),
    }  # fmt: skip
    assert order(row)["status"] == "no_change"
    assert order(row)["working_qty"] == -40
    assert order(row)["filled_qty"] == 0  # its own order's, of which there is none


def test_what_is_true_of_a_kept_order_is_warned_of() -> None:
    row = keeping(replace(kept_order(warnings=("w",)), is_held=True))

    assert result(row)["warnings"] == order(row)["warnings"] == ["w", HELD]


@pytest.mark.parametrize(
    ("state", "filled", "summary"),
    [
        (OrderState.WORKING, 10, {"final": False, "on_target": False, "short": []}),
        (OrderState.UNKNOWN, 0, {"final": False, "on_target": False, "short": []}),
        (OrderState.FILLED, 100, {"final": True, "on_target": True, "short": []}),
        (OrderState.CANCELLED, 10, {"final": True, "on_target": False, "short": ["AAPL"]}),
    ],
)
def test_a_row_that_keeps_an_order_is_final_when_the_order_is(
    state: OrderState, filled: int, summary: dict[str, object]
) -> None:
    row = keeping(kept_order(state=state, filled=filled))

    assert written(BatchSummary.of(make_batch(row))) == summary


def test_a_row_names_the_orders_that_gave_way_to_it() -> None:
    row = make_row(order=kept_order())
    row = replace(row, superseded=(OrderId(3), OrderId(5)))

    assert result(row)["superseded"] == order(row)["superseded"] == [3, 5]


def test_a_row_that_was_superseded_before_it_was_sent_is_cancelled() -> None:
    waiting = make_row(outcome=Outcome.WITHDRAWN)
    dropped = make_row(order=make_order(state=OrderState.DROPPED))
    for unsent in (waiting, dropped):
        row = replace(unsent, superseded_by=Successor(NEWER, None))

        assert result(row)["status"] == order(row)["status"] == "Cancelled"
        assert result(row)["ibkr_order_id"] is None
        assert order(row)["superseded_by"] == {"batch_id": NEWER, "ibkr_order_id": None}
        assert result(row)["superseded_by"] == order(row)["superseded_by"]


def test_a_successor_that_was_sent_is_named_with_its_order() -> None:
    row = replace(make_row(order=kept_order()), superseded_by=Successor(NEWER, OrderId(9)))

    assert order(row)["superseded_by"] == {"batch_id": NEWER, "ibkr_order_id": 9}


def test_a_row_whose_order_serves_a_newer_batch_says_so() -> None:
    row = replace(make_row(order=kept_order()), kept_by=NEWER)

    assert result(row)["kept_by"] == order(row)["kept_by"] == NEWER
    assert order(row)["status"] == "Submitted"


def test_foreign_shares_and_rows_that_were_not_listed_are_marked() -> None:
    row = replace(make_row(), foreign_qty=-30, is_unlisted=True)

    for shown in (result(row), order(row)):
        assert shown["foreign_qty"] == -30
        assert shown["unlisted"] is True


def test_an_ordinary_row_says_nothing_of_other_orders() -> None:
    beside = {
        "kept", "kept_by", "superseded", "superseded_by", "foreign_qty", "working_qty",
        "unlisted", "warnings", "provisional",
    }  # fmt: skip
    row = make_row(order=kept_order())

    assert not beside & set(result(row))
    assert not beside & set(order(row))


@given(
    working=st.integers(-(10**6), 10**6),
    foreign=st.integers(-(10**6), 10**6),
    position=st.integers(-(10**6), 10**6),
    superseded=st.lists(st.integers(1, 2**31), max_size=3),
)
def test_a_batch_shows_all_that_its_first_answer_did(
    working: int, foreign: int, position: int, superseded: list[int]
) -> None:
    row = replace(
        make_row(order=kept_order(), current_pos=position, working_qty=working),
        foreign_qty=foreign,
        superseded=tuple(map(OrderId, superseded)),
    )

    assert result(row).items() <= order(row).items()
