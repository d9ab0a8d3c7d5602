from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from twsim.exchange.tape import Tape, TapeRow


def row(seconds: int) -> TapeRow:
    return TapeRow(timedelta(seconds=seconds), Decimal(100 + seconds))


TAPE = Tape([("AAPL", row(20)), ("AAPL", row(10)), ("MSFT", row(0))])


@pytest.mark.parametrize(
    ("seconds", "found"), [(0, 10), (10, 10), (19, 10), (20, 20), (99, 20)]
)
def test_a_row_holds_until_the_next_one_the_first_before_it_and_the_last_after(
    seconds: int, found: int
) -> None:
    assert TAPE.at("AAPL", timedelta(seconds=seconds)) == row(found)


def test_later_rows_come_in_order_of_time() -> None:
    assert list(TAPE.after("AAPL", timedelta(seconds=5))) == [row(10), row(20)]
    assert list(TAPE.after("AAPL", timedelta(seconds=10))) == [row(20)]
    assert list(TAPE.after("AAPL", timedelta(seconds=20))) == []


def test_a_tape_knows_its_symbols() -> None:
    assert TAPE.symbols() == ["AAPL", "MSFT"]
    assert TAPE.has("AAPL")
    assert not TAPE.has("IBM")
