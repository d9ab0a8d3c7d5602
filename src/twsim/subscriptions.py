"""Subscriptions: what one client wants to go on hearing of, and what it has been told.

Owns: Subscriptions, and when each of them speaks: positions and values after a change,
values every three minutes, quotes and profit as prices move. Does not know how a
subscription is asked for, nor what carries the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from twsim import render, statements
from twsim.exchange.contracts import Contract
from twsim.exchange.exchange import Exchange
from twsim.exchange.vocabulary import AccountId, ConId
from twsim.ticker import Ticker
from twsim.wire.accounts import AccountSummary
from twsim.wire.layout import Message
from twsim.wire.responses import AccountUpdateMulti, AccountValue

QUOTES_MAX: Final = 100  # market data lines of an ordinary login
SUBSCRIPTIONS_MAX: Final = 100  # of each kind
SUMMARIES_MAX: Final = 2  # tws-facts §4.4
REFRESH: Final = timedelta(minutes=3)  # values and summaries, changed or not asked (§4.4)
Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Summary:
    """A subscription to some values of some accounts."""

    accounts: tuple[AccountId, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfitLine:
    """A subscription to the profit of an account, or of one position."""

    account: AccountId
    con_id: ConId | None = None


class Subscriptions:
    """Everything one client listens to."""

    def __init__(self, exchange: Exchange, say: Callable[[Message], None]) -> None:
        self.wants_positions = False
        self.account: AccountId | None = None
        self.accounts: dict[int, AccountId] = {}
        self.positions: dict[int, tuple[AccountId, ...]] = {}
        self.summaries: dict[int, Summary] = {}
        self.profits: dict[int, ProfitLine] = {}
        self.tickers: dict[int, Ticker] = {}
        self.refresh_due: datetime | None = None
        self._exchange = exchange
        self._say = say
        self._told: dict[tuple[object, ...], object] = {}

    @property
    def follows_prices(self) -> bool:
        """Tell whether something speaks whenever prices move."""
        return bool(self.tickers or self.profits)

    # When they speak.

    def tell_holding(self, account: AccountId, contract: Contract, now: datetime) -> None:
        """Tell a changed position."""
        position = self._exchange.position(account, contract.con_id)
        if self.wants_positions:
            self._say(render.position_row(position, contract))
        for req_id, accounts in self.positions.items():
            if account in accounts:
                self._say(statements.position_multi(position, contract, req_id))
        if self.account == account:
            holding = self._exchange.holding(position, now)
            self._say(render.portfolio_value(holding, contract))

    def tell_account(self, account: AccountId, now: datetime) -> None:
        """Tell the values of an account that are different from those told before."""
        for req_id, wanted in self.accounts.items():
            if wanted == account:
                self.tell_values_multi(req_id, account, now)
        if self.account == account:
            self.tell_values(account, now)
            self._say(render.account_time(now))

    def tell_prices(self, now: datetime) -> None:
        """Tell every quote and every profit that moved."""
        for req_id in self.tickers:
            self.tell_quote(req_id, now)
        for req_id in self.profits:
            self.tell_profit(req_id, now)

    def refresh(self, now: datetime) -> None:
        """Tell what changed of the values that are told from time to time."""
        if self.refresh_due is None or now < self.refresh_due:
            return
        self.refresh_due = None
        for account in dict.fromkeys([*self.accounts.values(), self.account]):
            if account is not None:
                self.tell_account(account, now)
                self.refresh_later(now)
        for req_id in self.summaries:
            self.tell_summary(req_id, now)
            self.refresh_later(now)

    def refresh_later(self, now: datetime) -> None:
        """Let `refresh` be due in a while, unless it is already."""
        self.refresh_due = self.refresh_due or now + REFRESH

    # What they say.

    def tell_values(self, account: AccountId, now: datetime) -> None:
        """Tell values that are news to the subscription of reqAccountUpdates."""
        for key, value, currency in self._values(account, now):
            if self._is_news((None, key, currency), value):
                self._say(
                    AccountValue(key=key, value=value, currency=currency, account=account)
                )

    def tell_values_multi(self, req_id: int, account: AccountId, now: datetime) -> None:
        """Tell values that are news to one subscription of reqAccountUpdatesMulti."""
        for key, value, currency in self._values(account, now):
            if self._is_news((req_id, key, currency), value):
                self._say(
                    AccountUpdateMulti(
                        req_id=req_id, account=account, key=key, value=value, currency=currency
                    )
                )

    def tell_summary(self, req_id: int, now: datetime) -> None:
        """Tell values that are news to one summary."""
        summary = self.summaries[req_id]
        for account in summary.accounts:
            sums = self._exchange.figures(account, now)
            for tag, value, currency in statements.summary_rows(account, sums, summary.tags):
                if self._is_news((req_id, account, tag, currency), value):
                    self._say(
                        AccountSummary(
                            req_id=req_id,
                            account=account,
                            tag=tag,
                            value=value,
                            currency=currency,
                        )
                    )

    def tell_quote(self, req_id: int, now: datetime) -> None:
        """Tell what is different in a quote."""
        ticker = self.tickers[req_id]
        for tick in ticker.ticks(req_id, self._exchange.quote(ticker.contract, now), now):
            self._say(tick)

    def tell_profit(self, req_id: int, now: datetime) -> None:
        """Tell a profit, where it is different."""
        message = self._profit(req_id, self.profits[req_id], now)
        if self._is_news((req_id, "profit"), message):
            self._say(message)

    def forget_told(self, subscription: int | None) -> None:
        """Let every value be news again to a subscription that starts anew or ends."""
        for told in [told for told in self._told if told[0] == subscription]:
            del self._told[told]

    def _profit(self, req_id: int, line: ProfitLine, now: datetime) -> Message:
        exchange = self._exchange
        if line.con_id is None:
            return statements.pnl(
                exchange.profit(exchange.positions(line.account), now), req_id
            )
        position = exchange.position(line.account, line.con_id)
        holding = exchange.holding(position, now)
        return statements.pnl_single(exchange.profit([position], now), holding, req_id)

    def _values(self, account: AccountId, now: datetime) -> list[Row]:
        return list(render.account_values(account, self._exchange.figures(account, now)))

    def _is_news(self, place: tuple[object, ...], value: object) -> bool:
        known = self._told.get(place)
        self._told[place] = value
        return known != value
