"""A desk for tests that are about HTTP alone.

Owns: DeskDouble, which answers with what a test gives it and remembers what it was asked, and
the other ports that the API needs. The real desk has its own tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Self

from paperdesk.domain.batch import Batch, BatchHead, Target
from paperdesk.domain.client import Client
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.views import (
    AccountView,
    Cancellation,
    Health,
    Positions,
    Preview,
    PreviewRow,
    Readiness,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Symbol
from paperdesk.errors import IdempotencyMismatch, NotFound, PaperdeskError
from support.batches import ACCOUNT, BATCH, NOON, make_batch


class FixedClock:
    """Time stands still."""

    def now(self) -> datetime:
        return datetime(2026, 3, 9, 14, 30, tzinfo=UTC)


class CountingRandom:
    """Chance that counts."""

    def __init__(self) -> None:
        self._count = 0

    def token_hex(self, digits: int) -> str:
        self._count += 1
        return f"{self._count:0{digits}x}"


@dataclass
class SlotDouble:
    """A slot in the dictionary of its desk."""

    key: str
    remembered: dict[str, bytes]
    answer: bytes | None = None
    replayed_batch: Batch | None = None
    refusal: PaperdeskError | None = None
    released: bool = False

    async def remember(self, answer: bytes) -> None:
        if self.refusal:
            raise self.refusal
        self.remembered[self.key] = answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.released = True


@dataclass
class DeskDouble:
    """Answers with its attributes; `raises` is raised by everything that does I/O."""

    current: Batch = field(default_factory=make_batch)
    raises: Exception | None = None
    is_ready: bool = True
    replayed_batch: Batch | None = None
    remember_refusal: PaperdeskError | None = None
    calls: list[tuple[object, ...]] = field(default_factory=list)
    remembered: dict[str, bytes] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    slots: list[SlotDouble] = field(default_factory=list)

    def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self.raises is not None:
            raise self.raises

    def health(self) -> Health:
        return Health({ACCOUNT: True, AccountId("DUP203550"): False})

    async def readiness(self) -> Readiness:
        return Readiness(ledger_writable=True, account_up=self.is_ready)

    async def submit(
        self,
        client: Client,
        account: AccountId,
        targets: tuple[Target, ...],
        *,
        wait_seconds: float | None,
        slot: object,
    ) -> Batch:
        self._called("submit", client.name, account, targets, wait_seconds, slot)
        return self.current

    async def preview(
        self, client: Client, account: AccountId, targets: tuple[Target, ...]
    ) -> Preview:
        self._called("preview", client.name, account, targets)
        entries = tuple(
            PreviewRow(row, Decimal(150), Decimal(7500)) for row in self.current.rows
        )
        return Preview(account, entries, Decimal("0.02"))

    async def batch(
        self, client: Client, batch_id: BatchId, *, wait_seconds: float = 0
    ) -> Batch:
        self._called("batch", client.name, batch_id, wait_seconds)
        if batch_id != BATCH:
            raise NotFound(f"There is no batch {batch_id}.")
        return self.current

    async def batches(
        self,
        client: Client,
        *,
        account: AccountId | None,
        of_client: ClientName | None,
        limit: int,
        before: int | None,
    ) -> tuple[tuple[BatchHead, ...], int | None]:
        self._called("batches", client.name, account, of_client, limit, before)
        return (self.current.head,), (before or 100) - 1

    async def cancel(self, client: Client, batch_id: BatchId) -> Cancellation:
        self._called("cancel", client.name, batch_id)
        return Cancellation(batch_id, ())

    async def positions(self, account: AccountId, *, allow_stale: bool) -> Positions:
        self._called("positions", account, allow_stale)
        return Positions(account, (), (), None, NOON, stale=allow_stale)

    async def executions(
        self,
        account: AccountId | None,
        *,
        accounts: frozenset[AccountId],
        symbol: Symbol | None,
        since: datetime | None,
        limit: int,
        before: int | None,
        client: Client,
    ) -> tuple[tuple[BookedExecution, ...], int | None]:
        self._called("executions", account, accounts, symbol, since, limit, before)
        return (), None

    async def accounts(self, client: Client) -> tuple[AccountView, ...]:
        self._called("accounts", client.name)
        return ()

    async def claim_key(self, client: Client, key: str, fingerprint: str) -> SlotDouble:
        self._called("claim_key", client.name, key)
        if key in self.remembered and self.fingerprints[key] != fingerprint:
            raise IdempotencyMismatch("Another body.")
        self.fingerprints[key] = fingerprint
        slot = SlotDouble(
            key,
            self.remembered,
            answer=self.remembered.get(key),
            replayed_batch=self.replayed_batch,
            refusal=self.remember_refusal,
        )
        self.slots.append(slot)
        return slot
