"""A batch of targets and what became of each.

Owns: Target (what was asked), Row (what became of it) and Batch. Knows nothing of JSON: the
bodies are in `paperdesk.wire`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from paperdesk.domain.order import Order, ShownStatus, shown_status
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    OrderId,
    Symbol,
    TimeInForce,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A signed position wanted. `requested_symbol` is the caller's spelling where it differs."""

    symbol: Symbol
    quantity: int
    limit_price: Decimal | None = None
    expected_price: Decimal | None = None
    tolerance_pct: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    outside_rth: bool = False
    requested_symbol: str | None = None


class ErrorCode(StrEnum):
    """Why a row has no order, or why its order ended: `error_code` of the contract."""

    UNKNOWN_SYMBOL = "unknown-symbol"
    AMBIGUOUS_SYMBOL = "ambiguous-symbol"
    LIMIT = "limit"
    LOCKED = "locked"
    HALTED = "halted"
    EXPIRED = "expired"
    STALE_TARGET = "stale-target"
    NOT_PLACED = "not-placed"
    REJECTED = "rejected"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is refused before an order of it was sent."""

    code: ErrorCode
    words: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person says of an order that stayed unknown.

    `filled_qty` None: it was never placed. Else that many shares were filled, at `price`.
    """

    symbol: Symbol
    filled_qty: int | None = None
    price: Decimal | None = None


class Outcome(StrEnum):
    """How far a target has come."""

    PENDING = "pending"  # accepted, not planned yet
    ORDERED = "ordered"  # an order exists; its state tells the rest
    NO_CHANGE = "no_change"  # nothing to trade
    ERROR = "error"  # refused before an order existed
    WITHDRAWN = "withdrawn"  # dropped by a cancel before an order existed


@dataclass(frozen=True, slots=True)
class Successor:
    """The newer target that took an order's or a row's place, and its order, once sent."""

    batch_id: BatchId
    order_id: OrderId | None


@dataclass(frozen=True, slots=True)
class Row:
    """One target of a batch, in request order, and what became of it.

    `kept` is an older order that serves this row. `superseded` are the orders that had to end
    before this row could trade; `superseded_by` is what took this row's place in turn.
    `kept_by` is the newer batch that keeps this row's order, its own or the one it kept.
    """

    seq: int
    target: Target
    outcome: Outcome = Outcome.PENDING
    conid: ConId | None = None
    current_pos: int | None = None
    working_qty: int = 0
    delta: int | None = None
    order: Order | None = None
    error: str | None = None
    error_code: ErrorCode | None = None
    warnings: tuple[str, ...] = ()
    foreign_qty: int = 0
    kept: Order | None = None
    kept_by: BatchId | None = None
    superseded: tuple[OrderId, ...] = ()
    superseded_by: Successor | None = None
    is_unlisted: bool = False

    @property
    def status(self) -> ShownStatus:
        """The status a caller sees."""
        match self.outcome:
            case Outcome.PENDING:
                return ShownStatus.PENDING_SUBMIT
            case Outcome.NO_CHANGE:
                return ShownStatus.NO_CHANGE
            case Outcome.ERROR:
                return ShownStatus.ERROR
            case Outcome.WITHDRAWN:
                return ShownStatus.CANCELLED
            case Outcome.ORDERED:
                assert self.order is not None
                return shown_status(self.order)

    @property
    def is_final(self) -> bool:
        """Tell whether the row can only change by a late arrival."""
        if self.outcome is Outcome.ORDERED:
            assert self.order is not None
            return self.order.is_terminal
        if self.kept is not None:
            return self.kept.is_terminal
        return self.outcome is not Outcome.PENDING

    @property
    def is_on_target(self) -> bool:
        """Tell whether the position wanted was reached when the row ended.

        Where orders placed elsewhere were counted, they had still to fill: it was not.
        """
        if self.foreign_qty:
            return False
        order = self.order or self.kept
        if order is not None:
            return order.filled_qty == order.quantity
        return self.outcome is Outcome.NO_CHANGE


@dataclass(frozen=True, slots=True)
class BatchHead:
    """What a list of batches shows."""

    batch_id: BatchId
    account_id: AccountId
    client: ClientName
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """The targets of one request and the orders from them."""

    head: BatchHead
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()

    @property
    def is_withdrawn(self) -> bool:
        """Tell whether a cancel is over: what another batch keeps goes on working."""
        return all(row.is_final or row.kept_by is not None for row in self.rows)

    @property
    def is_final(self) -> bool:
        """Tell whether every row is final."""
        return all(row.is_final for row in self.rows)
