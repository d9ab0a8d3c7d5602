"""Wrong keys, counted by where they come from.

Owns: how many wrong keys an address may present, and how many addresses are remembered. A right
key always opens, whoever shares its address: a program with an old key must not lock out the one
beside it that trades. Knows nothing of HTTP.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from paperdesk.desk.ports import Clock

ATTEMPTS_MAX: Final = 20
WINDOW: Final = timedelta(seconds=60)
SOURCES_MAX: Final = 10_000


class Attempts:
    """The wrong keys of the last minute."""

    def __init__(
        self, clock: Clock, *, most: int = ATTEMPTS_MAX, sources_max: int = SOURCES_MAX
    ) -> None:
        self._clock = clock
        self._most = most
        self._sources_max = sources_max
        self._since: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._since)

    def failed(self, source: str) -> int | None:
        """Count a wrong key; return in how many seconds the next is judged, None for at once."""
        now = self._clock.now()
        began, count = self._since.pop(source, (now, 0))
        if now - began >= WINDOW:
            began, count = now, 0
        self._since[source] = (began, count + 1)
        while len(self._since) > self._sources_max:
            self._since.popitem(last=False)
        if count < self._most:
            return None
        return max(1, round((began + WINDOW - now).total_seconds()))
