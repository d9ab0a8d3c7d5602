"""Waiting for a batch to become something.

Owns: Waiter. Whoever waits for the same batch shares one reading of it, and a large batch is
read again only after a rest in proportion to what the reading cost: readers must never take
the ledger's time from what is sent and learnt. Knows nothing of what is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.ports import Ledger
from paperdesk.domain.batch import Batch
from paperdesk.domain.vocabulary import BatchId

REST_PER_READING: Final = 10.0  # so that waiting takes at most a tenth of the ledger's time
REST_SECONDS_MAX: Final = 0.5


class Waiter:
    """Reads batches for whoever waits for them."""

    def __init__(self, ledger: Ledger, feed: Feed) -> None:
        self._ledger = ledger
        self._feed = feed
        self._running: dict[BatchId, asyncio.Task[Batch]] = {}
        self._rested_at: dict[BatchId, float] = {}
        self._waiting: dict[BatchId, int] = {}

    async def when(
        self, batch_id: BatchId, is_ready: Callable[[Batch], bool], deadline: float
    ) -> Batch:
        """Return the batch once `is_ready`, at the deadline, or when the service stops.

        Raises LedgerUnavailable. `deadline` is in the event loop's time.
        """
        loop = asyncio.get_running_loop()
        self._waiting[batch_id] = self._waiting.get(batch_id, 0) + 1
        try:
            with self._feed.watch(batch_id) as changed:
                while True:
                    batch = await self._read(batch_id)
                    left = deadline - loop.time()
                    if is_ready(batch) or left <= 0 or self._feed.is_closed:
                        return batch
                    if await wait_set(changed, left):
                        await self._rest(batch_id, deadline)
        finally:
            self._leave(batch_id)

    async def _read(self, batch_id: BatchId) -> Batch:
        """Join the reading that is about to begin, or begin one."""
        task = self._running.get(batch_id)
        if task is None:
            task = asyncio.create_task(self._read_once(batch_id), name=f"read {batch_id}")
            self._running[batch_id] = task
        return await asyncio.shield(task)

    async def _read_once(self, batch_id: BatchId) -> Batch:
        await asyncio.sleep(0)  # whoever is woken by the same publication joins here
        del self._running[batch_id]
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        batch = await self._ledger.batch(batch_id)
        assert batch is not None
        rest = min((loop.time() - begun_at) * REST_PER_READING, REST_SECONDS_MAX)
        if batch_id in self._waiting:
            self._rested_at[batch_id] = loop.time() + rest
        return batch

    async def _rest(self, batch_id: BatchId, deadline: float) -> None:
        until = min(self._rested_at.get(batch_id, 0.0), deadline)
        left = until - asyncio.get_running_loop().time()
        if left > 0 and not self._feed.is_closed:
            await asyncio.sleep(left)

    def _leave(self, batch_id: BatchId) -> None:
        self._waiting[batch_id] -= 1
        if not self._waiting[batch_id]:
            del self._waiting[batch_id]
            self._rested_at.pop(batch_id, None)
