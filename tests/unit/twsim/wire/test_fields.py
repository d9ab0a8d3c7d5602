from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.wire.errors import ProtocolError
from twsim.wire.fields import (
    DMAX,
    DOUBLE,
    FLAG,
    IMAX,
    INT,
    LMAX,
    PLAIN,
    ROWS_MAX,
    TEXT,
    Kind,
    Reader,
    Rows,
    Words,
    java_double,
    plain,
    read_decimal,
    read_flag,
    read_integer,
    read_set_decimal,
    read_set_integer,
)

VERSION = 178


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.0"),
        ("-0", "0.0"),
        ("96.90", "96.9"),
        ("2400", "2400.0"),
        ("0.00018", "1.8E-4"),
        ("0.001", "0.001"),
        ("0.0125", "0.0125"),
        ("9999999", "9999999.0"),
        ("10000000", "1.0E7"),
        ("12345678.5", "1.23456785E7"),
        ("-0.35", "-0.35"),
        ("-29162.34", "-29162.34"),
        ("1.4975749999999999", "1.4975749999999999"),
        ("11340.427636781911", "11340.427636781911"),
    ],
)
def test_doubles_are_written_as_java_does(value: str, text: str) -> None:
    assert java_double(Decimal(value)) == text


@settings(deadline=None)
@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1e9, max_value=1e9)
)
def test_what_is_written_as_a_double_reads_back_equal(value: Decimal) -> None:
    assert read_decimal(java_double(value)) == value


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_plain_keeps_every_digit_and_writes_no_exponent(value: Decimal) -> None:
    text = plain(value)

    assert "E" not in text
    assert Decimal(text) == value


def test_plain_keeps_the_zeros_it_came_with() -> None:
    assert plain(read_decimal("96.90")) == "96.90"
    assert plain(read_decimal("0")) == "0"


@pytest.mark.parametrize("text", ["", DMAX, "1.7976931348623157e+308", "Infinity", "Infinite"])
def test_a_number_may_be_unset_in_many_ways(text: str) -> None:
    assert read_set_decimal(text) is None


@pytest.mark.parametrize("text", ["", IMAX, LMAX])
def test_an_integer_may_be_unset_in_many_ways(text: str) -> None:
    assert read_set_integer(text) is None


def test_set_values_are_values() -> None:
    assert read_set_decimal("0.0") == 0
    assert read_set_integer("0") == 0
    assert read_decimal("") == 0
    assert read_integer("") == 0
    assert read_integer("-7") == -7


@pytest.mark.parametrize(
    "text", ["12.0", "1_000", "+1", " 1", "1" * 20, "\u0661", "x", "0x1", "-"]
)
def test_what_is_no_integer_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        read_integer(text)


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "sNaN",
        "1e9999",
        "1_0",
        "--1",
        ".",
        "1" * 65,
        "\u0661.\u0660",
        "1,5",
        "inf ",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        read_decimal(text)


@pytest.mark.parametrize(("text", "value"), [("", False), ("0", False), ("1", True)])
def test_a_flag_is_0_1_or_empty(text: str, value: bool) -> None:  # noqa: FBT001
    assert read_flag(text) is value


def test_any_other_flag_is_refused() -> None:
    with pytest.raises(ProtocolError):
        read_flag("true")


def test_rows_are_counted() -> None:
    out: list[str] = []
    rows = Rows(Words(2))
    rows.put((("a", "b"), ("c", "d")), out, VERSION)

    assert out == ["2", "a", "b", "c", "d"]
    assert rows.take(Reader(out, 0), VERSION) == (("a", "b"), ("c", "d"))


@pytest.mark.parametrize("count", ["-1", str(ROWS_MAX + 1)])
def test_an_impossible_number_of_rows_is_refused(count: str) -> None:
    with pytest.raises(ProtocolError):
        Rows(TEXT).take(Reader([count], 0), VERSION)


def test_a_reader_complains_of_too_few_and_too_many() -> None:
    reader = Reader(["4", "x"], 1)

    with pytest.raises(ProtocolError, match="1 fields too many"):
        reader.finish()

    assert reader.take() == "x"
    reader.finish()
    with pytest.raises(ProtocolError, match="message 4 ends early"):
        reader.take()


@pytest.mark.parametrize("kind", [TEXT, INT, FLAG, PLAIN, DOUBLE])
def test_a_scalar_takes_one_field(kind: Kind[object]) -> None:
    reader = Reader(["1", "rest"], 0)
    kind.take(reader, VERSION)

    assert reader.take() == "rest"


def test_a_bare_kind_does_nothing() -> None:
    kind: Kind[str] = Kind()

    with pytest.raises(NotImplementedError):
        kind.take(Reader([], 0), VERSION)
    with pytest.raises(NotImplementedError):
        kind.put("", [], VERSION)
