from __future__ import annotations

from decimal import Decimal

import pytest

from paperdesk.broker.queries import quote_of
from paperdesk.desk.ports import Quote


def tick(kind: int, price: str) -> list[str]:
    return ["1", "6", "9", str(kind), price, "100", "0"]


def test_live_and_delayed_prices_make_a_quote() -> None:
    live = quote_of([tick(1, "149.99"), tick(2, "150.01"), tick(4, "150.00")])
    delayed = quote_of([tick(66, "149.99"), tick(67, "150.01"), tick(68, "150.00")])

    assert live == delayed == Quote(Decimal("149.99"), Decimal("150.01"), Decimal("150.00"))


def test_the_last_price_of_a_side_counts() -> None:
    found = quote_of([tick(1, "149.99"), tick(1, "149.98")])

    assert found == Quote(Decimal("149.98"), None, None)


@pytest.mark.parametrize(
    "rows", [[], [tick(1, "-1.00")], [tick(9, "148.00")], [["1", "6"]], [tick(1, "NaN")]]
)
def test_without_a_price_there_is_no_quote(rows: list[list[str]]) -> None:
    assert quote_of(rows) is None
