from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.matching import Print, sweep
from twsim.exchange.prices import Level
from twsim.exchange.vocabulary import Side

ASKS = [
    Level(Decimal(f"150.0{n}"), 40, venue)
    for n, venue in ((1, "IEX"), (2, "ARCA"), (3, "NYSE"))
]


def test_an_order_takes_the_best_level_first() -> None:
    assert sweep(Side.BUY, 100, ASKS, limit=None) == [
        Print(Decimal("150.01"), 40, "IEX"),
        Print(Decimal("150.02"), 40, "ARCA"),
        Print(Decimal("150.03"), 20, "NYSE"),
    ]


@pytest.mark.parametrize(("limit", "taken"), [("150.00", 0), ("150.01", 40), ("150.02", 80)])
def test_a_limit_is_never_crossed(limit: str, taken: int) -> None:
    prints = sweep(Side.BUY, 100, ASKS, limit=Decimal(limit))

    assert sum(each.shares for each in prints) == taken


def test_a_sell_takes_downwards() -> None:
    bids = [Level(Decimal("149.99"), 40, "IEX"), Level(Decimal("149.98"), 40, "ARCA")]

    assert sweep(Side.SELL, 50, bids, limit=Decimal("149.99")) == [
        Print(Decimal("149.99"), 40, "IEX")
    ]


@settings(deadline=None)
@given(shares=st.integers(1, 200), sizes=st.lists(st.integers(1, 50), max_size=8))
def test_no_more_is_taken_than_is_wanted_or_shown(shares: int, sizes: list[int]) -> None:
    levels = [Level(Decimal(100 + n), size, "IEX") for n, size in enumerate(sizes)]
    prints = sweep(Side.BUY, shares, levels, limit=None)

    assert sum(each.shares for each in prints) == min(shares, sum(sizes))
    assert all(each.shares > 0 for each in prints)
