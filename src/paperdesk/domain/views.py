"""What the service answers with, apart from batches.

Owns: the values that the desk hands to the API: positions, accounts, previews, cancels,
health. Knows nothing of JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from paperdesk.domain.batch import Batch, Outcome, Row
from paperdesk.domain.halt import Halt
from paperdesk.domain.limits import UNLIMITED, Limits
from paperdesk.domain.order import OrderState, ShownStatus, shown_status
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    LinePhase,
    OrderId,
    OrderRef,
    Symbol,
)


@dataclass(frozen=True, slots=True)
class Holding:
    """A position as shown. The last three come from the broker and are None until known."""

    conid: ConId
    symbol: Symbol
    quantity: int
    avg_cost: Decimal | None = None
    market_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OtherHolding:
    """Something held that is no USD stock or ETF, and so is never traded here."""

    conid: ConId
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    avg_cost: Decimal


@dataclass(frozen=True, slots=True)
class Positions:
    """All non-zero positions of an account, by symbol."""

    account_id: AccountId
    holdings: tuple[Holding, ...]
    others: tuple[OtherHolding, ...]
    net_liquidation: Decimal | None
    updated_at: datetime
    stale: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """A symbol that is not traded until its open question is answered."""

    symbol: Symbol
    reason: str
    since: datetime
    ours: int | None = None  # the position by our books, and by the broker's
    broker: int | None = None
    is_break: bool = False  # it clears itself when both agree again


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account of the caller's key. A lock on the whole account has the symbol `*`."""

    account_id: AccountId
    default: bool
    connected: bool
    reason: str | None
    net_liquidation: Decimal | None
    locks: tuple[Lock, ...] = ()
    halt: Halt | None = None
    limits: Limits = UNLIMITED
    are_limits_set_by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Per configured account whether its session is up, and a latched guard's problem."""

    accounts: Mapping[AccountId, bool]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the ledger can be written and an account is up."""

    ledger_writable: bool
    account_up: bool

    @property
    def is_ready(self) -> bool:
        """Tell whether an orchestrator may send traffic."""
        return self.ledger_writable and self.account_up


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row as it would be answered, and its notional at the reference price."""

    row: Row
    reference_price: Decimal | None
    estimated_notional: Decimal | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The exact orders that would be sent now. Nothing was sent or stored as an order."""

    account_id: AccountId
    rows: tuple[PreviewRow, ...]
    estimated_send_seconds: Decimal
    preview_id: str | None = None  # None where a contract was not found: nothing to send
    warnings: tuple[str, ...] = ()

    @property
    def estimated_notional(self) -> Decimal | None:
        """Sum over the orders; None where one has no known price."""
        traded = [entry for entry in self.rows if entry.row.order is not None]
        notionals = [entry.estimated_notional for entry in traded]
        known = [notional for notional in notionals if notional is not None]
        return sum(known, Decimal(0)) if len(known) == len(traded) else None


@dataclass(frozen=True, slots=True)
class CancelRow:
    """What the cancel of one order came to. `cancelled` tells the state, not the deed."""

    symbol: Symbol
    order_id: OrderId | None
    cancelled: bool
    status: ShownStatus
    filled_qty: int
    cancel_requested: bool = False
    kept_by: BatchId | None = None  # a newer batch keeps the order: it was left alone


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The answer to a cancel of a batch: one row for every order of it."""

    batch_id: BatchId
    rows: tuple[CancelRow, ...]

    @classmethod
    def of(cls, batch: Batch, *, is_up: bool) -> Cancellation:
        """Return what a cancel of the batch came to; `is_up`: the broker can be told."""
        return cls(batch.head.batch_id, tuple(_cancel_rows(batch, is_up=is_up)))


def _cancel_rows(batch: Batch, *, is_up: bool) -> list[CancelRow]:
    """Return one row for every order of the batch, sent or not."""
    rows = []
    for row in batch.rows:
        order = row.order or row.kept
        was_refused = order is not None and order.state in _NEVER_SENT
        if was_refused or (order is None and row.outcome is not Outcome.WITHDRAWN):
            continue
        status = row.status if order is None else shown_status(order)
        is_waiting = order is not None and not order.is_terminal and row.kept_by is None
        rows.append(
            CancelRow(
                symbol=row.target.symbol,
                order_id=None if order is None else order.order_id,
                cancelled=status is ShownStatus.CANCELLED,
                status=status,
                filled_qty=0 if order is None else order.filled_qty,
                cancel_requested=is_waiting and not is_up,
                kept_by=row.kept_by,
            )
        )
    return rows


_NEVER_SENT: Final = frozenset({OrderState.LAPSED, OrderState.NOT_PLACED})


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """What an account was worth at a time."""

    at: datetime
    net_liquidation: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """What became of an account's orders that were sent from `since` on.

    `commission` is what is known so far; of `commission_missing` orders it is still to come.
    """

    since: datetime
    open: int
    filled: int
    cancelled: int
    rejected: int
    commission: Decimal
    commission_missing: int


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway as a client sees it: its own accounts, and how much leaves in a second."""

    name: str
    is_up: bool
    phase: LinePhase
    reason: str | None
    since: datetime
    next_try: datetime | None
    reset_until: datetime | None
    accounts: Mapping[AccountId, bool]
    frames_lately: int
    frames_max: int


@dataclass(frozen=True, slots=True)
class SessionView:
    """Whether the market is open, and until or from when; None where the hours are unknown."""

    is_open: bool | None
    opens_at: datetime | None
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServiceView:
    """How the service stands, as a client sees it."""

    at: datetime
    head_id: int
    gateways: tuple[GatewayView, ...]
    session: SessionView
    halts: Mapping[AccountId, Halt]


class TargetState(StrEnum):
    """How far the newest target of a symbol has come."""

    REACHED = "reached"
    WORKING = "working"  # an order works, or is about to
    SHORT = "short"  # its order ended, and the position is another
    WITHDRAWN = "withdrawn"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class TargetView:
    """The newest target of a symbol. `gap` = target - position; `reason` where it is open.

    `price` is what its caller reckoned with, if with any.
    """

    symbol: Symbol
    target: int
    position: int
    working_qty: int
    state: TargetState
    reason: str | None
    batch_id: BatchId
    client: ClientName
    set_at: datetime
    price: Decimal | None = None

    @property
    def gap(self) -> int:
        """Shares that are missing, with their sign."""
        return self.target - self.position


@dataclass(frozen=True, slots=True)
class Targets:
    """The newest target of every symbol of an account, by symbol."""

    account_id: AccountId
    rows: tuple[TargetView, ...]


@dataclass(frozen=True, slots=True)
class HaltedOrder:
    """An order that a halt found: what it is, and its status when the answer was sent."""

    symbol: Symbol
    batch_id: BatchId
    order_id: OrderId | None
    status: ShownStatus


@dataclass(frozen=True, slots=True)
class HaltView:
    """The answer to a halt: what ended by it, and what still works."""

    halt: Halt
    cancelled: tuple[HaltedOrder, ...]
    still_working: tuple[HaltedOrder, ...]


@dataclass(frozen=True, slots=True)
class NotClosed:
    """What a flatten leaves as it is, and why. `quantity` is signed."""

    symbol: str
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Flattening:
    """The answer to a flatten. `batch` closes the positions; None where there was nothing."""

    halt: Halt
    batch: Batch | None
    cancelled: tuple[HaltedOrder, ...]
    still_working: tuple[HaltedOrder, ...]
    locked: tuple[NotClosed, ...]
    not_flat: tuple[NotClosed, ...]


@dataclass(frozen=True, slots=True)
class AcceptedPosition:
    """A position that was taken over from the broker's books on a person's word."""

    symbol: Symbol
    ours: int
    broker: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One step of finding out what became of an order: a pass over the broker's lists.

    `shows` says in words what it showed; `is_complete` whether every list had its end.
    """

    at: datetime
    step: str
    shows: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """All that is known of how an order came to its state, in order of time."""

    symbol: Symbol
    order_ref: OrderRef
    order_id: OrderId | None
    status: ShownStatus
    findings: tuple[Finding, ...]
