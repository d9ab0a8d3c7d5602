"""At which price a contract trades about now.

Owns: Prices: the quotes of the last minute, one question to the gateway for however many ask at
once, and the portfolio price where there is no quote. Knows nothing of orders: the limit and
the expected price of one come before anything that is known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from paperdesk.desk.joining import Joined
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import Clock, Quote
from paperdesk.domain.contract import Contract
from paperdesk.domain.pricing import Reference
from paperdesk.domain.vocabulary import AccountId, ConId

QUOTE_AGE_MAX: Final = timedelta(seconds=60)  # contract.md, the reference price
QUOTES_MAX: Final = 5_000


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote and when it was asked for."""

    quote: Quote
    at: datetime


def reference_of(quoted: Quoted | None, market_price: Decimal | None) -> Reference:
    """Return the far side of the quote, else its last price, else the portfolio price."""
    quote = Quote(None, None, None) if quoted is None else quoted.quote
    # A gateway that has no price for a holding says 0.
    held = market_price if market_price is not None and market_price > 0 else None

    at = None if quoted is None else quoted.at

    def first_known(far: Decimal | None) -> tuple[Decimal | None, datetime | None]:
        for price in (far, quote.last):
            if price is not None:
                return price, at
        return held, None

    (buy, buy_at), (sell, sell_at) = first_known(quote.ask), first_known(quote.bid)
    return Reference(buy, sell, buy_at, sell_at)


class Prices:
    """Knows what contracts trade at, and asks where it does not. Keeps `quotes_max` at most."""

    def __init__(self, clock: Clock, *, quotes_max: int = QUOTES_MAX) -> None:
        self._clock = clock
        self._quotes_max = quotes_max
        self._quotes: dict[tuple[str, ConId], Quoted] = {}
        self._joined: Joined[tuple[str, ConId], Quoted | None] = Joined()

    async def references(
        self, lane: Lane, account: AccountId, contracts: Iterable[Contract]
    ) -> Mapping[ConId, Reference]:
        """Return the reference of each contract; ask where no fresh quote is kept.

        Raises LineDown.
        """
        wanted = {contract.conid: contract for contract in contracts}
        quotes = await asyncio.gather(
            *(self._quote(lane, contract) for contract in wanted.values())
        )
        held = _market_prices(lane, account)
        return {
            conid: reference_of(quote, held.get(conid))
            for conid, quote in zip(wanted, quotes, strict=True)
        }

    def kept(
        self, lane: Lane, account: AccountId, conids: Iterable[ConId]
    ) -> Mapping[ConId, Reference]:
        """Return the reference of each contract as far as it is known without asking."""
        held = _market_prices(lane, account)
        return {
            conid: reference_of(self._fresh((lane.broker.name, conid)), held.get(conid))
            for conid in conids
        }

    async def _quote(self, lane: Lane, contract: Contract) -> Quoted | None:
        key = (lane.broker.name, contract.conid)
        quoted = self._fresh(key)
        if quoted is not None:
            return quoted
        return await self._joined.ask(
            key, lambda: self._ask(lane, contract), f"quote {contract.symbol}"
        )

    async def _ask(self, lane: Lane, contract: Contract) -> Quoted | None:
        asked_at = self._clock.now()
        quote = await lane.sender.query(lambda: lane.broker.quote(contract))
        if quote is None:
            return None
        if len(self._quotes) >= self._quotes_max:
            self._quotes.clear()
        quoted = Quoted(quote, asked_at)
        self._quotes[lane.broker.name, contract.conid] = quoted
        return quoted

    def _fresh(self, key: tuple[str, ConId]) -> Quoted | None:
        quoted = self._quotes.get(key)
        if quoted is None or self._clock.now() - quoted.at > QUOTE_AGE_MAX:
            return None
        return quoted


def _market_prices(lane: Lane, account: AccountId) -> Mapping[ConId, Decimal | None]:
    holdings = lane.broker.portfolio(account)
    return {conid: holding.market_price for conid, holding in holdings.items()}
