"""Tickets: an order as a client writes it, and what is wrong with it.

Owns: Ticket, Terms, and `judge`, the ladder of questions from ticket to terms. Does not
know the accounts' money, the prices, or the orders that exist already.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from twsim.exchange import refusals
from twsim.exchange.contracts import SMART, Contract, ContractTable, Query, is_on_tick
from twsim.exchange.refusals import Refusal
from twsim.exchange.vocabulary import (
    NO_ORDER_ID,
    AccountId,
    ClientId,
    OrderId,
    OrderType,
    Side,
    TimeInForce,
)

QUANTITY_MAX: Final = 1_000_000_000
PRICE_MAX: Final = Decimal(1_000_000_000)
_ORDER_TYPES: Final = frozenset(OrderType)
_SIDES: Final = frozenset(Side)
_TIMES_IN_FORCE: Final = frozenset(TimeInForce)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order as it was written: words, not yet judged."""

    client_id: ClientId
    order_id: OrderId
    account: str
    query: Query
    side: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None = None
    tif: str = "DAY"
    outside_rth: bool = False
    order_ref: str = ""
    parent_id: OrderId = NO_ORDER_ID
    id_is_free: bool = False  # reserved while it was held back, or made by hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An order that makes sense."""

    account: AccountId
    contract: Contract
    exchange: str
    side: Side
    quantity: int
    order_type: OrderType
    limit_price: Decimal | None
    tif: TimeInForce
    outside_rth: bool
    order_ref: str


def judge(
    ticket: Ticket, contracts: ContractTable, accounts: Collection[AccountId]
) -> Terms | Refusal:
    """Return the terms of a ticket, or the first thing that is wrong with it."""
    account = _account(ticket.account, accounts)
    if isinstance(account, Refusal):
        return account
    wrong = _wrong_words(ticket)
    if wrong is not None:
        return wrong
    contract = resolve(ticket.query, contracts)
    if isinstance(contract, Refusal):
        return contract
    limit_price = ticket.limit_price if ticket.order_type == OrderType.LMT else None
    if limit_price is not None and not is_on_tick(limit_price):
        return refusals.PRICE_OFF_TICK
    return Terms(
        account=account,
        contract=contract,
        exchange=ticket.query.exchange or SMART,
        side=Side(ticket.side),
        quantity=int(ticket.quantity),
        order_type=OrderType(ticket.order_type),
        limit_price=limit_price,
        tif=TimeInForce(ticket.tif),
        outside_rth=ticket.outside_rth,
        order_ref=ticket.order_ref,
    )


def resolve(query: Query, contracts: ContractTable) -> Contract | Refusal:
    """Return the one contract that a query describes."""
    found = contracts.matching(query)
    if not found:
        return refusals.NO_SUCH_CONTRACT
    if len(found) > 1:
        return refusals.ambiguous(query.symbol or query.local_symbol)
    return found[0]


def _account(account: str, accounts: Collection[AccountId]) -> AccountId | Refusal:
    if account:
        known = AccountId(account)
        return known if known in accounts else refusals.invalid(f"Invalid account {account}")
    if len(accounts) == 1:
        return next(iter(accounts))
    return refusals.NO_ACCOUNT


def _wrong_words(ticket: Ticket) -> Refusal | None:
    if ticket.order_type not in _ORDER_TYPES:
        return refusals.INVALID_ORDER_TYPE
    if ticket.side not in _SIDES:
        return refusals.invalid("Invalid order action was entered")
    if ticket.tif not in _TIMES_IN_FORCE:
        return refusals.invalid_tif(ticket.tif)
    return _wrong_figures(ticket)


def _wrong_figures(ticket: Ticket) -> Refusal | None:
    if ticket.quantity != int(ticket.quantity):
        return refusals.FRACTION
    if not 0 < ticket.quantity <= QUANTITY_MAX:
        return refusals.SIZE_ZERO
    price = ticket.limit_price
    if ticket.order_type == OrderType.LMT and (price is None or not 0 < price <= PRICE_MAX):
        return refusals.invalid("A limit order needs a limit price")
    return None
