"""Commissions: IBKR Pro, tiered or fixed, US stocks, and what regulators take.

Owns: the schedules and how an order's commission falls on its fills. Does not know orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final

from twsim.exchange.vocabulary import Side

ASSUMPTIONS: Final = (
    "Every tiered order is in the lowest tier, below 300,000 shares a month.",
    "Tiered orders pay no exchange or clearing fees; `--fees` adds the regulators' alone.",
    "A commission is rounded to six decimals, fill by fill.",
)
_ZERO: Final = Decimal(0)
VALUE_SHARE_MAX: Final = Decimal("0.01")
_DIGITS: Final = Decimal("0.000001")
# What regulators take of each fill, with the fixed schedule always (tws-facts §4.6).
CAT_PER_SHARE: Final = Decimal("0.000003")
SEC_OF_SOLD_VALUE: Final = Decimal("0.0000206")
TAF_PER_SOLD_SHARE: Final = Decimal("0.000195")


class Schedule(StrEnum):
    """What a share costs."""

    TIERED = "tiered"
    FIXED = "fixed"


# Per share, and at least per order (tws-facts §4.6; contract.md: 50 AAPL cost 0.35).
RATES: Final = {
    Schedule.TIERED: (Decimal("0.0035"), Decimal("0.35")),
    Schedule.FIXED: (Decimal("0.005"), Decimal("1.00")),
}


@dataclass(frozen=True, slots=True)
class Tariff:
    """A schedule, with or without the regulators' fees; the fixed one always has them."""

    schedule: Schedule = Schedule.TIERED
    fees: bool = False

    def order_commission(self, shares: int, value: Decimal) -> Decimal:
        """Return what the broker takes of an order once so many shares are done."""
        per_share, per_order_min = RATES[self.schedule]
        return min(max(per_share * shares, per_order_min), VALUE_SHARE_MAX * value)

    def regulatory(self, side: Side, shares: int, price: Decimal) -> Decimal:
        """Return what regulators take of a fill."""
        if not self.fees and self.schedule is Schedule.TIERED:
            return _ZERO
        fees = CAT_PER_SHARE * shares
        if side is Side.SELL:
            fees += SEC_OF_SOLD_VALUE * shares * price + TAF_PER_SOLD_SHARE * shares
        return fees

    def fill_commission(
        self, filled: int, value: Decimal, *, side: Side, shares: int, price: Decimal
    ) -> Decimal:
        """Return what one more fill adds: the minimum is charged once per order."""
        before = self.order_commission(filled, value) if filled else _ZERO
        after = self.order_commission(filled + shares, value + shares * price)
        exact = after - before + self.regulatory(side, shares, price)
        return exact.quantize(_DIGITS, rounding=ROUND_HALF_EVEN).normalize() + _ZERO
