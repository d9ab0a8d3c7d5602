"""What is known of the accounts: positions, connection, locks.

Owns: Accounts: how the position that is ours (the ledger's) and the figures that are the
broker's (cost, price, profit) become one answer, fresh or stale.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from paperdesk.desk.auditor import is_tradable
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import Clock, Ledger, LineDown
from paperdesk.desk.rules import Rulebook
from paperdesk.domain.client import Client
from paperdesk.domain.halt import strictest_of
from paperdesk.domain.order import OrderState
from paperdesk.domain.position import whole_shares
from paperdesk.domain.reports import PositionReport
from paperdesk.domain.views import AccountView, Holding, Lock, OtherHolding, Positions
from paperdesk.domain.vocabulary import AccountId, ConId, Symbol
from paperdesk.errors import BrokerUnavailable

RETRY_AFTER_SECONDS: Final = 5


class Accounts:
    """Answers about accounts."""

    def __init__(
        self,
        lanes: Mapping[AccountId, Lane],
        rulebook: Rulebook,
        *,
        default_account: AccountId,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        self._lanes = lanes
        self._rulebook = rulebook
        self._default_account = default_account
        self._ledger = ledger
        self._clock = clock

    async def positions(self, account: AccountId, *, allow_stale: bool) -> Positions:
        """Return positions from the live session, or, if allowed, the last known ones."""
        lane = self._lanes[account]
        broker = lane.broker
        if broker.is_up(account):
            with contextlib.suppress(LineDown):  # then the session is no longer up
                await lane.sender.query(lambda: broker.refresh_portfolio(account))
        if broker.is_up(account):
            return await self._fresh(account)
        if allow_stale:
            return await self._stale(account)
        raise BrokerUnavailable(
            f"account {account} has no broker session ({broker.reason(account)}): ask again, "
            "or ask for the last known positions with allow_stale=true",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )

    async def views(self, client: Client) -> tuple[AccountView, ...]:
        """Return the accounts of the client's key."""
        return tuple(
            [
                await self._view(account)
                for account in sorted(self._lanes)
                if account in client.accounts
            ]
        )

    async def _view(self, account: AccountId) -> AccountView:
        broker = self._lanes[account].broker
        halts = await self._ledger.halts()
        standing = await self._ledger.locks(account)
        locks = sorted(standing.values(), key=lambda lock: (lock.symbol, lock.since))
        quarantined = [
            Lock(
                order.symbol,
                f"what became of order {order.ref} is for a person to say",
                order.sent_at,
            )
            for order in await self._ledger.working(account)
            if order.state is OrderState.QUARANTINED and order.sent_at is not None
        ]
        return AccountView(
            account_id=account,
            default=account == self._default_account,
            connected=broker.is_up(account),
            reason=broker.reason(account),
            net_liquidation=broker.net_liquidation(account),
            locks=(*locks, *quarantined),
            halt=strictest_of(halts, account),
            limits=self._rulebook.limits(account),
            are_limits_set_by_hand=self._rulebook.is_set_by_hand(account),
        )

    async def _fresh(self, account: AccountId) -> Positions:
        broker = self._lanes[account].broker
        told, priced = broker.positions(account), broker.portfolio(account)
        ours = await self._ledger.positions(account)
        positions = Positions(
            account_id=account,
            holdings=_by_symbol(
                _holding(conid, symbol, quantity, told=told.get(conid), priced=priced)
                for conid, (symbol, quantity) in ours.items()
                if quantity
            ),
            others=tuple(
                OtherHolding(
                    report.conid,
                    report.symbol,
                    report.sec_type,
                    report.currency,
                    report.quantity,
                    report.avg_cost,
                )
                for report in told.values()
                if not is_tradable(report) and report.quantity
            ),
            net_liquidation=broker.net_liquidation(account),
            updated_at=self._clock.now(),
            warnings=_fraction_warnings(told),
        )
        await self._ledger.save_snapshot(positions)
        return positions

    async def _stale(self, account: AccountId) -> Positions:
        """Return the ledger's quantities with the figures of the last fresh answer."""
        last = await self._ledger.snapshot(account)
        known = {} if last is None else {h.conid: h for h in last.holdings}
        ours = await self._ledger.positions(account)
        holdings = []
        for conid, (symbol, quantity) in ours.items():
            kept = known.get(conid)
            if quantity:
                same = kept is not None and kept.quantity == quantity
                holdings.append(
                    kept if kept is not None and same else Holding(conid, symbol, quantity)
                )
        if last is None:
            now = self._clock.now()
            return Positions(account, _by_symbol(holdings), (), None, now, stale=True)
        return replace(last, holdings=_by_symbol(holdings))


def _by_symbol(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    return tuple(sorted(holdings, key=lambda holding: (holding.symbol, holding.conid)))


def _holding(
    conid: ConId,
    symbol: Symbol,
    quantity: int,
    *,
    told: PositionReport | None,
    priced: Mapping[ConId, Holding],
) -> Holding:
    """Join our quantity with the broker's figures; what is of another quantity is left out."""
    holding = Holding(conid, symbol, quantity)
    price = priced.get(conid)
    if price is not None and price.quantity == quantity:
        return replace(price, symbol=symbol)
    if told is not None and whole_shares(told.quantity) == quantity:
        holding = replace(holding, avg_cost=told.avg_cost)
    if price is not None and price.market_price is not None:
        return replace(
            holding,
            market_price=price.market_price,
            market_value=price.market_price * quantity,
        )
    return holding


def _fraction_warnings(told: Mapping[ConId, PositionReport]) -> tuple[str, ...]:
    return tuple(
        f"{report.symbol}: {report.quantity} shares are held, only whole ones can be traded"
        for report in told.values()
        if is_tradable(report) and report.quantity != whole_shares(report.quantity)
    )
