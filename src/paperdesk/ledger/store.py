"""The ledger.

Owns: SqlLedger, the desk's Ledger port on a database: each method is one transaction, run by
the injected executor. What a transaction does is in the modules beside it, from `accepting` to
`learning` and `reading`.
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
    JudgeClaim,
    KeyRecord,
    Learned,
    Line,
    NewBatch,
    OpenBatch,
    Page,
    Progress,
    Stamp,
    Submission,
    Unlisted,
)
from paperdesk.domain.batch import Batch, BatchHead, Refusal, Resolution
from paperdesk.domain.client import SERVICE, Actor
from paperdesk.domain.contract import Contract
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.order import Order, OrderEvent, OrderState
from paperdesk.domain.planning import Goal, Plan
from paperdesk.domain.position import Adjustment, Booked
from paperdesk.domain.reports import Recorded
from paperdesk.domain.views import Finding, Lock, OrderEvidence, Positions, TargetView
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
from paperdesk.ledger import (
    accepting,
    books,
    engine,
    learning,
    plans,
    reading,
    rebuild,
    resolving,
    rows,
    standing,
    stops,
)
from paperdesk.ledger import claims as claiming
from paperdesk.ledger.administration import SqlAdministration
from paperdesk.ledger.counting import moves_of
from paperdesk.ledger.opening import open_owned
from paperdesk.ledger.records import order_row_of
from paperdesk.ledger.reports import Reports
from paperdesk.ledger.safety import Safety
from paperdesk.ledger.schema import contracts, snapshots
from paperdesk.ledger.streaming import Streaming
from paperdesk.ledger.upsert import upsert

T = TypeVar("T")

READ_BACK_SECONDS: Final = 1.0
READ_BACK_PAUSE_SECONDS: Final = 0.1


class SqlLedger(Reports, Safety, Streaming):
    """The Ledger port on SQLite or PostgreSQL."""

    def __init__(
        self, owned: engine.Owned, executor: Executor, readers: Executor, clock: Clock
    ) -> None:
        super().__init__(owned, executor, readers)
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

    @property
    def administration(self) -> SqlAdministration:
        """Keys, limits and the audit trail of the same ledger."""
        return SqlAdministration(self._owned, self._executor, self._readers)

    async def close(self) -> None:
        """Release the ledger to its next owner."""
        # Each connection in its own thread: a reading that runs still must end first.
        await self._readers.run(self._owned.reader.dispose)
        await self._executor.run(self._owned.close)

    def version(self) -> int | None:
        """Return a number that stands while the ledger is certainly unchanged, or None.

        What was read after it was asked for holds as long as it is the same.
        """
        return self._owned.version()

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

    async def check_history(self, read: rebuild.Read) -> tuple[str, ...]:
        """Rebuild the state from the history; say in words where it differs from the stored.

        `read` makes of a message's fields what it reports. For tests and after a disaster: it
        reads everything.
        """
        return await self._read(lambda c: rebuild.differences(c, read))

    async def accept(self, new: NewBatch) -> Batch:
        """T0."""
        try:
            return await self._accept(new)
        except engine.CommitUnknown:
            batch_id = new.head.batch_id
            batch = await self._read_back(lambda c: reading.batch(c, batch_id))
            if batch is None:
                raise
            return batch

    async def _accept(self, new: NewBatch) -> Batch:
        head = new.head
        return await self._decide(
            "accepted",
            head.submitted_at,
            lambda j: accepting.accept(j, new),
            account=head.account_id,
            batch_id=head.batch_id,
        )

    async def key_record(self, client: ClientName, key: str) -> KeyRecord | None:
        """Return what a key was used for."""
        return await self._read(lambda c: reading.key_record(c, client, key))

    async def remember_answer(self, batch_id: BatchId, answer: bytes) -> None:
        """Store the first answer."""
        await self._transact(lambda c: accepting.remember(c, batch_id, answer))

    async def plan(
        self,
        batch_id: BatchId,
        goals: Sequence[Goal],
        decide: Decide,
        at: datetime,
        *,
        whole_account: bool = False,
    ) -> Plan:
        """T1."""
        return await self._decide(
            "planned",
            at,
            lambda j: plans.plan(
                j, batch_id, goals, decide=decide, whole_account=whole_account
            ),
            batch_id=batch_id,
        )

    async def preview(
        self,
        account: AccountId,
        goals: Sequence[Goal],
        decide: Decide,
        at: datetime,
        *,
        whole_account: bool = False,
    ) -> Plan:
        """Decide without writing."""
        return await self._read(
            lambda c: decide(
                goals,
                plans.situation(c, account, goals, at=at, whole_account=whole_account),
            )
        )

    async def unlisted(self, client: ClientName, submission: Submission) -> Unlisted:
        """Return what a submission that closes the unlisted would add."""
        return await self._read(lambda c: accepting.unlisted(c, client, submission))

    async def stamp(self, account: AccountId, symbols: Collection[Symbol]) -> Stamp:
        """Return what a preview of these symbols is computed from."""
        return await self._read(lambda c: accepting.stamp(c, account, symbols))

    async def refuse(self, batch_id: BatchId, refusals: Mapping[int, Refusal]) -> None:
        """End rows without an order that was sent."""
        await self._decide(
            "refused",
            self._clock.now(),
            lambda j: plans.refuse(j, batch_id, refusals),
            batch_id=batch_id,
        )

    async def warn(self, batch_id: BatchId, seqs: Collection[int], warning: str) -> None:
        """Add a warning to rows."""
        await self._decide(
            "warned",
            self._clock.now(),
            lambda j: plans.warn(j, batch_id, seqs, warning),
            batch_id=batch_id,
        )

    async def claim(
        self, claims: Sequence[Claim], line: Line, judge: JudgeClaim, at: datetime
    ) -> list[Order]:
        """T2."""
        epoch = self._owned.epoch
        return await self._decide(
            "claimed", at, lambda j: claiming.claim(j, claims, line, judge=judge, epoch=epoch)
        )

    async def not_sent(self, why: Mapping[OrderRef, str], at: datetime) -> None:
        """Record of claimed intents that they never left."""
        await self._decide("not_sent", at, lambda j: claiming.not_sent(j, why))

    async def learn(self, messages: Sequence[Recorded]) -> Learned:
        """T3."""

        def whole(connection: sa.Connection) -> tuple[Learned, bool]:
            lesson = learning.Lesson(connection)
            return lesson.take(messages), lesson.is_told

        learned, is_told = await self._transact(whole)
        if is_told:
            self.on_told()
        self.meter.orders_moved(learned.moved)
        return learned

    async def lost(
        self, accounts: Collection[AccountId], since: datetime | None, at: datetime
    ) -> Learned:
        """Mark what has no answer as unknown."""
        touched, moved = await self._decide(
            "lost", at, lambda j: (claiming.lose(j, accounts, since), moves_of(j))
        )
        return Learned(frozenset(touched), frozenset(accounts), moved=moved)

    async def ask_cancel(
        self, batch_id: BatchId, at: datetime, by: Actor = SERVICE
    ) -> list[Order]:
        """Withdraw a batch."""
        return await self._decide(
            "withdrawn", at, lambda j: stops.ask_cancel(j, batch_id, by), batch_id=batch_id
        )

    async def cancels_asked(self, accounts: Collection[AccountId]) -> list[Order]:
        """Return orders whose cancel is still to be confirmed."""
        return await self._read(lambda c: reading.cancels_asked(c, accounts))

    async def in_doubt(self, accounts: Collection[AccountId], at: datetime) -> list[Order]:
        """Return orders of which something must be found out."""
        return await self._read(lambda c: resolving.in_doubt(c, accounts, at))

    async def note(self, findings: Mapping[OrderRef, Finding]) -> None:
        """Keep what a step of resolving showed."""
        await self._decide("found", self._clock.now(), lambda j: resolving.note(j, findings))

    async def fence(self, ref: OrderRef, at: datetime) -> Order:
        """Write down that an order's cancel is about to leave."""
        return await self._decide("fenced", at, lambda j: resolving.fence(j, ref))

    async def conclude(
        self,
        ref: OrderRef,
        event: OrderEvent,
        words: str,
        at: datetime,
        *,
        expected: OrderState,
    ) -> Order:
        """Move an order on by what was found out."""
        return await self._decide(
            "concluded",
            at,
            lambda j: resolving.conclude(j, ref, event, words, expected=expected),
        )

    async def resolve(
        self, batch_id: BatchId, resolution: Resolution, by: Actor, at: datetime
    ) -> None:
        """Record what a person says of an unknown order."""
        await self._decide(
            "resolved",
            at,
            lambda j: resolving.resolve(j, batch_id, resolution, by),
            batch_id=batch_id,
        )

    async def evidence(self, batch_id: BatchId) -> tuple[OrderEvidence, ...]:
        """Return how each order of a batch was resolved."""
        return await self._read(lambda c: resolving.evidence(c, batch_id))

    async def positions(self, account: AccountId) -> dict[ConId, tuple[Symbol, int]]:
        """Return positions, zeros included."""
        return await self._read(lambda c: reading.all_positions(c, account))

    async def booked(self, account: AccountId) -> dict[ConId, Booked] | None:
        """Return what the books say, None where they were never opened."""
        return await self._read(
            lambda c: books.booked(c, account) if books.is_opened(c, account) else None
        )

    async def adopt(
        self,
        account: AccountId,
        changes: Sequence[Adjustment],
        at: datetime,
        by: Actor = SERVICE,
    ) -> None:
        """Change opening positions."""
        await self._decide(
            "adopted", at, lambda j: books.adopt(j, account, changes, by), account=account
        )

    async def agree(
        self, account: AccountId, contracts: Mapping[ConId, Symbol], at: datetime
    ) -> None:
        """Note that both figures are the same."""
        await self._decide(
            "agreed", at, lambda j: books.agree(j, account, contracts), account=account
        )

    async def lock(self, account: AccountId, conid: ConId | None, lock: Lock) -> None:
        """Keep a contract, or the account, from being traded."""
        await self._decide(
            "locked",
            lock.since,
            lambda j: books.lock(j, account, conid, lock),
            account=account,
        )

    async def unlock(
        self,
        account: AccountId,
        conids: Collection[ConId | None],
        at: datetime,
        *,
        breaks_only: bool,
        by: Actor = SERVICE,
    ) -> None:
        """Clear locks."""
        await self._decide(
            "unlocked",
            at,
            lambda j: books.unlock(j, account, conids, breaks_only=breaks_only, by=by),
            account=account,
        )

    async def locks(self, account: AccountId) -> dict[ConId | None, Lock]:
        """Return the locks that stand."""
        return await self._read(lambda c: reading.locks(c, account))

    async def batch(self, batch_id: BatchId) -> Batch | None:
        """Return a batch."""
        return await self._read(lambda c: reading.batch(c, batch_id))

    async def progress(self, batch_id: BatchId) -> Progress:
        """Return how far a batch may have come."""
        return await self._read(lambda c: reading.progress(c, batch_id))

    async def order(self, ref: OrderRef) -> Order:
        """Return an order that exists."""
        return await self._read(lambda c: rows.order_of(order_row_of(c, ref)))

    async def unsent(self, batch_id: BatchId) -> list[Order]:
        """Return intents of the batch, or that serve it, and that nobody has claimed."""
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

    async def targets(self, account: AccountId) -> tuple[TargetView, ...]:
        """Return the newest target of each symbol."""
        return await self._read(lambda c: standing.views(c, account))

    async def own_refs(
        self, refs: Collection[OrderRef], perm_ids: Collection[int]
    ) -> tuple[set[OrderRef], set[int]]:
        """Return which of these are of orders of ours."""
        return await self._read(lambda c: reading.own_refs(c, refs, perm_ids))

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
