"""Reading the stream of events for whoever listens.

Owns: Tape: whoever wants the same page at the same time shares a reading, so that many listeners
cost one question for each commit, asked beside what is sent and learnt. Nothing is queued for
anybody: who is slow reads later. Knows nothing of how a page is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

from paperdesk.desk.feed import EVERYTHING, Feed
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import EventFilter, EventPage, Ledger
from paperdesk.domain.vocabulary import AccountId, BatchId

_BEHIND_ALL: Final = 2**62


class Tape:
    """The stream of events, as listeners read it."""

    def __init__(self, lanes: Mapping[AccountId, Lane], *, ledger: Ledger, feed: Feed) -> None:
        self._lanes = dict(lanes)
        self._ledger = ledger
        self._feed = feed
        self._running: dict[tuple[EventFilter, int], asyncio.Task[EventPage]] = {}

    @property
    def is_closed(self) -> bool:
        """Tell whether the service is stopping: then every stream ends."""
        return self._feed.is_closed

    def watch(self) -> AbstractContextManager[asyncio.Event]:
        """Give an event that is set when there may be more to read. Watch first, then read."""
        return self._feed.watch(EVERYTHING)

    async def head(self) -> int:
        """Return the number of the newest event, 0 for none. Raises LedgerUnavailable."""
        return (await self.read(EventFilter(), _BEHIND_ALL)).head

    async def read(self, which: EventFilter, after: int) -> EventPage:
        """Return the next events behind a number. Raises LedgerUnavailable.

        Joins the reading of the same page that is about to begin, or begins one.
        """
        task = self._running.get((which, after))
        if task is None:
            name = f"read events after {after}"
            task = asyncio.create_task(self._read_once(which, after), name=name)
            self._running[which, after] = task
        return await asyncio.shield(task)

    async def _read_once(self, which: EventFilter, after: int) -> EventPage:
        await asyncio.sleep(0)  # whoever is woken by the same commit joins here
        del self._running[which, after]
        return await self._ledger.events(which, after)

    async def is_final(self, batch_id: BatchId) -> bool:
        """Tell whether every row of a batch that exists has ended. Raises LedgerUnavailable."""
        if not (await self._ledger.progress(batch_id)).is_ended:
            return False
        batch = await self._ledger.batch(batch_id)
        return batch is not None and batch.is_final

    def gateways(self) -> Mapping[str, Mapping[AccountId, bool]]:
        """Return per gateway whether each of its accounts is up."""
        found: dict[str, dict[AccountId, bool]] = {}
        for account, lane in self._lanes.items():
            found.setdefault(lane.broker.name, {})[account] = lane.broker.is_up(account)
        return found
