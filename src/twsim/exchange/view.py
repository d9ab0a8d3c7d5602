"""The view: what can be asked of the exchange at any time.

Owns: View, the half of the exchange that changes nothing. Does not know what may change,
nor when.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from twsim.exchange.accounts import Figures, Holding, Position, figures
from twsim.exchange.book import Books
from twsim.exchange.contracts import Contract, ContractTable
from twsim.exchange.orders import Execution, Order
from twsim.exchange.prices import Prices, Quote
from twsim.exchange.profit import Profit, profit_of
from twsim.exchange.vocabulary import AccountId, ClientId, ConId, OrderId, PermId


class View:
    """What the books and the prices say."""

    def __init__(self, contracts: ContractTable, books: Books, prices: Prices) -> None:
        self.contracts = contracts
        self._books = books
        self._prices = prices

    def accounts(self) -> list[AccountId]:
        """Return the accounts in the order of their opening."""
        return list(self._books.accounts)

    def quote(self, contract: Contract, now: datetime) -> Quote:
        """Return a contract's quote."""
        return self._prices.quote(contract, now)

    def open_orders(self, client: ClientId | None = None) -> list[Order]:
        """Return the working orders of one client, or of all."""
        live = self._books.live.values()
        return [order for order in live if client is None or order.client_id == client]

    def completed_orders(self) -> list[Order]:
        """Return the day's finished orders."""
        return [order for order in self._books.orders.values() if order.is_final]

    def executions(self) -> list[Execution]:
        """Return the day's executions, oldest first."""
        return list(self._books.executions.values())

    def order(self, perm_id: PermId) -> Order:
        """Return an order of the day."""
        return self._books.orders[perm_id]

    def positions(self, account: AccountId | None = None) -> list[Position]:
        """Return the positions of one account, or of all, closed ones with quantity 0."""
        if account is not None:
            return self._books.positions_of(account)
        return list(self._books.positions.values())

    def position(self, account: AccountId, con_id: ConId) -> Position:
        """Return one position, empty where there never was one."""
        return self._books.position(account, con_id)

    def holding(self, position: Position, now: datetime) -> Holding:
        """Return a position with its present price."""
        contract = self.contracts[position.con_id]
        return Holding(position=position, price=self.quote(contract, now).last)

    def figures(self, account: AccountId, now: datetime) -> Figures:
        """Return an account's sums."""
        holdings = (self.holding(row, now) for row in self.positions(account))
        return figures(self._books.accounts[account], holdings)

    def profit(self, positions: Iterable[Position], now: datetime) -> Profit:
        """Return the profit and loss of some positions together."""
        return profit_of(self.holding(row, now) for row in positions)

    def next_order_id(self, client: ClientId) -> OrderId:
        """Return the next order id of a client."""
        return self._books.numbers.next_order_id(client)
