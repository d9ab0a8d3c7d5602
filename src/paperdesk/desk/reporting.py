"""Reports over what was traded.

Owns: Reporter: whose orders a client's report is about, and where its next page begins. Adds
nothing up itself: the sums are `domain.slippage`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paperdesk.desk.ports import Ledger, Page, SlippageFilter
from paperdesk.domain.client import Client
from paperdesk.domain.slippage import Slipped, Totals


@dataclass(frozen=True, slots=True)
class SlippageReport:
    """A page of orders, the sums over all pages, and where the next page begins."""

    orders: Sequence[Slipped]
    totals: Totals
    before: int | None


class Reporter:
    """Answers over the orders of all time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def slippage(
        self, client: Client, which: SlippageFilter, page: Page
    ) -> SlippageReport:
        """Return what trading cost; of the client's own batches unless it may see every one."""
        if not client.sees_every_batch:
            if which.client not in {None, client.name}:
                return SlippageReport((), Totals(), None)
            which = replace(which, client=client.name)
        one_more = replace(page, limit=page.limit + 1)
        totals, found = await self._ledger.slippage(which, one_more)
        shown = found[: page.limit]
        return SlippageReport(
            shown, totals, shown[-1].number if len(found) > page.limit else None
        )
