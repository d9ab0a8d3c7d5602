"""The part of the ledger that is asked for reports.

Owns: Reports: the questions over all that is recorded, and the samples that one of them is made
of. What a report says is in the module that is named like it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from paperdesk.desk.ports import Page, SlippageFilter
from paperdesk.domain.slippage import Slipped, Totals
from paperdesk.domain.views import Day, EquityPoint
from paperdesk.domain.vocabulary import AccountId
from paperdesk.ledger import equity, slippage
from paperdesk.ledger.transacting import Transacting


class Reports(Transacting):
    """What `SqlLedger` answers over all that is recorded."""

    async def slippage(self, which: SlippageFilter, page: Page) -> tuple[Totals, list[Slipped]]:
        """Return the sums over the orders that match, and a page of them.

        In as many short transactions as it needs, unlike every other question.
        """
        return await slippage.report(self._read, which, page)

    async def sample_equity(self, values: Mapping[AccountId, Decimal], at: datetime) -> None:
        """Keep what accounts are worth."""
        await self._transact(lambda c: equity.sample(c, values, at))

    async def equity(self, account: AccountId, since: datetime) -> list[EquityPoint]:
        """Return what an account was worth."""
        return await self._read(lambda c: equity.points(c, account, since))

    async def day(self, account: AccountId, since: datetime) -> Day:
        """Return what became of a day's orders."""
        return await self._read(lambda c: equity.day(c, account, since))
