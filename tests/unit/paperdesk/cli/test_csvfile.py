"""Targets from a CSV file, as people and spreadsheets write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.cli.csvfile import read_targets
from paperdesk.errors import BadRequest

AAPL = {"symbol": "AAPL", "quantity": 100}


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("AAPL,100", [AAPL]),
        ("symbol,quantity\nAAPL,100\n", [AAPL]),
        ("Ticker;Shares\r\nAAPL;100.0\r\n", [AAPL]),
        ("\ufeffSymbol,Quantity\nAAPL,100", [AAPL]),
        ("quantity\tsymbol\n+100\tAAPL", [AAPL]),
        ("# mine\n\n  # and\nAAPL, 100 \n,\n", [AAPL]),
        ('AAPL,"1,000"', [{"symbol": "AAPL", "quantity": 1000}]),
        ("AAPL,-1,234,000", [{"symbol": "AAPL", "quantity": -1_234_000}]),
        ("BRK B,−5", [{"symbol": "BRK B", "quantity": -5}]),
        (
            "symbol,quantity,Limit Price,outside-rth,time_in_force\nAAPL,100,150.10,yes,gtc\nKO,0,,,",
            [
                AAPL | {"limit_price": Decimal("150.10"), "outside_rth": True, "time_in_force": "GTC"},
                {"symbol": "KO", "quantity": 0},
            ],
        ),
    ],
)  # fmt: skip
def test_a_file_is_read_however_it_was_written(text: str, orders: list[dict[str, Any]]) -> None:
    assert read_targets(text.encode()).orders == orders


def test_the_lines_are_those_of_the_file() -> None:
    assert read_targets(b"# c\nsymbol,quantity\n\nAAPL,1\n#\nKO,2\n").lines == [4, 6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AAPL,100.5", 'line 1: quantity: "100.5" is no whole number of shares'),
        ("AAPL,many", 'line 1: quantity: "many" is not a number'),
        ("AAPL,1,00", "line 1: has 3 values where 2 are expected (symbol, quantity)"),
        ("AAPL", "line 1: has 1 values where 2"),
        (",100", "line 1: has no symbol"),
        ("AAPL,", "line 1: has no quantity"),
        ("AAPL,1_000", "is not a number"),
        ("AAPL,nan", "is not a number"),
        ("AAPL,1\nKO,2\naapl,3", "line 3: AAPL again, as on line 1"),
        ("symbol,quantity,limit_prce\nAAPL,1,2", 'line 1: there is no column "limit_prce"'),
        ("symbol,price\nAAPL,1", "the column quantity is missing"),
        ("symbol,ticker,quantity\nA,A,1", "the column symbol is there twice"),
        ("symbol,quantity,outside_rth\nA,1,maybe", "is neither true nor false"),
        ("", "the file: has no targets"),
        ("# nothing\n", "the file: has no targets"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_targets(text.encode())

    assert "nothing was sent" in raised.value.detail
    assert said in raised.value.detail


def test_every_bad_line_is_named_at_once() -> None:
    text = "\n".join(["AAPL,1", *(f"S{i},x" for i in range(30))])
    with pytest.raises(BadRequest) as raised:
        read_targets(text.encode())

    assert [entry.field for entry in raised.value.errors] == [f"line {i}" for i in range(2, 32)]
    assert "line 21" in raised.value.detail
    assert "and 10 more" in raised.value.detail


def test_text_in_another_encoding_is_named_by_its_line() -> None:
    with pytest.raises(BadRequest, match="line 2: is not UTF-8"):
        read_targets("AAPL,1\nÄ,2".encode("latin-1"))


SYMBOLS = st.from_regex(r"[A-Z]{1,5}", fullmatch=True).filter(
    lambda s: s.lower() not in {"qty", "shares", "symbol", "ticker", "target"}
)
ROWS = st.dictionaries(SYMBOLS, st.integers(-(10**9), 10**9), min_size=1, max_size=8)


@given(ROWS, st.sampled_from(["", ",", ".0"]), st.sampled_from([[], ["symbol,quantity"]]))
def test_what_is_written_is_what_is_read(
    rows: dict[str, int], spelling: str, header: list[str]
) -> None:
    def spelled(shares: int) -> str:
        text = f"{shares:,}" if spelling == "," else f"{shares}"
        return f'"{text}"' if "," in text else text + spelling.strip(",")

    lines = [f"{symbol},{spelled(shares)}" for symbol, shares in rows.items()]
    text = "\n".join(header + lines)

    assert read_targets(text.encode()).orders == [
        {"symbol": symbol, "quantity": shares} for symbol, shares in rows.items()
    ]


@given(ROWS, st.data())
def test_one_bad_line_spoils_the_whole_file(rows: dict[str, int], data: st.DataObject) -> None:
    lines = [f"{symbol},{shares}" for symbol, shares in rows.items()]
    bad = data.draw(st.sampled_from(["X,", "X,1.5", "X,y", ",1", "X,1,2,3", "X"]))
    place = data.draw(st.integers(0, len(lines)))
    lines.insert(place, bad)
    with pytest.raises(BadRequest) as raised:
        read_targets("\n".join(lines).encode())

    assert [entry.field for entry in raised.value.errors] == [f"line {place + 1}"]
