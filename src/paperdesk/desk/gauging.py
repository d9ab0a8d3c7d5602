"""What is true of the service at this moment, for whoever watches it.

Owns: Gauger, which gathers it when it is asked: from the sessions, and by questions to the ledger
that cost as much as there are targets and orders at work, never as much as ever was. It asks the
gateway nothing. What cannot be known is left out: a 0 would be believed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final

from paperdesk.desk.joining import Joined
from paperdesk.desk.lane import Lane
from paperdesk.desk.lookup import Lookup
from paperdesk.desk.ports import AccountNow, GatewayNow, Gauges, Ledger
from paperdesk.desk.prices import Prices
from paperdesk.domain.order import TERMINAL, OrderState
from paperdesk.domain.views import TargetState, TargetView
from paperdesk.domain.vocabulary import AccountId, Symbol
from paperdesk.errors import LedgerUnavailable

WRITABLE_SECONDS: Final = 2.0  # a ledger that takes longer to write nothing is not writable
LIVE: Final = tuple(state for state in OrderState if state not in TERMINAL)


class Gauger:
    """Tells what is true now. Whoever asks at once shares one answer."""

    def __init__(
        self, lanes: Mapping[AccountId, Lane], *, ledger: Ledger, lookup: Lookup, prices: Prices
    ) -> None:
        self._lanes = dict(lanes)
        self._ledger = ledger
        self._lookup = lookup
        self._prices = prices
        self._asking: Joined[str, Gauges] = Joined()
        self._checking: Joined[str, None] = Joined()

    async def read(self) -> Gauges:
        """Return what is true now, as far as it is known."""
        return await self._asking.ask("gauges", self._read, "gauges")

    async def _read(self) -> Gauges:
        gateways = {lane.broker.name: _gateway(lane) for lane in self._lanes.values()}
        configured = tuple(self._lanes)
        is_writable = await self._is_writable()
        try:
            halts = await self._ledger.halts()
            accounts = {account: await self._account(account) for account in configured}
        except LedgerUnavailable:
            return Gauges(gateways, is_writable, configured=configured)
        return Gauges(gateways, is_writable, halts, accounts, configured)

    async def _is_writable(self) -> bool:
        """Write nothing; a check that hangs is joined by the next, so that there is one only."""
        try:
            async with asyncio.timeout(WRITABLE_SECONDS):
                await self._checking.ask("writable", self._check, "writable")
        except (LedgerUnavailable, TimeoutError):
            return False
        return True

    async def _check(self) -> None:
        await self._ledger.check_writable()

    async def _account(self, account: AccountId) -> AccountNow:
        views = await self._ledger.targets(account)
        working = await self._ledger.working(account)
        states = Counter(view.state for view in views)
        live = Counter(order.state for order in working)
        return AccountNow(
            targets={state: states[state] for state in TargetState},
            orders={state: live[state] for state in LIVE},
            drift=await self._drift(account, views),
        )

    async def _drift(self, account: AccountId, views: Sequence[TargetView]) -> Decimal | None:
        """Return what is missing at market; None where a price of it is not known."""
        lane = self._lanes[account]
        if not lane.broker.is_up(account):
            return None  # the prices are of an earlier session
        open_views = [v for v in views if v.gap and v.state is not TargetState.WITHDRAWN]
        prices = await self._market(lane, account, [view.symbol for view in open_views])
        drift = Decimal(0)
        for view in open_views:
            price = prices.get(view.symbol, view.price)
            if price is None:
                return None
            drift += abs(view.gap) * price
        return drift

    async def _market(
        self, lane: Lane, account: AccountId, symbols: Collection[Symbol]
    ) -> dict[Symbol, Decimal]:
        """Return the prices that are known without asking the gateway."""
        contracts = await self._lookup.cached(symbols) if symbols else {}
        conids = {symbol: contract.conid for symbol, contract in contracts.items()}
        known = self._prices.kept(lane, account, conids.values())
        return {
            symbol: price
            for symbol, conid in conids.items()
            if (price := known[conid].dearest) is not None
        }


def _gateway(lane: Lane) -> GatewayNow:
    now = asyncio.get_running_loop().time()
    heard_at, compared_at = lane.heard_at, lane.auditor.audited_at
    return GatewayNow(
        is_up=lane.broker.line is not None,
        room=lane.pacer.available,
        heard_seconds=None if heard_at is None else now - heard_at,
        compared_seconds=None if compared_at is None else now - compared_at,
    )
