"""Meddling: what somebody does to the exchange that no client asked for.

Owns: Meddling, the part of the exchange through which faults and tests hold, fill, reject
and correct single orders and executions. Does not know why anybody would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from twsim.exchange.accounts import Account, Position
from twsim.exchange.book import Books
from twsim.exchange.contracts import Contract, ContractTable
from twsim.exchange.matching import Print
from twsim.exchange.orders import Order, Step, move
from twsim.exchange.outcomes import (
    Acknowledged,
    Cancelled,
    Corrected,
    Executed,
    HoldingChanged,
    Outcome,
    Refused,
    Rejected,
)
from twsim.exchange.prices import Quote
from twsim.exchange.refusals import Refusal
from twsim.exchange.settlement import TOOK_LIQUIDITY, Settlement
from twsim.exchange.tickets import Terms, Ticket, judge
from twsim.exchange.vocabulary import (
    AccountId,
    ClientId,
    ExecId,
    OrderId,
    OrderStatus,
    PermId,
    Side,
)


class Meddling(ABC):
    """The exchange's door for those who are no clients."""

    contracts: ContractTable
    _books: Books
    _settlement: Settlement
    _held_orders: set[tuple[ClientId, OrderId]]

    @abstractmethod
    def quote(self, contract: Contract, now: datetime) -> Quote:
        """Return a contract's quote."""

    @abstractmethod
    def _new_order(self, ticket: Ticket, terms: Terms, now: datetime) -> Order:
        """Return an order that is not in the books."""

    @abstractmethod
    def _accept(self, order: Order, now: datetime) -> list[Outcome]:
        """Let an order in."""

    @abstractmethod
    def _match(self, order: Order, now: datetime) -> Iterator[Outcome]:
        """Let an order trade as far as it can."""

    @abstractmethod
    def _reject(self, order: Order, refusal: Refusal, now: datetime) -> Rejected:
        """End an order as Inactive."""

    @abstractmethod
    def _end(self, order: Order, now: datetime, words: str) -> Order:
        """End an order as Cancelled."""

    def find(self, client: ClientId, order_id: OrderId) -> Order | None:
        """Return a client's order of the day."""
        return self._books.find(client, order_id)

    def order_of(self, perm_id: int) -> Order | None:
        """Return an order of the day by its perm id."""
        return self._books.orders.get(PermId(perm_id))

    def hold_order(self, client: ClientId, order_id: OrderId) -> None:
        """Let one order, present or to come, work without trading."""
        self._held_orders.add((client, order_id))

    def release_order(
        self, client: ClientId, order_id: OrderId, now: datetime
    ) -> list[Outcome]:
        """Show a held order as it stands, and let it trade again."""
        self._held_orders.discard((client, order_id))
        order = self.find(client, order_id)
        if order is None or order.is_final:
            return []
        if order.status is OrderStatus.PRE_SUBMITTED:
            order = move(order, Step.REST)
            self._books.put_order(order)
        return [Acknowledged(order), *self._match(order, now)]

    def release_quietly(self, client: ClientId, order_id: OrderId) -> None:
        """Let a held order trade again when prices move next."""
        self._held_orders.discard((client, order_id))

    def fill_order(self, order: Order, shares: int, now: datetime) -> list[Outcome]:
        """Let shares of an order trade at its price or the market's, even once cancelled."""
        shares = min(shares, order.remaining)
        if not shares or order.status is OrderStatus.INACTIVE:
            return []
        contract = self.contracts[order.con_id]
        quote = self.quote(contract, now)
        best = quote.ask if order.side is Side.BUY else quote.bid
        trade = Print(order.limit_price or best, shares, contract.primary_exchange)
        filled, execution = self._settlement.book(order, trade, now, liquidity=TOOK_LIQUIDITY)
        return [Executed(filled, execution)]

    def reject_order(self, order: Order, refusal: Refusal, now: datetime) -> list[Outcome]:
        """Reject an order that was accepted, unless it is done."""
        return [] if order.is_final else [self._reject(order, refusal, now)]

    def force(self, ticket: Ticket, now: datetime) -> list[Outcome]:
        """Accept a ticket whatever its order id, even one that another order has."""
        order = self.draft(ticket, now)
        return [Refused(order)] if isinstance(order, Refusal) else self._accept(order, now)

    def draft(self, ticket: Ticket, now: datetime) -> Order | Refusal:
        """Return the order that a ticket would be; it exists nowhere."""
        terms = judge(ticket, self.contracts, self._books.accounts)
        return terms if isinstance(terms, Refusal) else self._new_order(ticket, terms, now)

    def roll_back(self, count: int) -> None:
        """Let next order ids be lower by so many, but never those of working orders.

        So did a gateway that restarted while orders were on their way: Lean.IB#242.
        """
        self._books.numbers.roll_back(count)
        for order in self._books.live.values():
            if order.order_id >= self._books.numbers.next_order_id(order.client_id):
                self._books.numbers.use_order_id(order.client_id, order.order_id)
        self._books.put_numbers()

    def reset_account(self, account: AccountId, cash: Decimal, now: datetime) -> list[Outcome]:
        """Start an account anew, as a paper account can be: no orders, no positions."""
        live = [order for order in self._books.live.values() if order.account == account]
        outcomes: list[Outcome] = [
            Cancelled(self._end(order, now, "Cancelled by System")) for order in live
        ]
        self._books.put_account(Account(account, cash))
        held = [row for row in self._books.positions.values() if row.account == account]
        for row in held:
            self._books.put_position(Position(account, row.con_id))
            outcomes.append(HoldingChanged(account, row.con_id))
        return outcomes

    def correct(
        self,
        exec_id: str,
        now: datetime,
        *,
        shares: int | None = None,
        price: Decimal | None = None,
    ) -> Corrected:
        """Let an execution of today have been of other shares or at another price.

        KeyError where there is none of this id, in its latest revision.
        """
        found = self._books.executions[ExecId(exec_id)]
        return self._settlement.correct(
            found, shares or found.shares, price or found.price, now
        )
