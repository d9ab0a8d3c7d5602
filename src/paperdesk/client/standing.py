"""How the service stands, as typed objects: accounts, halts, gateways, the simulated market.

Owns: the fields of these answers, as `results` owns those of orders and holdings. Knows nothing of
how they are asked for.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from msgspec import Struct

from paperdesk.client.results import Listing, Order


class Halt(Struct, frozen=True, kw_only=True):
    """A halt that holds an account; `account_id` None holds them all."""

    account_id: str | None
    mode: str
    by: str
    since: datetime
    reason: str


class Lock(Struct, frozen=True, kw_only=True):
    """A symbol that is not traded until its open question is answered; `*` is the account."""

    symbol: str
    reason: str
    since: datetime
    position: int | None = None
    broker_position: int | None = None


class Account(Struct, frozen=True, kw_only=True):
    """An account of the key."""

    account_id: str
    type: str
    default: bool
    connected: bool
    reason: str | None = None
    halted: bool
    net_liquidation: Decimal | None = None
    halt: Halt | None = None
    locks: tuple[Lock, ...] = ()
    limits: dict[str, Any]
    limits_source: str | None = None


class Accounts(Listing[Account], frozen=True, kw_only=True):
    """The accounts of the key."""

    _row: ClassVar[type[Struct]] = Account
    _rows: ClassVar[str] = "accounts"

    accounts: tuple[Account, ...]


class HaltedOrder(Struct, frozen=True, kw_only=True):
    """An order that a halt found."""

    symbol: str
    batch_id: str
    ibkr_order_id: int | None = None
    status: str


class Halted(Struct, frozen=True, kw_only=True):
    """The halt stands: no new order leaves."""

    account_id: str | None
    halted: bool
    mode: str
    by: str
    since: datetime
    reason: str
    cancelled: tuple[HaltedOrder, ...]
    still_working: tuple[HaltedOrder, ...]


class Resumed(Struct, frozen=True, kw_only=True):
    """The halt is over. `halt` is another one that still stands."""

    account_id: str | None
    halted: bool
    halt: Halt | None = None


class NotClosed(Struct, frozen=True, kw_only=True):
    """Something that a flatten leaves as it is."""

    symbol: str
    quantity: Decimal
    reason: str


class Flattened(Struct, frozen=True, kw_only=True):
    """The account is halted but for what reduces, and everything in it is being closed."""

    batch_id: str | None
    account_id: str
    submitted_at: datetime
    halt: Halt
    results: tuple[Order, ...]
    cancelled: tuple[HaltedOrder, ...]
    still_working: tuple[HaltedOrder, ...]
    locked: tuple[NotClosed, ...]
    not_flat: tuple[NotClosed, ...]
    warnings: tuple[str, ...] = ()


class Health(Struct, frozen=True, kw_only=True):
    """The process answers; per account, whether its broker session is up."""

    status: str
    accounts: dict[str, bool]
    problem: str | None = None


class Session(Struct, frozen=True, kw_only=True):
    """The market's session."""

    is_open: bool
    opens_at: datetime | None = None
    closes_at: datetime | None = None


class GatewayState(Struct, frozen=True, kw_only=True):
    """One gateway of the service."""

    gateway: str
    is_up: bool
    reason: str | None = None
    since: datetime | None = None
    phase: str | None = None
    next_try: datetime | None = None
    reset_until: datetime | None = None
    accounts: dict[str, bool] = {}
    requests_per_second: float | None = None
    max_requests_per_second: int | None = None


class Status(Struct, frozen=True, kw_only=True):
    """The service at a glance; `environment` is "simulated" or "paper"."""

    environment: str
    version: str
    server_time: datetime
    head_id: int = 0
    gateways: tuple[GatewayState, ...] = ()
    session: Session | None = None
    halted: Any = None


class Simulated(Struct, frozen=True, kw_only=True):
    """What is set in the simulated gateway."""

    price: dict[str, Any] | None = None
    faults: tuple[str, ...] = ()
    struck: int = 0
