"""Batches counted as they end.

Owns: Tally: which batches are still to end, and the look at one that may have. Each is counted
once by this process: an order that arrives late, or a report that is told again, finds it
counted. It reads on the side, and never so often that an order would have to wait for it. Knows
nothing of what is made of the count.

A batch has ended when none of its rows waits and none of its own orders may trade; an order that
it only keeps is counted with the batch that placed it.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.ports import Ledger, Meter
from paperdesk.domain.batch import Batch, Outcome, Row
from paperdesk.domain.vocabulary import BatchId
from paperdesk.errors import LedgerUnavailable

# Between two looks, and after the end: an execution may come a second after its cancel.
LOOK_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 5.0
LATEST_SECONDS: Final = 60.0  # a look without any news, should one have been missed

_log = structlog.get_logger("paperdesk.desk")


class Tally:
    """Follows batches to their end and tells the meter."""

    def __init__(self, ledger: Ledger, feed: Feed, meter: Meter) -> None:
        self._ledger = ledger
        self._feed = feed
        self._meter = meter
        self._open: dict[BatchId, asyncio.Task[None]] = {}
        # One question of all at a time: where the ledger is slow, callers wait for no more.
        self._turn = asyncio.Lock()

    def follow(self, batch_id: BatchId) -> None:
        """Count the batch once it has ended; return at once."""
        task = asyncio.create_task(self._follow(batch_id), name=f"tally {batch_id}")
        self._open[batch_id] = task
        task.add_done_callback(lambda _: self._open.pop(batch_id, None))

    def seen(self, batch: Batch) -> None:
        """Count the batch now where it ended without any order: then nothing need be read."""
        task = self._open.get(batch.head.batch_id)
        if task is not None and not any(_is_open(row) or row.order for row in batch.rows):
            self._count(batch)
            task.cancel()

    async def stop(self) -> None:
        """Follow nothing more."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, batch_id: BatchId) -> None:
        with self._feed.watch(batch_id) as changed:
            while not self._feed.is_closed:
                await asyncio.sleep(LOOK_SECONDS)
                changed.clear()
                try:
                    async with self._turn:
                        is_done = await self._try(batch_id)
                except LedgerUnavailable:  # those who need it more say so
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if is_done:
                    return
                await wait_set(changed, LATEST_SECONDS)

    async def _try(self, batch_id: BatchId) -> bool:
        """Count the batch where it has ended; return whether there is nothing left to do."""
        if not (await self._ledger.progress(batch_id)).is_ended:
            return False
        batch = await self._ledger.batch(batch_id)
        if batch is None:
            return True  # its commit was in doubt, and was not made
        if any(map(_is_open, batch.rows)):
            return False
        self._count(batch)
        return True

    def _count(self, batch: Batch) -> None:
        head = batch.head
        if self._open.pop(head.batch_id, None) is None:
            return  # it was counted in the same moment
        self._meter.batch_ended(batch)
        _log.info(
            "batch.ended",
            batch_id=head.batch_id,
            account=head.account_id,
            client=head.client,
            rows=len(batch.rows),
            on_target=sum(row.is_on_target for row in batch.rows),
        )


def _is_open(row: Row) -> bool:
    """Tell whether a row waits, or its own order may trade."""
    if row.outcome is Outcome.PENDING:
        return True
    return row.order is not None and not row.order.is_terminal
