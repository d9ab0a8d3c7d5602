"""Chance and threads.

Owns: the real implementations of the ports Random and Executor, and the small ones that make
a run repeatable. Knows nothing of who uses them.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class SystemRandom:
    """The operating system's randomness."""

    def token_hex(self, digits: int) -> str:
        """Return `digits` random lowercase hex digits."""
        return secrets.token_hex((digits + 1) // 2)[:digits]


class SeededRandom:
    """The same digits for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, never a secret

    def token_hex(self, digits: int) -> str:
        """Return the next `digits` lowercase hex digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"


class ThreadExecutor:
    """One thread beside the event loop, so that a slow disk does not stop the world."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` in the thread, after everything submitted before it.

        Cancelling the caller does not stop a function that runs already.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def close(self) -> None:
        """Wait for what runs, and end the thread."""
        self._pool.shutdown(wait=True)


class InlineExecutor:
    """No thread: the function runs at once. For tests and repeatable runs."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` in the caller's thread."""
        await asyncio.sleep(0)
        return function()
