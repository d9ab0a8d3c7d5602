from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import NOW
from paperdesk.wire.encoding import rfc3339
from paperdesk.wire.parsing import Json
from paperdesk.wire.reading import Breach
from paperdesk.wire.values import (
    REASON_CHARS_MAX,
    SYMBOL_TEXT_PATTERN,
    filled_shares,
    moment,
    reason,
    symbol,
)

ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))
# A day from either end, so that every zone can say it.
TIMES = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=ZONES,
)


@pytest.mark.parametrize(
    "words",
    [
        "2026-03-09T14:30:00Z",
        "2026-03-09t14:30:00z",
        "2026-03-09 14:30:00+00:00",
        "2026-03-09T09:30:00-05:00",
        "2026-03-09T15:30:00.000+01:00",
        "2026-03-09T14:30:00.0000009Z",  # finer than a microsecond
    ],
)
def test_a_time_is_read_in_any_zone_and_returned_in_utc(words: str) -> None:
    assert moment(words) == NOW
    assert moment(words).tzinfo is UTC


@pytest.mark.parametrize(
    "words",
    [
        "",
        "now",
        "2026-03-09",
        "2026-03-09T14:30:00",
        "2026-03-09T14:30Z",
        "2026-03-09T14:30:00 00:00",  # a bare plus is for queries
        "2026-02-30T14:30:00Z",
        "2026-03-09T14:30:00.Z",
        "2026-03-09T14:30:00Z\n",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-00:01",
        "٢٠٢٦-03-09T14:30:00Z",
    ],
)
def test_a_time_that_is_none_is_refused_in_printable_words(words: str) -> None:
    with pytest.raises(Breach, match="is not a time such as 2026-03-09T14:30:00Z") as raised:
        moment(words)

    assert str(raised.value).isprintable()


@pytest.mark.parametrize("value", [1, True, [], {}])
def test_a_time_is_a_string(value: Json) -> None:
    with pytest.raises(Breach, match="must be a string, not "):
        moment(value)


@given(TIMES)
def test_a_time_that_we_write_is_read_as_the_same_time(at: datetime) -> None:
    assert moment(rfc3339(at)) == at
    assert moment(at.isoformat(" ")) == at


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_breach(words: str) -> None:
    try:
        at = moment(words)
    except Breach:
        return

    assert at.tzinfo is UTC


@pytest.mark.parametrize("words", ["x", "x" * REASON_CHARS_MAX, "größer als 3 €", " tidy up "])
def test_a_reason_is_printable_text(words: str) -> None:
    assert reason(words) == words.strip()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "\n",
        "x" * 501,
        " " + "x" * 500,
        "a\nb",
        "a\tb",
        "\x00",
        "\ud800",
        1,
        True,
        [],
        {},
    ],
)
def test_a_reason_that_is_none_is_refused(value: Json) -> None:
    with pytest.raises(Breach):
        reason(value)


@pytest.mark.parametrize("value", [0, -1, True, "1"])
def test_shares_that_were_traded_are_at_least_one(value: Json) -> None:
    assert filled_shares(1) == 1

    with pytest.raises(Breach):
        filled_shares(value)


@given(st.text(" AZaz09._-é\n", max_size=40))
def test_the_documents_pattern_of_a_symbol_is_what_is_read_as_one(words: str) -> None:
    is_described = re.fullmatch(SYMBOL_TEXT_PATTERN.strip("^$"), words) is not None
    try:
        symbol(words)
    except Breach:
        assert not is_described
    else:
        assert is_described
