"""What the gateway did and what the ledger says of it, side by side.

Owns: both books, read behind the service's back, and every way in which they may differ. Knows
nothing of what was asked for.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from twsim import Gateway
from twsim.exchange.orders import Order

OURS: Final = "pd-"  # how the reference of an order of the service begins
FAILED: Final = "not_placed"


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution of one of our orders."""

    ref: str
    side: str
    shares: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Intent:
    """One order as the ledger has it."""

    symbol: str
    order_id: int | None
    state: str
    quantity: int
    executed: int


@dataclass(frozen=True, slots=True)
class BrokerBook:
    """How often each reference came over the wire, and what became of it there."""

    frames: Mapping[str, int]
    orders: Mapping[str, list[Order]]
    trades: Mapping[str, Trade]

    @property
    def doubles(self) -> int:
        """How many orders or frames there are beyond one for each reference."""
        frames = sum(count - 1 for count in self.frames.values() if count > 1)
        return frames + sum(len(orders) - 1 for orders in self.orders.values())


@dataclass(frozen=True, slots=True)
class LedgerBook:
    """The ledger's orders by reference, and its executions by the stem of their ids."""

    orders: Mapping[str, Intent]
    trades: Mapping[str, Trade]


def broker_book(gateway: Gateway) -> BrokerBook:
    """Read what the gateway has of our orders, those of today that ended included."""
    exchange = gateway._world.exchange
    orders: dict[str, list[Order]] = {}
    for order in (*exchange.open_orders(), *exchange.completed_orders()):
        if order.order_ref.startswith(OURS):
            orders.setdefault(order.order_ref, []).append(order)
    trades = {
        row.base: Trade(row.order_ref, row.side.value, row.shares, row.price)
        for row in exchange.executions()
        if row.order_ref.startswith(OURS)
    }
    return BrokerBook(Counter(refs_sent(gateway)), orders, trades)


def refs_sent(gateway: Gateway) -> list[str]:
    """Return the reference of every order that came over the wire, oldest first."""
    fields = [frame.fields for frame in gateway.frames("placeOrder")]
    return [next(field for field in each if field.startswith(OURS)) for each in fields]


def ledger_book(path: Path) -> LedgerBook:
    """Read the ledger's file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        orders = file.execute(
            "SELECT ref, symbol, order_id, state, quantity, executed_qty FROM orders"
        )
        intents = {ref: Intent(*values) for ref, *values in orders}
        executions = file.execute(
            "SELECT base, ref, side, quantity, price FROM executions WHERE is_own AND is_newest"
        )
        trades = {
            base: Trade(ref, side, quantity, Decimal(price))
            for base, ref, side, quantity, price in executions
        }
    return LedgerBook(intents, trades)


def differences(broker: BrokerBook, ledger: LedgerBook) -> list[str]:
    """Say each way in which the two books differ: none, where all promises were kept."""
    return [
        *_said_twice(broker),
        *_unwritten(broker, ledger),
        *_order_by_order(broker, ledger),
        *_trade_by_trade(broker, ledger),
    ]


def _said_twice(broker: BrokerBook) -> Iterable[str]:
    for ref, count in broker.frames.items():
        if count > 1:
            yield f"{ref} left {count} times"
    for ref, orders in broker.orders.items():
        if len(orders) > 1:
            yield f"{ref} is {len(orders)} orders at the broker"


def _unwritten(broker: BrokerBook, ledger: LedgerBook) -> Iterable[str]:
    for ref in (broker.frames.keys() | broker.orders.keys()) - ledger.orders.keys():
        yield f"{ref} was sent and is not in the ledger"


def _order_by_order(broker: BrokerBook, ledger: LedgerBook) -> Iterable[str]:
    for ref, intent in ledger.orders.items():
        there = broker.orders.get(ref, [])
        filled = sum(order.filled for order in there)
        if filled != intent.executed:
            yield f"{ref} filled {filled} at the broker, {intent.executed} in the ledger"
        if there and intent.state == FAILED:
            yield f"{ref} is at the broker, and the ledger says that it never was"


def _trade_by_trade(broker: BrokerBook, ledger: LedgerBook) -> Iterable[str]:
    for base in sorted(broker.trades.keys() | ledger.trades.keys()):
        theirs, ours = broker.trades.get(base), ledger.trades.get(base)
        if theirs != ours:
            yield f"execution {base} is {theirs} at the broker, {ours} in the ledger"
