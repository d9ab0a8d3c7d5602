"""The ledger.

Owns: SqlLedger, the desk's Ledger port on a database: each method is one transaction, run by
the injected executor. What a transaction does is in `intents`, `learning` and `reading`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

import sqlalchemy as sa

from paperdesk.desk.ports import (
    Claim,
    Clock,
    Decide,
    ExecutionFilter,
    Executor,
    KeyRecord,
    Learned,
    Line,
    NewBatch,
    OpenBatch,
    Page,
)
from paperdesk.domain.batch import Batch, BatchHead, Refusal
from paperdesk.domain.contract import Contract
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.planning import Goal, Plan
from paperdesk.domain.position import Adjustment
from paperdesk.domain.reports import Recorded
from paperdesk.domain.views import Positions
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    OrderId,
    OrderRef,
    Symbol,
)
from paperdesk.errors import LedgerUnavailable, OutcomeUnknown
from paperdesk.ledger import engine, intents, learning, reading, rows, unsure
from paperdesk.ledger.schema import batches, contracts, owner, snapshots
from paperdesk.ledger.sqlite import open_sqlite
from paperdesk.ledger.upsert import upsert

T = TypeVar("T")

READ_BACK_SECONDS: Final = 1.0
READ_BACK_PAUSE_SECONDS: Final = 0.1


class SqlLedger:
    """The Ledger port on SQLite or PostgreSQL."""

    def __init__(
        self, owned: engine.Owned, executor: Executor, readers: Executor, clock: Clock
    ) -> None:
        self._owned = owned
        self._executor = executor
        self._readers = readers
        self._clock = clock

    @classmethod
    async def open(
        cls, url: str, executor: Executor, clock: Clock, *, readers: Executor | None = None
    ) -> SqlLedger:
        """Open the ledger as its only owner. Raises LedgerUnavailable.

        Questions that change nothing are asked through `readers`, where it is given, so that
        they do not stand in the way of what is sent and learnt.
        """
        at = clock.now()
        owned = await executor.run(lambda: open_owned(url, at))
        return cls(owned, executor, readers or executor, clock)

    async def close(self) -> None:
        """Release the ledger to its next owner."""
        # Each connection in its own thread: a reading that runs still must end first.
        await self._readers.run(self._owned.reader.dispose)
        await self._executor.run(self._owned.close)

    async def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        return await self._executor.run(lambda: self._owned.transact(work))

    async def _read(self, work: Callable[[sa.Connection], T]) -> T:
        return await self._readers.run(lambda: self._owned.read(work))

    async def check_writable(self) -> None:
        """Write something that changes nothing."""
        await self._transact(
            lambda c: c.execute(owner.update().values(epoch=owner.c.epoch)).rowcount
        )

    async def _read_back(self, question: Callable[[sa.Connection], T]) -> T:
        """Ask what became of a commit, for about a second. Raises OutcomeUnknown.

        Asked of the connection that writes: once there is one again, the session of the lost
        one has ended and its commit is decided. Another might ask too soon.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + READ_BACK_SECONDS
        while True:
            try:
                return await self._transact(question)
            except LedgerUnavailable as error:
                if now() >= deadline:
                    raise OutcomeUnknown(
                        "the ledger was lost while it stored this, and cannot be asked whether "
                        "it did: ask again with the same Idempotency-Key"
                    ) from error
            await asyncio.sleep(READ_BACK_PAUSE_SECONDS)

    async def accept(self, new: NewBatch) -> None:
        """T0."""
        try:
            await self._transact(lambda c: intents.accept(c, new))
        except engine.CommitUnknown:
            batch_id = new.head.batch_id
            if not await self._read_back(lambda c: unsure.is_accepted(c, batch_id)):
                raise

    async def key_record(self, client: ClientName, key: str) -> KeyRecord | None:
        """Return what a key was used for."""
        return await self._read(lambda c: reading.key_record(c, client, key))

    async def remember_answer(self, batch_id: BatchId, answer: bytes) -> None:
        """Store the first answer."""
        await self._transact(
            lambda c: (
                c.execute(
                    batches.update()
                    .where(batches.c.batch_id == batch_id, batches.c.answer.is_(None))
                    .values(answer=answer)
                ).rowcount
            )
        )

    async def plan(
        self, batch_id: BatchId, goals: Sequence[Goal], decide: Decide, at: datetime
    ) -> Plan:
        """T1."""
        return await self._transact(
            lambda c: intents.plan(c, batch_id, goals, decide=decide, at=at)
        )

    async def preview(self, account: AccountId, goals: Sequence[Goal], decide: Decide) -> Plan:
        """Decide without writing."""
        at, conids = self._clock.now(), [goal.contract.conid for goal in goals]
        return await self._transact(
            lambda c: decide(
                goals,
                reading.quantities(c, account, conids),
                [
                    order
                    for order in reading.unsettled(c, account, conids, at)
                    if order.state is not OrderState.PLANNED  # it would give way
                ],
            )
        )

    async def refuse(self, batch_id: BatchId, refusals: Mapping[int, Refusal]) -> None:
        """End rows without an order that was sent."""
        at = self._clock.now()
        await self._transact(lambda c: intents.refuse(c, batch_id, refusals, at))

    async def warn(self, batch_id: BatchId, seqs: Collection[int], warning: str) -> None:
        """Add a warning to rows."""
        await self._transact(lambda c: intents.warn(c, batch_id, seqs, warning))

    async def claim(self, claims: Sequence[Claim], line: Line, at: datetime) -> list[Order]:
        """T2."""
        epoch = self._owned.epoch
        try:
            return await self._transact(
                lambda c: intents.claim(c, claims, line, epoch=epoch, at=at)
            )
        except engine.CommitUnknown as unknown:
            try:
                won = await self._read_back(lambda c: unsure.claimed(c, claims, line))
            except OutcomeUnknown:
                raise unknown from None  # not sent, and never sent under these ids
            if not won:
                raise
            return won

    async def not_sent(self, why: Mapping[OrderRef, str], at: datetime) -> None:
        """Record of claimed intents that they never left."""

        def record(connection: sa.Connection) -> None:
            for ref, words in why.items():
                intents.not_sent(connection, ref, words, at)

        await self._transact(record)

    async def learn(self, messages: Sequence[Recorded]) -> Learned:
        """T3."""
        return await self._transact(lambda c: learning.Lesson(c).take(messages))

    async def lost(
        self, accounts: Collection[AccountId], sent_before: datetime, at: datetime
    ) -> Learned:
        """Mark what has no answer as unknown."""
        touched = await self._transact(lambda c: intents.lose(c, accounts, sent_before, at))
        return Learned(frozenset(touched), frozenset(accounts))

    async def ask_cancel(self, batch_id: BatchId, at: datetime) -> list[Order]:
        """Withdraw a batch."""
        return await self._transact(lambda c: intents.ask_cancel(c, batch_id, at))

    async def cancels_asked(self, accounts: Collection[AccountId]) -> list[Order]:
        """Return orders whose cancel is still to be confirmed."""
        return await self._read(lambda c: reading.cancels_asked(c, accounts))

    async def batch(self, batch_id: BatchId) -> Batch | None:
        """Return a batch."""
        return await self._read(lambda c: reading.batch(c, batch_id))

    async def unsent(self, batch_id: BatchId) -> list[int]:
        """Return the rows whose intent nobody has claimed."""
        return await self._read(lambda c: reading.unsent(c, batch_id))

    async def batches(
        self, accounts: Collection[AccountId], client: ClientName | None, page: Page
    ) -> list[tuple[int, BatchHead]]:
        """Return batches, newest first."""
        return await self._read(lambda c: reading.listing(c, accounts, client, page))

    async def open_batches(self) -> list[OpenBatch]:
        """Return batches that are not final."""
        return await self._read(reading.open_batches)

    async def executions(self, which: ExecutionFilter, page: Page) -> list[BookedExecution]:
        """Return executions, newest first."""
        return await self._read(lambda c: reading.executed(c, which, page))

    async def working(self, account: AccountId) -> list[Order]:
        """Return orders that may still trade."""
        return await self._read(lambda c: reading.working(c, account))

    async def positions(self, account: AccountId) -> dict[ConId, tuple[Symbol, int]]:
        """Return positions, zeros included."""
        return await self._read(lambda c: reading.all_positions(c, account))

    async def busy(self, account: AccountId, filled_since: datetime) -> set[ConId]:
        """Return contracts on which the broker's figure may lag."""
        return await self._read(lambda c: reading.busy(c, account, filled_since))

    async def adopt(
        self,
        account: AccountId,
        changes: Sequence[Adjustment],
        symbols: Mapping[ConId, Symbol],
        at: datetime,
    ) -> None:
        """Change opening positions."""
        await self._transact(
            lambda c: learning.adopt(c, account, changes, symbols=dict(symbols), at=at)
        )

    async def max_order_id(self, gateway: str, client_id: int) -> OrderId:
        """Return the largest order id of a line."""
        return OrderId(await self._read(lambda c: reading.max_order_id(c, gateway, client_id)))

    async def contracts(self, symbols: Collection[Symbol]) -> dict[Symbol, Contract]:
        """Return cached contracts."""
        return await self._read(lambda c: reading.cached_contracts(c, symbols))

    async def save_contract(self, symbol: Symbol, contract: Contract, at: datetime) -> None:
        """Cache a contract."""
        values = {
            "conid": contract.conid,
            "body": rows.contract_body(contract),
            "fetched_at": at,
        }
        await self._transact(
            lambda c: upsert(c, contracts, {"symbol": symbol, **values}, change=values)
        )

    async def snapshot(self, account: AccountId) -> Positions | None:
        """Return the last stored positions answer."""
        return await self._read(lambda c: reading.snapshot(c, account))

    async def save_snapshot(self, positions: Positions) -> None:
        """Store the newest positions answer."""
        account, body = positions.account_id, rows.snapshot_body(positions)
        await self._transact(
            lambda c: upsert(
                c, snapshots, {"account_id": account, "body": body}, change={"body": body}
            )
        )


def open_owned(url: str, at: datetime) -> engine.Owned:
    """Open the ledger on the database that the URL names. Raises LedgerUnavailable."""
    if url.startswith("sqlite:"):
        return open_sqlite(url, at)
    # The driver takes a tenth of a second to import: only who uses it pays for it.
    from paperdesk.ledger.postgres import open_postgres  # noqa: PLC0415

    return open_postgres(url, at)
