"""Order type and price of a target."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import is_on_tick, make_target
from paperdesk.domain.contract import US_STOCK_LADDER, NoTick
from paperdesk.domain.order import Terms
from paperdesk.domain.pricing import price_warnings, terms_of, tolerance_price
from paperdesk.domain.vocabulary import OrderType, Side, TimeInForce

prices = st.decimals(min_value="0.00000001", max_value="999999999.99999999", places=8)
tolerances = st.decimals(min_value=0, max_value="99.999999999999999999999999999999", places=30)


@pytest.mark.parametrize(
    ("expected", "tolerance", "side", "price"),
    [
        ("150.00", "0.5", Side.BUY, "150.75"),
        ("150.00", "0.5", Side.SELL, "149.25"),
        ("99.99", "0.33", Side.BUY, "100.31"),
        ("99.99", "0.33", Side.SELL, "99.67"),
        ("0.5", "0.01", Side.BUY, "0.5000"),
        ("0.9999", "1", Side.BUY, "1.00"),
        ("420", "0", Side.SELL, "420.00"),
    ],
)
def test_a_tolerance_price_is_computed_on_the_digits_sent(
    expected: str, tolerance: str, side: Side, price: str
) -> None:
    found = tolerance_price(
        Decimal(expected), Decimal(tolerance), side=side, ladder=US_STOCK_LADDER
    )

    assert str(found) == price


@given(prices, tolerances, st.sampled_from(Side))
def test_a_tolerance_price_is_a_tick_and_never_beyond_the_tolerance(
    expected: Decimal, tolerance: Decimal, side: Side
) -> None:
    try:
        found = tolerance_price(expected, tolerance, side=side, ladder=US_STOCK_LADDER)
    except NoTick:
        assert side is Side.BUY
        return
    bound = Fraction(expected) * (100 + side.sign * Fraction(tolerance)) / 100

    assert is_on_tick(found, US_STOCK_LADDER)
    assert Fraction(found) <= bound if side is Side.BUY else Fraction(found) >= bound


def test_an_explicit_limit_is_sent_exactly_and_wins() -> None:
    target = make_target(limit="150.123", expected="1", tolerance="5")

    assert terms_of(target, Side.BUY, US_STOCK_LADDER) == Terms(
        OrderType.LMT, Decimal("150.123")
    )


def test_no_price_is_a_market_order_with_the_terms_asked() -> None:
    target = make_target(tif=TimeInForce.IOC)

    assert terms_of(target, Side.SELL, US_STOCK_LADDER) == Terms(
        OrderType.MKT, None, TimeInForce.IOC
    )
    assert price_warnings(target) == ()


def test_an_expected_price_alone_is_a_market_order_with_a_warning() -> None:
    target = make_target(expected="150")

    assert terms_of(target, Side.BUY, US_STOCK_LADDER).order_type is OrderType.MKT
    assert len(price_warnings(target)) == 1


def test_a_limit_or_a_tolerance_needs_no_warning() -> None:
    assert price_warnings(make_target(limit="1")) == ()
    assert price_warnings(make_target(expected="1", tolerance="0")) == ()


def test_a_tolerance_makes_a_limit_on_the_orders_side() -> None:
    target = make_target(expected="150.00", tolerance="0.5", outside_rth=True)

    assert terms_of(target, Side.SELL, US_STOCK_LADDER) == Terms(
        OrderType.LMT, Decimal("149.25"), TimeInForce.DAY, outside_rth=True
    )
