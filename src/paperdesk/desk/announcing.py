"""What only a session knows of an account, told to whoever listens.

Owns: Announcer: whether an account is connected, told when that changes and not twice, not even
over a restart; and what it is worth, told at most every half a minute. Knows nothing of listeners.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.insisting import insist
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import Clock, Ledger
from paperdesk.domain.vocabulary import AccountId

WORTH_SECONDS: Final = 30.0  # it moves with each price


class Announcer:
    """Follows the accounts of the service."""

    def __init__(
        self, lanes: Mapping[AccountId, Lane], *, ledger: Ledger, clock: Clock, feed: Feed
    ) -> None:
        self._lanes = dict(lanes)
        self._ledger = ledger
        self._clock = clock
        self._feed = feed

    async def run(self) -> None:
        """Tell until the service stops. What an earlier process told last is known."""
        accounts = tuple(self._lanes)
        up = await insist("announce", lambda: self._ledger.told_connected(accounts))
        async with asyncio.TaskGroup() as group:
            for account in accounts:
                follow = self._follow(account, is_up=account in up)
                group.create_task(follow, name=f"announce {account}")

    async def _follow(self, account: AccountId, *, is_up: bool) -> None:
        """Tell of one account; `is_up` is what was told last."""
        now = asyncio.get_running_loop().time
        worth, next_worth_at = None, 0.0
        with self._feed.watch(account) as changed:
            while not self._feed.is_closed:
                if self._lanes[account].broker.is_up(account) is not is_up:
                    is_up = await self._tell_connection(account)
                if now() >= next_worth_at:
                    worth = await self._tell_worth(account, worth)
                    next_worth_at = now() + WORTH_SECONDS
                await wait_set(changed, next_worth_at - now())

    async def _tell_connection(self, account: AccountId) -> bool:
        """Tell whether the account is connected; return what was told."""
        why, at = self._lanes[account].broker.reason(account), self._clock.now()
        await insist("announce", lambda: self._ledger.tell_connection(account, why, at))
        return why is None

    async def _tell_worth(self, account: AccountId, told: Decimal | None) -> Decimal | None:
        """Tell what the account is worth, where that is known and another; return it."""
        worth = self._lanes[account].broker.net_liquidation(account)
        if worth is None or worth == told:
            return told
        at = self._clock.now()
        await insist("announce", lambda: self._ledger.tell_net_liquidation(account, worth, at))
        return worth
