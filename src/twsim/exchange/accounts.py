"""Accounts: cash, positions with their cost, and what they are worth.

Owns: Account, Position, how a fill changes them (through zero as well), and the figures
of an account. Does not know orders, nor where prices come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from twsim.exchange.vocabulary import AccountId, ConId, Side

ASSUMPTIONS: Final = (
    "A correction changes the cost where its trade opened something, else what was realised.",
    "What was realised is counted anew each day.",
)
_ZERO: Final = Decimal(0)
# Initial and maintenance margin of any stock, long or short. The quarter is what makes
# buying power four times the available funds, as in PF-1.
INITIAL_MARGIN: Final = Decimal("0.25")
MAINTENANCE_MARGIN: Final = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class Account:
    """One account and its cash in USD."""

    account: AccountId
    cash: Decimal


@dataclass(frozen=True, slots=True)
class Position:
    """The shares of one contract in one account; a short has both figures negative."""

    account: AccountId
    con_id: ConId
    quantity: int = 0
    cost: Decimal = _ZERO
    realized: Decimal = _ZERO  # of the day
    marked: Decimal = _ZERO  # what it was worth when the day began
    spent: Decimal = _ZERO  # what the day's trades paid for it

    @property
    def average_cost(self) -> Decimal:
        """Return the cost per share with commissions; 0 where there are no shares."""
        return self.cost / self.quantity if self.quantity else _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What a fill does to an account."""

    side: Side
    shares: int
    price: Decimal
    commission: Decimal

    @property
    def paid(self) -> Decimal:
        """Return what the account pays; negative where it is paid."""
        return self.side.sign * self.shares * self.price + self.commission


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position with what it is worth now."""

    position: Position
    price: Decimal

    @property
    def value(self) -> Decimal:
        """Return what the shares would bring; negative for a short."""
        return self.position.quantity * self.price

    @property
    def unrealized(self) -> Decimal:
        """Return what closing now would win, commissions of opening included."""
        return self.value - self.position.cost

    @property
    def daily(self) -> Decimal:
        """Return what the position has won since the day began."""
        return self.value - self.position.marked - self.position.spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """An account's sums."""

    cash: Decimal
    stock_value: Decimal
    gross_value: Decimal
    realized: Decimal
    unrealized: Decimal
    daily: Decimal = _ZERO

    @property
    def net_liquidation(self) -> Decimal:
        """Return what would be left if all were sold."""
        return self.cash + self.stock_value

    @property
    def initial_margin(self) -> Decimal:
        """Return the equity that the positions ask for when they are opened."""
        return self.gross_value * INITIAL_MARGIN

    @property
    def maintenance_margin(self) -> Decimal:
        """Return the equity that the positions ask for to be kept."""
        return self.gross_value * MAINTENANCE_MARGIN

    @property
    def available_funds(self) -> Decimal:
        """Return the equity that is free for new positions."""
        return self.net_liquidation - self.initial_margin

    @property
    def buying_power(self) -> Decimal:
        """Return the value of stock that could still be bought."""
        return max(self.available_funds, _ZERO) / INITIAL_MARGIN


def book_cash(account: Account, trade: Trade) -> Account:
    """Return the account after it paid, or was paid, for a trade."""
    return replace(account, cash=account.cash - trade.paid)


def book_shares(position: Position, trade: Trade) -> tuple[Position, Decimal | None]:
    """Return the position after a trade and what it realised; None where it only opened.

    The commission belongs to the cost of what opens and to the result of what closes, in
    proportion where a trade does both (tws-facts §4.6, the short of 100 and its cover).
    """
    sign = trade.side.sign
    closing = min(trade.shares, max(0, -sign * position.quantity))
    opening = trade.shares - closing
    closing_fee = trade.commission * closing / trade.shares
    after, realized = replace(position, spent=position.spent + trade.paid), None
    if closing:
        released = position.cost * closing / abs(position.quantity)
        realized = -sign * closing * trade.price - closing_fee - released
        quantity = position.quantity + sign * closing
        cost = position.cost - released if quantity else _ZERO
        after = replace(
            after, quantity=quantity, cost=cost, realized=position.realized + realized
        )
    if opening:
        spent = sign * opening * trade.price + trade.commission - closing_fee
        after = replace(
            after, quantity=after.quantity + sign * opening, cost=after.cost + spent
        )
    return after, realized


def book_correction(
    position: Position, before: Trade, after: Trade, *, opened: bool
) -> Position:
    """Return the position after a trade turned out to have been another one.

    What is different falls on the cost where the trade opened something, else on what was
    realised; the cost of each share that is still held stays.
    """
    paid = after.paid - before.paid
    quantity = position.quantity + after.side.sign * (after.shares - before.shares)
    if quantity * position.quantity <= 0:
        cost = quantity * after.price  # nothing is left, or all of it is new
    elif opened:
        cost = position.cost + paid
    else:
        cost = position.cost * quantity / position.quantity
    return replace(
        position,
        quantity=quantity,
        cost=cost,
        realized=position.realized + cost - position.cost - paid,
        spent=position.spent + paid,
    )


def begin_day(holding: Holding) -> Position:
    """Return a position as a new day finds it."""
    return replace(holding.position, realized=_ZERO, spent=_ZERO, marked=holding.value)


def figures(account: Account, holdings: Iterable[Holding]) -> Figures:
    """Return the sums of an account that holds these."""
    stock_value = gross_value = realized = unrealized = daily = _ZERO
    for holding in holdings:
        stock_value += holding.value
        gross_value += abs(holding.value)
        realized += holding.position.realized
        unrealized += holding.unrealized
        daily += holding.daily
    return Figures(
        cash=account.cash,
        stock_value=stock_value,
        gross_value=gross_value,
        realized=realized,
        unrealized=unrealized,
        daily=daily,
    )
