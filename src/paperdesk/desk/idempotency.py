"""One request per idempotency key.

Owns: Keys and Slot: a key is claimed while its first request runs, and its first answer is
replayed ever after. Knows nothing of what an answer looks like.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from paperdesk.desk.ports import KeyRecord, Ledger
from paperdesk.domain.batch import Batch
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import BatchId, ClientName
from paperdesk.errors import IdempotencyInProgress, IdempotencyMismatch, LedgerUnavailable

UNSTORED_MAX: Final = 1_000  # more are accepted in no outage: then nothing is


class Slot:
    """A claimed key. Leaving the context releases it.

    `answer` is the stored first answer, to be replayed. `replayed_batch` is the batch of a
    process that died before it stored one: the answer is built from it, once.
    """

    def __init__(self, keys: Keys, identity: tuple[ClientName, str], fingerprint: str) -> None:
        self._keys = keys
        self._identity = identity
        self.fingerprint = fingerprint
        self.answer: bytes | None = None
        self.replayed_batch: Batch | None = None
        self.accepted: Batch | None = None

    @property
    def key(self) -> str:
        """The key as the client sent it."""
        return self._identity[1]

    @property
    def batch_id(self) -> BatchId:
        """The batch of the first request. There must be one."""
        batch = self.accepted or self.replayed_batch
        assert batch is not None
        return batch.head.batch_id

    async def remember(self, answer: bytes) -> None:
        """Store the first answer. Call it before the answer leaves.

        Raises LedgerUnavailable; then it is replayed all the same, while this process lives.
        """
        await self._keys.store(self.batch_id, answer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._keys.release(self._identity)


class Keys:
    """The keys whose first request runs in this process."""

    def __init__(self, ledger: Ledger, *, patience_seconds: float) -> None:
        self.ledger = ledger
        self._patience_seconds = patience_seconds
        self._running: dict[tuple[ClientName, str], asyncio.Event] = {}
        self._unstored: dict[BatchId, bytes] = {}

    async def claim(self, client: Client, key: str, fingerprint: str) -> Slot:
        """Claim a key, waiting for a first request that still runs.

        Raises IdempotencyInProgress where it runs for too long, and IdempotencyMismatch
        where the key was used with another body.
        """
        identity = (client.name, key)
        try:
            async with asyncio.timeout(self._patience_seconds):
                while identity in self._running:
                    await self._running[identity].wait()
        except TimeoutError:
            raise IdempotencyInProgress(
                "the first request with this Idempotency-Key is still running: ask again",
                retry_after_seconds=1,
            ) from None
        self._running[identity] = asyncio.Event()
        try:
            return await self._slot(identity, fingerprint)
        except BaseException:
            self.release(identity)
            raise

    def release(self, identity: tuple[ClientName, str]) -> None:
        """Let the next request with the key go on."""
        self._running.pop(identity).set()

    async def store(self, batch_id: BatchId, answer: bytes) -> None:
        """Store a first answer, or keep it until it is asked for. Raises LedgerUnavailable."""
        try:
            await self.ledger.remember_answer(batch_id, answer)
        except LedgerUnavailable:
            self._unstored[batch_id] = answer
            if len(self._unstored) > UNSTORED_MAX:
                del self._unstored[next(iter(self._unstored))]
            raise

    async def _slot(self, identity: tuple[ClientName, str], fingerprint: str) -> Slot:
        slot = Slot(self, identity, fingerprint)
        record = await self.ledger.key_record(*identity)
        if record is None:
            return slot
        if record.fingerprint != fingerprint:
            raise IdempotencyMismatch(
                "this Idempotency-Key was used with another body: use a new key"
            )
        await self._fill(slot, record)
        return slot

    async def _fill(self, slot: Slot, record: KeyRecord) -> None:
        slot.answer = record.answer
        kept = self._unstored.pop(record.batch_id, None)
        if record.answer is None and kept is not None:
            slot.answer = kept
            with suppress(LedgerUnavailable):
                await self.store(record.batch_id, kept)
        elif record.answer is None:
            slot.replayed_batch = await self.ledger.batch(record.batch_id)
