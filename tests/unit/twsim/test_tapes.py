from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from twsim.exchange.tape import TapeRow
from twsim.tapes import read_tape


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_tape_is_read_from_its_earliest_row_on(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "time,symbol,price,bid,ask,size\n"
        "2026-03-09T14:30:01.5Z,AAPL,150.10,,,\n"
        "2026-03-09 14:30:00,BRK B,400,399.98,400.02,300\n"
        "2026-03-09T10:30:03-04:00,AAPL,150.20,150.19,,\n",
    )
    tape = read_tape(path)
    whole = timedelta(seconds=1000)

    assert tape.symbols() == ["AAPL", "BRK B"]
    assert tape.at("BRK B", whole) == TapeRow(
        timedelta(0), Decimal(400), Decimal("399.98"), Decimal("400.02"), 300
    )
    assert [row.elapsed.total_seconds() for row in tape.after("AAPL", timedelta(0))] == [1.5, 3]
    assert tape.at("AAPL", whole).bid == Decimal("150.19")


def test_three_columns_are_enough(tmp_path: Path) -> None:
    tape = read_tape(write(tmp_path, "symbol,time,price\nAAPL,2026-03-09T14:30:00,150\n"))

    assert tape.at("AAPL", timedelta(0)) == TapeRow(timedelta(0), Decimal(150))
    assert read_tape(write(tmp_path, "time,symbol,price\n")).symbols() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not name time, symbol, price"),
        ("when,symbol,price\n", "does not name"),
        ("time,symbol,price\nnoon,AAPL,1\n", "line 2: Invalid isoformat"),
        ("time,symbol,price\n2026-03-09T14:30,AAPL,cheap\n", "line 2"),
        ("time,symbol,price\n2026-03-09T14:30,AAPL,NaN\n", "line 2: NaN is no price"),
        ("time,symbol,price\n2026-03-09T14:30,AAPL,0\n", "0 is no price"),
        ("time,symbol,price\n2026-03-09T14:30,AAPL,1.001\n", "1.001 is no price"),
        ("time,symbol,price\n2026-03-09T14:30\n", "line 2"),
        ("time,symbol,price,size\n2026-03-09T14:30,AAPL,1,0\n", "0 is no size"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_tape(write(tmp_path, text))


def test_there_is_an_end_to_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twsim.tapes.ROWS_MAX", 1)
    row = "2026-03-09T14:30:00,AAPL,150\n"

    with pytest.raises(ValueError, match="more than 1 rows"):
        read_tape(write(tmp_path, "time,symbol,price\n" + row * 2))
