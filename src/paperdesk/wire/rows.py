"""The rows of an answer: one order of a batch as POST, GET and the preview show it.

Owns: which figures a row has in which state, and the words where the broker gave none. Knows
nothing of the answers around the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.batch import ErrorCode, Outcome, Row, Target
from paperdesk.domain.order import Order, OrderState, ShownStatus, shown_warnings
from paperdesk.domain.views import PreviewRow
from paperdesk.domain.vocabulary import OrderType, Side
from paperdesk.wire.encoding import number, number_or_null

T = TypeVar("T")

CurrentPos = Annotated[int | None, Meta(description="null only if it could not be known.")]
RequestedSymbol = Annotated[str, Meta(description="As asked, where IBKR spells it otherwise.")]
WorkingQty = Annotated[int, Meta(description="Signed shares that still work for this target.")]
Provisional = Annotated[bool, Meta(description="The figures may still change.")]

# Why an order ended, where the row itself does not say.
_CODE_OF_STATE: Final[Mapping[OrderState, ErrorCode]] = {
    OrderState.REJECTED: ErrorCode.REJECTED,
    OrderState.NOT_PLACED: ErrorCode.NOT_PLACED,
    OrderState.LAPSED: ErrorCode.EXPIRED,
}
_WORDS_OF_STATE: Final[Mapping[OrderState, str]] = {
    OrderState.REJECTED: "The broker refused the order and gave no reason.",
    OrderState.NOT_PLACED: "The order never reached the broker; post the target again.",
    OrderState.LAPSED: "The order could not be sent in time; post the target again.",
}


class ResultRow(Struct, kw_only=True, frozen=True):
    """What became of one requested order when the answer was sent."""

    symbol: str
    requested_symbol: RequestedSymbol | UnsetType = UNSET
    current_pos: CurrentPos
    desired_pos: int
    delta: int | None
    action: str | None
    qty: int | None
    order_type: str | None
    ibkr_order_id: int | None
    status: str
    limit_price: Decimal | UnsetType = UNSET
    error: str | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    broker_code: int | UnsetType = UNSET
    warnings: tuple[str, ...] | UnsetType = UNSET
    working_qty: WorkingQty | UnsetType = UNSET
    provisional: Provisional | UnsetType = UNSET

    @classmethod
    def of(cls, row: Row) -> ResultRow:
        """Return the row as POST answers it."""
        figures = _Figures.of(row)
        return cls(
            symbol=row.target.symbol,
            requested_symbol=_given(row.target.requested_symbol),
            current_pos=row.current_pos,
            desired_pos=row.target.quantity,
            delta=row.delta,
            action=figures.action,
            qty=figures.qty,
            order_type=figures.order_type,
            ibkr_order_id=figures.order_id,
            status=row.status.value,
            limit_price=figures.limit_price,
            error=_error(row),
            error_code=_error_code(row),
            broker_code=_given(row.order.broker_code if row.order else None),
            warnings=_warnings(row),
            working_qty=row.working_qty or UNSET,
            provisional=_given(row.outcome is Outcome.PENDING or None),
        )


class OrderRow(Struct, kw_only=True, frozen=True):
    """The present state of one requested order."""

    symbol: str
    requested_symbol: RequestedSymbol | UnsetType = UNSET
    ibkr_order_id: int | None
    perm_id: int | None
    status: str
    filled_qty: int
    avg_fill_price: Annotated[Decimal | None, Meta(description="null until a fill.")]
    commission: Annotated[
        Decimal | None,
        Meta(description="null until every known execution has its report."),
    ]
    current_pos: CurrentPos
    desired_pos: int
    delta: int | None
    action: str | None
    qty: int | None
    order_type: str | None
    limit_price: Decimal | UnsetType = UNSET
    error: str | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    broker_code: int | UnsetType = UNSET
    warnings: tuple[str, ...] | UnsetType = UNSET
    working_qty: WorkingQty | UnsetType = UNSET
    provisional: Provisional | UnsetType = UNSET

    @classmethod
    def of(cls, row: Row) -> OrderRow:
        """Return the row as GET answers it."""
        figures = _Figures.of(row)
        order = row.order
        return cls(
            symbol=row.target.symbol,
            requested_symbol=_given(row.target.requested_symbol),
            ibkr_order_id=figures.order_id,
            perm_id=order.perm_id if order else None,
            status=row.status.value,
            filled_qty=order.filled_qty if order else 0,
            avg_fill_price=number_or_null(order.avg_fill_price if order else None),
            commission=number_or_null(order.commission if order else None),
            current_pos=row.current_pos,
            desired_pos=row.target.quantity,
            delta=row.delta,
            action=figures.action,
            qty=figures.qty,
            order_type=figures.order_type,
            limit_price=figures.limit_price,
            error=_error(row),
            error_code=_error_code(row),
            broker_code=_given(order.broker_code if order else None),
            warnings=_warnings(row),
            working_qty=row.working_qty or UNSET,
            provisional=_given(row.outcome is Outcome.PENDING or None),
        )


class PreviewResultRow(ResultRow, kw_only=True, frozen=True):
    """What would become of one requested order. `PendingSubmit` is one that would be sent."""

    reference_price: Decimal | None
    estimated_notional: Decimal | None

    @classmethod
    def of_preview(cls, entry: PreviewRow) -> PreviewResultRow:
        """Return the row as the preview answers it."""
        shared = ResultRow.of(entry.row)
        return cls(
            **{name: getattr(shared, name) for name in ResultRow.__struct_fields__},
            reference_price=number_or_null(entry.reference_price),
            estimated_notional=number_or_null(entry.estimated_notional),
        )


@dataclass(frozen=True, slots=True)
class _Figures:
    """What a row says of its order, or of the order that its target asks for."""

    action: str | None
    qty: int | None
    order_type: str | None
    order_id: int | None = None
    limit_price: Decimal | UnsetType = UNSET

    @classmethod
    def of(cls, row: Row) -> _Figures:
        if row.order is not None:
            return cls._of_order(row.order)
        if row.delta is None:
            return cls(action=None, qty=None, order_type=None)
        if row.delta == 0:
            return cls(action=None, qty=0, order_type=None)
        return cls(
            action=Side.of(row.delta).value,
            qty=abs(row.delta),
            order_type=_order_type(row.target).value,
        )

    @classmethod
    def _of_order(cls, order: Order) -> _Figures:
        price = order.terms.limit_price
        return cls(
            action=order.side.value,
            qty=order.quantity,
            order_type=order.terms.order_type.value,
            order_id=order.order_id,
            limit_price=UNSET if price is None else number(price),
        )


EXPIRED: Final = "the order reached the end of its time without trading in full"


def _order_type(target: Target) -> OrderType:
    by_tolerance = target.expected_price is not None and target.tolerance_pct is not None
    return OrderType.LMT if target.limit_price is not None or by_tolerance else OrderType.MKT


def _error(row: Row) -> str | UnsetType:
    words = row.error or (row.order.error if row.order else None)
    if words is None and row.order is not None:
        words = EXPIRED if row.order.is_expired else _WORDS_OF_STATE.get(row.order.state)
    return _given(words)


def _error_code(row: Row) -> str | UnsetType:
    code = row.error_code
    if code is None and row.order is not None:
        is_expired = row.status is ShownStatus.INACTIVE and row.order.is_expired
        code = ErrorCode.EXPIRED if is_expired else _CODE_OF_STATE.get(row.order.state)
    return UNSET if code is None else code.value


def _warnings(row: Row) -> tuple[str, ...] | UnsetType:
    warnings = row.warnings + (shown_warnings(row.order) if row.order else ())
    return tuple(dict.fromkeys(warnings)) or UNSET


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
