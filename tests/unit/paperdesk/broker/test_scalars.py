from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.broker.scalars import (
    decimal,
    decimal_or_none,
    integer,
    time_or_none,
    zone_or_none,
)

MORNING = datetime(2026, 6, 11, 13, 30, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("0.0", "0"),
        ("10", "10"),
        ("201.94", "201.94"),
        ("1.8E-4", "0.00018"),
        ("1.4975749999999999", "1.4975749999999999"),
        ("-68.051912", "-68.051912"),
        ("1E+3", "1000"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
    ],
)
def test_every_way_java_prints_a_number_is_read_exactly(text: str, value: str) -> None:
    assert decimal(text) == Decimal(value)


def test_a_number_is_never_left_with_a_positive_exponent() -> None:
    assert str(decimal("1E+3")) == "1000"


@pytest.mark.parametrize(
    "text",
    ["", "1.7976931348623157E308", "1.7976931348623157e+308", "Infinity", "-Infinity"],
)
def test_unset_is_none(text: str) -> None:
    assert decimal_or_none(text) is None


@pytest.mark.parametrize("text", ["", "1.7976931348623157E308"])
def test_what_must_be_set_is_refused_where_it_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="unset"):
        decimal(text)


@pytest.mark.parametrize(
    "text", ["NaN", "1_000", " 1", "1 ", "0x1", "1e99999", "1E300", "1E-99", "--1", "٣", "abc"]
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decimal_or_none(text)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-1, max_value=10**9)
)
def test_any_price_survives_unchanged(value: Decimal) -> None:
    assert decimal(str(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0), ("0", 0), ("600745656", 600745656), ("12.0", 12), ("-1", -1), ("2147483647", 0)],
)
def test_whole_numbers_are_read_and_unset_is_zero(text: str, value: int) -> None:
    assert integer(text) == value


def test_javas_largest_long_is_unset_too() -> None:
    assert integer("9223372036854775807") == 0


def test_a_fraction_is_no_whole_number() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        integer("1.5")


@pytest.mark.parametrize(
    "text",
    [
        "20260611-13:30:30",
        "20260611 09:30:30 US/Eastern",
        "20260611 09:30:30 America/New_York",
        "20260611 09:30:30 EST",
        "20260611 09:30:30 EST5EDT",
        "20260611-06:30:30 PST",
        "20260611 15:30:30 Europe/Berlin",
        "20260611 13:30:30 UTC",
        "20260611 13:30:30 Greenwich Mean Time",
        "20260611  13:30:30",
        "20260611 13:30:30",
    ],
)
def test_every_format_of_a_time_is_the_same_instant(text: str) -> None:
    assert time_or_none(text) == MORNING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260611",
        "20260611 09:30:30 Nowhere/Land",
        "20260611 09:30:30 America",
        "20260611 09:30:30 ../../etc/passwd",
        "20261332-13:30:30",
        "20260611-25:30:30",
        "99991231 23:59:59 US/Pacific",
        "00010101 00:00:00 Europe/Berlin",
        "yesterday",
    ],
)
def test_a_time_that_is_not_understood_is_none(text: str) -> None:
    assert time_or_none(text) is None


@given(st.text())
def test_no_name_of_a_zone_raises(name: str) -> None:
    zone_or_none(name)


@given(st.text())
def test_no_text_of_a_time_raises(text: str) -> None:
    time_or_none(text)
