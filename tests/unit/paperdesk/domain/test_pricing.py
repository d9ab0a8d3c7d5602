"""Order type and price of a target."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import is_on_tick, make_order, make_target
from paperdesk.domain.contract import US_STOCK_LADDER, NoTick
from paperdesk.domain.order import Terms
from paperdesk.domain.pricing import (
    Reference,
    fits,
    price_warnings,
    terms_of,
    tolerance_price,
)
from paperdesk.domain.vocabulary import Keep, OrderType, Side, TimeInForce

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


WINDOW = {"expected": "150.00", "tolerance": "0.5"}


@pytest.mark.parametrize(
    ("prices", "side", "working", "within", "exact"),
    [
        ({}, Side.BUY, None, True, True),
        ({}, Side.BUY, "150.00", False, False),
        ({"expected": "150.00"}, Side.BUY, None, True, True),
        ({"expected": "150.00"}, Side.BUY, "150.00", False, False),
        ({"limit": "150.5"}, Side.BUY, "150.50", True, True),
        ({"limit": "150.5"}, Side.BUY, "150.49", False, False),
        ({"limit": "150.5"}, Side.BUY, None, False, False),
        (WINDOW | {"limit": "150.5"}, Side.BUY, "150.40", False, False),
        (WINDOW, Side.BUY, None, False, False),
        (WINDOW, Side.BUY, "149.99", False, False),
        (WINDOW, Side.BUY, "150.00", True, False),
        (WINDOW, Side.BUY, "150.40", True, False),
        (WINDOW, Side.BUY, "150.75", True, True),
        (WINDOW, Side.BUY, "150.76", False, False),
        (WINDOW, Side.SELL, "150.01", False, False),
        (WINDOW, Side.SELL, "150.00", True, False),
        (WINDOW, Side.SELL, "149.60", True, False),
        (WINDOW, Side.SELL, "149.25", True, True),
        (WINDOW, Side.SELL, "149.24", False, False),
        ({"expected": "150.005", "tolerance": "0"}, Side.BUY, "150.00", True, True),
        ({"expected": "0.00005", "tolerance": "0"}, Side.BUY, "0.0001", False, False),
    ],
)
def test_a_working_price_fits_where_the_new_target_would_accept_it(
    prices: dict[str, str],
    side: Side,
    working: str | None,
    within: bool,  # noqa: FBT001
    exact: bool,  # noqa: FBT001
) -> None:
    target = make_target(**prices)  # type: ignore[arg-type]
    order = make_order(side=side, limit=working)

    assert fits(target, order, US_STOCK_LADDER, Keep.WITHIN_TOLERANCE) is within
    assert fits(target, order, US_STOCK_LADDER, Keep.EXACT) is exact


@pytest.mark.parametrize("prices", [{}, {"limit": "150.40"}, WINDOW])
@pytest.mark.parametrize("tif", TimeInForce)
@pytest.mark.parametrize("outside_rth", [False, True])
def test_time_in_force_and_hours_must_be_those_of_the_order(
    prices: dict[str, str],
    tif: TimeInForce,
    outside_rth: bool,  # noqa: FBT001
) -> None:
    target = make_target(**prices, tif=TimeInForce.IOC, outside_rth=True)  # type: ignore[arg-type]
    order = make_order(limit="150.40" if prices else None)
    order = replace(
        order, terms=replace(order.terms, time_in_force=tif, outside_rth=outside_rth)
    )

    is_same = tif is TimeInForce.IOC and outside_rth
    assert fits(target, order, US_STOCK_LADDER, Keep.WITHIN_TOLERANCE) is is_same


@given(prices, tolerances, st.sampled_from(Side), st.sampled_from(Keep))
def test_what_a_target_would_send_fits_it(
    expected: Decimal, tolerance: Decimal, side: Side, keep: Keep
) -> None:
    target = replace(make_target(), expected_price=expected, tolerance_pct=tolerance)
    try:
        terms = terms_of(target, side, US_STOCK_LADDER)
    except NoTick:
        return

    assert fits(target, replace(make_order(side=side), terms=terms), US_STOCK_LADDER, keep)


@given(prices, tolerances, st.sampled_from(Side), st.data())
def test_a_price_that_fits_is_never_beyond_the_tolerance(
    expected: Decimal, tolerance: Decimal, side: Side, data: st.DataObject
) -> None:
    moved = data.draw(st.integers(-200, 200))
    working = max(expected + Decimal(moved).scaleb(-4), Decimal("0.0001"))
    target = replace(make_target(), expected_price=expected, tolerance_pct=tolerance)
    order = make_order(side=side, limit=str(working))
    if not fits(target, order, US_STOCK_LADDER, Keep.WITHIN_TOLERANCE):
        return
    bound = Fraction(expected) * (100 + side.sign * Fraction(tolerance)) / 100

    assert working <= bound if side is Side.BUY else working >= bound


def test_a_reference_is_that_of_the_orders_side() -> None:
    reference = Reference(buy=Decimal(151), sell=Decimal(150))

    assert reference.of(Side.BUY) == reference.dearest == Decimal(151)
    assert reference.of(Side.SELL) == Decimal(150)
    assert Reference(sell=Decimal(150)).dearest == Decimal(150)
    assert Reference().dearest is None
