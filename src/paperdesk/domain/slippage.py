"""Expected price against average fill: what trading cost beyond what was reckoned with.

Owns: the slippage of one order and the sums over many, all exact; docs/slippage.md has the
arithmetic in words. Knows nothing of where orders are kept or of how figures are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import ClientName, Side

BPS_IN_ONE: Final = Decimal(10_000)
BPS_STEP: Final = Decimal("0.0001")
USD_STEP: Final = Decimal("0.00000001")
# Beyond every count of shares times every price, added up as often as a ledger has orders.
EXACT: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Fill:
    """What filled of one order, and the price it was reckoned with when it was planned.

    `value` is shares × price, summed over the newest revision of each execution.
    """

    side: Side
    shares: int
    value: Decimal
    expected_price: Decimal
    commission: Decimal | None = None

    @property
    def avg_price(self) -> Decimal:
        """The average price of the shares that filled."""
        return EXACT.divide(self.value, Decimal(self.shares))

    @property
    def expected_value(self) -> Decimal:
        """Shares × expected price: what the same shares were thought to be worth."""
        return EXACT.multiply(self.expected_price, Decimal(self.shares))

    @property
    def usd(self) -> Decimal:
        """The slippage in USD. Positive is a cost: bought above, or sold below."""
        return EXACT.multiply(self._sign, EXACT.subtract(self.value, self.expected_value))

    @property
    def per_share(self) -> Decimal:
        """The slippage of one share in USD, to 8 decimals."""
        return EXACT.divide(self.usd, Decimal(self.shares)).quantize(USD_STEP, context=EXACT)

    @property
    def bps(self) -> Decimal:
        """The slippage in hundredths of a percent of the expected value, to 4 decimals."""
        return _bps(self.usd, self.expected_value)

    @property
    def _sign(self) -> Decimal:
        return Decimal(self.side.sign)


@dataclass(slots=True)
class Totals:
    """Sums over orders that filled. One that had no expected price is only counted.

    `commission` is what is known so far; of `commission_missing` orders it is still to come.
    """

    orders: int = 0
    shares: int = 0
    expected_value: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    usd: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    commission_missing: int = 0
    without_expected_price: int = 0

    def take(self, fill: Fill) -> None:
        """Add an order."""
        self.orders += 1
        self.shares += fill.shares
        self.expected_value = EXACT.add(self.expected_value, fill.expected_value)
        self.value = EXACT.add(self.value, fill.value)
        self.usd = EXACT.add(self.usd, fill.usd)
        if fill.commission is None:
            self.commission_missing += 1
        else:
            self.commission = EXACT.add(self.commission, fill.commission)

    @property
    def bps(self) -> Decimal | None:
        """The slippage of all, each order weighted by its expected value; None of none."""
        return _bps(self.usd, self.expected_value) if self.orders else None


@dataclass(frozen=True, slots=True)
class Slipped:
    """An order that filled, for the report. `number` is its target's, by which a list pages."""

    number: int
    client: ClientName
    order: Order
    fill: Fill


def _bps(usd: Decimal, expected_value: Decimal) -> Decimal:
    share = EXACT.divide(EXACT.multiply(usd, BPS_IN_ONE), expected_value)
    return share.quantize(BPS_STEP, context=EXACT)
