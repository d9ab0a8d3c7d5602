"""The way of a batch from its acceptance to the sender's queue.

Owns: Pipeline: contracts are found, targets planned (T1), intents queued, and what is not sent
in time lapses. One task per batch, so that no order waits for another symbol. Knows nothing of
callers: they read the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.lane import Lane
from paperdesk.desk.lookup import Lookup
from paperdesk.desk.ports import Clock, Ledger, LineDown, OpenBatch
from paperdesk.domain import planning
from paperdesk.domain.batch import Batch, ErrorCode, Outcome, Refusal, Row, Target
from paperdesk.domain.contract import Contract
from paperdesk.domain.order import OrderState
from paperdesk.domain.planning import Decision, Goal, intent_of
from paperdesk.domain.position import is_reducing
from paperdesk.domain.vocabulary import AccountId, BatchId
from paperdesk.errors import LedgerUnavailable

POLL_SECONDS: Final = 0.5  # a settled order is not always announced: a second passes by itself
RETRY_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.1  # between two looks at a queue that is being sent

_log = structlog.get_logger("paperdesk.pipeline")


@dataclass(frozen=True, slots=True)
class _Run:
    """One batch on its way."""

    batch_id: BatchId
    account: AccountId
    lane: Lane
    send_before: datetime


class Pipeline:
    """Takes accepted batches to the sender."""

    def __init__(
        self, lanes: Mapping[AccountId, Lane], *, ledger: Ledger, clock: Clock, feed: Feed
    ) -> None:
        self._lanes = lanes
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self.lookup: Final = Lookup(ledger, clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsent: dict[tuple[Lane, BatchId], int] = {}
        self._is_stopping = False

    def unsent(self, lane: Lane) -> int:
        """Return how many rows of accepted batches may still need a frame on this lane."""
        rows = sum(count for (of, _), count in self._unsent.items() if of is lane)
        return lane.sender.backlog + rows

    @contextmanager
    def expecting(self, lane: Lane, batch_id: BatchId, rows: int) -> Iterator[None]:
        """Count the rows of a batch while it is being accepted; if it is not, forget them.

        Whoever asks for room meanwhile must know of them: the commit takes its time.
        """
        self._unsent[lane, batch_id] = rows
        try:
            yield
        except BaseException:
            del self._unsent[lane, batch_id]
            raise

    def start(self, opened: OpenBatch) -> None:
        """Take a batch on its way; return at once."""
        if self._is_stopping:
            return
        batch = opened.batch
        lane = self._lanes.get(batch.head.account_id)
        if lane is None:
            _log.warning("batch.account_not_configured", batch_id=batch.head.batch_id)
            return
        run = _Run(batch.head.batch_id, batch.head.account_id, lane, opened.send_before)
        task = asyncio.create_task(self._drive(run), name=f"batch {run.batch_id}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Forget a task; a defect that ended it is told, and the next start takes it up."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.critical("batch.died", task=task.get_name(), exc_info=task.exception())

    async def stop(self) -> None:
        """End every task. What is not sent is taken up at the next start."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def frames_for(self, targets: Sequence[Target]) -> int:
        """Return how many frames the targets may need.

        An order each, and a question for each contract that is not known.
        """
        symbols = {target.symbol for target in targets}
        known = await self.lookup.cached(symbols)
        return len(targets) + len(symbols) - len(known)

    async def _drive(self, run: _Run) -> None:
        """Do all there is to do for a batch, over as many failures of the ledger as it takes."""
        try:
            while True:
                if await self._try(run):
                    return
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._unsent.pop((run.lane, run.batch_id), None)

    async def _try(self, run: _Run) -> bool:
        """Take the batch from where it stands; return False where the ledger failed."""
        try:
            batch = await self._ledger.batch(run.batch_id)
            assert batch is not None
            await self._requeue(run, batch)
            await self._plan_all(
                run, [row for row in batch.rows if row.outcome is Outcome.PENDING]
            )
            await self._until_sent(run)
        except LedgerUnavailable as error:
            _log.error("ledger.unavailable", batch_id=run.batch_id, reason=error.detail)
            return False
        return True

    # -- contracts ---------------------------------------------------------------------------
    async def _plan_all(self, run: _Run, pending: Sequence[Row]) -> None:
        """Plan at once what is known; each other row as soon as its contract is.

        A row that fails does not stop the others: what they have begun must be finished.
        """
        known = await self.lookup.cached({row.target.symbol for row in pending})
        at_once = [
            Goal(row.seq, known[row.target.symbol], row.target)
            for row in pending
            if row.target.symbol in known
        ]
        others = [row for row in pending if row.target.symbol not in known]
        self._unsent[run.lane, run.batch_id] = len(at_once) + 2 * len(others)
        results = await asyncio.gather(
            self._plan(run, at_once),
            *(self._find_and_plan(run, row) for row in others),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _find_and_plan(self, run: _Run, row: Row) -> None:
        found = await self._find(run, row)
        self._count(run, -1)
        if isinstance(found, Contract):
            await self._plan(run, [Goal(row.seq, found, row.target)])
            return
        self._count(run, -1)
        if found is not None:
            await self._refuse(run, {row.seq: found})

    async def _find(self, run: _Run, row: Row) -> Contract | Refusal | None:
        """Find the row's contract, over as many sessions as it takes; None when too late."""
        while not self._is_late(run):
            with self._feed.watch(run.account) as changed:
                try:
                    async with asyncio.timeout(self._seconds_left(run)):
                        return await self.lookup.find(row.target.symbol, run.lane)
                except TimeoutError:
                    continue
                except LineDown:
                    await wait_set(changed, POLL_SECONDS)
        await self._lapse(run, [row.seq])
        return None

    # -- T1 ----------------------------------------------------------------------------------
    async def _plan(self, run: _Run, goals: Sequence[Goal]) -> None:
        """Plan the goals; those that wait are planned again when the account changes."""
        while goals:
            if self._is_late(run):
                await self._lapse(run, [goal.seq for goal in goals])
                return
            with self._feed.watch(run.account) as changed:
                goals = await self._plan_once(run, goals)
                if goals:
                    await wait_set(changed, POLL_SECONDS)

    async def _plan_once(self, run: _Run, goals: Sequence[Goal]) -> Sequence[Goal]:
        at = self._clock.now()
        plan = await self._ledger.plan(run.batch_id, goals, planning.plan, at)
        for decision in plan.to_send:
            assert decision.draft is not None
            run.lane.sender.put(
                intent_of(decision, run.batch_id, run.account, at=at),
                decision.goal.contract,
                is_reducing=decision.draft.is_reducing,
            )
        await self._warn_closed(run, plan.to_send, at)
        self._feed.publish([run.batch_id])
        waiting = [d.goal for d in plan.decisions if d.waits_for is not None]
        self._count(run, len(waiting) - len(goals))
        return waiting

    async def _warn_closed(
        self, run: _Run, decisions: Sequence[Decision], at: datetime
    ) -> None:
        """Say when an order that is sent while the market is closed will trade."""
        hours = run.lane.hours
        if hours is None or not decisions or hours.session_at(at) is not None:
            return
        opening = hours.next_open(at)
        when = "when it opens" if opening is None else f"at {opening.isoformat()}"
        seqs = [
            decision.goal.seq for decision in decisions if not decision.goal.target.outside_rth
        ]
        await self._ledger.warn(
            run.batch_id, seqs, f"the market is closed: the order rests and trades {when}"
        )

    # -- deadlines ---------------------------------------------------------------------------
    async def _requeue(self, run: _Run, batch: Batch) -> None:
        """Queue intents that nobody claimed: of an earlier process, or of a try that failed."""
        planned = {
            row: row.order
            for row in batch.rows
            if row.order is not None and row.order.state is OrderState.PLANNED
        }
        if not planned:
            return
        known = await self.lookup.cached({row.target.symbol for row in planned})
        for row, order in planned.items():
            if row.target.symbol in known:
                run.lane.sender.put(
                    order,
                    known[row.target.symbol],
                    is_reducing=is_reducing(row.current_pos or 0, row.delta or 0),
                )

    async def _until_sent(self, run: _Run) -> None:
        """Wait until no intent of the batch waits in the queue; lapse those that came late."""
        with self._feed.watch(run.batch_id) as changed:
            while unsent := await self._ledger.unsent(run.batch_id):
                if self._is_late(run):
                    await self._lapse(run, unsent)
                    return
                await wait_set(changed, self._seconds_left(run))
                await asyncio.sleep(LOOK_SECONDS)

    def _is_late(self, run: _Run) -> bool:
        return self._clock.now() >= run.send_before

    def _seconds_left(self, run: _Run) -> float:
        return max((run.send_before - self._clock.now()).total_seconds(), 0)

    async def _lapse(self, run: _Run, seqs: Sequence[int]) -> None:
        await self._refuse(run, dict.fromkeys(seqs, EXPIRED))

    def _count(self, run: _Run, by: int) -> None:
        """Keep how many frames the batch may still need, until they are in the queue."""
        self._unsent[run.lane, run.batch_id] += by

    async def _refuse(self, run: _Run, refusals: Mapping[int, Refusal]) -> None:
        await self._ledger.refuse(run.batch_id, refusals)
        self._feed.publish([run.batch_id])


EXPIRED: Final = Refusal(
    ErrorCode.EXPIRED,
    "not sent in time (max_send_delay or the session's close): post the target again",
)
