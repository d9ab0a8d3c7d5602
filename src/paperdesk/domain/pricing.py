"""Order type and price of a target.

Owns: the table in contract.md, "Order type and price". Decimal arithmetic on the digits sent.
Knows nothing of quotes or of the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paperdesk.domain.batch import Target
from paperdesk.domain.contract import AGAINST, NoTick, TickLadder, round_to_tick
from paperdesk.domain.order import Order, Terms
from paperdesk.domain.vocabulary import Keep, OrderType, Side


@dataclass(frozen=True, slots=True)
class Reference:
    """The price in USD at which an order of each side would trade; None where not known.

    `buy_at` and `sell_at` are when it was quoted; None where it is the portfolio's price, whose
    age is not known.
    """

    buy: Decimal | None = None
    sell: Decimal | None = None
    buy_at: datetime | None = None
    sell_at: datetime | None = None

    def of(self, side: Side) -> Decimal | None:
        """Return the price for an order of that side."""
        return self.buy if side is Side.BUY else self.sell

    def words(self, side: Side, now: datetime) -> str:
        """Say where the price for an order of that side is from, and how old it is."""
        quoted_at = self.buy_at if side is Side.BUY else self.sell_at
        if quoted_at is None:
            return "the portfolio's price"
        return f"a quote {max((now - quoted_at).total_seconds(), 0):.0f} s old"

    @property
    def dearest(self) -> Decimal | None:
        """The higher of the two: what to reckon with where the side is not known yet."""
        return max(
            (price for price in (self.buy, self.sell) if price is not None), default=None
        )


def terms_of(target: Target, side: Side, ladder: TickLadder) -> Terms:
    """Return the terms on which `target` trades. Raises NoTick where no valid price exists."""
    price = _price_of(target, side, ladder)
    return Terms(
        order_type=OrderType.MKT if price is None else OrderType.LMT,
        limit_price=price,
        time_in_force=target.time_in_force,
        outside_rth=target.outside_rth,
    )


def fits(target: Target, order: Order, ladder: TickLadder, keep: Keep) -> bool:
    """Tell whether `order` works on terms that `target` would accept.

    Time in force and outside_rth equal, and the price: an explicit limit equals, a market
    order is a market order, and within a tolerance the working limit lies between the expected
    price and the tolerance price (or equals the latter where `keep` is EXACT).
    """
    try:
        wanted = terms_of(target, order.side, ladder)
    except NoTick:
        return False
    if wanted == order.terms:
        return True
    working, expected = order.terms.limit_price, target.expected_price
    is_by_tolerance = target.limit_price is None and target.tolerance_pct is not None
    if keep is Keep.EXACT or not is_by_tolerance or working is None:
        return False
    assert expected is not None, "a tolerance needs an expected price"
    assert wanted.limit_price is not None
    low, high = sorted((expected, wanted.limit_price))
    return (
        low <= working <= high
        and wanted.time_in_force is order.terms.time_in_force
        and wanted.outside_rth == order.terms.outside_rth
    )


def tolerance_price(
    expected: Decimal, tolerance_pct: Decimal, *, side: Side, ladder: TickLadder
) -> Decimal:
    """Return the worst valid price within `tolerance_pct` percent of `expected`.

    BUY: expected * (1 + tolerance / 100), rounded down to a tick; SELL: expected *
    (1 - tolerance / 100), rounded up. Raises NoTick where that leaves no price above 0.
    """
    context = AGAINST[side]
    move = context.add if side is Side.BUY else context.subtract
    factor = move(100, tolerance_pct)
    bound = context.divide(context.multiply(expected, factor), 100)
    return round_to_tick(bound, side, ladder)


def price_warnings(target: Target) -> tuple[str, ...]:
    """Say what in the prices of `target` has no effect on the order."""
    if target.limit_price is not None or target.tolerance_pct is not None:
        return ()
    if target.expected_price is None:
        return ()
    return ("expected_price without tolerance_pct sets no limit: sent as a market order",)


def _price_of(target: Target, side: Side, ladder: TickLadder) -> Decimal | None:
    if target.limit_price is not None:
        return target.limit_price
    if target.expected_price is None or target.tolerance_pct is None:
        return None
    return tolerance_price(
        target.expected_price, target.tolerance_pct, side=side, ladder=ladder
    )
