"""The JSON shape of an account's limits.

Owns: LimitsBody. Knows nothing of how an order is judged.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from paperdesk.domain.limits import Limits
from paperdesk.wire.encoding import number_or_null


class LimitsBody(Struct, kw_only=True, frozen=True):
    """What the orders of an account are held against; null is no limit."""

    max_order_quantity: int | None
    max_order_notional: Annotated[Decimal | None, Meta(description="USD of one order.")]
    max_position_notional: Annotated[
        Decimal | None, Meta(description="USD of the position after an order.")
    ]
    max_gross_notional: Annotated[
        Decimal | None, Meta(description="USD of all positions, longs and shorts added up.")
    ]
    max_orders_per_minute: int | None
    price_collar_pct: Annotated[
        Decimal | None,
        Meta(description="How far, in percent, a limit price may be from the market."),
    ]
    allow_short: bool
    symbols: Annotated[
        tuple[str, ...] | None, Meta(description="Others may only be reduced; null allows all.")
    ]

    @classmethod
    def of(cls, limits: Limits) -> LimitsBody:
        """Return the body of `limits`."""
        return cls(
            max_order_quantity=limits.max_order_quantity,
            max_order_notional=number_or_null(limits.max_order_notional),
            max_position_notional=number_or_null(limits.max_position_notional),
            max_gross_notional=number_or_null(limits.max_gross_notional),
            max_orders_per_minute=limits.max_orders_per_minute,
            price_collar_pct=number_or_null(limits.price_collar_pct),
            allow_short=limits.allow_short,
            symbols=None if limits.symbols is None else tuple(sorted(limits.symbols)),
        )
