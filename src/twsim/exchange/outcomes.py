"""Outcomes: what happened at the exchange, for others to tell.

Owns: one type per happening. Does not know who is told, in which words.
"""

from __future__ import annotations

from dataclasses import dataclass

from twsim.exchange.orders import Execution, Order
from twsim.exchange.refusals import Refusal
from twsim.exchange.vocabulary import AccountId, ClientId, ConId


@dataclass(frozen=True, slots=True)
class Refused:
    """A ticket or a cancel was refused; nothing changed."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Rejected:
    """An order was refused by risk: it exists, as Inactive."""

    order: Order
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An order was accepted, or accepted anew with other terms."""

    order: Order


@dataclass(frozen=True, slots=True)
class Executed:
    """An order traded."""

    order: Order
    execution: Execution


@dataclass(frozen=True, slots=True)
class CancelPending:
    """The rest of an order is about to be cancelled by the exchange."""

    order: Order


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An order is cancelled, by its own client unless another one is named.

    The reason is what the broker says of it, nothing by default.
    """

    order: Order
    reason: str = ""
    by: ClientId | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is to be said of an order that lives on, as an error with its id."""

    order: Order
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Killed:
    """An order that had to fill at once and whole did not: it is Inactive."""

    order: Order


@dataclass(frozen=True, slots=True)
class Corrected:
    """An execution was corrected: a new one took its place."""

    order: Order
    execution: Execution


@dataclass(frozen=True, slots=True)
class CommissionKnown:
    """What an execution cost is known now, a little after it."""

    order: Order
    execution: Execution


@dataclass(frozen=True, slots=True)
class HoldingChanged:
    """A position is different; told after the commission, which is part of its cost."""

    account: AccountId
    con_id: ConId


Outcome = (
    Refused
    | Rejected
    | Acknowledged
    | Executed
    | CancelPending
    | Cancelled
    | Warned
    | Killed
    | Corrected
    | CommissionKnown
    | HoldingChanged
)
