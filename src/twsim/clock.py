"""The clock: the only place where twsim learns what time it is.

Owns: SystemClock and ManualClock. Does not know who asks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Whatever can tell the time, in UTC."""

    def now(self) -> datetime:
        """Return the present time."""


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Return the present time."""
        return datetime.now(UTC)


class ManualClock:
    """A time that stands still until a test moves it."""

    def __init__(self, start: datetime = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the present time."""
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Let it be this moment; time never runs backwards."""
        assert moment >= self._now
        self._now = moment

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.move_to(self._now + timedelta(seconds=seconds))
