from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_support import real
from makers import is_on_tick
from paperdesk.broker.contracts import (
    CANDIDATES_MAX,
    ContractRow,
    candidates_of,
    contract_row_of,
    contracts_of,
    ladder_of,
)
from paperdesk.domain.contract import US_STOCK_LADDER, TickStep
from paperdesk.domain.vocabulary import ConId


def row(
    conid: int = 265598,
    *,
    symbol: str = "AAPL",
    sec_type: str = "STK",
    currency: str = "USD",
    min_tick: str = "0.01",
) -> ContractRow:
    return ContractRow(
        conid=ConId(conid),
        symbol=symbol,
        sec_type=sec_type,
        currency=currency,
        primary_exchange="NASDAQ",
        long_name="APPLE INC",
        min_tick=Decimal(min_tick),
        time_zone="US/Eastern",
        liquid_hours="",
    )


def samples(*rows: tuple[str, str, str], version: int = 178) -> list[str]:
    fields = ["79", "7", str(len(rows))]
    for symbol, sec_type, currency in rows:
        fields += ["1", symbol, sec_type, "NASDAQ", currency, "2", "OPT", "CFD"]
        fields += ["A company", ""] if version >= 176 else []
    return fields


def test_a_real_row_of_contract_details_is_read() -> None:
    found = contract_row_of(real("RS-7", "10").fields, 173)

    assert found is not None
    assert (found.conid, found.symbol, found.primary_exchange) == (265598, "AAPL", "NASDAQ")
    assert (found.min_tick, found.time_zone) == (Decimal("0.01"), "US/Eastern")
    assert found.long_name == "APPLE INC"
    assert found.is_tradable


def test_a_currency_pair_is_not_tradable() -> None:
    found = contract_row_of(real("NT-1", "10").fields, 176)

    assert found is not None
    assert not found.is_tradable


def test_below_version_164_two_fields_more_are_stepped_over() -> None:
    fields = real("RS-7", "10").fields
    old = [fields[0], "8", *fields[1:14], "100", *fields[14:-3]]

    assert contract_row_of(old, 163) == contract_row_of(fields, 173)


def test_letters_beyond_ascii_are_unescaped() -> None:
    fields = list(real("RS-7", "10").fields)
    fields[19] = "NESTL\\u00e9 \\ud800 \\u0000 \\x"
    found = contract_row_of(fields, 173)

    assert found is not None
    assert found.long_name == "NESTLé \\ud800 \\u0000 \\x"


@pytest.mark.parametrize("min_tick", ["0.01", "0.0001", "0.005"])
def test_the_ladder_is_the_secs_rule_612(min_tick: str) -> None:
    assert ladder_of(Decimal(min_tick)) == US_STOCK_LADDER


def test_a_coarser_tick_holds_from_one_dollar_on() -> None:
    ladder = ladder_of(Decimal("0.05"))

    assert ladder == (
        TickStep(Decimal(0), Decimal("0.0001")),
        TickStep(Decimal(1), Decimal("0.05")),
    )
    assert is_on_tick(Decimal("0.9999"), ladder)
    assert not is_on_tick(Decimal("1.01"), ladder)


def test_only_usd_stocks_are_contracts_and_each_once() -> None:
    rows = [
        row(1, symbol="A"),
        row(1, symbol="A"),
        row(2, currency="CAD"),
        row(3, sec_type="OPT"),
        row(0),
        row(4, symbol="B"),
    ]

    assert [(c.conid, c.symbol) for c in contracts_of(rows)] == [(1, "A"), (4, "B")]


@pytest.mark.parametrize("version", [157, 175, 176, 178])
def test_candidates_are_usd_stocks_the_best_first(version: int) -> None:
    fields = samples(
        ("APLE", "STK", "USD"),
        ("APL", "STK", "CAD"),
        ("APL", "IND", "USD"),
        ("AAPL", "STK", "USD"),
        ("APLE", "STK", "USD"),
        version=version,
    )

    assert candidates_of(fields, version) == ("APLE", "AAPL")


def test_candidates_are_few() -> None:
    fields = samples(*((f"S{n}", "STK", "USD") for n in range(20)))

    assert len(candidates_of(fields, 178)) == CANDIDATES_MAX


def test_what_stands_before_a_broken_row_is_kept() -> None:
    fields = samples(("APLE", "STK", "USD"), ("AAPL", "STK", "USD"))[:-5]

    assert candidates_of(fields, 178) == ("APLE",)


@given(st.lists(st.text() | st.sampled_from(["0", "-3", "999999999", "STK", "USD"])))
def test_no_list_of_fields_raises(fields: list[str]) -> None:
    contract_row_of(fields, 178)
    contract_row_of(fields, 160)
    candidates_of(fields, 178)
