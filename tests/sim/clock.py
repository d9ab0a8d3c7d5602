"""The time of day in a simulated world.

Owns: LoopClock, which serves paperdesk and twsim alike, and when a world begins. Knows nothing
of timers: those are the loop's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sim.loop import SimLoop

START: Final = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)  # Monday, 10:30 in New York


class LoopClock:
    """A date and what has passed on the loop since its beginning."""

    def __init__(self, loop: SimLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the present time, in UTC, to the microsecond."""
        return self._start + timedelta(seconds=self._loop.elapsed)
