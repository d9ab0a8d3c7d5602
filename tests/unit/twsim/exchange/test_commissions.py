from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.commissions import VALUE_SHARE_MAX, Schedule, Tariff
from twsim.exchange.vocabulary import Side

TIERED = Tariff()
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
    assert TIERED.order_commission(shares, shares * Decimal(price)) == Decimal(commission)


@settings(deadline=None)
@given(fills=st.lists(st.tuples(st.integers(1, 5000), prices), min_size=1, max_size=12))
def test_fills_add_up_to_what_the_order_costs_and_none_is_negative(
    fills: list[tuple[int, Decimal]],
) -> None:
    shares, value, total = 0, Decimal(0), Decimal(0)
    for more, price in fills:
        commission = TIERED.fill_commission(
            shares, value, side=Side.SELL, shares=more, price=price
        )
        shares, value, total = shares + more, value + more * price, total + commission

        assert commission >= 0

    assert total == TIERED.order_commission(shares, value)
    assert total <= VALUE_SHARE_MAX * value


FIXED = Tariff(Schedule.FIXED)


@pytest.mark.parametrize(
    ("side", "fills"),
    [
        # The fills of June 2026 that tws-facts §4.6 gives, with what the real one took.
        (Side.BUY, [(100, "292.79", "1.0003")]),
        (Side.BUY, [(40, "292.44", "1.00012"), (60, "292.44", "0.00018")]),
        (Side.SELL, [(40, "292.33", "1.2488"), (40, "292.30", "0.248775"),
                     (20, "292.30", "0.124388")]),
        (Side.BUY, [(1, "292.34", "1.000003")]),
    ],
)  # fmt: skip
def test_the_fixed_schedule_takes_what_a_real_gateway_was_recorded_to_take(
    side: Side, fills: list[tuple[int, str, str]]
) -> None:
    shares, value = 0, Decimal(0)
    for more, price, commission in fills:
        taken = FIXED.fill_commission(
            shares, value, side=side, shares=more, price=Decimal(price)
        )
        shares, value = shares + more, value + more * Decimal(price)

        assert taken == Decimal(commission)


def test_what_three_sales_cost_adds_up_to_the_recorded_sum() -> None:
    total, shares, value = Decimal(0), 0, Decimal(0)
    for more, price in ((40, "292.33"), (40, "292.30"), (20, "292.30")):
        total += FIXED.fill_commission(
            shares, value, side=Side.SELL, shares=more, price=Decimal(price)
        )
        shares, value = shares + more, value + more * Decimal(price)

    assert total == Decimal("1.621963")


@pytest.mark.parametrize(
    ("tariff", "side", "commission"),
    [
        (TIERED, Side.BUY, "0.35"),
        (TIERED, Side.SELL, "0.35"),
        (Tariff(fees=True), Side.BUY, "0.35015"),
        (Tariff(fees=True), Side.SELL, "0.5144"),
        (FIXED, Side.BUY, "1.00015"),
        (Tariff(Schedule.FIXED, fees=True), Side.BUY, "1.00015"),
    ],
)
def test_regulators_take_their_share_where_they_are_asked_for(
    tariff: Tariff, side: Side, commission: str
) -> None:
    taken = tariff.fill_commission(0, Decimal(0), side=side, shares=50, price=Decimal(150))

    assert taken == Decimal(commission)


def test_a_large_fixed_order_costs_half_a_cent_a_share_but_at_most_one_percent() -> None:
    assert FIXED.order_commission(1000, Decimal(150_000)) == 5
    assert FIXED.order_commission(1000, Decimal(100)) == 1
