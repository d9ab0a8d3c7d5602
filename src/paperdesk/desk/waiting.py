"""Waiting for a batch to become something.

Owns: Waiter. What a batch has come to is asked at little cost first, and the whole of it is read
once that says that it may be ready; whoever waits for the same batch shares a reading. So readers
never take the ledger's time from what is sent and learnt. Knows nothing of what is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.ports import Ledger, Progress
from paperdesk.domain.batch import Batch
from paperdesk.domain.vocabulary import BatchId


def answered(progress: Progress) -> bool:
    """Tell whether every row may have its first status."""
    return progress.is_answered


def ended(progress: Progress) -> bool:
    """Tell whether every row may be final."""
    return progress.is_ended


class Waiter:
    """Reads batches for whoever waits for them."""

    def __init__(self, ledger: Ledger, feed: Feed) -> None:
        self._ledger = ledger
        self._feed = feed
        self._running: dict[BatchId, asyncio.Task[Batch]] = {}

    async def when(
        self,
        batch_id: BatchId,
        is_ready: Callable[[Batch], bool],
        deadline: float,
        *,
        may_be: Callable[[Progress], bool] = lambda _: True,
    ) -> Batch:
        """Return the batch once `is_ready`, at the deadline, or when the service stops.

        It is read only where its progress says that it `may_be`. Raises LedgerUnavailable.
        `deadline` is in the event loop's time.
        """
        loop = asyncio.get_running_loop()
        with self._feed.watch(batch_id) as changed:
            while True:
                left = deadline - loop.time()
                is_last = left <= 0 or self._feed.is_closed
                if is_last or may_be(await self._ledger.progress(batch_id)):
                    batch = await self._read(batch_id)
                    if is_last or is_ready(batch):
                        return batch
                await wait_set(changed, left)

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
        batch = await self._ledger.batch(batch_id)
        assert batch is not None
        return batch
