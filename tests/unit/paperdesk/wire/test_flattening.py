from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from makers import ACCOUNT, BATCH, NOW, make_batch, make_row
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.views import Flattening, HaltedOrder, NotClosed
from paperdesk.domain.vocabulary import HaltMode, OrderId, Symbol
from paperdesk.errors import BadRequest
from paperdesk.wire.encoding import encode
from paperdesk.wire.flattening import FlattenAnswer, parse_flatten
from paperdesk.wire.parsing import Json

HALT = Halt(ACCOUNT, HaltMode.REDUCE_ONLY, "admin", NOW, "flatten: out")


def written(answer: object) -> Any:
    return json.loads(encode(answer), parse_float=Decimal)


def test_the_answer_is_that_of_a_batch_and_what_the_halt_came_to() -> None:
    ended = HaltedOrder(Symbol("KO"), BATCH, OrderId(7), ShownStatus.CANCELLED)
    left = HaltedOrder(Symbol("PEP"), BATCH, OrderId(8), ShownStatus.PENDING_CANCEL)
    locked = NotClosed("MSFT", Decimal(-5), "two figures")
    rest = NotClosed("AAPL", Decimal("0.25"), "only whole shares can be traded")

    answer = written(
        FlattenAnswer.of(
            Flattening(HALT, make_batch(make_row()), (ended,), (left,), (locked,), (rest,))
        )
    )

    (row,) = answer.pop("results")
    assert (row["symbol"], row["status"]) == ("AAPL", "PendingSubmit")
    at = "2026-03-09T14:30:00+00:00"
    assert answer == {
        "batch_id": BATCH,
        "account_id": ACCOUNT,
        "submitted_at": at,
        "halt": {
            "account_id": ACCOUNT, "mode": "reduce_only", "by": "admin", "since": at,
            "reason": "flatten: out",
        },
        "cancelled": [
            {"symbol": "KO", "batch_id": BATCH, "ibkr_order_id": 7, "status": "Cancelled"}
        ],
        "still_working": [
            {"symbol": "PEP", "batch_id": BATCH, "ibkr_order_id": 8, "status": "PendingCancel"}
        ],
        "locked": [{"symbol": "MSFT", "quantity": -5, "reason": "two figures"}],
        "not_flat": [
            {"symbol": "AAPL", "quantity": Decimal("0.25"),
             "reason": "only whole shares can be traded"}
        ],
    }  # fmt: skip


def test_without_anything_to_close_there_is_no_batch() -> None:
    answer = written(FlattenAnswer.of(Flattening(HALT, None, (), (), (), ())))

    assert answer["batch_id"] is None
    assert answer["results"] == []
    assert "warnings" not in answer


def test_a_reason_and_the_account_once_more_are_all_it_takes() -> None:
    assert parse_flatten({"reason": "out", "confirm": ACCOUNT}, ACCOUNT) == "out"


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({}, ["reason", "confirm"]),
        ({"reason": "", "confirm": ACCOUNT}, ["reason"]),
        ({"reason": "out", "confirm": "DUP203550"}, ["confirm"]),
        ({"reason": "out", "confirm": f"{ACCOUNT} "}, ["confirm"]),
        ({"reason": "out", "confirm": 1}, ["confirm"]),
        ({"reason": "out", "confirm": ACCOUNT, "cancel_working": True}, ["cancel_working"]),
    ],
)
def test_anything_else_is_refused(document: Json, fields: list[str]) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_flatten(document, ACCOUNT)

    assert sorted(error.field for error in raised.value.errors) == sorted(fields)
