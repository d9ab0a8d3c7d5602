"""Symbols and ticks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import is_on_tick
from paperdesk.domain.contract import (
    US_STOCK_LADDER,
    NoTick,
    normalise_symbol,
    round_to_tick,
    tick_at,
)
from paperdesk.domain.vocabulary import Side

prices = st.decimals(min_value="0.00000001", max_value="999999999", places=8)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("AAPL", "AAPL"),
        ("  aapl ", "AAPL"),
        ("BRK.B", "BRK B"),
        ("BRK B", "BRK B"),
        ("brk  b", "BRK B"),
        ("A-B_1", "A-B_1"),
        (".AAPL", ".AAPL"),
        ("AAPL.", "AAPL."),
        (".", "."),
    ],
)
def test_a_symbol_is_spelled_ibkrs_way(written: str, spelled: str) -> None:
    assert normalise_symbol(written) == spelled


@pytest.mark.parametrize("text", ["", " ", "A\0B", "AAPL\n", "\tAAPL", "Ä", "ſPY", "A" * 33])
def test_what_could_harm_the_wire_is_no_symbol(text: str) -> None:
    assert normalise_symbol(text) is None


@given(st.text())
def test_the_spelling_of_a_spelling_is_itself(text: str) -> None:
    spelled = normalise_symbol(text)

    assert spelled is None or normalise_symbol(spelled) == spelled


def test_the_tick_follows_the_price() -> None:
    assert tick_at(Decimal("0.9999"), US_STOCK_LADDER) == Decimal("0.0001")
    assert tick_at(Decimal(1), US_STOCK_LADDER) == Decimal("0.01")


@given(prices, st.sampled_from(Side))
def test_rounding_is_against_the_order_and_onto_a_tick(price: Decimal, side: Side) -> None:
    try:
        rounded = round_to_tick(price, side, US_STOCK_LADDER)
    except NoTick:
        assert side is Side.BUY
        assert price < Decimal("0.0001")
        return

    assert is_on_tick(rounded, US_STOCK_LADDER)
    assert rounded <= price if side is Side.BUY else rounded >= price
    assert abs(rounded - price) < tick_at(max(price, rounded), US_STOCK_LADDER)


def test_a_price_between_ticks_or_at_zero_is_on_none() -> None:
    assert not is_on_tick(Decimal("1.001"), US_STOCK_LADDER)
    assert not is_on_tick(Decimal(0), US_STOCK_LADDER)
