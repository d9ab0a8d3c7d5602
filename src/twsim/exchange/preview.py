"""Previews: what an order would do to its account, without placing it.

Owns: Preview, and how it is computed from the account's figures before and after. Does
not know whether the order would be accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from twsim.exchange.accounts import Account, Figures, Holding, figures
from twsim.exchange.commissions import Tariff
from twsim.exchange.orders import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """An order that is not placed, the figures it would change, and what it would cost."""

    order: Order
    before: Figures
    after: Figures
    commission: Decimal


def preview(
    order: Order, account: Account, holdings: list[Holding], *, price: Decimal, tariff: Tariff
) -> Preview:
    """Return what an order does once it fills at this price.

    The holdings are the account's, the order's own contract among them.
    """
    value = order.quantity * price
    commission = tariff.fill_commission(
        0, Decimal(0), side=order.side, shares=order.quantity, price=price
    )
    paid = replace(account, cash=account.cash - order.side.sign * value - commission)
    moved = [_with_order(each, order) for each in holdings]
    return Preview(
        order=order,
        before=figures(account, holdings),
        after=figures(paid, moved),
        commission=commission,
    )


def _with_order(holding: Holding, order: Order) -> Holding:
    position = holding.position
    if position.con_id != order.con_id:
        return holding
    quantity = position.quantity + order.side.sign * order.quantity
    return replace(holding, position=replace(position, quantity=quantity))
