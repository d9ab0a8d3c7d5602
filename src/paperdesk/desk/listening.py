"""Reading the stream of events for whoever listens.

Owns: Tape: whoever waits for the same shares the waiting and the reading, so that many listeners
cost what one does until there is something to tell them; and the moment in which what follows one
upon the other is gathered into one page. Nothing is queued for anybody: who is slow reads later.
Knows nothing of how a page is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from paperdesk.desk.feed import EVERYTHING, Feed, wait_set
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import EventFilter, EventPage, Ledger
from paperdesk.domain.vocabulary import AccountId, BatchId

_BEHIND_ALL: Final = 2**62
# What happens within so short a time of what was told last is told together.
GATHER_SECONDS: Final = 0.02
LATEST_SECONDS: Final = 5.0  # a look without any news, should one have been missed


@dataclass(slots=True)
class _Tail:
    """A waiting that several share. Between `since` and `at` nothing is for any of them."""

    since: int
    at: int
    waiters: int = 0
    task: asyncio.Task[EventPage] | None = None


class Tape:
    """The stream of events, as listeners read it."""

    def __init__(self, lanes: Mapping[AccountId, Lane], *, ledger: Ledger, feed: Feed) -> None:
        self._lanes = dict(lanes)
        self._ledger = ledger
        self._feed = feed
        self._reading: dict[tuple[EventFilter, int], asyncio.Task[EventPage]] = {}
        self._tails: dict[EventFilter, _Tail] = {}
        self._told_at = 0.0
        self.newest = 0  # the number of the newest event that was seen

    @property
    def is_closed(self) -> bool:
        """Tell whether the service is stopping: then every stream ends."""
        return self._feed.is_closed

    async def head(self) -> int:
        """Return the number of the newest event, 0 for none. Raises LedgerUnavailable."""
        return (await self.read(EventFilter(), _BEHIND_ALL)).head

    async def read(self, which: EventFilter, after: int) -> EventPage:
        """Return the next events behind a number, none where there are none.

        Joins the reading of the same page that is about to begin. Raises LedgerUnavailable.
        """
        task = self._reading.get((which, after))
        if task is None:
            name = f"read events after {after}"
            task = asyncio.create_task(self._read_once(which, after), name=name)
            self._reading[which, after] = task
        return await asyncio.shield(task)

    async def _read_once(self, which: EventFilter, after: int) -> EventPage:
        await asyncio.sleep(0)  # whoever was told the same page before it joins here
        del self._reading[which, after]
        page = await self._ledger.events(which, after)
        self.newest = max(self.newest, page.head)
        return page

    async def next(self, which: EventFilter, after: int, within_seconds: float) -> EventPage:
        """Return the next events behind a number once there are any.

        Without any it is not in time, the service stops, or there is more to look at: up to where
        it looked there are none. Raises LedgerUnavailable.
        """
        tail = self._tails.get(which)
        if after < (self.newest if tail is None else tail.since):
            return await self.read(which, after)
        if tail is None:
            tail = self._tails[which] = _Tail(after, after)
            name = f"await events after {after}"
            tail.task = asyncio.create_task(self._follow(which, tail), name=name)
        assert tail.task is not None
        tail.waiters += 1
        try:
            await asyncio.wait({tail.task}, timeout=max(within_seconds, 0))
            if not tail.task.done():
                return EventPage((), max(after, tail.at), self.newest)
            return _behind(tail.task.result(), after)
        finally:
            tail.waiters -= 1
            if tail.task.done() or not tail.waiters:
                tail.task.cancel()
                if self._tails.get(which) is tail:
                    del self._tails[which]

    async def _follow(self, which: EventFilter, tail: _Tail) -> EventPage:
        now = asyncio.get_running_loop().time
        with self._feed.watch(EVERYTHING) as changed:
            await asyncio.sleep(max(self._told_at + GATHER_SECONDS - now(), 0))
            while True:
                page = await self.read(which, tail.at)
                if page.events or self._feed.is_closed:
                    self._told_at = now()
                    return page
                tail.at = page.upto
                if page.upto >= page.head:
                    await wait_set(changed, LATEST_SECONDS)

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


def _behind(page: EventPage, after: int) -> EventPage:
    """Return what of a page is behind a number: who joined a waiting may have been ahead of it."""
    if page.upto >= after and not (page.events and page.events[0].number <= after):
        return page  # the same one for all: it is shaped once
    left = tuple(event for event in page.events if event.number > after)
    return EventPage(left, max(page.upto, after), page.head)
