"""The clock.

Owns: the only reading of the time of day in the service, and the clock that a test sets.
Knows nothing of intervals and timers: those are the event loop's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present time, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock in the test's hand. Stands still until it is advanced."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move on by `by`, which must not be negative."""
        assert by >= timedelta(0)
        self._now += by
