"""Lines of the log that would say the same a thousand times a second.

Owns: which of them are left out, and how many were. Whoever floods the service must not flood its
log, and its disk, too. Knows nothing of what a line says.
"""

from __future__ import annotations

from typing import Final

EVERY_SECONDS: Final = 1.0
KEYS_MAX: Final = 1_000


class Sparing:
    """One line a second for each of those that cause them."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def left_out(self, key: str, now: float) -> int | None:
        """Return how many lines were left out before this one; None: leave this one out too."""
        if len(self._last) >= KEYS_MAX and key not in self._last:
            self._last.clear()  # at worst a line more
        at, count = self._last.get(key, (now - EVERY_SECONDS, 0))
        if now - at < EVERY_SECONDS:
            self._last[key] = (at, count + 1)
            return None
        self._last[key] = (now, 0)
        return count
