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
from msgspec.structs import asdict

from paperdesk.domain.batch import ErrorCode, Outcome, Row, Successor, Target
from paperdesk.domain.order import Order, OrderState, ShownStatus, shown_status, shown_warnings
from paperdesk.domain.views import PreviewRow
from paperdesk.domain.vocabulary import OrderType, Side
from paperdesk.wire.encoding import number, number_or_null

T = TypeVar("T")

CurrentPos = Annotated[int | None, Meta(description="null only if it could not be known.")]
RequestedSymbol = Annotated[str, Meta(description="As asked, where IBKR spells it otherwise.")]
WorkingQty = Annotated[int, Meta(description="Signed shares that still work for this target.")]
ForeignQty = Annotated[
    int,
    Meta(description="Signed shares of orders placed elsewhere that lessen our trade."),
]
KeptBy = Annotated[str, Meta(description="The newer batch that this row's order serves now.")]
Superseded = Annotated[
    tuple[int, ...], Meta(description="Ids of older orders that gave way to this target.")
]
Unlisted = Annotated[bool, Meta(description="Not in the request: closed for its `unlisted`.")]
AvgFillPrice = Annotated[Decimal | None, Meta(description="null until a fill.")]
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


class SuccessorBody(Struct, kw_only=True, frozen=True):
    """The newer target that took the row's place, and its order."""

    batch_id: str
    ibkr_order_id: Annotated[int | None, Meta(description="null until it is sent.")]

    @classmethod
    def of(cls, successor: Successor) -> SuccessorBody:
        """Return the body of `successor`."""
        return cls(batch_id=successor.batch_id, ibkr_order_id=successor.order_id)


class KeptBody(Struct, kw_only=True, frozen=True):
    """An older order that works on, because it will reach this target too."""

    ibkr_order_id: int | None
    batch_id: Annotated[str, Meta(description="The batch that placed it.")]
    limit_price: Annotated[Decimal | None, Meta(description="null for MKT.")]

    @classmethod
    def of(cls, order: Order) -> KeptBody:
        """Return the body of `order`."""
        return cls(
            ibkr_order_id=order.order_id,
            batch_id=order.batch_id,
            limit_price=number_or_null(order.terms.limit_price),
        )


class KeptOrderBody(KeptBody, kw_only=True, frozen=True):
    """An older order that serves this target, and its present state."""

    status: str
    filled_qty: int
    avg_fill_price: AvgFillPrice

    @classmethod
    def of(cls, order: Order) -> KeptOrderBody:
        """Return the body of `order`."""
        return cls(
            **asdict(KeptBody.of(order)),
            status=shown_status(order).value,
            filled_qty=order.filled_qty,
            avg_fill_price=number_or_null(order.avg_fill_price),
        )


class ResultRow(Struct, kw_only=True, frozen=True):
    """What became of one requested order when the answer was sent."""

    symbol: str
    requested_symbol: RequestedSymbol | UnsetType = UNSET
    current_pos: CurrentPos
    desired_pos: int
    delta: Annotated[
        int | None,
        Meta(description="desired_pos - current_pos - working_qty - foreign_qty."),
    ]
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
    foreign_qty: ForeignQty | UnsetType = UNSET
    kept: KeptBody | UnsetType = UNSET
    kept_by: KeptBy | UnsetType = UNSET
    superseded: Superseded | UnsetType = UNSET
    superseded_by: SuccessorBody | UnsetType = UNSET
    unlisted: Unlisted | UnsetType = UNSET
    provisional: Provisional | UnsetType = UNSET

    @classmethod
    def of(cls, row: Row) -> ResultRow:
        """Return the row as POST answers it."""
        figures = _Figures.of(row)
        successor = row.superseded_by
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
            foreign_qty=row.foreign_qty or UNSET,
            kept=UNSET if row.kept is None else KeptBody.of(row.kept),
            kept_by=_given(row.kept_by),
            superseded=row.superseded or UNSET,
            superseded_by=UNSET if successor is None else SuccessorBody.of(successor),
            unlisted=row.is_unlisted or UNSET,
            provisional=_given(row.outcome is Outcome.PENDING or None),
        )


class OrderRow(ResultRow, kw_only=True, frozen=True):
    """The present state of one requested order."""

    perm_id: int | None
    filled_qty: int
    avg_fill_price: AvgFillPrice
    commission: Annotated[
        Decimal | None,
        Meta(description="null until every known execution has its report."),
    ]
    kept: KeptOrderBody | UnsetType = UNSET

    @classmethod
    def of(cls, row: Row) -> OrderRow:
        """Return the row as GET answers it."""
        order = row.order
        shared = asdict(ResultRow.of(row))
        shared["kept"] = UNSET if row.kept is None else KeptOrderBody.of(row.kept)
        return cls(
            **shared,
            perm_id=order.perm_id if order else None,
            filled_qty=order.filled_qty if order else 0,
            avg_fill_price=number_or_null(order.avg_fill_price if order else None),
            commission=number_or_null(order.commission if order else None),
        )


class PreviewResultRow(ResultRow, kw_only=True, frozen=True):
    """What would become of one requested order. `PendingSubmit` is one that would be sent."""

    reference_price: Decimal | None
    estimated_notional: Decimal | None

    @classmethod
    def of_preview(cls, entry: PreviewRow) -> PreviewResultRow:
        """Return the row as the preview answers it."""
        return cls(
            **asdict(ResultRow.of(entry.row)),
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
    # Of an order that lives it is a warning.
    of_order = row.order.error if row.order is not None and row.order.is_terminal else None
    words = row.error or of_order
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
    order = row.order or row.kept  # what is true of a kept order is true for its new target
    warnings = row.warnings + (shown_warnings(order) if order else ())
    return tuple(dict.fromkeys(warnings)) or UNSET


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
