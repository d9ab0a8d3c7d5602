"""Drafts: orders that were sent with transmit=0, of which nobody hears (tws-facts §4.1).

Owns: the tickets that wait, and which of them leave together. Does not know whether any
of them makes sense: that is judged when they leave. They do not outlast the gateway (§4.4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from twsim.exchange.refusals import TOO_MANY_ORDERS, Refusal
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import ClientId, OrderId

DRAFTS_MAX: Final = 10_000


class Drafts:
    """The tickets that wait to be transmitted."""

    __slots__ = ("_tickets",)

    def __init__(self) -> None:
        self._tickets: dict[tuple[ClientId, OrderId], Ticket] = {}

    def add(self, ticket: Ticket, next_order_id: OrderId) -> Refusal | None:
        """Hold a ticket back, in place of an earlier one of its id.

        An id that is new is the ticket's from now on, however long it waits.
        """
        place = (ticket.client_id, ticket.order_id)
        waiting = self._tickets.get(place)
        if waiting is None and len(self._tickets) >= DRAFTS_MAX:
            return TOO_MANY_ORDERS
        is_new = ticket.order_id >= next_order_id if waiting is None else waiting.id_is_free
        self._tickets[place] = replace(ticket, id_is_free=is_new)
        return None

    def take_family(self, ticket: Ticket) -> list[Ticket]:
        """Return a ticket to transmit with all that waits for it: parent, then children."""
        root = ticket.parent_id or ticket.order_id
        own = (ticket.client_id, ticket.order_id)
        waiting = self._tickets.get(own)
        self._tickets[own] = replace(
            ticket, id_is_free=waiting is not None and waiting.id_is_free
        )
        family = [
            each
            for each in self._tickets.values()
            if each.client_id == ticket.client_id and root in (each.order_id, each.parent_id)
        ]
        for each in family:
            del self._tickets[each.client_id, each.order_id]
        return sorted(family, key=lambda each: (each.order_id != root, each.order_id))

    def drop(self, client: ClientId, order_id: OrderId) -> bool:
        """Forget a ticket; tell whether there was one."""
        return self._tickets.pop((client, order_id), None) is not None

    def clear(self) -> None:
        """Forget every ticket."""
        self._tickets.clear()
