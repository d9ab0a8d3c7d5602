"""A desk for tests that are about HTTP alone.

Owns: DeskDouble, which answers with what a test gives it and remembers what it was asked, and
the other ports that the API needs. The real desk has its own tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from paperdesk.desk.idempotency import Keys, Slot
from paperdesk.desk.ports import KeyRecord, Ledger
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
from paperdesk.errors import NotFound, PaperdeskError
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


class KeyLedger:
    """What the real idempotency keys need of a ledger, in memory."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], KeyRecord] = {}
        self.refusal: PaperdeskError | None = None
        self.stored: Batch | None = None

    def accept(self, client: Client, slot: Slot, batch: Batch) -> None:
        self.stored = slot.accepted = batch
        record = KeyRecord(batch.head.batch_id, slot.fingerprint, None)
        self.records[client.name, slot.key] = record

    async def key_record(self, client: ClientName, key: str) -> KeyRecord | None:
        return self.records.get((client, key))

    async def remember_answer(self, batch_id: BatchId, answer: bytes) -> None:
        if self.refusal is not None:
            raise self.refusal
        for identity, record in self.records.items():
            if record.batch_id == batch_id:
                self.records[identity] = replace(record, answer=answer)

    async def batch(self, batch_id: BatchId) -> Batch | None:
        return self.stored


@dataclass
class DeskDouble:
    """Answers with its attributes; `raises` is raised by everything that does I/O."""

    current: Batch = field(default_factory=make_batch)
    raises: Exception | None = None
    is_ready: bool = True
    calls: list[tuple[object, ...]] = field(default_factory=list)
    ledger: KeyLedger = field(default_factory=KeyLedger)

    def __post_init__(self) -> None:
        self._keys = Keys(cast("Ledger", self.ledger), patience_seconds=0.01)

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
        slot: Slot | None,
    ) -> Batch:
        self._called("submit", client.name, account, targets, wait_seconds)
        if slot is not None:
            self.ledger.accept(client, slot, self.current)
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

    async def claim_key(self, client: Client, key: str, fingerprint: str) -> Slot:
        self._called("claim_key", client.name, key)
        return await self._keys.claim(client, key, fingerprint)
