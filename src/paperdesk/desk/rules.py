"""What targets are decided by, gathered for one account.

Owns: Rulebook: the configuration's choices and limits, the orders placed elsewhere, the
positions in dispute and the prices, put together for `domain.planning`. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from paperdesk.desk.lane import Lane
from paperdesk.desk.prices import Prices
from paperdesk.domain.batch import Refusal
from paperdesk.domain.contract import Contract
from paperdesk.domain.limits import UNLIMITED, Limits
from paperdesk.domain.order import Order
from paperdesk.domain.planning import Rules, Situation, refusal_at_claim
from paperdesk.domain.pricing import Reference
from paperdesk.domain.vocabulary import AccountId, ConId, ForeignOrders, Keep


@dataclass(frozen=True, slots=True)
class Choices:
    """What the configuration says of planning."""

    keep: Keep = Keep.WITHIN_TOLERANCE
    foreign_orders: ForeignOrders = ForeignOrders.COUNT
    limits: Mapping[AccountId, Limits] = field(default_factory=dict)


class Rulebook:
    """Gathers rules."""

    def __init__(self, choices: Choices, prices: Prices) -> None:
        self._choices = choices
        self._set: Mapping[AccountId, Limits] = {}
        self.prices: Final = prices

    def take_limits(self, standing: Mapping[AccountId, Limits]) -> None:
        """Know the limits that were set by hand and stand.

        They say what has to be asked for beforehand. What is decided by is read once more in
        the transaction that decides.
        """
        self._set = standing

    def configured_limits(self, account: AccountId) -> Limits:
        """Return what the configuration says."""
        return self._choices.limits.get(account, UNLIMITED)

    def limits(self, account: AccountId) -> Limits:
        """Return the account's limits: those set by hand, else the configuration's."""
        return self._set.get(account, self.configured_limits(account))

    def is_set_by_hand(self, account: AccountId) -> bool:
        """Tell whether the configuration's limits do not hold."""
        return account in self._set

    def looks_at_all(self, account: AccountId) -> bool:
        """Tell whether a limit of the account needs to know all of it."""
        return self.limits(account) != UNLIMITED

    async def rules(self, lane: Lane, account: AccountId) -> Rules:
        """Return what the account's targets are decided by now. Raises LineDown."""
        return Rules(
            keep=self._choices.keep,
            foreign_orders=self._choices.foreign_orders,
            foreign=await lane.foreign.work(account),
            disputed=lane.auditor.disputed(account),
            warned=lane.auditor.warned(account),
            limits=self.configured_limits(account),
            marks=self._marks(lane, account),
        )

    async def references(
        self, lane: Lane, account: AccountId, contracts: Iterable[Contract]
    ) -> Mapping[ConId, Reference]:
        """Return what contracts trade at, where a limit asks for it. Raises LineDown."""
        if not self.limits(account).needs_price:
            return {}
        return await self.prices.references(lane, account, contracts)

    def judge(self, lane: Lane) -> ClaimJudge:
        """Return the last judge of what leaves through the lane."""
        accounts = [a for a in lane.broker.accounts if self.looks_at_all(a)]
        return ClaimJudge(
            accounts,
            {
                account: Rules(
                    limits=self.configured_limits(account), marks=self._marks(lane, account)
                )
                for account in lane.broker.accounts
            },
        )

    def _marks(self, lane: Lane, account: AccountId) -> Mapping[ConId, Decimal]:
        """Return the market prices of what is held, where a limit asks for them."""
        if self.limits(account).max_gross_notional is None:
            return {}
        held = lane.broker.portfolio(account)
        prices = self.prices.kept(lane, account, held)
        return {
            conid: price.dearest for conid, price in prices.items() if price.dearest is not None
        }


@dataclass(frozen=True, slots=True)
class ClaimJudge:
    """Judges intents at the moment they are claimed."""

    whole_accounts: Collection[AccountId]
    rules: Mapping[AccountId, Rules]

    def __call__(self, order: Order, situation: Situation) -> Refusal | None:
        """Return why the intent may not be sent, None where it may."""
        return refusal_at_claim(order, situation, self.rules[order.account])
