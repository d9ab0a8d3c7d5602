"""How words and instants are written. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from paperdesk.ledger.columns import Instant, Words

POSTGRES, SQLITE = postgresql.dialect(), sqlite.dialect()  # type: ignore[no-untyped-call]
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001 - hypothesis adds the zone


@given(st.text(st.characters(exclude_categories=())))
def test_words_can_always_be_stored_and_ordinary_ones_are_not_changed(text: str) -> None:
    written = Words().process_bind_param(text, POSTGRES)

    assert written is not None
    assert "\0" not in written
    assert len(written) == len(text)
    is_ordinary = all(c != "\0" and not 0xD800 <= ord(c) <= 0xDFFF for c in text)
    assert (written == text) == is_ordinary


@given(INSTANTS, INSTANTS)
def test_the_order_of_written_instants_is_the_order_of_time(
    one: datetime, other: datetime
) -> None:
    for dialect in (SQLITE, POSTGRES):
        first, second = (Instant().process_bind_param(at, dialect) for at in (one, other))

        assert first is not None
        assert second is not None
        assert (first < second) == (one < other)  # type: ignore[operator]


@given(INSTANTS)
def test_an_instant_is_read_as_it_was_written_and_in_utc(at: datetime) -> None:
    for dialect in (SQLITE, POSTGRES):
        read = Instant().process_result_value(
            Instant().process_bind_param(at, dialect), dialect
        )

        assert read == at
        assert read is not None
        assert read.tzinfo is UTC
