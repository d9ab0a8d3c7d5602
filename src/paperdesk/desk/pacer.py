"""How many frames may leave in a second.

Owns: Pacer, a sliding window over every frame that leaves through one gateway, whoever wrote
it. IBKR allows 50 a second and then drops the connection. Knows nothing of what is sent.

What is vital comes first whenever it asks: the heartbeat, and the reads by which an unknown
order is resolved. It asks for a few frames a second at most, one after the other, so that no
room need be kept free for it: the next that is granted is its own.

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

    VITAL = 0
    ORDERS = 1
    QUERIES = 2


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
        self._paused_until = 0.0

    @property
    def queries_waiting(self) -> int:
        """How many questions wait for room."""
        return sum(urgency is Urgency.QUERIES for urgency, *_ in self._waiters)

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

    @property
    def available(self) -> int:
        """How many frames that are not vital might leave now."""
        return max(self._room(Urgency.ORDERS), 0)

    @property
    def left_lately(self) -> int:
        """How many frames left within the last second."""
        begun = asyncio.get_running_loop().time() - WINDOW_SECONDS
        return sum(left_at > begun for left_at in self._left_at)

    def pause(self, seconds: float) -> None:
        """Grant nothing that is not vital for so long. What was granted may still leave."""
        until = asyncio.get_running_loop().time() + seconds
        self._paused_until = max(self._paused_until, until)

    def _grant(self) -> None:
        """Give room to whoever comes first. Where it has to wait, so do all behind it."""
        while self._waiters:
            urgency, _, at_most, granted = self._waiters[0]
            if not granted.done():
                room = self._room(urgency)
                if room <= 0:
                    self._arm(urgency)
                    return
                tokens = min(at_most, room)
                self._held += tokens
                granted.set_result(tokens)
            heapq.heappop(self._waiters)

    def _room(self, urgency: Urgency) -> int:
        now = asyncio.get_running_loop().time()
        # In the words of `_arm`: a sum that is rounded otherwise would arm a timer for now.
        while self._left_at and self._left_at[0] + WINDOW_SECONDS <= now:
            self._left_at.popleft()
        room = self.per_second - len(self._left_at) - self._held
        is_paused = urgency is not Urgency.VITAL and now < self._paused_until
        return 0 if is_paused else room

    def _arm(self, urgency: Urgency) -> None:
        """Try again when the oldest frame leaves the window or the pause ends.

        Without either there are held tokens, and those come back first.
        """
        loop = asyncio.get_running_loop()
        times = [self._left_at[0] + WINDOW_SECONDS] if self._left_at else []
        if urgency is not Urgency.VITAL and loop.time() < self._paused_until:
            times = [self._paused_until]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if times:
            self._timer = loop.call_at(times[0], self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._grant()
