"""Order type and price of a target.

Owns: the table in contract.md, "Order type and price". Decimal arithmetic on the digits sent.
Knows nothing of quotes or of the account.
"""

from __future__ import annotations

from decimal import Decimal

from paperdesk.domain.batch import Target
from paperdesk.domain.contract import AGAINST, TickLadder, round_to_tick
from paperdesk.domain.order import Terms
from paperdesk.domain.vocabulary import OrderType, Side


def terms_of(target: Target, side: Side, ladder: TickLadder) -> Terms:
    """Return the terms on which `target` trades. Raises NoTick where no valid price exists."""
    price = _price_of(target, side, ladder)
    return Terms(
        order_type=OrderType.MKT if price is None else OrderType.LMT,
        limit_price=price,
        time_in_force=target.time_in_force,
        outside_rth=target.outside_rth,
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
