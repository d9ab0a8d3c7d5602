"""The calendar, beside another one."""

from __future__ import annotations

from datetime import date

import exchange_calendars
import pytest

from twsim.calendars import YEARS_AHEAD, nyse_calendar
from twsim.exchange.hours import Hours

FIRST, LAST = date(2020, 1, 1), date(2027, 6, 30)


@pytest.fixture(scope="module")
def hours() -> Hours:
    return Hours(nyse_calendar(FIRST.year))


# It reads its tables in a way that the newest pandas warns of.
@pytest.mark.filterwarnings("ignore:Series.values returning")
def test_every_session_is_where_another_calendar_has_it(hours: Hours) -> None:
    other = exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST)
    sessions = other.schedule
    days = [date.fromordinal(n) for n in range(FIRST.toordinal(), LAST.toordinal() + 1)]
    ours = {day: session for day in days if (session := hours.session(day)) is not None}
    theirs = {row.Index.date(): (row.open, row.close) for row in sessions.itertuples()}

    assert {day: (s.opens, s.closes) for day, s in ours.items()} == theirs
    assert len(ours) > 1800


def test_it_knows_closings_that_no_rule_foresees(hours: Hours) -> None:
    assert hours.session(date(2025, 1, 9)) is None  # a day of national mourning


def test_it_reaches_years_ahead() -> None:
    calendar = nyse_calendar(2026)

    assert date(2026 + YEARS_AHEAD, 12, 25) in calendar.closed
    assert date(2026, 11, 27) in calendar.short
