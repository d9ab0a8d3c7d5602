"""The use cases: what a caller can ask of the service.

Owns: Desk: submit, preview, cancel, and the answers to every question. Decides nothing about
orders: `domain.planning` does, and `pipeline` and `sender` carry it out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from paperdesk.desk.accounts import Accounts
from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.idempotency import Keys, Slot
from paperdesk.desk.lane import Lane
from paperdesk.desk.pipeline import Pipeline
from paperdesk.desk.ports import (
    Clock,
    ExecutionFilter,
    Ledger,
    NewBatch,
    OpenBatch,
    Page,
    Random,
)
from paperdesk.desk.previewing import Previewer
from paperdesk.desk.prices import Prices
from paperdesk.desk.waiting import Waiter
from paperdesk.domain.batch import Batch, BatchHead, Outcome, Row, Target
from paperdesk.domain.client import Client
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.limits import Limits
from paperdesk.domain.order import OrderState, ShownStatus
from paperdesk.domain.views import (
    AccountView,
    Cancellation,
    CancelRow,
    Health,
    Positions,
    Preview,
    Readiness,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Scope, Symbol
from paperdesk.errors import (
    BrokerUnavailable,
    LedgerUnavailable,
    NotFound,
    TooManyRequests,
)

BATCH_ID_DIGITS: Final = 16
PRE_SUBMITTED_GRACE_SECONDS: Final = 0.25  # contract.md, POST /api/v1/orders
COMMISSION_GRACE_SECONDS: Final = 2.0  # contract.md, GET /api/v1/orders/{batch_id}
BROKER_RETRY_AFTER_SECONDS: Final = 5

_log = structlog.get_logger("paperdesk.desk")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration lets an operator choose."""

    ack_timeout_seconds: float
    max_send_delay_seconds: float
    limits: Mapping[AccountId, Limits] = field(default_factory=dict)  # none for the others


class Desk:
    """The service, for the accounts of one ledger."""

    def __init__(
        self,
        lanes: Mapping[AccountId, Lane],
        *,
        default_account: AccountId,
        ledger: Ledger,
        clock: Clock,
        random: Random,
        feed: Feed,
        policy: Policy,
    ) -> None:
        self._lanes = dict(lanes)
        self._ledger = ledger
        self._clock = clock
        self._random = random
        self._feed = feed
        self._policy = policy
        self._pipeline = Pipeline(lanes, ledger=ledger, clock=clock, feed=feed)
        self._previewer = Previewer(
            self._pipeline.lookup, Prices(clock), ledger=ledger, clock=clock
        )
        self._accounts = Accounts(
            lanes,
            default_account=default_account,
            limits=policy.limits,
            ledger=ledger,
            clock=clock,
        )
        self._waiter = Waiter(ledger, feed)
        self._keys = Keys(ledger, patience_seconds=policy.ack_timeout_seconds)

    # -- life --------------------------------------------------------------------------------
    async def recover(self) -> None:
        """Take up what an earlier process left. Call it once, before any session starts."""
        now = self._clock.now()
        await self._ledger.lost(tuple(self._lanes), now, now)
        for opened in await self._ledger.open_batches():
            self._pipeline.start(opened)

    async def run(self) -> None:
        """Run every gateway's lane until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._distinct_lanes():
                group.create_task(lane.run())

    async def stop(self) -> None:
        """Answer whoever waits, finish what is being sent, and take up nothing more."""
        self._feed.close()
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
        account: AccountId,
        targets: tuple[Target, ...],
        *,
        wait_seconds: float | None = None,
        slot: Slot | None = None,
    ) -> Batch:
        """Accept targets (T0), and return the batch once each row has its first status.

        Raises TooManyRequests, BrokerUnavailable and LedgerUnavailable, each with nothing
        stored and nothing sent.
        """
        lane = self._lanes[account]
        frames = await self._pipeline.frames_for(targets)
        self._require_room(lane, frames)
        self._require_up(lane, account)
        new = self._new_batch(client, account, targets, slot=slot)
        with self._pipeline.expecting(lane, new.head.batch_id, frames):
            await self._ledger.accept(new)
        rows = tuple(Row(seq, target) for seq, target in enumerate(targets))
        batch = Batch(new.head, rows)
        if slot is not None:
            slot.accepted = batch
        self._pipeline.start(OpenBatch(batch, new.send_before))
        timeout = self._policy.ack_timeout_seconds if wait_seconds is None else wait_seconds
        try:
            return await self._acknowledged(new.head.batch_id, timeout)
        except LedgerUnavailable as error:
            # Accepted is accepted: "nothing stored" would be a lie, and invite a second batch.
            _log.error("ledger.unavailable", during="answer", reason=error.detail)
            return batch

    async def preview(
        self, client: Client, account: AccountId, targets: tuple[Target, ...]
    ) -> Preview:
        """Return the orders that would be sent now; send nothing. Raises BrokerUnavailable."""
        del client
        lane = self._lanes[account]
        self._require_up(lane, account)
        return await self._previewer.preview(lane, account, targets)

    async def batch(
        self, client: Client, batch_id: BatchId, *, wait_seconds: float = 0
    ) -> Batch:
        """Return a batch; with `wait_seconds`, once it is final and commissions are in.

        Raises NotFound, also for a batch of another client.
        """
        await self._visible(client, batch_id)
        deadline = self._deadline(wait_seconds)
        batch = await self._waiter.when(batch_id, lambda b: b.is_final, deadline)
        if not batch.is_final or not wait_seconds:
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
        batch = await self._visible(client, batch_id)
        if batch.head.client != client.name and not client.may(Scope.ADMIN):
            raise NotFound(f"there is no batch {batch_id}")
        lane = self._lanes.get(batch.head.account_id)
        for order in await self._ledger.ask_cancel(batch_id, self._clock.now()):
            if lane is not None:
                lane.sender.put_cancel(order)
        self._feed.publish([batch_id, batch.head.account_id])
        deadline = self._deadline(self._policy.ack_timeout_seconds)

        def is_up() -> bool:
            return lane is not None and lane.broker.line is not None

        done = await self._waiter.when(batch_id, lambda b: b.is_final or not is_up(), deadline)
        return Cancellation(batch_id, tuple(_cancel_rows(done, is_up=is_up())))

    # -- accounts ------------------------------------------------------------------------------
    async def positions(self, account: AccountId, *, allow_stale: bool) -> Positions:
        """Return the account's positions. Raises BrokerUnavailable unless stale ones will do."""
        return await self._accounts.positions(account, allow_stale=allow_stale)

    async def accounts(self, client: Client) -> tuple[AccountView, ...]:
        """Return the accounts of the client's key."""
        return await self._accounts.views(client)

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
        """Return a page of executions and where the next one begins."""
        which = ExecutionFilter(
            accounts=accounts if account is None else (account,),
            symbol=symbol,
            since=since,
        )
        found = await self._ledger.executions(which, Page(limit + 1, before))
        shown = tuple(_private(client, booked) for booked in found[:limit])
        return shown, found[limit - 1].seq if len(found) > limit else None

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
        account: AccountId,
        targets: tuple[Target, ...],
        *,
        slot: Slot | None,
    ) -> NewBatch:
        now = self._clock.now()
        head = BatchHead(
            BatchId(self._random.token_hex(BATCH_ID_DIGITS)), account, client.name, now
        )
        return NewBatch(
            head=head,
            targets=targets,
            key=None if slot is None else slot.key,
            fingerprint=None if slot is None else slot.fingerprint,
            send_before=self._send_before(account, now),
        )

    def _send_before(self, account: AccountId, now: datetime) -> datetime:
        """Return until when an order may be sent: soon, and before this session's close."""
        latest = now + timedelta(seconds=self._policy.max_send_delay_seconds)
        hours = self._lanes[account].hours
        session = None if hours is None else hours.session_at(now)
        return latest if session is None else min(latest, session.closes_at)

    async def _visible(self, client: Client, batch_id: BatchId) -> Batch:
        batch = await self._ledger.batch(batch_id)
        if batch is not None and _may_see(client, batch.head):
            return batch
        raise NotFound(f"there is no batch {batch_id}")

    def _deadline(self, seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds

    async def _acknowledged(self, batch_id: BatchId, timeout_seconds: float) -> Batch:
        deadline = self._deadline(timeout_seconds)
        batch = await self._waiter.when(batch_id, _is_answered, deadline)
        if not any(row.status is ShownStatus.PRE_SUBMITTED for row in batch.rows):
            return batch
        deadline = min(deadline, self._deadline(PRE_SUBMITTED_GRACE_SECONDS))
        return await self._waiter.when(batch_id, _is_past_pre_submitted, deadline)


def _may_see(client: Client, head: BatchHead) -> bool:
    is_own = head.client == client.name
    return head.account_id in client.accounts and (is_own or client.sees_every_batch)


def _private(client: Client, booked: BookedExecution) -> BookedExecution:
    """Leave out what names another client's batch: its id is in the order's ref too."""
    if client.sees_every_batch or booked.client in {None, client.name}:
        return booked
    execution = replace(booked.execution, order_ref=None)
    return replace(booked, execution=execution, batch_id=None)


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


def _cancel_rows(batch: Batch, *, is_up: bool) -> list[CancelRow]:
    """Return one row for every order of the batch, sent or not."""
    never_sent = {OrderState.LAPSED, OrderState.NOT_PLACED}
    return [
        CancelRow(
            symbol=row.target.symbol,
            order_id=None if row.order is None else row.order.order_id,
            cancelled=row.status is ShownStatus.CANCELLED,
            status=row.status,
            filled_qty=0 if row.order is None else row.order.filled_qty,
            cancel_requested=not row.is_final and not is_up,
        )
        for row in batch.rows
        if row.outcome is Outcome.WITHDRAWN
        or (row.order is not None and row.order.state not in never_sent)
    ]
