"""What was traded: the executions, and reports over them.

Owns: Reporter: what of it a client may see, and where its next page begins. Adds nothing up itself:
the sums are `domain.slippage`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from paperdesk.desk.ports import Clock, ExecutionFilter, Ledger, Page, SlippageFilter
from paperdesk.domain.client import Client
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.hours import day_began
from paperdesk.domain.slippage import Slipped, Totals
from paperdesk.domain.views import Day, EquityPoint
from paperdesk.domain.vocabulary import AccountId, Symbol


@dataclass(frozen=True, slots=True)
class SlippageReport:
    """A page of orders, the sums over all pages, and where the next page begins."""

    orders: Sequence[Slipped]
    totals: Totals
    before: int | None


class Reporter:
    """Answers over the orders of all time."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def equity(self, account: AccountId, since: datetime | None) -> list[EquityPoint]:
        """Return what an account was worth, from the last midnight in New York by default."""
        return await self._ledger.equity(account, since or day_began(self._clock.now()))

    async def today(self, account: AccountId) -> Day:
        """Return what became of the orders since the last midnight in New York."""
        return await self._ledger.day(account, day_began(self._clock.now()))

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

    async def executions(
        self,
        account: AccountId | None,
        *,
        accounts: frozenset[AccountId],
        symbol: Symbol | None,
        since: datetime | None,
        limit: int,
        before: int | None,
        client: Client,
    ) -> tuple[tuple[BookedExecution, ...], int | None]:
        """Return a page of executions and where the next one begins."""
        which = ExecutionFilter(
            accounts=accounts if account is None else (account,),
            symbol=symbol,
            since=since,
        )
        found = await self._ledger.executions(which, Page(limit + 1, before))
        shown = tuple(_private(client, booked) for booked in found[:limit])
        return shown, found[limit - 1].seq if len(found) > limit else None


def _private(client: Client, booked: BookedExecution) -> BookedExecution:
    """Leave out what names another client's batch: its id is in the order's ref too."""
    if client.sees_every_batch or booked.client in {None, client.name}:
        return booked
    execution = replace(booked.execution, order_ref=None)
    return replace(booked, execution=execution, batch_id=None)
