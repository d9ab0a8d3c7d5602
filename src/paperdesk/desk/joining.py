"""One question for however many ask it at once.

Owns: Joined: who asks what is being asked already waits for that answer. Knows nothing of what
is asked, and keeps no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Joined(Generic[K, T]):
    """The questions that run, by their key."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}

    async def ask(self, key: K, question: Callable[[], Coroutine[Any, Any, T]], name: str) -> T:
        """Join the question of this key, or ask it. Raises what it does.

        Whoever gives up waiting does not end it for the others.
        """
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(question(), name=name)
            self._running[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    def _ended(self, key: K, task: asyncio.Task[T]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever still waits has it; nobody may be left
