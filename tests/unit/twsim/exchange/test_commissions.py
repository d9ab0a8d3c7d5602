from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.commissions import VALUE_SHARE_MAX, fill_commission, order_commission

prices = st.decimals(min_value="0.01", max_value=5000, places=2)


@pytest.mark.parametrize(
    ("shares", "price", "commission"),
    [
        (50, "150.01", "0.35"),
        (1, "150.00", "0.35"),
        (100, "150.00", "0.35"),
        (101, "150.00", "0.3535"),
        (1000, "150.00", "3.5"),
        (1, "10.00", "0.10"),
        (100, "0.05", "0.05"),
    ],
)
def test_an_order_costs_what_the_tiered_schedule_says(
    shares: int, price: str, commission: str
) -> None:
    assert order_commission(shares, shares * Decimal(price)) == Decimal(commission)


@settings(deadline=None)
@given(fills=st.lists(st.tuples(st.integers(1, 5000), prices), min_size=1, max_size=12))
def test_fills_add_up_to_what_the_order_costs_and_none_is_negative(
    fills: list[tuple[int, Decimal]],
) -> None:
    shares, value, total = 0, Decimal(0), Decimal(0)
    for more, price in fills:
        commission = fill_commission(shares, value, shares=more, price=price)
        shares, value, total = shares + more, value + more * price, total + commission

        assert commission >= 0

    assert total == order_commission(shares, value)
    assert total <= VALUE_SHARE_MAX * value
