"""Explanations: orders and executions in words, for a person whose test has failed.

Owns: those words, and the search for the order that a test means. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from twsim.exchange.contracts import Contract
from twsim.exchange.exchange import Exchange
from twsim.exchange.orders import Execution, Order
from twsim.exchange.vocabulary import AccountId, OrderStatus

ROWS_MAX: Final = 20  # of each kind; who wants more reads the transcript


def describe(order: Order, exchange: Exchange) -> str:
    """Return an order in one line."""
    limit = "" if order.limit_price is None else f" {order.limit_price}"
    return (
        f"order {order.order_id} of client {order.client_id}: {order.side} {order.quantity} "
        f"{exchange.contracts[order.con_id].symbol} {order.order_type}{limit} {order.tif}, "
        f"{order.status}, {order.filled} filled"
    )


def find_working(exchange: Exchange, order_id: int, client_id: int | None) -> Order:
    """Return the working order of this id; LookupError where there is none, or several."""
    working = exchange.open_orders()
    found = [
        order
        for order in working
        if order.order_id == order_id
        and client_id in (None, order.client_id)
        and order.status is not OrderStatus.PENDING_CANCEL
    ]
    if len(found) == 1:
        return found[0]
    if found:
        clients = ", ".join(str(order.client_id) for order in found)
        raise LookupError(f"clients {clients} have a working order {order_id}: name one")
    whose = "" if client_id is None else f" of client {client_id}"
    there = _section("working", (describe(order, exchange) for order in working))
    raise LookupError(f"there is no working order {order_id}{whose}\n{there}")


def explain(exchange: Exchange, account: AccountId, contract: Contract) -> str:
    """Return what of today led to an account's position."""
    place = (account, contract.con_id)
    executions = (
        _execution(row) for row in exchange.executions() if (row.account, row.con_id) == place
    )
    orders = [*exchange.open_orders(), *exchange.completed_orders()]
    rows = (describe(o, exchange) for o in orders if (o.account, o.con_id) == place)
    return f"{_section('executions', executions)}\n{_section('orders', rows)}"


def _execution(row: Execution) -> str:
    return (
        f"{row.at:%H:%M:%S} {row.side} {row.shares} at {row.price} "
        f"for order {row.order_id} of client {row.client_id}"
    )


def _section(title: str, rows: Iterator[str]) -> str:
    lines = list(rows)
    if not lines:
        return f"  {title}: none"
    left_off = [f"    and {len(lines) - ROWS_MAX} before them"] if len(lines) > ROWS_MAX else []
    shown = [f"    {line}" for line in lines[-ROWS_MAX:]]
    return "\n".join([f"  {title}:", *left_off, *shown])
