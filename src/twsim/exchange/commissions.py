"""Commissions: IBKR Pro, tiered, US stocks.

Owns: the schedule and how an order's commission falls on its fills. Does not know orders.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

# The lowest tier, below 300,000 shares a month, without exchange and regulatory fees
# (tws-facts §4.6; contract.md: 50 AAPL cost 0.35).
PER_SHARE: Final = Decimal("0.0035")
PER_ORDER_MIN: Final = Decimal("0.35")
VALUE_SHARE_MAX: Final = Decimal("0.01")


def order_commission(shares: int, value: Decimal) -> Decimal:
    """Return what an order has cost once so many shares of that total value are done."""
    return min(max(PER_SHARE * shares, PER_ORDER_MIN), VALUE_SHARE_MAX * value)


def fill_commission(
    filled_before: int, value_before: Decimal, *, shares: int, price: Decimal
) -> Decimal:
    """Return what one more fill adds: the minimum is charged once per order."""
    before = order_commission(filled_before, value_before) if filled_before else Decimal(0)
    return order_commission(filled_before + shares, value_before + shares * price) - before
