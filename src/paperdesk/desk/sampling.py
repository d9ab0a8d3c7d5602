"""What the accounts are worth, written down each minute.

Owns: Sampler. What is not known is left out: a plot has a gap where nobody could say. Trades
nothing, and nothing of the order path waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import structlog

from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import Clock, Ledger
from paperdesk.domain.vocabulary import AccountId
from paperdesk.errors import LedgerUnavailable

EVERY_SECONDS: Final = 60
LOOK_SECONDS: Final = 1  # while no account has told what it is worth

_log = structlog.get_logger("paperdesk.desk")


class Sampler:
    """Writes the net liquidation value of each account that is up into the ledger."""

    def __init__(
        self, lanes: Mapping[AccountId, Lane], *, ledger: Ledger, clock: Clock
    ) -> None:
        self._lanes = lanes
        self._ledger = ledger
        self._clock = clock

    async def run(self) -> None:
        """Sample until cancelled: as soon as there is something, then at each whole minute."""
        while True:
            values = self._values()
            if values:
                await self._sample(values)
                into_the_minute = self._clock.now().timestamp() % EVERY_SECONDS
                await asyncio.sleep(EVERY_SECONDS - into_the_minute)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    def _values(self) -> dict[AccountId, Decimal]:
        told = {
            account: lane.broker.net_liquidation(account)
            for account, lane in self._lanes.items()
            if lane.broker.is_up(account)
        }
        return {account: value for account, value in told.items() if value is not None}

    async def _sample(self, values: Mapping[AccountId, Decimal]) -> None:
        try:
            await self._ledger.sample_equity(values, self._clock.now())
        except LedgerUnavailable as error:
            _log.warning("ledger.unavailable", during="sample", reason=error.detail)
