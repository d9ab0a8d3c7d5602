from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.contracts import (
    SAMPLES_MAX,
    ContractTable,
    Listing,
    Query,
    is_on_tick,
    stable_hash,
    tick_at,
    to_tick,
)
from twsim.exchange.vocabulary import ConId
from twsim_makers import contract, contracts


@pytest.mark.parametrize(
    ("symbol", "con_id", "exchange", "trading_class"),
    [
        ("AAPL", 265598, "NASDAQ", "NMS"),
        ("MSFT", 272093, "NASDAQ", "NMS"),
        ("SPY", 756733, "ARCA", "SPY"),
        ("IBM", None, "NYSE", "IBM"),
        ("BRK B", None, "NYSE", "BRK B"),
    ],
)
def test_contracts_have_their_real_names_and_places(
    symbol: str, con_id: int | None, exchange: str, trading_class: str
) -> None:
    found = contract(symbol)

    assert con_id in (None, found.con_id)
    assert (found.primary_exchange, found.trading_class) == (exchange, trading_class)


def test_con_ids_are_unique_and_the_same_in_every_process() -> None:
    table = contracts()

    assert len(table) == 612
    assert contract("IBM").con_id == 100_000_000 + stable_hash("IBM@NYSE") % 800_000_000
    assert table[contract("IBM").con_id] == contract("IBM")


def test_two_listings_of_one_hash_get_two_con_ids() -> None:
    table = ContractTable([Listing("AAA", "a", "NYSE"), Listing("AAA", "b", "NYSE")])
    first, second = table.matching(Query(symbol="AAA"))

    assert second.con_id == first.con_id + 1


def test_a_con_id_finds_its_contract_whatever_else_is_said() -> None:
    table = contracts()

    assert table.matching(Query(con_id=265598, symbol="MSFT")) == [contract("AAPL")]
    assert table.matching(Query(con_id=1)) == []


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        (Query(symbol="AAPL", exchange="SMART", currency="USD"), ["AAPL"]),
        (Query(symbol="AAPL", primary_exchange="NASDAQ"), ["AAPL"]),
        (Query(symbol="AAPL", exchange="IEX"), ["AAPL"]),
        (Query(local_symbol="AAPL"), ["AAPL"]),
        (Query(symbol="BRK B"), ["BRK B"]),
        (Query(symbol="TWIN"), ["TWIN", "TWIN"]),
        (Query(symbol="TWIN", primary_exchange="NYSE"), ["TWIN"]),
        (Query(symbol="TWIN", trading_class="NMS"), ["TWIN"]),
        (Query(symbol="BRK.B"), []),
        (Query(symbol="aapl"), []),
        (Query(symbol="AAPL", primary_exchange="NYSE"), []),
        (Query(symbol="AAPL", currency="EUR"), []),
        (Query(symbol="AAPL", exchange="LSE"), []),
        (Query(symbol="AAPL", sec_type="OPT"), []),
        (Query(symbol="AAPL", local_symbol="MSFT"), []),
        (Query(), []),
    ],
)
def test_a_description_finds_what_fits_it(query: Query, symbols: list[str]) -> None:
    assert [found.symbol for found in contracts().matching(query)] == symbols


def test_the_twins_differ_in_con_id_and_exchange() -> None:
    nyse, nasdaq = contracts().matching(Query(symbol="TWIN"))

    assert nyse.con_id != nasdaq.con_id
    assert (nyse.primary_exchange, nasdaq.primary_exchange) == ("NYSE", "NASDAQ")


def test_a_search_finds_the_exact_symbol_first_then_prefixes_then_names() -> None:
    found = [each.symbol for each in contracts().search("ma")]

    assert found[:3] == ["MA", "MAA", "MAR"]
    assert "MMM" not in found
    assert len(found) <= SAMPLES_MAX
    assert [each.symbol for each in contracts().search("berkshire")] == ["BRK B"]
    assert contracts().search("  ") == []


@pytest.mark.parametrize(
    ("price", "tick"),
    [("0.5", "0.0001"), ("0.9999", "0.0001"), ("1", "0.01"), ("150.01", "0.01")],
)
def test_the_tick_is_finer_below_one_dollar(price: str, tick: str) -> None:
    assert tick_at(Decimal(price)) == Decimal(tick)
    assert is_on_tick(Decimal(price))


@pytest.mark.parametrize("price", ["150.005", "1.0001", "0.00005"])
def test_a_price_between_ticks_is_none(price: str) -> None:
    assert not is_on_tick(Decimal(price))


@settings(deadline=None)
@given(st.decimals(min_value="0.0001", max_value=10**6, places=7))
def test_rounding_gives_a_valid_price_at_most_one_tick_away(price: Decimal) -> None:
    rounded = to_tick(price)

    assert is_on_tick(rounded)
    assert rounded > 0
    assert abs(rounded - price) <= tick_at(price)


def test_the_table_knows_no_other_contract() -> None:
    with pytest.raises(KeyError):
        contracts()[ConId(1)]
    with pytest.raises(KeyError):
        contracts().of_symbol("NOPE")
    assert not contracts().has_symbol("NOPE")
    assert contracts().has_symbol("AAPL")
