"""When the market is open.

Owns: SessionHours and the questions asked of it, and when a day of an account begins. Knows
nothing of how a gateway prints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
# About when IBKR resets its servers, and gateways restart, every night (tws-facts §4.4).
RESET_BEGINS: Final = time(23, 45)
RESET_LASTS: Final = timedelta(hours=1)


def day_began(at: datetime) -> datetime:
    """Return the last midnight in New York, where orders are counted by the day."""
    local = at.astimezone(NEW_YORK)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def reset_until(at: datetime) -> datetime | None:
    """Return about when the nightly reset that `at` falls in is over, None outside of it."""
    began = at.astimezone(NEW_YORK) - RESET_LASTS
    ends = datetime.combine(began, RESET_BEGINS, NEW_YORK) + RESET_LASTS
    return ends.astimezone(UTC) if ends - RESET_LASTS <= at < ends else None


@dataclass(frozen=True, slots=True)
class Session:
    """One trading session, from `opens_at` (inclusive) to `closes_at` (exclusive)."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class SessionHours:
    """The sessions that a gateway told, in order of time."""

    sessions: tuple[Session, ...]

    def session_at(self, at: datetime) -> Session | None:
        """Return the session that is open at `at`."""
        return next((s for s in self.sessions if s.opens_at <= at < s.closes_at), None)

    def day_ends_at(self, at: datetime) -> datetime | None:
        """Return when a DAY order sent at `at` will have had its time."""
        return min((s.closes_at for s in self.sessions if s.closes_at > at), default=None)

    def next_open(self, at: datetime) -> datetime | None:
        """Return the first opening after `at`, None where none was told."""
        return min((s.opens_at for s in self.sessions if s.opens_at > at), default=None)
