"""The agenda: which order is to be looked at when.

Owns: at most one moment per order, and the next of all. Does not know what is done then.
"""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import Final

from twsim.exchange.vocabulary import PermId

_STALE_MAX: Final = 64


class Agenda:
    """Moments, by order."""

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._due: dict[PermId, datetime] = {}
        # Entries whose moment is no longer the order's are stale, and skipped.
        self._heap: list[tuple[datetime, PermId]] = []

    def put(self, perm_id: PermId, due: datetime | None) -> None:
        """Look at an order at a moment, instead of the one before; None for never."""
        if due is None:
            self._due.pop(perm_id, None)
        elif self._due.get(perm_id) != due:
            self._due[perm_id] = due
            heapq.heappush(self._heap, (due, perm_id))
        if len(self._heap) > 2 * len(self._due) + _STALE_MAX:
            self._heap = [(due, perm_id) for perm_id, due in self._due.items()]
            heapq.heapify(self._heap)

    def next_due(self) -> datetime | None:
        """Return the next moment of all."""
        while self._heap:
            due, perm_id = self._heap[0]
            if self._due.get(perm_id) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def take(self, now: datetime) -> list[PermId]:
        """Return the orders whose moment has come, the earliest first, and drop them."""
        taken: list[PermId] = []
        while (due := self.next_due()) is not None and due <= now:
            _, perm_id = heapq.heappop(self._heap)
            del self._due[perm_id]
            taken.append(perm_id)
        return taken
