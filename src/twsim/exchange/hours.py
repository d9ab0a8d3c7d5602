"""Hours: on which days and when the exchange trades.

Owns: the trading day, Calendar, Session, and Hours with its questions. Does not know
where a calendar is read from, nor what is traded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
ASSUMPTIONS: Final = ("The late session of a half day ends at 17:00.",)
_DAY: Final = timedelta(days=1)
# When trading begins, opens, closes and ends (RS-7).
_FULL_DAY: Final = (time(4), time(9, 30), time(16), time(20))
_HALF_DAY: Final = (time(4), time(9, 30), time(13), time(17))
_REMEMBERED_MAX: Final = 64
CLOSED_DAYS_MAX: Final = 30  # in a row


def trading_day(at: datetime) -> date:
    """Return the day in New York, by which a gateway forgets executions (§4.4)."""
    return at.astimezone(NEW_YORK).date()


def next_midnight(at: datetime) -> datetime:
    """Return when the trading day ends."""
    return _in_utc(trading_day(at) + _DAY, time.min)


def _in_utc(day: date, moment: time) -> datetime:
    # In UTC, because two times of one zone are compared as the clock on the wall shows
    # them, which is wrong on the days on which the clocks change.
    return datetime.combine(day, moment, NEW_YORK).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Calendar:
    """On which weekdays an exchange stays closed, and on which it closes early."""

    closed: frozenset[date]
    short: frozenset[date]


@dataclass(frozen=True, slots=True)
class Session:
    """One day: extended trading from `begins` to `ends`, regular from `opens` to `closes`."""

    begins: datetime
    opens: datetime
    closes: datetime
    ends: datetime

    def span(self, *, extended: bool) -> tuple[datetime, datetime]:
        """Return from when to when there is trading."""
        return (self.begins, self.ends) if extended else (self.opens, self.closes)


class Hours:
    """The hours of a calendar; without one the exchange is always open, day after day."""

    __slots__ = ("_sessions", "calendar")

    def __init__(self, calendar: Calendar | None = None) -> None:
        self.calendar = calendar
        self._sessions: dict[date, Session | None] = {}

    def session(self, day: date) -> Session | None:
        """Return the hours of a day; None where it is closed."""
        if day not in self._sessions:
            if len(self._sessions) >= _REMEMBERED_MAX:
                self._sessions.clear()
            self._sessions[day] = self._make_session(day)
        return self._sessions[day]

    def is_open(self, at: datetime, *, extended: bool = False) -> bool:
        """Tell whether there is trading at a time."""
        session = self.session(trading_day(at))
        if session is None:
            return False
        opens, closes = session.span(extended=extended)
        return opens <= at < closes

    def next_open(self, at: datetime, *, extended: bool = False) -> datetime:
        """Return when trading begins next, after a time."""
        spans = self._spans(at, extended=extended)
        return _found(opens for opens, _ in spans if opens > at)

    def next_close(self, at: datetime, *, extended: bool = False) -> datetime:
        """Return when trading ends next, after a time."""
        spans = self._spans(at, extended=extended)
        return _found(closes for _, closes in spans if closes > at)

    def last_traded(self, at: datetime) -> datetime:
        """Return the last moment of trading until a time: itself while there is any."""
        if self.calendar is None:
            return at
        spans = self._spans(at, extended=True, step=-_DAY)
        return _found(min(at, ends) for begins, ends in spans if begins <= at)

    def _spans(
        self, at: datetime, *, extended: bool, step: timedelta = _DAY
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield when there is trading, day by day, forwards or backwards."""
        today = trading_day(at)
        for days in range(CLOSED_DAYS_MAX):
            session = self.session(today + days * step)
            if session is not None:
                yield session.span(extended=extended)

    def _make_session(self, day: date) -> Session | None:
        if self.calendar is None:
            midnight, end = _in_utc(day, time.min), _in_utc(day + _DAY, time.min)
            return Session(midnight, midnight, end, end)
        if day.isoweekday() > 5 or day in self.calendar.closed:  # noqa: PLR2004 - Saturday
            return None
        moments = _HALF_DAY if day in self.calendar.short else _FULL_DAY
        begins, opens, closes, ends = (_in_utc(day, moment) for moment in moments)
        return Session(begins, opens, closes, ends)


def _found(moments: Iterator[datetime]) -> datetime:
    found = next(moments, None)
    assert found is not None, "the exchange is closed for good"
    return found
