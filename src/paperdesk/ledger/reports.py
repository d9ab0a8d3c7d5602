"""The part of the ledger that is asked for reports.

Owns: Reports, which answers in as many short transactions as a report needs, unlike every other
question. What a report says is in the module that is named like it.
"""

from __future__ import annotations

from paperdesk.desk.ports import Page, SlippageFilter
from paperdesk.domain.slippage import Slipped, Totals
from paperdesk.ledger import slippage
from paperdesk.ledger.transacting import Transacting


class Reports(Transacting):
    """What `SqlLedger` answers over all that is recorded."""

    async def slippage(self, which: SlippageFilter, page: Page) -> tuple[Totals, list[Slipped]]:
        """Return the sums over the orders that match, and a page of them."""
        return await slippage.report(self._read, which, page)
