"""Meddling: what somebody does to the exchange that no client asked for.

Owns: Meddling, the part of the exchange through which faults and tests hold, fill, reject
and correct single orders and executions. Does not know why anybody would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from datetime import datetime

from twsim.exchange.book import Books
from twsim.exchange.contracts import ContractTable
from twsim.exchange.floor import Floor
from twsim.exchange.orders import Order, Step, move
from twsim.exchange.outcomes import (
    Outcome,
    Refused,
    Rejected,
)
from twsim.exchange.refusals import Refusal
from twsim.exchange.settlement import Settlement
from twsim.exchange.tickets import Terms, Ticket, judge
from twsim.exchange.vocabulary import (
    ClientId,
    OrderId,
    OrderStatus,
    PermId,
)


class Meddling(ABC):
    """The exchange's door for those who are no clients."""

    contracts: ContractTable
    _books: Books
    _settlement: Settlement
    _floor: Floor
    _forced: deque[Refusal]

    @abstractmethod
    def _new_order(self, ticket: Ticket, terms: Terms, now: datetime) -> Order:
        """Return an order that is not in the books."""

    @abstractmethod
    def _reject(self, order: Order, refusal: Refusal, now: datetime) -> Rejected:
        """End an order as Inactive."""

    def find(self, client: ClientId, order_id: OrderId) -> Order | None:
        """Return a client's order of the day."""
        return self._books.find(client, order_id)

    def order_of(self, perm_id: int) -> Order | None:
        """Return an order of the day by its perm id."""
        return self._books.orders.get(PermId(perm_id))

    def hold_order(self, client: ClientId, order_id: OrderId) -> None:
        """Let one order, present or to come, work without trading."""
        self._floor.hold_order((client, order_id))

    def release_order(
        self, client: ClientId, order_id: OrderId, now: datetime
    ) -> list[Outcome]:
        """Show a held order as it stands, and let it trade again."""
        self._floor.release_order((client, order_id))
        order = self.find(client, order_id)
        if order is None or order.is_final:
            return []
        if order.status is OrderStatus.PRE_SUBMITTED:
            order = move(order, Step.REST)
        return self._floor.change(order, now)

    def release_quietly(self, client: ClientId, order_id: OrderId, now: datetime) -> None:
        """Let a held order trade again once it is looked at next."""
        self._floor.release_order((client, order_id))
        order = self.find(client, order_id)
        if order is not None:
            self._floor.look_again(order, now)

    def fill_order(self, order: Order, shares: int, now: datetime) -> list[Outcome]:
        """Let shares of an order trade at its price or the market's, even once cancelled."""
        shares = min(shares, order.remaining)
        if not shares or order.status is OrderStatus.INACTIVE:
            return []
        return self._floor.fill(order, shares, now)

    def forget_refusal(self, refusal: Refusal) -> None:
        """Refuse nobody with this any more, where its order was turned away before."""
        if refusal in self._forced:
            self._forced.remove(refusal)

    def reject_order(self, order: Order, refusal: Refusal, now: datetime) -> list[Outcome]:
        """Reject an order that was accepted, unless it is done."""
        if order.is_final:
            return []
        rejected = self._reject(order, refusal, now)
        self._floor.look_again(rejected.order, now)
        return [rejected]

    def force(self, ticket: Ticket, now: datetime) -> list[Outcome]:
        """Accept a ticket whatever its order id, even one that another order has."""
        order = self.draft(ticket, now)
        return (
            [Refused(order)] if isinstance(order, Refusal) else self._floor.accept(order, now)
        )

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
