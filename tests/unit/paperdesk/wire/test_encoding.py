from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.wire.encoding import encode, number, number_or_null, rfc3339


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("150.25000000", b"150.25"),
        ("150.50", b"150.5"),
        ("1E+2", b"100"),
        ("100.00", b"100"),
        ("0.35", b"0.35"),
        ("0.00000001", b"0.00000001"),
        ("33.333333333333333333", b"33.33333333"),
        ("-12.5", b"-12.5"),
        ("-0.000000001", b"0"),
        ("0E-8", b"0"),
        ("12345678901234567890.12", b"12345678901234567890.12"),
    ],
)
def test_a_number_has_at_most_8_decimals_and_neither_padding_nor_exponent(
    value: str, written: bytes
) -> None:
    assert encode(number(Decimal(value))) == written


@given(st.decimals(-(10**15), 10**15, places=8, allow_nan=False, allow_infinity=False))
def test_a_number_of_8_decimals_is_read_back_as_it_was(value: Decimal) -> None:
    written = encode({"x": number(value)})

    assert json.loads(written, parse_float=Decimal, parse_int=Decimal)["x"] == value
    assert b"E" not in written.upper()


def test_what_is_not_known_is_null() -> None:
    assert encode(number_or_null(None)) == b"null"
    assert encode(number_or_null(Decimal("1.0"))) == b"1"


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 3, 9, 14, 30, tzinfo=UTC), "2026-03-09T14:30:00+00:00"),
        (datetime(2026, 3, 9, 14, 30, 0, 5, tzinfo=UTC), "2026-03-09T14:30:00.000005+00:00"),
        (
            datetime(2026, 3, 9, 9, 30, tzinfo=timezone(timedelta(hours=-5))),
            "2026-03-09T14:30:00+00:00",
        ),
    ],
)
def test_a_time_is_in_utc_with_whole_seconds_or_six_decimals(
    moment: datetime, written: str
) -> None:
    assert rfc3339(moment) == written
