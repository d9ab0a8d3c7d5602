"""Who waits for what, and the waking after a commit.

Owns: Feed. A key is a batch id, an account id, or EVERYTHING. Nothing is queued: whoever is woken
reads the ledger, so a slow listener loses nothing and costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

EVERYTHING: Final = "everything"  # whatever the stream of events tells


class Feed:
    """Wakes the watchers of a key when something about it was committed."""

    def __init__(self) -> None:
        self._watchers: dict[str, dict[asyncio.Event, None]] = {}
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Tell whether the service is stopping: then nobody should wait any longer."""
        return self._is_closed

    @contextmanager
    def watch(self, key: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at each publication of `key` from now on.

        Watch first, read the state then, and wait last: nothing falls between.
        """
        event = asyncio.Event()
        watchers = self._watchers.setdefault(key, {})
        watchers[event] = None
        if self._is_closed:
            event.set()
        try:
            yield event
        finally:
            watchers.pop(event, None)
            if not watchers:
                self._watchers.pop(key, None)

    def publish(self, keys: Iterable[str]) -> None:
        """Wake the watchers of these keys. Call it after the commit, never before.

        In the order of the keys and of the watching: a repeated run wakes the same first.
        """
        for key in sorted(keys):
            for event in self._watchers.get(key, ()):
                event.set()

    def close(self) -> None:
        """Wake everybody, now and from now on."""
        self._is_closed = True
        self.publish(tuple(self._watchers))


async def wait_set(event: asyncio.Event, timeout_seconds: float) -> bool:
    """Wait until `event` is set and clear it; return False where it was not in time."""
    try:
        async with asyncio.timeout(max(timeout_seconds, 0)):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
