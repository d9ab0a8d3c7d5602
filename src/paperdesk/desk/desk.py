"""The use cases: what a caller can ask of the service.

Owns: Desk: submit, preview, cancel, and the answers to every question. Decides nothing about
orders: `domain.planning` does, and `pipeline` and `sender` carry it out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from structlog.contextvars import bind_contextvars

from paperdesk.crash import crash_point
from paperdesk.desk.accounts import Accounts
from paperdesk.desk.announcing import Announcer
from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.flattening import Flattener
from paperdesk.desk.gauging import Gauger
from paperdesk.desk.idempotency import Keys, Slot
from paperdesk.desk.lane import Lane
from paperdesk.desk.listening import Tape
from paperdesk.desk.operating import Operator
from paperdesk.desk.overview import Overview
from paperdesk.desk.pipeline import Pipeline
from paperdesk.desk.ports import (
    UNMETERED,
    Clock,
    Ledger,
    Meter,
    NewBatch,
    OpenBatch,
    Page,
    Random,
    Stamp,
    Submission,
)
from paperdesk.desk.previewing import Previewer
from paperdesk.desk.previews import Previews
from paperdesk.desk.reporting import Reporter
from paperdesk.desk.rules import Rulebook
from paperdesk.desk.sampling import Sampler
from paperdesk.desk.tally import Tally
from paperdesk.desk.waiting import Waiter, answered, ended
from paperdesk.domain.batch import Batch, BatchHead, Resolution
from paperdesk.domain.client import Client
from paperdesk.domain.hours import Session
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.views import (
    Cancellation,
    Health,
    OrderEvidence,
    Preview,
    Readiness,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Scope
from paperdesk.errors import (
    BrokerUnavailable,
    LedgerUnavailable,
    NotFound,
    OutcomeUnknown,
    TooManyRequests,
)

BATCH_ID_DIGITS: Final = 16
PRE_SUBMITTED_GRACE_SECONDS: Final = 0.25  # contract.md, POST /api/v1/orders
COMMISSION_GRACE_SECONDS: Final = 2.0  # contract.md, GET /api/v1/orders/{batch_id}
BROKER_RETRY_AFTER_SECONDS: Final = 5

_log = structlog.get_logger("paperdesk.desk")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration lets an operator choose. All are seconds."""

    ack_timeout_seconds: float
    max_send_delay_seconds: float
    halt_after_ledger_loss_seconds: float = 10.0


class Desk:
    """The service, for the accounts of one ledger."""

    def __init__(
        self,
        lanes: Mapping[AccountId, Lane],
        rulebook: Rulebook,
        *,
        default_account: AccountId,
        ledger: Ledger,
        clock: Clock,
        random: Random,
        feed: Feed,
        policy: Policy,
        meter: Meter = UNMETERED,
    ) -> None:
        self._lanes = dict(lanes)
        self._ledger = ledger
        self._clock = clock
        self._random = random
        self._feed = feed
        self._policy = policy
        self._pipeline = Pipeline(
            lanes,
            rulebook,
            ledger=ledger,
            clock=clock,
            feed=feed,
            max_send_delay=timedelta(seconds=policy.max_send_delay_seconds),
        )
        self._previewer = Previewer(self._pipeline.lookup, rulebook, ledger=ledger, clock=clock)
        self._previews = Previews(clock, random)
        self.accounts: Final = Accounts(
            lanes, rulebook, default_account=default_account, ledger=ledger, clock=clock
        )
        self._waiter = Waiter(ledger, feed)
        self._tally = Tally(ledger, feed, meter)
        self.gauger: Final = Gauger(
            lanes, ledger=ledger, lookup=self._pipeline.lookup, prices=rulebook.prices
        )
        self._keys = Keys(ledger, patience_seconds=policy.ack_timeout_seconds)
        self.reporter: Final = Reporter(ledger, clock)
        self.tape: Final = Tape(lanes, ledger=ledger, feed=feed)
        self.overview: Final = Overview(self._lanes, ledger=ledger, clock=clock, tape=self.tape)
        self._sampler = Sampler(self._lanes, ledger=ledger, clock=clock)
        self._announcer = Announcer(lanes, ledger=ledger, clock=clock, feed=feed)
        self.operator: Final = Operator(
            lanes,
            ledger=ledger,
            clock=clock,
            feed=feed,
            waiter=self._waiter,
            ack_timeout_seconds=policy.ack_timeout_seconds,
        )
        self.flattener: Final = Flattener(
            lanes, self.operator, ledger=ledger, clock=clock, close=self.close
        )

    # -- life --------------------------------------------------------------------------------
    async def recover(self) -> None:
        """Take up what an earlier process left. Call it once, before any session starts."""
        lost_for = timedelta(seconds=self._policy.halt_after_ledger_loss_seconds)
        self._ledger.guard(tuple(self._lanes), lost_for)
        await self._ledger.lost(tuple(self._lanes), None, self._clock.now())
        crash_point("CP27")
        for opened in await self._ledger.open_batches():
            self._pipeline.start(opened)
            self._tally.follow(opened.batch.head.batch_id)

    async def run(self) -> None:
        """Run every gateway's lane until cancelled, and tell of the accounts."""
        async with asyncio.TaskGroup() as group:
            for lane in self._distinct_lanes():
                group.create_task(lane.run())
            group.create_task(self._sampler.run(), name="sample")
            group.create_task(self._announcer.run(), name="announce")

    async def stop(self) -> None:
        """Answer whoever waits, finish what is being sent, and take up nothing more."""
        self._feed.close()
        await self._tally.stop()
        await self._pipeline.stop()
        await asyncio.gather(*(lane.sender.stop() for lane in self._distinct_lanes()))

    # -- questions that are answered at once ---------------------------------------------------
    def health(self) -> Health:
        """Return per account whether its session is up."""
        problems = [lane.broker.problem for lane in self._distinct_lanes()]
        return Health(
            accounts={a: lane.broker.is_up(a) for a, lane in self._lanes.items()},
            problem="; ".join(problem for problem in problems if problem) or None,
        )

    async def until_up(self, within_seconds: float) -> bool:
        """Wait until every account is up; return whether they came up in time."""
        deadline = self._deadline(within_seconds)
        for account, lane in self._lanes.items():
            with self._feed.watch(account) as changed:
                while not lane.broker.is_up(account):
                    left = deadline - asyncio.get_running_loop().time()
                    if left <= 0 or self._feed.is_closed:
                        return False
                    await wait_set(changed, left)
        return True

    async def readiness(self) -> Readiness:
        """Return whether the ledger can be written and an account is up."""
        try:
            await self._ledger.check_writable()
        except LedgerUnavailable:
            is_writable = False
        else:
            is_writable = True
        return Readiness(is_writable, any(self.health().accounts.values()))

    # -- batches -----------------------------------------------------------------------------
    async def claim_key(self, client: Client, key: str, fingerprint: str) -> Slot:
        """Claim an idempotency key; see `Keys.claim`."""
        return await self._keys.claim(client, key, fingerprint)

    async def submit(
        self,
        client: Client,
        submission: Submission,
        *,
        wait_seconds: float | None = None,
        slot: Slot | None = None,
        expected: Stamp | None = None,
    ) -> Batch:
        """Accept targets (T0), and return the batch once each row has its first status.

        `expected` is what a preview was computed from, where it must still hold. Raises Halted,
        PreviewStale, TooManyRequests, BrokerUnavailable and LedgerUnavailable, each with
        nothing stored and nothing sent; and OutcomeUnknown, after which the batch is traded
        if it turns out to be stored.
        """
        account = submission.account
        lane = self._lanes[account]
        await self.operator.require_not_halted(account)
        frames = await self._pipeline.frames_for(submission.targets)
        self._require_room(lane, frames)
        self._require_up(lane, account)
        new = self._new_batch(client, submission, slot=slot, expected=expected)
        batch = await self._accept(new, frames)
        if slot is not None:
            slot.accepted = batch
        timeout = self._policy.ack_timeout_seconds if wait_seconds is None else wait_seconds
        return await self._answer(batch, timeout)

    async def close(
        self, client: Client, submission: Submission, *, wait_seconds: float
    ) -> Batch:
        """Accept targets that close positions, however many: the last may leave as late.

        Raises LedgerUnavailable and OutcomeUnknown.
        """
        frames = await self._pipeline.frames_for(submission.targets)
        lane = self._lanes[submission.account]
        queued = (self._pipeline.unsent(lane) + frames) / lane.pacer.per_second
        new = self._new_batch(client, submission, queued_seconds=queued)
        return await self._answer(await self._accept(new, frames), wait_seconds)

    async def _accept(self, new: NewBatch, frames: int) -> Batch:
        """Store a batch (T0) and take it on its way."""
        lane = self._lanes[new.head.account_id]
        bind_contextvars(batch_id=new.head.batch_id, account=new.head.account_id)
        with self._pipeline.expecting(lane, new.head.batch_id, frames):
            crash_point("CP01")
            try:
                batch = await self._ledger.accept(new)
            except OutcomeUnknown:
                self._begin(new, Batch(new.head, ()))
                raise
            crash_point("CP03")
        self._begin(new, batch)
        return batch

    async def _answer(self, accepted: Batch, timeout_seconds: float) -> Batch:
        """Return an accepted batch once each row has its first status."""
        try:
            answered = await self._acknowledged(accepted.head.batch_id, timeout_seconds)
        except LedgerUnavailable as error:
            # Accepted is accepted: "nothing stored" would be a lie, and invite a second batch.
            _log.error("ledger.unavailable", during="answer", reason=error.detail)
            return accepted
        self._tally.seen(answered)
        return answered

    def _begin(self, new: NewBatch, batch: Batch) -> None:
        """Take a batch on its way, and count it when it ends."""
        self._pipeline.start(_opened(new, batch))
        self._tally.follow(new.head.batch_id)
        _log.info("batch.accepted", client=new.head.client, targets=len(batch.rows))

    async def submit_preview(
        self,
        client: Client,
        preview_id: str,
        *,
        wait_seconds: float | None = None,
        slot: Slot | None = None,
    ) -> Batch:
        """Send exactly what was previewed. Raises PreviewStale, and all that `submit` does."""
        kept = self._previews.look(client, preview_id)
        batch = await self.submit(
            client, kept.submission, wait_seconds=wait_seconds, slot=slot, expected=kept.stamp
        )
        self._previews.use(preview_id)
        return batch

    async def preview(self, client: Client, submission: Submission) -> Preview:
        """Return the orders that would be sent now; send nothing.

        Raises BrokerUnavailable and TooManyRequests.
        """
        lane = self._lanes[submission.account]
        self._require_up(lane, submission.account)
        shown, stamp = await self._previewer.preview(lane, client.name, submission)
        return replace(shown, preview_id=self._previews.keep(client, submission, stamp))

    async def batch(
        self, client: Client, batch_id: BatchId, *, wait_seconds: float = 0
    ) -> Batch:
        """Return a batch; with `wait_seconds`, once it is final and commissions are in.

        Raises NotFound, also for a batch of another client.
        """
        batch = await self._visible(client, batch_id)
        if not wait_seconds:
            return batch
        deadline = self._deadline(wait_seconds)
        batch = await self._waiter.when(batch_id, lambda b: b.is_final, deadline, may_be=ended)
        if not batch.is_final:
            return batch
        deadline = min(deadline, self._deadline(COMMISSION_GRACE_SECONDS))
        return await self._waiter.when(batch_id, _has_commissions, deadline)

    async def batches(
        self,
        client: Client,
        *,
        account: AccountId | None,
        of_client: ClientName | None,
        limit: int,
        before: int | None,
    ) -> tuple[tuple[BatchHead, ...], int | None]:
        """Return a page of batches and where the next one begins."""
        if not client.sees_every_batch:
            if of_client not in {None, client.name}:
                return (), None
            of_client = client.name
        accounts = client.accounts if account is None else frozenset({account})
        found = await self._ledger.batches(accounts, of_client, Page(limit + 1, before))
        heads = tuple(head for _, head in found[:limit])
        return heads, found[limit - 1][0] if len(found) > limit else None

    async def cancel(self, client: Client, batch_id: BatchId) -> Cancellation:
        """Withdraw a batch: drop what is not sent, cancel what works, wait for the broker.

        Raises NotFound, also for a batch of another client unless the key is an admin's.
        """
        batch = await self._changeable(client, batch_id)
        lane = self._lanes.get(batch.head.account_id)
        try:
            orders = await self._ledger.ask_cancel(batch_id, self._clock.now(), client.actor)
        finally:
            if lane is not None:
                lane.watch()  # stored or not: if it is, it must be sent
        crash_point("CP18")
        for order in orders:
            if lane is not None:
                lane.sender.put_cancel(order)
        touched = {batch_id, *(order.batch_id for order in orders)}
        self._feed.publish([*touched, batch.head.account_id])
        deadline = self._deadline(self._policy.ack_timeout_seconds)

        def is_up() -> bool:
            return lane is not None and lane.broker.line is not None

        done = await self._waiter.when(
            batch_id, lambda b: b.is_withdrawn or not is_up(), deadline
        )
        return Cancellation.of(done, is_up=is_up())

    async def resolve(self, client: Client, batch_id: BatchId, resolution: Resolution) -> Batch:
        """Record what a person says of an unknown order. Raises NotFound and BadRequest."""
        await self._changeable(client, batch_id)
        await self.operator.resolve(client, batch_id, resolution)
        return await self._visible(client, batch_id)

    async def evidence(self, client: Client, batch_id: BatchId) -> tuple[OrderEvidence, ...]:
        """Return how each order of a batch was resolved. Raises NotFound."""
        await self._visible(client, batch_id)
        return await self.operator.evidence(batch_id)

    # -- inside ----------------------------------------------------------------------------
    def _distinct_lanes(self) -> Sequence[Lane]:
        return list(dict.fromkeys(self._lanes.values()))

    def _require_up(self, lane: Lane, account: AccountId) -> None:
        reason = lane.broker.reason(account)
        if not lane.broker.is_up(account):
            raise BrokerUnavailable(
                f"account {account} has no broker session ({reason}): nothing was placed and "
                "nothing will be; send the batch again when /health shows the account true",
                retry_after_seconds=BROKER_RETRY_AFTER_SECONDS,
            )

    def _require_room(self, lane: Lane, count: int) -> None:
        seconds = (self._pipeline.unsent(lane) + count) / lane.pacer.per_second
        if seconds > self._policy.max_send_delay_seconds + 1:
            raise TooManyRequests(
                f"the orders queued already take {seconds:.0f} s to send at "
                f"{lane.pacer.per_second} a second: send the batch again later",
                retry_after_seconds=max(1, int(seconds - self._policy.max_send_delay_seconds)),
            )

    def _new_batch(
        self,
        client: Client,
        submission: Submission,
        *,
        slot: Slot | None = None,
        expected: Stamp | None = None,
        queued_seconds: float = 0,
    ) -> NewBatch:
        now = self._clock.now()
        head = BatchHead(
            BatchId(self._random.token_hex(BATCH_ID_DIGITS)),
            submission.account,
            client.name,
            now,
        )
        hours = self._lanes[submission.account].hours
        session = None if hours is None else hours.session_at(now)
        return NewBatch(
            head=head,
            submission=submission,
            key=None if slot is None else slot.key,
            fingerprint=None if slot is None else slot.fingerprint,
            send_before=self._send_before(submission, session, now, queued_seconds),
            in_session=session is not None,
            expected=expected,
            by=client.actor,
        )

    def _send_before(
        self,
        submission: Submission,
        session: Session | None,
        now: datetime,
        queued_seconds: float,
    ) -> datetime:
        """Return until when an order may be sent: soon, in this session, while it is valid."""
        delay = self._policy.max_send_delay_seconds + queued_seconds
        latest = now + timedelta(seconds=delay)
        if session is not None:
            latest = min(latest, session.closes_at)
        if submission.valid_until is not None:
            latest = min(latest, submission.valid_until)
        return latest

    async def _changeable(self, client: Client, batch_id: BatchId) -> Batch:
        """Return a batch that the client may change: its own, or any for an admin."""
        batch = await self._visible(client, batch_id)
        if batch.head.client != client.name and not client.may(Scope.ADMIN):
            raise NotFound(f"there is no batch {batch_id}")
        return batch

    async def _visible(self, client: Client, batch_id: BatchId) -> Batch:
        batch = await self._ledger.batch(batch_id)
        if batch is not None and client.may_see(batch.head):
            return batch
        raise NotFound(f"there is no batch {batch_id}")

    def _deadline(self, seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds

    async def _acknowledged(self, batch_id: BatchId, timeout_seconds: float) -> Batch:
        deadline = self._deadline(timeout_seconds)
        batch = await self._waiter.when(batch_id, _is_answered, deadline, may_be=answered)
        if not any(row.status is ShownStatus.PRE_SUBMITTED for row in batch.rows):
            return batch
        deadline = min(deadline, self._deadline(PRE_SUBMITTED_GRACE_SECONDS))
        return await self._waiter.when(batch_id, _is_past_pre_submitted, deadline)


def _opened(new: NewBatch, batch: Batch) -> OpenBatch:
    """Return an accepted batch as the pipeline takes it up."""
    return OpenBatch(
        batch,
        new.send_before,
        in_session=new.in_session,
        valid_until=new.submission.valid_until,
    )


def _is_answered(batch: Batch) -> bool:
    """Tell whether every order has its first status from the broker."""
    return all(row.status is not ShownStatus.PENDING_SUBMIT for row in batch.rows)


def _is_past_pre_submitted(batch: Batch) -> bool:
    return all(row.status is not ShownStatus.PRE_SUBMITTED for row in batch.rows)


def _has_commissions(batch: Batch) -> bool:
    return all(
        row.order is None or not row.order.filled_qty or row.order.commission is not None
        for row in batch.rows
    )
