"""The answers of reports.

Owns: the fields of the slippage report, for one order and for all, and of the reports of a day and
of equity. The arithmetic is `domain.slippage`'s. Knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, Struct

from paperdesk.domain.order import shown_status
from paperdesk.domain.slippage import Slipped, Totals
from paperdesk.domain.views import Day, EquityPoint
from paperdesk.wire.encoding import number, number_or_null, rfc3339
from paperdesk.wire.query import NextCursor, cursor_of
from paperdesk.wire.values import BatchIdText, Time

SLIPPAGE: Final = "slippage"

BPS: Final = "In hundredths of a percent, to 4 decimals. Positive is a cost."


class SlippageRow(Struct, kw_only=True, frozen=True):
    """What one order cost beyond its expected price. Positive is a cost."""

    batch_id: BatchIdText
    account_id: str
    client: str
    symbol: str
    ibkr_order_id: int | None
    side: str
    filled_qty: int
    expected_price: Annotated[
        Decimal, Meta(description="Of the target that the order was planned for.")
    ]
    avg_fill_price: Decimal
    order_type: str
    limit_price: Annotated[Decimal | None, Meta(description="The price sent; null for MKT.")]
    slippage_per_share: Annotated[
        Decimal, Meta(description="In USD. BUY: average - expected; SELL: expected - average.")
    ]
    slippage_bps: Annotated[Decimal, Meta(description=BPS)]
    slippage_usd: Annotated[Decimal, Meta(description="Of all shares that filled.")]
    commission: Annotated[
        Decimal | None,
        Meta(description="null until every known execution has its report."),
    ]
    status: str
    sent_at: Time

    @classmethod
    def of(cls, slipped: Slipped) -> SlippageRow:
        """Return the row of an order."""
        order, fill = slipped.order, slipped.fill
        assert order.sent_at is not None, "what filled was sent"
        return cls(
            batch_id=order.batch_id,
            account_id=order.account,
            client=slipped.client,
            symbol=order.symbol,
            ibkr_order_id=order.order_id,
            side=order.side.value,
            filled_qty=fill.shares,
            expected_price=number(fill.expected_price),
            avg_fill_price=number(fill.avg_price),
            order_type=order.terms.order_type.value,
            limit_price=number_or_null(order.terms.limit_price),
            slippage_per_share=number(fill.per_share),
            slippage_bps=number(fill.bps),
            slippage_usd=number(fill.usd),
            commission=number_or_null(fill.commission),
            status=shown_status(order).value,
            sent_at=rfc3339(order.sent_at),
        )


class SlippageTotal(Struct, kw_only=True, frozen=True):
    """Over every order that matches, on whichever page."""

    orders: int
    shares: int
    expected_notional: Annotated[Decimal, Meta(description="Shares × expected price, in USD.")]
    filled_notional: Annotated[Decimal, Meta(description="Shares × fill price, in USD.")]
    slippage_usd: Decimal
    slippage_bps: Annotated[
        Decimal | None,
        Meta(description=f"{BPS} Weighted by expected notional; null without any order."),
    ]
    commission: Annotated[Decimal, Meta(description="What is known so far.")]
    commission_missing: Annotated[
        int, Meta(description="Orders whose commission is still to come: not in the sum.")
    ]
    without_expected_price: Annotated[
        int, Meta(description="Orders that filled and had none: in no other figure.")
    ]

    @classmethod
    def of(cls, totals: Totals) -> SlippageTotal:
        """Return the body of `totals`."""
        return cls(
            orders=totals.orders,
            shares=totals.shares,
            expected_notional=number(totals.expected_value),
            filled_notional=number(totals.value),
            slippage_usd=number(totals.usd),
            slippage_bps=number_or_null(totals.bps),
            commission=number(totals.commission),
            commission_missing=totals.commission_missing,
            without_expected_price=totals.without_expected_price,
        )


class SlippageAnswer(Struct, kw_only=True, frozen=True):
    """Expected price against average fill, the newest target first, and in sum."""

    orders: tuple[SlippageRow, ...]
    total: SlippageTotal
    next_cursor: NextCursor

    @classmethod
    def of(
        cls, orders: Iterable[Slipped], totals: Totals, before: int | None
    ) -> SlippageAnswer:
        """Return the answer for a page of orders and the sums over all."""
        return cls(
            orders=tuple(SlippageRow.of(slipped) for slipped in orders),
            total=SlippageTotal.of(totals),
            next_cursor=None if before is None else cursor_of(SLIPPAGE, before),
        )


class EquityPointBody(Struct, kw_only=True, frozen=True):
    """What the account was worth in one minute."""

    at: Time
    net_liquidation: Decimal


class EquityAnswer(Struct, kw_only=True, frozen=True):
    """What the account was worth, the oldest first: a sample a minute, of a long time fewer."""

    account_id: str
    points: tuple[EquityPointBody, ...]

    @classmethod
    def of(cls, account: str, points: Iterable[EquityPoint]) -> EquityAnswer:
        """Return the answer for the points of an account."""
        return cls(
            account_id=account,
            points=tuple(
                EquityPointBody(
                    at=rfc3339(point.at), net_liquidation=number(point.net_liquidation)
                )
                for point in points
            ),
        )


class DayOrders(Struct, kw_only=True, frozen=True):
    """How many orders that were sent came to which end."""

    open: int
    filled: int
    cancelled: int
    rejected: int


class TodayAnswer(Struct, kw_only=True, frozen=True):
    """The account's orders that were sent since midnight in New York, whoever posted them."""

    account_id: str
    since: Time
    orders: DayOrders
    commission: Annotated[Decimal, Meta(description="What is known so far.")]
    commission_missing: Annotated[
        int, Meta(description="Orders whose commission is still to come: not in the sum.")
    ]

    @classmethod
    def of(cls, account: str, day: Day) -> TodayAnswer:
        """Return the answer for the day of an account."""
        return cls(
            account_id=account,
            since=rfc3339(day.since),
            orders=DayOrders(
                open=day.open,
                filled=day.filled,
                cancelled=day.cancelled,
                rejected=day.rejected,
            ),
            commission=number(day.commission),
            commission_missing=day.commission_missing,
        )
