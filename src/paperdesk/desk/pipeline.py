"""The way of a batch from its acceptance to the sender's queue.

Owns: Pipeline: contracts are found, targets planned (T1), intents queued, and what is not sent
in time lapses. One task per batch, so that no order waits for another symbol. Knows nothing of
callers: they read the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from structlog.contextvars import bind_contextvars

from paperdesk.crash import crash_point
from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.lane import Lane
from paperdesk.desk.lookup import Lookup
from paperdesk.desk.ports import Clock, Ledger, LineDown, OpenBatch
from paperdesk.desk.rules import Rulebook
from paperdesk.domain import planning
from paperdesk.domain.batch import Batch, ErrorCode, Outcome, Refusal, Row, Target
from paperdesk.domain.contract import Contract
from paperdesk.domain.order import OrderState
from paperdesk.domain.planning import Decision, Goal, Plan, intent_of
from paperdesk.domain.position import is_reducing
from paperdesk.domain.pricing import Reference
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, ConId
from paperdesk.errors import LedgerUnavailable

POLL_SECONDS: Final = 0.5  # a settled order is not always announced: a second passes by itself
RETRY_SECONDS: Final = 0.5
DEFECT_SECONDS: Final = 5.0  # it may fail the same way again, with as many words
SENT_SECONDS: Final = 0.1  # so soon most intents are sent: nobody has to look at their queue
LOOK_SECONDS: Final = 0.5  # between two looks at a queue that is being sent
LOOK_AGAIN_MIN_SECONDS: Final = 0.01
CANCEL_SECONDS: Final = 10.0  # a cancel in the way is repeated no sooner

_log = structlog.get_logger("paperdesk.pipeline")


@dataclass(frozen=True, slots=True)
class _Run:
    """One batch on its way."""

    batch_id: BatchId
    account: AccountId
    client: ClientName
    lane: Lane
    send_before: datetime
    in_session: bool
    valid_until: datetime | None

    def lapses_at(
        self, now: datetime, max_send_delay: timedelta, *, waits_for_cancel: bool
    ) -> datetime:
        """Return when a row that is not sent lapses.

        The delay does not run while the market is closed and the row waits for a cancel, which
        the broker confirms only at the open (contract.md, In-flight orders). Nor while nobody
        has said whether it is open, as after a start.
        """
        if self.in_session or not waits_for_cancel:
            return self.send_before
        session = None if self.lane.hours is None else self.lane.hours.session_at(now)
        if session is None:
            late = now + max_send_delay
        else:
            late = min(session.opens_at + max_send_delay, session.closes_at)
        if self.valid_until is not None:
            late = min(late, self.valid_until)
        return max(self.send_before, late)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A row whose contract is known and that is still to be planned."""

    row: Row
    contract: Contract
    why: str = ""
    waits_for_cancel: bool = False


class Pipeline:
    """Takes accepted batches to the sender."""

    def __init__(
        self,
        lanes: Mapping[AccountId, Lane],
        rulebook: Rulebook,
        *,
        ledger: Ledger,
        clock: Clock,
        feed: Feed,
        max_send_delay: timedelta,
    ) -> None:
        self._lanes = lanes
        self._rulebook = rulebook
        self._max_send_delay = max_send_delay
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
            _log.warning(
                "batch.account_not_configured",
                batch_id=batch.head.batch_id,
                account=batch.head.account_id,
            )
            return
        run = _Run(
            batch.head.batch_id,
            batch.head.account_id,
            batch.head.client,
            lane,
            opened.send_before,
            in_session=opened.in_session,
            valid_until=opened.valid_until,
        )
        task = asyncio.create_task(self._drive(run, batch), name=f"batch {run.batch_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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

    async def _drive(self, run: _Run, accepted: Batch) -> None:
        """Do all there is to do for a batch, over as many failures as it takes."""
        # The request's id is bound already where there is one: a task takes its maker's context.
        bind_contextvars(batch_id=run.batch_id, account=run.account)
        known = accepted if accepted.rows else None  # none where its commit is in doubt
        try:
            while not await self._try(run, known):
                known = None
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._unsent.pop((run.lane, run.batch_id), None)

    async def _try(self, run: _Run, known: Batch | None) -> bool:
        """Take the batch from where it stands; return False where something failed.

        After a defect of ours too: a row that cannot be planned lapses in time, as any other.
        Where not even that can be done, the next start takes the batch up.
        """
        is_last = self._is_late(run)
        try:
            batch = known or await self._stored(run.batch_id)
            if batch is None:
                return True
            await self._requeue(run, batch)
            await self._plan_all(
                run, [row for row in batch.rows if row.outcome is Outcome.PENDING]
            )
            await self._until_sent(run)
        except LedgerUnavailable as error:
            _log.error("ledger.unavailable", batch_id=run.batch_id, reason=error.detail)
            return False
        except Exception:  # noqa: BLE001 - logged, and no batch is left without an end
            _log.critical("batch.failed", batch_id=run.batch_id, exc_info=True)
            await asyncio.sleep(DEFECT_SECONDS)
            return is_last
        return True

    async def _stored(self, batch_id: BatchId) -> Batch | None:
        """Return the batch; None where its commit, whose outcome was unknown, was not made."""
        batch = await self._ledger.batch(batch_id)
        if batch is None:
            # Nothing can be written before that commit is decided; then reading is sure.
            await self._ledger.check_writable()
            batch = await self._ledger.batch(batch_id)
        return batch

    # -- contracts ---------------------------------------------------------------------------
    async def _plan_all(self, run: _Run, pending: Sequence[Row]) -> None:
        """Plan at once what is known; each other row as soon as its contract is.

        A row that fails does not stop the others: what they have begun must be finished.
        """
        known = await self.lookup.cached({row.target.symbol for row in pending})
        cancelled = await self._being_cancelled(run)
        at_once = [
            _Waiting(row, contract, waits_for_cancel=contract.conid in cancelled)
            for row in pending
            if (contract := known.get(row.target.symbol)) is not None
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

    async def _being_cancelled(self, run: _Run) -> set[ConId]:
        """Return for which contracts a row may have waited since before this start."""
        if run.in_session:
            return set()
        return {order.conid for order in await self._ledger.cancels_asked([run.account])}

    async def _find_and_plan(self, run: _Run, row: Row) -> None:
        found = await self._find(run, row)
        self._count(run, -1)
        if isinstance(found, Contract):
            await self._plan(run, [_Waiting(row, found)])
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
    async def _plan(self, run: _Run, waiting: Sequence[_Waiting]) -> None:
        """Plan rows; those that wait are planned again when the account changes."""
        while waiting := await self._lapse_late(run, waiting):
            with self._feed.watch(run.account) as changed:
                waiting, again_in = await self._plan_once(run, waiting)
                if waiting:
                    await wait_set(changed, again_in)

    async def _lapse_late(self, run: _Run, waiting: Sequence[_Waiting]) -> Sequence[_Waiting]:
        """End the rows whose time has passed; return the others."""
        now = self._clock.now()
        late = [row for row in waiting if now >= self._lapses_at(run, row, now)]
        refusals = {
            entry.row.seq: Refusal(ErrorCode.EXPIRED, _expired(entry.why)) for entry in late
        }
        if refusals:
            await self._refuse(run, refusals)
            self._count(run, -len(late))
        return [entry for entry in waiting if entry.row.seq not in refusals]

    def _lapses_at(self, run: _Run, entry: _Waiting, now: datetime) -> datetime:
        return run.lapses_at(now, self._max_send_delay, waits_for_cancel=entry.waits_for_cancel)

    async def _plan_once(
        self, run: _Run, waiting: Sequence[_Waiting]
    ) -> tuple[Sequence[_Waiting], float]:
        """Plan what can be; return what still waits, and when to look again."""
        try:
            rules = await self._rulebook.rules(run.lane, run.account)
            prices = await self._rulebook.references(
                run.lane, run.account, [entry.contract for entry in waiting]
            )
        except LineDown:
            return waiting, POLL_SECONDS  # what works elsewhere must not be guessed
        at = self._clock.now()
        goals = [self._goal(run, entry, prices, at) for entry in waiting]
        crash_point("CP05")
        plan = await self._ledger.plan(
            run.batch_id,
            goals,
            lambda wanted, situation: planning.plan(wanted, situation, rules),
            at,
            whole_account=self._rulebook.looks_at_all(run.account),
        )
        crash_point("CP06")
        for order in plan.to_cancel:
            run.lane.sender.put_cancel(order, again_after=CANCEL_SECONDS)
        for decision in plan.to_send:
            assert decision.draft is not None
            run.lane.sender.put(
                intent_of(decision, run.batch_id, run.account, at=at),
                decision.goal.contract,
                is_reducing=decision.draft.is_reducing,
            )
        await self._warn_closed(run, plan.to_send, at)
        self._feed.publish(_touched(run, plan))
        return self._still_waiting(run, waiting, plan, at)

    def _goal(
        self,
        run: _Run,
        entry: _Waiting,
        prices: Mapping[ConId, Reference],
        at: datetime,
    ) -> Goal:
        return Goal(
            entry.row.seq,
            entry.contract,
            entry.row.target,
            send_before=self._lapses_at(run, entry, at),
            client=run.client,
            reference=prices.get(entry.contract.conid, Reference()),
        )

    def _still_waiting(
        self, run: _Run, waiting: Sequence[_Waiting], plan: Plan, at: datetime
    ) -> tuple[Sequence[_Waiting], float]:
        held_up = {d.goal.seq: d for d in plan.decisions if d.waits_for is not None}
        left = [
            replace(
                entry,
                why=held_up[entry.row.seq].waits_for or "",
                waits_for_cancel=_waits_for_cancel(entry, held_up[entry.row.seq]),
            )
            for entry in waiting
            if entry.row.seq in held_up
        ]
        self._count(run, len(left) - len(waiting))
        again = [d.again_at for d in held_up.values() if d.again_at is not None]
        soonest = min(((when - at).total_seconds() for when in again), default=POLL_SECONDS)
        return left, min(max(soonest, LOOK_AGAIN_MIN_SECONDS), POLL_SECONDS)

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
        await asyncio.sleep(SENT_SECONDS)  # most are sent by then, and nobody has to look
        with self._feed.watch(run.batch_id) as changed:
            while unsent := await self._ledger.unsent(run.batch_id):
                now = self._clock.now()
                late = [order for order in unsent if order.send_before <= now]
                for order in late:  # of an older batch, where this one kept it
                    refusal = {order.seq: Refusal(ErrorCode.EXPIRED, _expired(""))}
                    await self._ledger.refuse(order.batch_id, refusal)
                    self._feed.publish([order.batch_id, run.batch_id])
                soonest = min(order.send_before for order in unsent)
                left = max((soonest - now).total_seconds(), 0)
                if await wait_set(changed, left):
                    await asyncio.sleep(min(left, LOOK_SECONDS))

    def _is_late(self, run: _Run) -> bool:
        return self._clock.now() >= run.send_before

    def _seconds_left(self, run: _Run) -> float:
        return max((run.send_before - self._clock.now()).total_seconds(), 0)

    async def _lapse(self, run: _Run, seqs: Sequence[int]) -> None:
        expired = Refusal(ErrorCode.EXPIRED, _expired(""))
        await self._refuse(run, dict.fromkeys(seqs, expired))

    def _count(self, run: _Run, by: int) -> None:
        """Keep how many frames the batch may still need, until they are in the queue."""
        self._unsent[run.lane, run.batch_id] += by

    async def _refuse(self, run: _Run, refusals: Mapping[int, Refusal]) -> None:
        await self._ledger.refuse(run.batch_id, refusals)
        self._feed.publish([run.batch_id])


def _touched(run: _Run, plan: Plan) -> set[str]:
    """Return whose answers changed: of this batch, and of those whose order gave way."""
    others = {d.replaces.batch_id for d in plan.decisions if d.replaces is not None}
    return {str(run.batch_id)} | {str(other) for other in others}


def _waits_for_cancel(entry: _Waiting, decision: Decision) -> bool:
    """Tell whether a row waits for a cancel, or for the order it ended to be settled."""
    is_settling = entry.waits_for_cancel and decision.again_at is not None
    return decision.replaces is not None or is_settling


def _expired(why: str) -> str:
    waited = f"; it waited because {why}" if why else ""
    return (
        "not sent in time (max_send_delay, valid_until or the session's close)"
        f"{waited}: post the target again"
    )
