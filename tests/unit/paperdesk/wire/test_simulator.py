from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from paperdesk.errors import BadRequest
from paperdesk.wire.simulator import Meddling, SimulatorAnswer, parse_meddling

PRICE: Any = {"symbol": "aapl", "price": Decimal("151.20")}


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"price": PRICE}, {"price": "151.20", "symbol": "AAPL"}),
        ({"fault": {"code": "L01"}}, {"fault": "L01"}),
        (
            {"fault": {"code": "O03", "rate": Decimal("0.05"), "parameters": {"delay": 5, "symbol": "AAPL"}}},
            {"fault": "O03", "delay": "5", "symbol": "AAPL", "rate": "0.05"},
        ),
        ({"clear_faults": True}, {"clear_faults": True}),
        ({"drop_connections": True}, {"drop_connections": True}),
    ],
)  # fmt: skip
def test_one_thing_is_asked_at_a_time(body: Any, asked: dict[str, object]) -> None:
    assert parse_meddling(body).state == asked


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "exactly one of"),
        ({"clear_faults": True, "drop_connections": True}, "exactly one of"),
        ({"clear_faults": False}, "clear_faults must be true"),
        ({"prize": PRICE}, "did you mean price"),
        ({"price": 3}, "price must be an object"),
        ({"price": {**PRICE, "at": 1}}, "price.at"),
        ({"price": {"symbol": "AAPL"}}, "price.price"),
        ({"fault": {}}, "fault.code"),
        ({"fault": {"code": "L01", "rate": 2}}, "fault.rate"),
        ({"fault": {"code": "L01", "parameters": {"x": True}}}, "strings and numbers only"),
        ({"fault": {"code": "L01", "parameters": {"x": Decimal("1e999")}}}, "sensible size"),
        ({"fault": {"code": "L01", "parameters": {"rate": 1}}}, "rate: give it beside"),
        ({"fault": {"code": "L01", "parameters": {"\u00df": "y"}}}, "printable ASCII words"),
        ({"fault": {"code": "L01", "parameters": {"x": "a\u0004"}}}, "printable ASCII words"),
        ({"fault": {"code": "L01", "parameters": {"x": "y" * 65}}}, "printable ASCII words"),
        (
            {"fault": {"code": "L01", "parameters": {"account": "pdk_" + "a" * 40}}},
            "looks like an API key",
        ),
        ({"fault": {"code": "L01", "parameters": []}}, "an object of at most"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_named(body: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        parse_meddling(body)


def test_the_answer_tells_what_is_set() -> None:
    answer = SimulatorAnswer.of(parse_meddling({"price": PRICE}), ["L01:on=now"], 3)

    assert (answer.faults, answer.struck) == (("L01:on=now",), 3)
    assert SimulatorAnswer.of(Meddling(), (), 0).price is not answer.price
