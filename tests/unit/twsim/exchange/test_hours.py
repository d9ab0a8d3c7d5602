from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.hours import NEW_YORK, Calendar, Hours

# Thanksgiving 2026, and the half day after it.
REAL = Hours(Calendar(frozenset({date(2026, 11, 26)}), frozenset({date(2026, 11, 27)})))
ALWAYS = Hours()


def ny(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def test_a_weekday_has_a_regular_session_within_an_extended_one() -> None:
    session = REAL.session(date(2026, 11, 25))

    assert session is not None
    assert session.span(extended=False) == (ny(25, 9, 30), ny(25, 16))
    assert session.span(extended=True) == (ny(25, 4), ny(25, 20))


def test_a_half_day_closes_at_one_and_ends_at_five() -> None:
    session = REAL.session(date(2026, 11, 27))

    assert session is not None
    assert (session.closes, session.ends) == (ny(27, 13), ny(27, 17))


@pytest.mark.parametrize("day", [date(2026, 11, 26), date(2026, 11, 28), date(2026, 11, 29)])
def test_holidays_and_weekends_are_closed(day: date) -> None:
    assert REAL.session(day) is None
    assert not REAL.is_open(datetime(day.year, day.month, day.day, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("at", "extended", "is_open"),
    [
        (ny(25, 9, 29), False, False),
        (ny(25, 9, 29), True, True),
        (ny(25, 9, 30), False, True),
        (ny(25, 16), False, False),
        (ny(25, 16), True, True),
        (ny(25, 20), True, False),
        (ny(27, 13), False, False),
        (ny(27, 12, 59), False, True),
    ],
)
def test_trading_begins_with_its_first_moment_and_is_over_at_its_last(
    at: datetime,
    extended: bool,  # noqa: FBT001
    is_open: bool,  # noqa: FBT001
) -> None:
    assert REAL.is_open(at, extended=extended) is is_open
    assert ALWAYS.is_open(at, extended=extended)


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        (ny(25, 8), ny(25, 9, 30), ny(25, 16)),
        (ny(25, 9, 30), ny(27, 9, 30), ny(25, 16)),
        (ny(25, 16), ny(27, 9, 30), ny(27, 13)),
        (ny(27, 15), ny(30, 9, 30), ny(30, 16)),
    ],
)
def test_the_next_opening_and_closing_pass_over_closed_days(
    at: datetime, opens: datetime, closes: datetime
) -> None:
    assert REAL.next_open(at) == opens
    assert REAL.next_close(at) == closes


@pytest.mark.parametrize(
    ("at", "traded"),
    [
        (ny(25, 12), ny(25, 12)),
        (ny(25, 21), ny(25, 20)),
        (ny(26, 12), ny(25, 20)),
        (ny(27, 3), ny(25, 20)),
        (ny(29, 12), ny(27, 17)),
    ],
)
def test_the_last_moment_of_trading_is_now_or_an_end(at: datetime, traded: datetime) -> None:
    assert REAL.last_traded(at) == traded
    assert ALWAYS.last_traded(at) == at


@pytest.mark.parametrize(
    ("day", "opens", "length_h"),
    [
        (date(2026, 3, 6), 14, 24),  # a Friday in winter time
        (date(2026, 3, 9), 13, 24),  # the Monday after the clocks went forward
        (date(2026, 10, 30), 13, 24),
        (date(2026, 11, 2), 14, 24),  # and after they went back
        (date(2026, 3, 8), None, 23),
        (date(2026, 11, 1), None, 25),
    ],
)
def test_both_changes_of_the_clocks_are_right(
    day: date, opens: int | None, length_h: int
) -> None:
    session, whole = REAL.session(day), ALWAYS.session(day)

    assert whole is not None
    assert whole.closes - whole.opens == timedelta(hours=length_h)
    assert (session and session.opens.hour) == opens
    if session is not None:
        assert session.closes - session.opens == timedelta(hours=6.5)


def test_always_open_means_day_after_day() -> None:
    assert ALWAYS.next_open(ny(25, 12)) == ALWAYS.next_close(ny(25, 12)) == ny(26, 0)


def test_an_exchange_that_never_opens_is_a_mistake() -> None:
    never = Hours(
        Calendar(frozenset(date(2026, 1, 1) + timedelta(n) for n in range(365)), frozenset())
    )

    with pytest.raises(AssertionError, match="closed for good"):
        never.next_open(ny(1, 12, month=6))


@settings(deadline=None)
@given(
    minutes=st.integers(0, 2 * 365 * 24 * 60),
    extended=st.booleans(),
)
def test_it_is_open_until_it_closes_and_closed_until_it_opens(
    minutes: int,
    extended: bool,  # noqa: FBT001
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    opens, closes = (find(at, extended=extended) for find in (REAL.next_open, REAL.next_close))

    assert opens > at < closes
    assert REAL.is_open(opens, extended=extended)
    assert not REAL.is_open(closes, extended=extended)
    assert REAL.is_open(at, extended=extended) == (closes < opens)
