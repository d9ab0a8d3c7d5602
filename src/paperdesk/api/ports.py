"""The door to the desk, in the API's words.

Owns: the protocol Desk, which `paperdesk.desk` fulfils. Knows nothing of how.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paperdesk.desk.idempotency import Slot
from paperdesk.domain.batch import Batch, BatchHead, Target
from paperdesk.domain.client import Client
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.views import (
    AccountView,
    Cancellation,
    Health,
    Positions,
    Preview,
    Readiness,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Symbol


class Desk(Protocol):
    """What can be asked of the desk."""

    def health(self) -> Health:
        """Return at once, without any I/O."""

    async def readiness(self) -> Readiness:
        """Return whether traffic may be sent here."""

    async def submit(
        self,
        client: Client,
        account: AccountId,
        targets: tuple[Target, ...],
        *,
        wait_seconds: float | None,
        slot: Slot | None,
    ) -> Batch:
        """Accept a batch. Raises BrokerUnavailable, TooManyRequests, LedgerUnavailable."""

    async def preview(
        self, client: Client, account: AccountId, targets: tuple[Target, ...]
    ) -> Preview:
        """Return what `submit` would send. Raises BrokerUnavailable."""

    async def batch(
        self, client: Client, batch_id: BatchId, *, wait_seconds: float = 0
    ) -> Batch:
        """Return a batch, final or after the wait. Raises NotFound."""

    async def batches(
        self,
        client: Client,
        *,
        account: AccountId | None,
        of_client: ClientName | None,
        limit: int,
        before: int | None,
    ) -> tuple[tuple[BatchHead, ...], int | None]:
        """Return a page of batches, newest first, and where the next one begins."""

    async def cancel(self, client: Client, batch_id: BatchId) -> Cancellation:
        """Withdraw a batch. Raises NotFound."""

    async def positions(self, account: AccountId, *, allow_stale: bool) -> Positions:
        """Return the positions. Raises BrokerUnavailable unless `allow_stale`."""

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
        """Return a page of executions, newest first, and where the next one begins."""

    async def accounts(self, client: Client) -> tuple[AccountView, ...]:
        """Return the accounts of the client's key."""

    async def claim_key(self, client: Client, key: str, fingerprint: str) -> Slot:
        """Claim an idempotency key, after a running first request has ended.

        Raises IdempotencyInProgress and IdempotencyMismatch.
        """
