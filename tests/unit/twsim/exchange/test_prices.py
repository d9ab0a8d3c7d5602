from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.contracts import is_on_tick, to_tick
from twsim.exchange.hours import Calendar, Hours
from twsim.exchange.prices import LEVELS, STEP, Base, Prices, is_within
from twsim.exchange.tape import Tape, TapeRow
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


def make_tape(*rows: tuple[float, str]) -> Tape:
    return Tape(("AAPL", TapeRow(timedelta(seconds=at), Decimal(price))) for at, price in rows)


def test_a_tape_is_replayed_from_the_opening_on() -> None:
    tape = make_tape((0, "150.00"), (1.5, "151.00"), (2.5, "149.00"))
    prices = Prices(seed=0, opened_at=NOW, tape=tape)

    def last(seconds: float) -> str:
        return str(prices.quote(AAPL, NOW + timedelta(seconds=seconds)).last)

    assert [last(n) for n in (0, 1, 1.5, 2, 2.5, 9000)] == [
        "150.00", "150.00", "151.00", "151.00", "149.00", "149.00",
    ]  # fmt: skip
    assert prices.quote(AAPL, NOW).bid == Decimal("149.99")
    assert prices.quote(contract("MSFT"), NOW).last == Decimal("420.00")


def test_bid_ask_and_size_of_the_tape_are_shown() -> None:
    row = TapeRow(timedelta(0), Decimal(150), Decimal("149.9"), Decimal("150.1"), 700)
    prices = Prices(seed=0, opened_at=NOW, tape=Tape([("AAPL", row)]))
    quote = prices.quote(AAPL, NOW)

    assert (quote.bid, quote.ask) == (Decimal("149.9"), Decimal("150.1"))
    assert {quote.bid_size, quote.ask_size, quote.last_size} == {700}

    prices.set_size(AAPL.con_id, 40)

    assert prices.quote(AAPL, NOW).bid_size == 40


def test_a_price_set_by_hand_holds_until_the_next_row() -> None:
    tape = make_tape((0, "150.00"), (10, "151.00"))
    prices = Prices(seed=0, opened_at=NOW, tape=tape)
    prices.set_base(Base(AAPL.con_id, Decimal(99), NOW + timedelta(seconds=5)))

    assert prices.quote(AAPL, NOW + timedelta(seconds=6)).last == 99
    assert prices.quote(AAPL, NOW + timedelta(seconds=10)).last == 151


def test_the_moment_of_a_limit_is_read_off_the_tape() -> None:
    tape = make_tape((0, "150.00"), (5, "149.00"), (9.25, "140.00"))
    prices = Prices(seed=0, opened_at=NOW, tape=tape)
    end = NOW + timedelta(hours=1)

    def reach(side: Side, limit: str) -> float:
        found = prices.next_reach(AAPL, side, Decimal(limit), now=NOW, until=end)
        return (found - NOW).total_seconds()

    assert reach(Side.BUY, "149.50") == 5
    assert reach(Side.BUY, "140.01") == 9.25
    assert reach(Side.BUY, "100") == 3600
    assert reach(Side.SELL, "148") == 5


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**64),
    cents=st.integers(14_800, 15_200),
    side=st.sampled_from(Side),
    seconds=st.floats(1, 900),
    base=st.sampled_from([None, "150.00", "0.9990", "1.0100"]),
)
def test_no_limit_is_reached_before_it_was_worth_a_look(
    seed: int, cents: int, side: Side, seconds: float, base: str | None
) -> None:
    prices = make_prices(seed=seed)
    limit = Decimal(cents).scaleb(-2)
    if base is not None:
        prices.set_base(Base(AAPL.con_id, Decimal(base), NOW))
        limit = to_tick(Decimal(base) * cents / 15_000)
    until = NOW + timedelta(seconds=seconds)
    look = prices.next_reach(AAPL, side, limit, now=NOW, until=until)

    assert NOW < look <= until
    step = NOW + STEP
    while step < look:
        assert not is_within(prices.quote(AAPL, step), side, limit)
        step += STEP


def test_prices_stand_still_while_the_exchange_is_closed() -> None:
    saturday = NOW + timedelta(days=5)
    prices = Prices(seed=3, opened_at=NOW, hours=Hours(Calendar(frozenset(), frozenset())))
    friday_end = datetime(2026, 3, 14, 0, tzinfo=UTC)

    assert saturday.isoweekday() == 6
    assert prices.quote(AAPL, saturday) == prices.quote(AAPL, friday_end)
    assert prices.quote(AAPL, saturday) == prices.quote(AAPL, saturday + timedelta(hours=30))
    monday = saturday + timedelta(days=2)
    assert prices.quote(AAPL, saturday) != prices.quote(AAPL, monday)
