"""The agenda: what is to happen at which time, in the order in which it was planned.

Owns: Agenda and its bound. Does not know the clock: whoever runs it says what time it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

ENTRIES_MAX: Final = 10_000


@dataclass(order=True, slots=True)
class Entry:
    """One thing to do; `heals` where it ends a fault and does not begin one."""

    due: datetime
    number: int
    act: Callable[[], None] = field(compare=False)
    heals: bool = field(compare=False)


class Agenda:
    """Things to do, soonest first; equal times keep their order."""

    __slots__ = ("_count", "_entries")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, due: datetime, act: Callable[[], None], *, heals: bool = True) -> None:
        """Plan something; where there is too much already, the soonest is done at once."""
        if len(self._entries) >= ENTRIES_MAX:
            heapq.heappop(self._entries).act()
        self._count += 1
        heapq.heappush(self._entries, Entry(due, self._count, act, heals))

    def next_due(self) -> datetime | None:
        """Return when there is something to do; None where there is nothing."""
        return self._entries[0].due if self._entries else None

    def run(self, now: datetime) -> None:
        """Do what is due."""
        while self._entries and self._entries[0].due <= now:
            heapq.heappop(self._entries).act()

    def heal(self) -> None:
        """Do at once whatever ends a fault, and forget the rest."""
        entries, self._entries = sorted(self._entries), []
        for entry in entries:
            if entry.heals:
                entry.act()
