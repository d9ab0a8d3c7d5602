"""The JSON shape of limits."""

from __future__ import annotations

import json
from decimal import Decimal

from makers import NO_LIMITS
from paperdesk.domain.limits import UNLIMITED, Limits
from paperdesk.domain.vocabulary import Symbol
from paperdesk.wire.encoding import encode
from paperdesk.wire.limits import LimitsBody


def written(limits: Limits) -> object:
    return json.loads(encode(LimitsBody.of(limits)), parse_float=Decimal)


def test_what_is_not_limited_is_null() -> None:
    assert written(UNLIMITED) == NO_LIMITS


def test_limits_are_written_in_plain_numbers() -> None:
    limits = Limits(
        max_order_quantity=10_000, max_order_notional=Decimal("2.5E+5"),
        price_collar_pct=Decimal("0.10"), allow_short=False,
        symbols=frozenset({Symbol("MSFT"), Symbol("AAPL")}),
    )  # fmt: skip

    assert written(limits) == NO_LIMITS | {
        "max_order_quantity": 10_000, "max_order_notional": 250_000,
        "price_collar_pct": Decimal("0.1"), "allow_short": False, "symbols": ["AAPL", "MSFT"],
    }  # fmt: skip
