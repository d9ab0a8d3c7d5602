"""What the gateway says: evidence, not truth.

Owns: the report types, in our words. What follows from a report is in `reconcile`. Knows
nothing of the wire: `broker.translate` makes reports from raw fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from paperdesk.domain.execution import Execution
from paperdesk.domain.vocabulary import (
    AccountId,
    ConId,
    ExecId,
    OrderId,
    OrderRef,
    PermId,
    Side,
)


class Told(StrEnum):
    """The status that a report names."""

    ACKNOWLEDGED = "acknowledged"  # the gateway has it, nothing more: PendingSubmit and kin
    PRE_SUBMITTED = "pre_submitted"
    SUBMITTED = "submitted"
    INACTIVE = "inactive"  # refused, or held: only a second piece of evidence tells which
    CANCELLED = "cancelled"
    FILLED = "filled"


class Effect(StrEnum):
    """What an error code does to the order it names, or to the account."""

    REJECTED = "rejected"
    CANCELLED = "cancelled"
    INFORMATION = "information"
    AMBIGUOUS = "ambiguous"  # says nothing certain: an answer to a cancel, or unlisted
    LOCKS_ACCOUNT = "locks_account"  # the broker may trade there by itself: names no order


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An open order (`openOrder`). Carries our reference; `quantity` as the broker has it.

    Anybody's order: `order_type` is the wire's word (MKT, LMT, STP, TRAIL and more), and
    `limit_price` is None where the type has none. `has_conditions` tells whether it may wait
    for another price, a time or the like.
    """

    order_ref: OrderRef
    client_id: int
    order_id: OrderId
    perm_id: PermId
    account: AccountId
    conid: ConId
    quantity: Decimal
    told: Told
    symbol: str
    side: Side
    order_type: str
    limit_price: Decimal | None = None
    has_conditions: bool = False


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A change of status (`orderStatus`). Carries no reference."""

    client_id: int
    order_id: OrderId
    perm_id: PermId
    told: Told
    filled: Decimal
    why_held: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """A trade (`execDetails`), live or from a snapshot."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class CommissionReport:
    """The commission of one execution. `commission` is None where the broker sent "unset"."""

    exec_id: ExecId
    commission: Decimal | None
    currency: str
    realized_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class CompletedReport:
    """A finished order of the day (`completedOrder`). Has no order id."""

    order_ref: OrderRef
    perm_id: PermId
    account: AccountId
    conid: ConId
    told: Told
    filled: Decimal
    words: str


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error or notice. `request_id` is an order id, a request id, or -1."""

    request_id: int
    code: int
    words: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class PositionReport:
    """A position as the broker has it: evidence for a break, never the position itself."""

    account: AccountId
    conid: ConId
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    avg_cost: Decimal


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One order of a complete read of open orders, and how much of it has traded.

    `report.told` is the newest word of the read: an order that ended while the list was told
    is still in it.
    """

    report: OrderReport
    filled: Decimal

    @property
    def leaves(self) -> Decimal:
        """Shares that may still trade."""
        if self.report.told in {Told.FILLED, Told.CANCELLED}:
            return Decimal(0)
        return max(self.report.quantity - self.filled, Decimal(0))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the gateway answered in one session, every list to its end.

    `begun_at` is before the first request left, `ended_at` after the last end came. Open orders
    are read twice, around the others, so that an order that moves from one list to another
    meanwhile is in one of them. `executions` says how many were told: each was recorded.
    """

    session: int
    begun_at: datetime
    ended_at: datetime
    open_before: tuple[OpenOrder, ...] = ()
    completed: tuple[CompletedReport, ...] = ()
    executions: int = 0
    open_after: tuple[OpenOrder, ...] = ()
    positions: tuple[PositionReport, ...] = ()


Report = (
    OrderReport
    | StatusReport
    | ExecutionReport
    | CommissionReport
    | CompletedReport
    | ErrorReport
    | PositionReport
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message of the gateway: its raw fields, and what we make of it, if anything.

    `gateway` names the session's gateway and `client_id` the id it is connected with, so that
    an order id has a meaning; `version` is of the protocol, by which the fields are laid out.
    A message that cannot be decoded has no report and is kept.
    """

    at: datetime
    gateway: str
    client_id: int
    fields: tuple[str, ...]
    report: Report | None
    version: int = 0
