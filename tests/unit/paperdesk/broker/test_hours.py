from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_support import real
from paperdesk.broker.contracts import contract_row_of
from paperdesk.broker.hours import session_hours


def at(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    "zone",
    [
        "US/Eastern",
        "EST5EDT",
        "America/New_York",
        "EST",
        "EST (Eastern Standard Time)",
        "Nowhere/Land",
        "",
    ],
)
def test_the_hours_of_a_us_stock_are_new_yorks(zone: str) -> None:
    (session,) = session_hours("20250324:0930-20250324:1600", zone).sessions

    assert (session.opens_at, session.closes_at) == (at(24, 13, 30), at(24, 20))


def test_winter_is_an_hour_later_than_summer() -> None:
    (session,) = session_hours("20250106:0930-20250106:1600", "US/Eastern").sessions

    assert session.opens_at == at(6, 14, 30, month=1)


def test_a_closed_day_has_no_session() -> None:
    text = "20250324:0930-20250324:1600;20250325:CLOSED;20250326:0930-20250326:1300"
    hours = session_hours(text, "US/Eastern")

    assert [s.opens_at for s in hours.sessions] == [at(24, 13, 30), at(26, 13, 30)]
    assert hours.session_at(at(25, 15)) is None
    assert hours.next_open(at(25, 15)) == at(26, 13, 30)
    assert hours.sessions[-1].closes_at == at(26, 17)


def test_a_market_that_never_closes_is_open_at_midnight() -> None:
    hours = session_hours(
        "20250324:0000-20250325:0000;20250325:0000-20250326:0000", "US/Eastern"
    )

    assert hours.session_at(at(25, 4)) == hours.sessions[1]


def test_the_old_format_is_read() -> None:
    (session,) = session_hours("20250324:0930-1600;20250325:CLOSED", "US/Eastern").sessions

    assert (session.opens_at, session.closes_at) == (at(24, 13, 30), at(24, 20))


def test_two_sessions_of_a_day_are_two() -> None:
    hours = session_hours("20250324:0700-0900,1000-1600", "US/Eastern")

    assert [s.closes_at for s in hours.sessions] == [at(24, 13), at(24, 20)]


def test_an_old_session_over_midnight_is_left_out_for_its_day_is_unsaid() -> None:
    assert session_hours("20250324:1715-1700", "US/Eastern").sessions == ()


def test_sessions_are_in_order_of_time() -> None:
    text = "20250325:0930-20250325:1600;20250324:0930-20250324:1600"
    opens = [session.opens_at for session in session_hours(text, "US/Eastern").sessions]

    assert opens == sorted(opens)


def test_a_real_week_has_five_sessions() -> None:
    row = contract_row_of(real("RS-7", "10").fields, 173)
    assert row is not None
    hours = session_hours(row.liquid_hours, row.time_zone)

    assert len(hours.sessions) == 5
    assert hours.session_at(at(24, 15)) is not None
    assert hours.session_at(at(24, 12)) is None


@given(st.text(alphabet="0123456789:-;,CLOSED "), st.text())
def test_no_text_of_hours_raises(text: str, zone: str) -> None:
    session_hours(text, zone)
