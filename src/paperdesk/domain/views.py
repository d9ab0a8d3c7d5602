"""What the service answers with, apart from batches.

Owns: the values that the desk hands to the API: positions, accounts, previews, cancels,
health. Knows nothing of JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paperdesk.domain.batch import Row
from paperdesk.domain.limits import UNLIMITED, Limits
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, OrderId, Symbol


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


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account of the caller's key."""

    account_id: AccountId
    default: bool
    connected: bool
    reason: str | None
    net_liquidation: Decimal | None
    locks: tuple[Lock, ...] = ()
    limits: Limits = UNLIMITED


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


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The answer to a cancel of a batch: one row for every order of it."""

    batch_id: BatchId
    rows: tuple[CancelRow, ...]
