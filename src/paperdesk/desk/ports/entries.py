"""What goes into the ledger, and what comes out of it.

Owns: the values of the desk's questions and orders to its ledger. Knows nothing of how one is
kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from paperdesk.desk.ports.meter import Moved
from paperdesk.domain.batch import Batch, BatchHead, Refusal, Target
from paperdesk.domain.client import SERVICE, Actor
from paperdesk.domain.events import Event, EventType
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import Order
from paperdesk.domain.planning import Goal, Plan, Situation
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    OrderId,
    OrderRef,
    Symbol,
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client asks for: targets of one account, and what holds for all of them.

    Nothing of it is sent at or after `valid_until`; a target as of an earlier time than the
    client's newest on the symbol is not applied; `closes_unlisted` sets target 0 for what is
    held by a target of this client and not listed, as far as its key may trade `symbols`.
    """

    account: AccountId
    targets: tuple[Target, ...]
    as_of: datetime | None = None
    valid_until: datetime | None = None
    closes_unlisted: bool = False
    symbols: frozenset[Symbol] | None = None


@dataclass(frozen=True, slots=True)
class SymbolStamp:
    """What a preview was computed from, of one symbol. Two are equal where nothing changed."""

    symbol: Symbol
    position: int
    working: tuple[tuple[OrderRef, int], ...]  # orders that are not settled, with their leaves
    target_id: int | None


Stamp = tuple[SymbolStamp, ...]


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What T0 writes: a batch, its targets, and the idempotency key it was posted with.

    Nothing of it is sent at or after `send_before`; `in_session` tells whether it was accepted
    while the market was open. It is accepted only where `expected`, if given, still holds. `by`
    is the client of `head` in this call of it.
    """

    head: BatchHead
    submission: Submission
    key: str | None
    fingerprint: str | None
    send_before: datetime
    in_session: bool = True
    expected: Stamp | None = None
    by: Actor = SERVICE


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What an idempotency key was used for. `answer` is None until the first one is stored."""

    batch_id: BatchId
    fingerprint: str
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """An accepted batch that is not final, as found at a start."""

    batch: Batch
    send_before: datetime
    in_session: bool = True
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch may have come, told at little cost.

    False is certain. True is not: a row may wait for an order of another batch.
    """

    is_answered: bool  # no row is still to be planned, sent or answered
    is_ended: bool  # no row is pending, no order of the batch may still trade


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a listing: newest first, at most `limit`, older than `before`."""

    limit: int
    before: int | None = None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions a listing shows."""

    accounts: Collection[AccountId]
    symbol: Symbol | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events of the stream a listener is told. None: whichever.

    `client` is whose batches it may see; what is of no batch alone everybody may.
    """

    accounts: frozenset[AccountId] | None = None
    client: ClientName | None = None
    types: frozenset[EventType] | None = None
    batch_id: BatchId | None = None


@dataclass(frozen=True, eq=False)
class EventPage:
    """The next events of the stream, in their order.

    Up to the number `upto` there are no others; `head` is the newest there is.
    """

    events: tuple[Event, ...]
    upto: int
    head: int


@dataclass(frozen=True, slots=True)
class SlippageFilter:
    """Which orders a slippage report is about, by the time they were sent; `until` is past it."""

    accounts: Collection[AccountId]
    client: ClientName | None = None
    symbol: Symbol | None = None
    batch_id: BatchId | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One intent to claim in T2, and the order id it will carry."""

    ref: OrderRef
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class Line:
    """Through which session intents are sent: gateway, client id, number of the session.

    `day_ends_at` is when a DAY order sent now will have had its time; None where not known.
    """

    gateway: str
    client_id: int
    session: int
    day_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """What a group of messages changed.

    `doubted` are orders of which the broker said something that settles nothing; `to_cancel`
    late arrivals, whose cancel is asked already; `moved` are orders that changed their state,
    `rejected` those that it refused just now.
    """

    batches: frozenset[BatchId]
    accounts: frozenset[AccountId]
    doubted: frozenset[OrderRef] = frozenset()
    to_cancel: tuple[Order, ...] = ()
    moved: tuple[Moved, ...] = ()
    rejected: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a halt found: what ended by it unsent, and what has left and may still trade."""

    halt: Halt
    dropped: tuple[Order, ...]
    working: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Targets of 0 for what is held and not listed, and what is held by others' targets."""

    targets: tuple[Target, ...]
    warnings: tuple[str, ...]


class Decide(Protocol):
    """`planning.plan`, called inside the transaction that writes what it decides."""

    def __call__(self, goals: Sequence[Goal], situation: Situation) -> Plan:
        """Return the plan."""


class JudgeClaim(Protocol):
    """The last judgement of an intent, inside the transaction that claims it."""

    @property
    def whole_accounts(self) -> Collection[AccountId]:
        """The accounts of which it must know every position."""

    def __call__(self, order: Order, situation: Situation) -> Refusal | None:
        """Return why the intent may not be sent, None where it may."""
