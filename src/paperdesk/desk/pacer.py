"""How many frames may leave in a second.

Owns: Pacer, a sliding window over every frame that leaves through one gateway, whoever wrote
it. IBKR allows 50 a second and then drops the connection. Knows nothing of what is sent.

A token is room for one frame. It is held from `take` to `give_back`, and a frame counts from
the moment it left, so that a slow commit between the two cannot bunch frames up.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from enum import IntEnum
from typing import Final

WINDOW_SECONDS: Final = 1.0


class Urgency(IntEnum):
    """Who gets room first."""

    ORDERS = 0
    QUERIES = 1


class Pacer:
    """Grants at most `per_second` frames in any sliding second, the most urgent first."""

    def __init__(self, per_second: int) -> None:
        assert per_second > 0
        self.per_second: Final = per_second
        self._left_at: deque[float] = deque()
        self._held = 0
        self._waiters: list[tuple[Urgency, int, int, asyncio.Future[int]]] = []
        self._arrivals = 0
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, urgency: Urgency, at_most: int) -> int:
        """Wait for room; return how many tokens were granted: at least 1, at most `at_most`."""
        assert at_most > 0
        granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiters, (urgency, self._arrivals, at_most, granted))
        self._grant()
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.give_back(granted.result())
            raise

    def give_back(self, tokens: int) -> None:
        """Return tokens once their frames have left, or will not."""
        assert 0 <= tokens <= self._held
        self._held -= tokens
        self._grant()

    def frame_left(self) -> None:
        """Count one frame that left just now."""
        self._left_at.append(asyncio.get_running_loop().time())

    def _grant(self) -> None:
        while self._waiters:
            room = self._room()
            if room <= 0:
                self._arm()
                return
            _, _, at_most, granted = heapq.heappop(self._waiters)
            if not granted.done():
                tokens = min(at_most, room)
                self._held += tokens
                granted.set_result(tokens)

    def _room(self) -> int:
        oldest = asyncio.get_running_loop().time() - WINDOW_SECONDS
        while self._left_at and self._left_at[0] <= oldest:
            self._left_at.popleft()
        return self.per_second - len(self._left_at) - self._held

    def _arm(self) -> None:
        """Try again when the oldest frame leaves the window; held tokens come back first."""
        if self._timer is not None or not self._left_at:
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._left_at[0] + WINDOW_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._grant()
