from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.contracts import is_on_tick
from twsim.exchange.prices import LEVELS, STEP, Base, Prices
from twsim.exchange.vocabulary import Side
from twsim_makers import NOW, contract

AAPL = contract("AAPL")


def make_prices(*, seed: int = 0) -> Prices:
    return Prices(seed=seed, opened_at=NOW)


@pytest.mark.parametrize(("symbol", "price"), [("AAPL", "150.00"), ("MSFT", "420.00")])
@pytest.mark.parametrize("seed", [0, 1, 99])
def test_known_symbols_start_where_the_contract_says(
    symbol: str, price: str, seed: int
) -> None:
    quote = make_prices(seed=seed).quote(contract(symbol), NOW)

    assert quote.last == Decimal(price)
    assert quote.bid < quote.last < quote.ask


def test_other_symbols_start_somewhere_between_20_and_400() -> None:
    prices = make_prices()

    for symbol in ("IBM", "SPY", "BRK B", "TWIN"):
        assert 20 <= prices.quote(contract(symbol), NOW).last < 400


def test_prices_depend_on_seed_symbol_and_time_alone() -> None:
    later = NOW + timedelta(hours=5)
    asked_before = make_prices(seed=7)
    for minutes in range(0, 300, 7):
        asked_before.quote(AAPL, NOW + timedelta(minutes=minutes))

    assert asked_before.quote(AAPL, later) == make_prices(seed=7).quote(AAPL, later)
    assert make_prices(seed=8).quote(AAPL, later) != make_prices(seed=7).quote(AAPL, later)


def test_prices_stand_still_within_a_step_and_move_after_it() -> None:
    prices = make_prices()
    quotes = {prices.quote(AAPL, NOW + STEP * n / 4) for n in range(4)}

    assert len(quotes) == 1
    assert prices.next_step(NOW) == NOW + STEP
    assert prices.step_at(NOW - STEP) == 0
    assert len({prices.quote(AAPL, NOW + STEP * n).last for n in range(60)}) > 5


@settings(deadline=None, max_examples=200)
@given(seconds=st.integers(0, 30 * 86_400), seed=st.integers(0, 2**70))
def test_a_quote_is_always_tradable_and_near_the_start(seconds: int, seed: int) -> None:
    quote = make_prices(seed=seed).quote(AAPL, NOW + timedelta(seconds=seconds))

    assert quote.bid < quote.last < quote.ask
    assert all(is_on_tick(price) for price in (quote.bid, quote.last, quote.ask))
    assert min(quote.bid_size, quote.ask_size, quote.last_size) >= 100
    assert 120 < quote.last < 190


def test_a_set_price_is_the_base_from_then_on() -> None:
    prices = make_prices()
    later = NOW + timedelta(hours=1)
    prices.quote(AAPL, later)
    prices.set_base(Base(AAPL.con_id, Decimal("50.00"), later))

    assert prices.quote(AAPL, later).last == Decimal("50.00")
    assert 49 < prices.quote(AAPL, later + timedelta(minutes=5)).last < 51


def test_a_price_below_one_dollar_has_fine_ticks() -> None:
    prices = make_prices()
    prices.set_base(Base(AAPL.con_id, Decimal("0.5000"), NOW))
    quote = prices.quote(AAPL, NOW)

    assert (quote.bid, quote.ask) == (Decimal("0.4999"), Decimal("0.5001"))


@pytest.mark.parametrize("side", list(Side))
def test_the_ladder_goes_away_from_the_quote_and_has_no_bottom(side: Side) -> None:
    prices = make_prices()
    levels = prices.ladder(AAPL, side, NOW)
    quote = prices.quote(AAPL, NOW)

    assert len(levels) == LEVELS
    assert levels[0].price == (quote.ask if side is Side.BUY else quote.bid)
    assert all(
        (after.price - before.price) * side.sign > 0 for before, after in pairwise(levels)
    )
    assert levels[1].shares == 2 * levels[0].shares
    assert levels[-1].shares >= 10**12


def test_a_set_size_shows_at_every_level_until_it_is_taken_back() -> None:
    prices = make_prices()
    usual = prices.quote(AAPL, NOW)
    prices.set_size(AAPL.con_id, 40)

    assert [level.shares for level in prices.ladder(AAPL, Side.BUY, NOW)][:3] == [40, 40, 40]

    prices.set_size(AAPL.con_id, None)

    assert prices.quote(AAPL, NOW) == usual
