"""A simulated world that synchronous code moves on, step by step.

Owns: Hand: a loop that runs as long as each step takes and stands still between two, and the
task that holds a world open meanwhile. Knows nothing of what a world is made of.

hypothesis and schemathesis call synchronous functions; a rule or a request of theirs is one step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from sim.loop import SECONDS_MAX, SimLoop, Unhandled

T = TypeVar("T")
W = TypeVar("W")


class Hand(Generic[W]):
    """A world on a loop of its own. Whoever opens one closes it, whatever happened."""

    def __init__(
        self,
        seed: int,
        open_one: Callable[[], AbstractAsyncContextManager[W]],
        *,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        self.loop = SimLoop(seed, seconds_max=seconds_max)
        self._open_one = open_one
        self._closing = asyncio.Event()
        self._opened: asyncio.Future[W] = self.loop.create_future()
        # Opened and closed in one task: a TaskGroup within would not have it otherwise.
        self._holding = self.loop.create_task(self._hold(), name="hold")

    def open(self) -> W:
        """Open the world. Raises what opening it does."""
        begun: list[asyncio.Future[Any]] = [self._opened, self._holding]
        self.do(asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED))
        if not self._opened.done():
            self._holding.result()
        return self._opened.result()

    def do(self, step: Coroutine[Any, Any, T]) -> T:
        """Run one step to its end, and whatever else is due meanwhile."""
        return self.loop.run_until_complete(step)

    def close(self) -> None:
        """Close the world. Raises what its end does, and Unhandled."""
        self._closing.set()
        try:
            self.loop.run_until_complete(self._holding)
        finally:
            self.loop.wind_up()
        if self.loop.unhandled:
            words, error = self.loop.unhandled[0]
            raise Unhandled(f"{words} ({len(self.loop.unhandled)} in all)") from error

    async def _hold(self) -> None:
        async with self._open_one() as world:
            self._opened.set_result(world)
            await self._closing.wait()
