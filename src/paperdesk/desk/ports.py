"""The doors to the world, in the desk's words.

Owns: the protocols Clock, Random, Executor, Ledger and Broker, and the values that pass
through them. Nothing but their implementations reads time or randomness, starts a thread,
touches a database or a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from paperdesk.domain.batch import Batch, BatchHead, Refusal, Target
from paperdesk.domain.contract import Contract
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.hours import SessionHours
from paperdesk.domain.order import Order
from paperdesk.domain.planning import Goal, Plan
from paperdesk.domain.position import Adjustment
from paperdesk.domain.reports import OpenOrder, PositionReport, Reading, Recorded
from paperdesk.domain.views import Holding, Positions
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    OrderId,
    OrderRef,
    Symbol,
)

T = TypeVar("T")


class Clock(Protocol):
    """The only reader of the time of day."""

    def now(self) -> datetime:
        """Return the present time, in UTC."""


class Random(Protocol):
    """The only source of chance."""

    def token_hex(self, digits: int) -> str:
        """Return `digits` random lowercase hex digits."""


class Executor(Protocol):
    """The only way to run what blocks. One call at a time, in order of submission."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` and return what it returns, or raise what it raises."""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What T0 writes: a batch, its targets, and the idempotency key it was posted with."""

    head: BatchHead
    targets: tuple[Target, ...]
    key: str | None
    fingerprint: str | None
    send_before: datetime  # nothing of it is sent at or after this instant


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
    """What a group of messages changed."""

    batches: frozenset[BatchId]
    accounts: frozenset[AccountId]


class Ledger(Protocol):
    """The durable record, and the truth. Each method is one transaction.

    Every method raises LedgerUnavailable where the database cannot be read or written; then
    nothing of the call is stored.
    """

    async def close(self) -> None:
        """Release the ledger to its next owner."""

    async def check_writable(self) -> None:
        """Return where a write would succeed now."""

    # -- T0: accepting ---------------------------------------------------------------------
    async def accept(self, new: NewBatch) -> None:
        """Store batch, targets and key in one commit."""

    async def key_record(self, client: ClientName, key: str) -> KeyRecord | None:
        """Return what `client` used `key` for, None where it did not."""

    async def remember_answer(self, batch_id: BatchId, answer: bytes) -> None:
        """Store the first answer to the batch's key. A later one changes nothing."""

    # -- T1: planning ----------------------------------------------------------------------
    async def plan(
        self, batch_id: BatchId, goals: Sequence[Goal], decide: Decide, at: datetime
    ) -> Plan:
        """Decide on goals whose row is still pending, and write intents and rows.

        An intent on the contract that is not claimed yet gives way to the newer target.
        Returns what was decided; a decision that waits leaves its row pending.
        """

    async def preview(self, account: AccountId, goals: Sequence[Goal], decide: Decide) -> Plan:
        """Decide as `plan` would, and write nothing."""

    async def refuse(self, batch_id: BatchId, refusals: Mapping[int, Refusal]) -> None:
        """End rows (by seq) that are still pending, and intents of theirs not yet claimed."""

    async def warn(self, batch_id: BatchId, seqs: Collection[int], warning: str) -> None:
        """Add a warning to rows."""

    # -- T2: claiming ----------------------------------------------------------------------
    async def claim(self, claims: Sequence[Claim], line: Line, at: datetime) -> list[Order]:
        """Claim intents for sending; return those won, in the order given.

        `line.day_ends_at` becomes the end of a DAY order's time.

        Not won: one that is no longer planned, whose target is not the newest on its
        contract (it is dropped), or that belongs to another owner's epoch.
        """

    async def not_sent(self, why: Mapping[OrderRef, str], at: datetime) -> None:
        """Record of claimed intents that no byte was handed to a live connection, and why."""

    # -- T3: learning ----------------------------------------------------------------------
    async def learn(self, messages: Sequence[Recorded]) -> Learned:
        """Append raw messages and fold what they report, in one commit."""

    async def lost(
        self, accounts: Collection[AccountId], sent_before: datetime, at: datetime
    ) -> Learned:
        """Mark orders without any answer, sent before an instant, as unknown."""

    # -- cancelling ------------------------------------------------------------------------
    async def ask_cancel(self, batch_id: BatchId, at: datetime) -> list[Order]:
        """Withdraw a batch's targets; drop what is unsent; return orders to cancel."""

    async def cancels_asked(self, accounts: Collection[AccountId]) -> list[Order]:
        """Return orders that still may trade and whose cancel was asked."""

    # -- reading ---------------------------------------------------------------------------
    async def batch(self, batch_id: BatchId) -> Batch | None:
        """Return a batch with the present state of every order."""

    async def unsent(self, batch_id: BatchId) -> list[int]:
        """Return the rows (by seq) of a batch whose intent nobody has claimed."""

    async def batches(
        self, accounts: Collection[AccountId], client: ClientName | None, page: Page
    ) -> list[tuple[int, BatchHead]]:
        """Return batches with their listing numbers, newest first."""

    async def open_batches(self) -> list[OpenBatch]:
        """Return batches with a row that is not final, oldest first."""

    async def executions(self, which: ExecutionFilter, page: Page) -> list[BookedExecution]:
        """Return executions, newest first."""

    async def working(self, account: AccountId) -> list[Order]:
        """Return the account's orders that may still trade or are unknown."""

    async def positions(self, account: AccountId) -> dict[ConId, tuple[Symbol, int]]:
        """Return opening position plus own executions, by conid, zeros included."""

    async def busy(self, account: AccountId, filled_since: datetime) -> set[ConId]:
        """Return contracts with a live own order, or an own execution since an instant."""

    async def adopt(
        self,
        account: AccountId,
        changes: Sequence[Adjustment],
        symbols: Mapping[ConId, Symbol],
        at: datetime,
    ) -> None:
        """Change opening positions so that ours equal the broker's."""

    async def max_order_id(self, gateway: str, client_id: int) -> OrderId:
        """Return the largest order id ever claimed or seen on a line, 0 for none."""

    async def contracts(self, symbols: Collection[Symbol]) -> dict[Symbol, Contract]:
        """Return the contracts cached under these symbols."""

    async def save_contract(self, symbol: Symbol, contract: Contract, at: datetime) -> None:
        """Cache what a symbol means."""

    async def snapshot(self, account: AccountId) -> Positions | None:
        """Return the account's last stored positions answer."""

    async def save_snapshot(self, positions: Positions) -> None:
        """Store the account's newest positions answer."""


class Decide(Protocol):
    """`planning.plan`, called inside the transaction that writes what it decides."""

    def __call__(
        self, goals: Sequence[Goal], positions: Mapping[ConId, int], working: Sequence[Order]
    ) -> Plan:
        """Return the plan."""


class NotSent(Exception):
    """No byte of the frame was handed to a live connection. Carries why."""


class LineDown(Exception):
    """The gateway's session is down, or went down before it answered. Carries why."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A snapshot quote; a side without one is None."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


class Broker(Protocol):
    """The session with one gateway, kept up for as long as it runs.

    What the gateway says reaches the desk through `BrokerListener`, in the gateway's order.
    """

    @property
    def name(self) -> str:
        """`host:port`, the gateway's name in the ledger."""

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """The accounts configured for this gateway."""

    @property
    def named(self) -> tuple[AccountId, ...]:
        """Those of `accounts` that the present session names."""

    @property
    def line(self) -> Line | None:
        """The present session once it is ready to send, else None."""

    @property
    def problem(self) -> str | None:
        """Why the session is shut for good (the paper guard), None while it is not."""

    def is_up(self, account: AccountId) -> bool:
        """Tell whether the session is ready and names the account."""

    def reason(self, account: AccountId) -> str | None:
        """Say why the account is not up, None where it is."""

    async def run(self, listener: BrokerListener) -> None:
        """Keep the session up until cancelled."""

    def next_order_id(self) -> OrderId:
        """Return a fresh order id, larger than every one before it. Raises NotSent."""

    def place(self, order: Order, contract: Contract) -> None:
        """Send a claimed order: one frame. Raises NotSent."""

    def cancel(self, order: Order) -> None:
        """Send a cancel: one frame. Raises NotSent."""

    def orders_sent(self, account: AccountId) -> int:
        """Return how many placeOrder frames were written for the account since the start."""

    async def read_all(self) -> Reading:
        """Read every list to its end: open orders, completed, executions, open again, positions.

        Of all clients and all accounts. Every message reaches the listener too, and first.
        Raises LineDown unless every end came, in one session: there is no part of a reading.
        """

    async def read_holdings(self) -> Reading:
        """Read executions, then positions; the other lists are empty. Raises LineDown."""

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all open orders of every client, in one complete read. Raises LineDown."""

    def account_day(self, at: datetime) -> date:
        """Return the day that `at` falls on where the gateway keeps its hours."""

    async def find_contracts(self, symbol: Symbol) -> tuple[Contract, ...]:
        """Return every USD stock or ETF of that symbol; () for none. Raises LineDown."""

    async def candidates(self, text: str) -> tuple[str, ...]:
        """Return symbols like `text`, the best first. Raises LineDown."""

    async def quote(self, contract: Contract) -> Quote | None:
        """Return a snapshot quote, delayed accepted, None for none. Raises LineDown."""

    async def hours(self) -> SessionHours:
        """Return the gateway's own session hours, asked once a day. Raises LineDown."""

    async def refresh_portfolio(self, account: AccountId) -> None:
        """Bring market prices of the account's holdings up to date. Raises LineDown."""

    def positions(self, account: AccountId) -> Mapping[ConId, PositionReport]:
        """Return what the gateway last said it holds."""

    def portfolio(self, account: AccountId) -> Mapping[ConId, Holding]:
        """Return what the gateway last said of prices and profits."""

    def net_liquidation(self, account: AccountId) -> Decimal | None:
        """Return the account's net liquidation value, None until told."""


class BrokerListener(Protocol):
    """What a session calls. None of these may block."""

    def heard(self, message: Recorded) -> None:
        """Take one message; it is in the ledger when `caught_up` returns."""

    def sent_frame(self) -> None:
        """Take note that one frame left, whatever it was."""

    def room(self) -> AbstractAsyncContextManager[None]:
        """Return what to enter for one frame that must not starve; it leaves inside.

        For the heartbeat and for whole reads, which come before orders.
        """

    def too_fast(self) -> None:
        """Take note that the gateway called our pace too fast (error 100)."""

    async def highest_order_id(self, gateway: str, client_id: int) -> OrderId:
        """Return below which order ids must not fall. Called before each connect."""

    async def synced(self, broker: Broker) -> None:
        """Bring the ledger up to the session's first complete reads, before it is ready."""

    def changed(self, broker: Broker) -> None:
        """Take note that the session came up or went down."""

    async def went_down(self, broker: Broker) -> None:
        """Close the books of a session that ended."""
