"""The slippage of an order, and of many: exact, whatever the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.domain.slippage import Fill, Totals
from paperdesk.domain.vocabulary import Side

# As large as a target, and as long, as the API takes them.
prices = st.decimals("0.00000001", "999999999.99999999", places=8)
fills = st.builds(
    Fill,
    side=st.sampled_from(Side),
    shares=st.integers(1, 1_000_000_000),
    value=st.decimals("0.01", "9" * 18, places=8),
    expected_price=prices,
    commission=st.none() | st.decimals("0", "1000", places=4),
)
several = st.lists(fills, max_size=8)


def make_fill(
    value: str,
    *,
    side: Side = Side.BUY,
    expected: str = "150.00",
    shares: int = 100,
    commission: str | None = "1.00",
) -> Fill:
    paid = None if commission is None else Decimal(commission)
    return Fill(side, shares, Decimal(value), Decimal(expected), paid)


def total_of(found: Iterable[Fill]) -> Totals:
    totals = Totals()
    for fill in found:
        totals.take(fill)
    return totals


def cost_of(fill: Fill) -> Fraction:
    """Return the slippage in USD, by arithmetic that knows no rounding."""
    dearer = Fraction(fill.value) - fill.shares * Fraction(fill.expected_price)
    return dearer if fill.side is Side.BUY else -dearer


@pytest.mark.parametrize(
    ("side", "value", "usd", "bps"),
    [
        (Side.BUY, "15016.00", "16", "10.6667"),
        (Side.BUY, "14984.00", "-16", "-10.6667"),
        (Side.SELL, "15016.00", "-16", "-10.6667"),
        (Side.SELL, "14984.00", "16", "10.6667"),
        (Side.BUY, "15000.00", "0", "0"),
    ],
)
def test_a_cost_is_positive_whichever_side(side: Side, value: str, usd: str, bps: str) -> None:
    fill = make_fill(value, side=side)

    assert fill.usd == Decimal(usd)
    assert fill.per_share == Decimal(usd) / 100
    assert fill.bps == Decimal(bps)


def test_what_is_rounded_is_rounded_half_to_even() -> None:
    thirds = make_fill("10.00", expected="3.00", shares=3)
    half = make_fill("2.00000001", expected="1.00", shares=2)

    assert thirds.per_share == Decimal("0.33333333")
    assert thirds.avg_price.quantize(Decimal("0.0001")) == Decimal("3.3333")
    assert thirds.bps == Decimal("1111.1111")
    assert half.per_share == 0  # 0.000000005


@given(fills)
def test_the_slippage_of_an_order_is_exact(fill: Fill) -> None:
    expected = fill.shares * Fraction(fill.expected_price)

    assert Fraction(fill.usd) == cost_of(fill)
    assert Fraction(fill.expected_value) == expected
    bps = cost_of(fill) / expected * 10_000
    assert abs(Fraction(fill.bps) - bps) <= Fraction(1, 20_000)
    assert abs(Fraction(fill.per_share) - cost_of(fill) / fill.shares) <= Fraction(1, 2 * 10**8)


@given(fills)
def test_the_other_side_costs_as_much_less(fill: Fill) -> None:
    other = Side.SELL if fill.side is Side.BUY else Side.BUY
    turned = replace(fill, side=other)

    assert (turned.usd, turned.bps, turned.per_share) == (
        -fill.usd,
        -fill.bps,
        -fill.per_share,
    )


@given(several)
def test_the_sums_are_exact(found: Sequence[Fill]) -> None:
    totals = total_of(found)

    assert totals.orders == len(found)
    assert totals.shares == sum(fill.shares for fill in found)
    assert Fraction(totals.value) == sum(Fraction(fill.value) for fill in found)
    assert Fraction(totals.usd) == sum(map(cost_of, found))
    paid = [fill.commission for fill in found if fill.commission is not None]
    assert Fraction(totals.commission) == sum(map(Fraction, paid))
    assert totals.commission_missing == len(found) - len(paid)


@given(several)
def test_the_basis_points_of_all_weigh_each_order_by_what_was_expected(
    found: Sequence[Fill],
) -> None:
    totals = total_of(found)
    weights = [fill.shares * Fraction(fill.expected_price) for fill in found]

    if not found:
        assert totals.bps is None
        return
    each = [cost_of(fill) / weight for fill, weight in zip(found, weights, strict=True)]
    mean = sum(w * bps for w, bps in zip(weights, each, strict=True)) / sum(weights) * 10_000
    assert totals.bps is not None
    assert abs(Fraction(totals.bps) - Fraction(mean)) <= Fraction(1, 20_000)


@given(several, st.randoms(use_true_random=False))
def test_the_order_of_the_orders_does_not_matter(found: list[Fill], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random

    assert total_of(shuffled) == total_of(found)


@given(several)
def test_what_cost_nothing_more_has_no_slippage(found: Sequence[Fill]) -> None:
    fair = [replace(fill, value=fill.expected_value) for fill in found]

    assert total_of(fair).usd == 0
    assert total_of(fair).bps in {None, Decimal(0)}
