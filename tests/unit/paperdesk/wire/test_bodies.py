from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from makers import ACCOUNT, BATCH, NO_LIMITS, NOW, make_batch, make_order, make_row, make_target
from paperdesk.domain.batch import ErrorCode, Outcome
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import OrderState, ShownStatus, WireStatus
from paperdesk.domain.views import (
    AccountView,
    Cancellation,
    CancelRow,
    Health,
    Lock,
    Preview,
    PreviewRow,
    Readiness,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, HaltMode, OrderId, Symbol
from paperdesk.errors import BadRequest, FieldError
from paperdesk.wire import bodies
from paperdesk.wire.encoding import encode

OTHER_BATCH = BatchId("0123456789abcdef")

# An order as the contract's examples show it.
shown_order = partial(
    make_order, quantity=50, order_id=12345, perm_id=987654, status=WireStatus.SUBMITTED
)


def written(answer: object) -> Any:
    return json.loads(encode(answer), parse_float=Decimal)


def result(row: Any) -> Any:
    return written(bodies.SubmitAnswer.of(make_batch(row)))["results"][0]


def order(row: Any) -> Any:
    return written(bodies.BatchAnswer.of(make_batch(row)))["orders"][0]


def test_an_accepted_batch_is_answered_as_the_contract_shows() -> None:
    assert written(bodies.SubmitAnswer.of(make_batch(make_row(order=shown_order())))) == {
        "batch_id": "a1b2c3d4e5f67890",
        "account_id": "DU8730189",
        "submitted_at": "2026-03-09T14:30:00+00:00",
        "results": [
            {
                "symbol": "AAPL", "current_pos": 50, "desired_pos": 100, "delta": 50,
                "action": "BUY", "qty": 50, "order_type": "MKT", "ibkr_order_id": 12345,
                "status": "Submitted",
            }
        ],
    }  # fmt: skip


def test_a_filled_batch_is_answered_as_the_contract_shows() -> None:
    filled = shown_order(state=OrderState.FILLED, filled=50, price="150.25", commission="0.35")

    answer = written(bodies.BatchAnswer.of(make_batch(make_row(order=filled))))

    assert answer["client"] == "client1"
    assert answer["summary"] == {"final": True, "on_target": True, "short": []}
    assert answer["orders"] == [
        {
            "symbol": "AAPL", "ibkr_order_id": 12345, "status": "Filled", "filled_qty": 50,
            "avg_fill_price": Decimal("150.25"), "commission": Decimal("0.35"), "delta": 50,
            "action": "BUY", "perm_id": 987654, "qty": 50, "order_type": "MKT",
            "current_pos": 50, "desired_pos": 100,
        }
    ]  # fmt: skip


def test_nothing_to_trade_has_no_order_fields() -> None:
    row = make_row(outcome=Outcome.NO_CHANGE, current_pos=100, delta=0)

    assert result(row) == {
        "symbol": "AAPL", "current_pos": 100, "desired_pos": 100, "delta": 0, "action": None,
        "qty": 0, "order_type": None, "ibkr_order_id": None, "status": "no_change",
    }  # fmt: skip
    assert order(row)["filled_qty"] == 0
    assert order(row)["avg_fill_price"] is None
    assert order(row)["commission"] is None
    assert order(row)["perm_id"] is None


def test_while_the_contract_is_looked_up_the_figures_are_null_and_provisional() -> None:
    row = make_row(current_pos=None, delta=None)

    assert result(row) == {
        "symbol": "AAPL", "current_pos": None, "desired_pos": 100, "delta": None,
        "action": None, "qty": None, "order_type": None, "ibkr_order_id": None,
        "status": "PendingSubmit", "provisional": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "order_type"),
    [
        (make_target(), "MKT"),
        (make_target(expected="1"), "MKT"),
        (make_target(limit="1"), "LMT"),
        (make_target(expected="1", tolerance="0"), "LMT"),
    ],
)
def test_a_row_without_an_order_yet_shows_the_order_it_asks_for(
    target: Any, order_type: str
) -> None:
    shown = result(make_row(target, delta=-20))

    assert (shown["action"], shown["qty"]) == ("SELL", 20)
    assert shown["order_type"] == order_type
    assert "limit_price" not in shown


def test_the_price_that_was_sent_is_shown() -> None:
    row = make_row(order=shown_order(limit="150.750"))

    assert encode(bodies.SubmitAnswer.of(make_batch(row))).count(b'"limit_price":150.75') == 1
    assert order(row)["limit_price"] == Decimal("150.75")


def test_a_refused_row_says_why() -> None:
    row = make_row(
        outcome=Outcome.ERROR, current_pos=None, delta=None,
        error="No such symbol.", error_code=ErrorCode.UNKNOWN_SYMBOL,
    )  # fmt: skip

    assert result(row)["status"] == order(row)["status"] == "error"
    assert result(row)["error"] == order(row)["error"] == "No such symbol."
    assert result(row)["error_code"] == order(row)["error_code"] == "unknown-symbol"


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (OrderState.REJECTED, "Inactive", "rejected"),
        (OrderState.NOT_PLACED, "error", "not-placed"),
        (OrderState.LAPSED, "error", "expired"),
    ],
)
def test_an_order_that_failed_always_has_words_and_a_code(
    state: OrderState, status: str, code: str
) -> None:
    shown = order(make_row(order=shown_order(state=state)))

    assert shown["status"] == status
    assert shown["error_code"] == code
    assert shown["error"]


def test_the_brokers_words_and_code_win() -> None:
    rejected = shown_order(
        state=OrderState.REJECTED, error="Order rejected - no margin", broker_code=201
    )

    shown = result(make_row(order=rejected))

    assert shown["error"] == "Order rejected - no margin"
    assert shown["broker_code"] == 201


def test_warnings_of_row_and_order_are_shown_once() -> None:
    row = make_row(order=shown_order(warnings=("b", "a")), warnings=("a",))

    assert result(row)["warnings"] == ["a", "b"]


def test_the_callers_spelling_and_working_shares_are_shown_where_they_apply() -> None:
    row = make_row(make_target("BRK B", requested="brk.b"), working_qty=-5)

    assert result(row)["symbol"] == "BRK B"
    assert result(row)["requested_symbol"] == order(row)["requested_symbol"] == "brk.b"
    assert result(row)["working_qty"] == order(row)["working_qty"] == -5


def test_the_summary_names_what_ended_short_but_not_what_still_works() -> None:
    batch = make_batch(
        make_row(make_target("A"), order=shown_order(state=OrderState.FILLED, filled=50)),
        make_row(make_target("B"), order=shown_order(state=OrderState.CANCELLED, filled=10)),
        make_row(make_target("C"), order=shown_order()),
        make_row(make_target("D"), outcome=Outcome.NO_CHANGE),
    )

    assert written(bodies.BatchSummary.of(batch)) == {
        "final": False, "on_target": False, "short": ["B"],
    }  # fmt: skip


def test_what_concerns_no_single_row_is_a_warning_of_the_batch() -> None:
    batch = replace(make_batch(), warnings=("TSLA is held and was not asked for",))

    for answer in (bodies.SubmitAnswer.of(batch), bodies.BatchAnswer.of(batch)):
        assert written(answer)["warnings"] == ["TSLA is held and was not asked for"]
    assert "warnings" not in written(bodies.BatchAnswer.of(make_batch()))


def test_an_average_price_is_rounded_to_8_decimals() -> None:
    thirds = shown_order(state=OrderState.FILLED, quantity=3, filled=3, price="33.333333333333")

    assert b'"avg_fill_price":33.33333333,' in encode(
        bodies.BatchAnswer.of(make_batch(make_row(order=thirds)))
    )


def test_health_is_as_the_contract_shows() -> None:
    up = {ACCOUNT: True, AccountId("DUP203550"): False}

    assert written(bodies.HealthAnswer.of(Health(up))) == {
        "status": "ok",
        "accounts": {"DU8730189": True, "DUP203550": False},
    }
    assert written(bodies.HealthAnswer.of(Health({}, "latched")))["problem"] == "latched"


def test_readiness_says_what_is_missing() -> None:
    answer = bodies.ReadyAnswer.of(Readiness(ledger_writable=True, account_up=False))

    assert written(answer) == {
        "status": "not ready", "ledger_writable": True, "account_up": False,
    }  # fmt: skip


def test_batches_are_as_the_contract_shows() -> None:
    head = make_batch().head

    assert written(bodies.BatchesAnswer.of([head], None)) == {
        "batches": [
            {
                "batch_id": "a1b2c3d4e5f67890", "account_id": "DU8730189",
                "client": "client1", "submitted_at": "2026-03-09T14:30:00+00:00",
            }
        ],
        "next_cursor": None,
    }  # fmt: skip
    assert written(bodies.BatchesAnswer.of([], 7))["next_cursor"] is not None


def test_a_cancel_tells_the_state_of_every_order() -> None:
    rows = (
        CancelRow(Symbol("A"), OrderId(1), True, ShownStatus.CANCELLED, 0),
        CancelRow(
            Symbol("B"), None, cancelled=False, status=ShownStatus.PENDING_CANCEL,
            filled_qty=5, cancel_requested=True,
        ),
    )  # fmt: skip

    assert written(bodies.CancelAnswer.of(Cancellation(BATCH, rows))) == {
        "batch_id": BATCH,
        "results": [
            {
                "symbol": "A", "ibkr_order_id": 1, "cancelled": True, "status": "Cancelled",
                "filled_qty": 0,
            },
            {
                "symbol": "B", "ibkr_order_id": None, "cancelled": False,
                "status": "PendingCancel", "filled_qty": 5, "cancel_requested": True,
            },
        ],
    }  # fmt: skip


def test_a_cancel_leaves_an_order_that_a_newer_batch_keeps() -> None:
    row = CancelRow(
        Symbol("A"), OrderId(1), cancelled=False, status=ShownStatus.SUBMITTED, filled_qty=0,
        kept_by=OTHER_BATCH,
    )  # fmt: skip

    assert written(bodies.CancelResult.of(row)) == {
        "symbol": "A", "ibkr_order_id": 1, "cancelled": False, "status": "Submitted",
        "filled_qty": 0, "kept_by": OTHER_BATCH,
    }  # fmt: skip


@pytest.mark.parametrize("halted", [None, ACCOUNT])
def test_a_halted_account_says_by_whom_and_why(halted: AccountId | None) -> None:
    halt = Halt(halted, HaltMode.REDUCE_ONLY, "admin", NOW, "earnings tonight")
    view = AccountView(
        ACCOUNT, default=True, connected=True, reason=None, net_liquidation=None, halt=halt
    )

    (shown,) = written(bodies.AccountsAnswer.of([view]))["accounts"]

    assert shown["halted"] is True
    assert shown["halt"] == {
        "account_id": halted, "mode": "reduce_only", "by": "admin",
        "since": "2026-03-09T14:30:00+00:00", "reason": "earnings tonight",
    }  # fmt: skip


def test_a_lock_for_a_position_shows_both_quantities() -> None:
    lock = Lock(Symbol("AAPL"), "positions differ", NOW, ours=100, broker=0)

    shown = written(bodies.LockBody.of(lock))

    assert (shown["position"], shown["broker_position"]) == (100, 0)


def test_an_account_shows_its_locks_and_why_it_is_down() -> None:
    view = AccountView(
        ACCOUNT, default=True, connected=False, reason="line lost", net_liquidation=None,
        locks=(Lock(Symbol("AAPL"), "unknown order", NOW),),
    )  # fmt: skip

    assert written(bodies.AccountsAnswer.of([view]))["accounts"] == [
        {
            "account_id": "DU8730189", "type": "Paper", "default": True, "connected": False,
            "reason": "line lost", "halted": False, "limits": NO_LIMITS,
            "limits_source": "configuration", "net_liquidation": None,
            "locks": [
                {
                    "symbol": "AAPL", "reason": "unknown order",
                    "since": "2026-03-09T14:30:00+00:00", "position": None,
                    "broker_position": None,
                }
            ],
        }
    ]  # fmt: skip


def test_a_preview_adds_the_estimates() -> None:
    planned = shown_order(state=OrderState.PLANNED, order_id=None, status=None, limit="150")
    entry = PreviewRow(make_row(order=planned), Decimal(150), Decimal(7500))
    refused = PreviewRow(make_row(outcome=Outcome.ERROR, error="x"), None, None)
    preview = Preview(ACCOUNT, (entry, refused), Decimal("0.02"))

    answer = written(bodies.PreviewAnswer.of(preview))

    assert answer["estimated_notional"] == 7500
    assert answer["estimated_send_seconds"] == Decimal("0.02")
    assert answer["results"][0]["status"] == "PendingSubmit"
    assert answer["results"][0]["reference_price"] == 150
    assert answer["results"][1]["estimated_notional"] is None
    assert answer["preview_id"] is None
    assert "warnings" not in answer


def test_a_preview_can_be_sent_by_its_id_and_warns() -> None:
    preview = Preview(ACCOUNT, (), Decimal(0), preview_id="0123abcd", warnings=("w",))

    answer = written(bodies.PreviewAnswer.of(preview))

    assert answer["preview_id"] == "0123abcd"
    assert answer["warnings"] == ["w"]


def test_a_problem_says_the_same_in_detail_and_error() -> None:
    error = BadRequest("x is wrong.", errors=(FieldError("x", "is wrong"),))

    assert written(bodies.ProblemBody.of(error)) == {
        "type": "/problems/bad-request", "title": "The request is not valid", "status": 400,
        "detail": "x is wrong.", "code": "bad-request", "error": "x is wrong.",
        "errors": [{"field": "x", "message": "is wrong"}],
    }  # fmt: skip
