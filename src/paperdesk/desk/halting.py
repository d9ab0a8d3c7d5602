"""The service halts itself.

Owns: Breaker: which of an account's rejections count, and how a halt of our own reaches the ledger
and whoever waits. What is halted after a loss of the ledger the ledger does itself, before it
writes anything else; here it is only asked whether it can be written again. Lifts nothing: that is
for a person.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

import structlog

from paperdesk.desk.feed import Feed
from paperdesk.desk.insisting import insist
from paperdesk.desk.ports import Clock, Ledger, Stopped
from paperdesk.domain.client import SERVICE
from paperdesk.domain.halt import Halt, strictest_of
from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import AccountId, HaltMode, OrderRef

REJECTIONS_WITHIN: Final = timedelta(seconds=60)

_log = structlog.get_logger("paperdesk.halting")


class Breaker:
    """Halts accounts of which something says that going on would do harm."""

    def __init__(
        self, ledger: Ledger, *, clock: Clock, feed: Feed, rejections_max: int
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self._rejections_max = rejections_max
        self._rejected: defaultdict[AccountId, deque[tuple[datetime, OrderRef]]]
        self._rejected = defaultdict(lambda: deque(maxlen=rejections_max))

    async def rejected(self, orders: Collection[Order]) -> None:
        """Take note of orders that the broker has just rejected; halt where they are too many.

        After a halt the count begins anew: who resumes gets as many again.
        """
        now = self._clock.now()
        for order in orders:
            newest = self._rejected[order.account]
            if any(ref == order.ref for _, ref in newest):
                continue  # the same, in other words
            newest.append((now, order.ref))
            if len(newest) == self._rejections_max and now - newest[0][0] <= REJECTIONS_WITHIN:
                newest.clear()
                words = order.error or "it gave no reason"
                await self.halt(
                    order.account,
                    f"the broker rejected {self._rejections_max} orders within "
                    f"{REJECTIONS_WITHIN.total_seconds():.0f} s, the last one, of "
                    f"{order.symbol}, because: {words}",
                )

    async def halt(self, account: AccountId, reason: str) -> None:
        """Halt an account, unless nothing may leave there anyway. Insists on it."""
        if await insist("halt", lambda: self._is_halted(account)):
            return
        halt = Halt(account, HaltMode.ALL, SERVICE.name, self._clock.now(), reason)
        self._tell(
            [await insist("halt", lambda: self._ledger.halt(halt, cancel_working=False))]
        )

    async def mend(self) -> None:
        """Find out whether a lost ledger is back; tell of what it halted by then.

        Raises LedgerUnavailable where it is not.
        """
        self._tell(await self._ledger.mend())

    async def _is_halted(self, account: AccountId) -> bool:
        halt = strictest_of(await self._ledger.halts(), account)
        return halt is not None and halt.mode is HaltMode.ALL

    def _tell(self, halted: Iterable[Stopped]) -> None:
        for stopped in halted:
            halt = stopped.halt
            _log.critical("account.halted", account=halt.account, reason=halt.reason)
            keys = {key for o in stopped.dropped for key in (o.batch_id, o.account)}
            self._feed.publish(keys | {str(halt.account)})
