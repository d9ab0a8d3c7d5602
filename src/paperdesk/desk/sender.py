"""Claim, send, learn: the way of an intent to the wire.

Owns: Sender, the queue of one gateway, in which frames leave in the contract's order: cancels,
reducing orders, sells, buys. An intent is claimed in the ledger (T2) before its one frame is
written; from that commit on nobody sends it again. Knows nothing of targets.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final, TypeVar

import structlog

from paperdesk.crash import crash_point
from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.halting import Breaker
from paperdesk.desk.insisting import RETRY_SECONDS, insist
from paperdesk.desk.lines import ids_of
from paperdesk.desk.pacer import Pacer, Urgency
from paperdesk.desk.ports import (
    Broker,
    Claim,
    Clock,
    JudgeClaim,
    Ledger,
    Line,
    LineDown,
    NotSent,
)
from paperdesk.domain.contract import Contract
from paperdesk.domain.hours import SessionHours
from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import AccountId, OrderId, OrderRef, Side
from paperdesk.errors import LedgerUnavailable

T = TypeVar("T")

STOP_SECONDS: Final = 1.0
CANCELS_KEPT: Final = 10_000
HANDED_KEPT: Final = 20_000
# So many are claimed in one commit: the gateway works on them while the next are claimed, and
# with a pace a frame waits no longer than one small commit after its room came free.
CHUNK_MAX: Final = 50

_log = structlog.get_logger("paperdesk.sender")


class Precedence(IntEnum):
    """In which order frames leave."""

    CANCEL = 0
    REDUCING = 1
    SELL = 2
    BUY = 3

    @classmethod
    def of(cls, order: Order, *, is_reducing: bool) -> Precedence:
        """Return the precedence of a new order."""
        if is_reducing:
            return cls.REDUCING
        return cls.SELL if order.side is Side.SELL else cls.BUY


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """One frame to send. A cancel has no contract."""

    precedence: Precedence
    arrival: int
    order: Order = field(compare=False)
    contract: Contract | None = field(compare=False)

    @property
    def key(self) -> tuple[OrderRef, bool]:
        """What makes two jobs the same: the order, and whether it is a cancel."""
        return self.order.ref, self.contract is None


class Sender:
    """The queue of one gateway, and the only caller of `Broker.place` and `Broker.cancel`."""

    def __init__(
        self,
        broker: Broker,
        *,
        ledger: Ledger,
        clock: Clock,
        feed: Feed,
        pacer: Pacer,
        judge: Callable[[], JudgeClaim],
        breaker: Breaker,
        on_sending: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self._pacer = pacer
        self._judge = judge
        self._breaker = breaker
        self._on_sending = on_sending
        self._placed: Counter[AccountId] = Counter()
        self._cancelled_at: dict[OrderRef, float] = {}
        self._ids: dict[OrderRef, OrderId] = {}
        self._handed: dict[OrderRef, None] = {}  # what left, the newest
        self._queue: list[Job] = []
        self._queued: set[tuple[OrderRef, bool]] = set()
        self._arrivals = 0
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._is_running = False
        self._stopped = asyncio.Event()
        self.hours: SessionHours | None = None

    @property
    def backlog(self) -> int:
        """How many frames wait."""
        return len(self._queue)

    def put(self, order: Order, contract: Contract, *, is_reducing: bool) -> None:
        """Queue an intent that is in the ledger as planned."""
        precedence = Precedence.of(order, is_reducing=is_reducing)
        self._push(self._job(precedence, order, contract))

    def put_cancel(self, order: Order, *, again_after: float = 0.0) -> None:
        """Queue a cancel that is in the ledger as asked.

        Not where one left less than `again_after` seconds ago.
        """
        now = asyncio.get_running_loop().time()
        if now - self._cancelled_at.get(order.ref, -again_after) >= again_after:
            self._push(self._job(Precedence.CANCEL, order, None))

    def line_changed(self) -> None:
        """Look again: the session came up or went down."""
        self._ids.clear()  # the next session has ids of its own
        self._cancelled_at.clear()
        self._wake.set()

    async def stop(self) -> None:
        """End `run` after the chunk that is being sent: a claim is not left half way.

        Waits a moment for it; a claim that is cut off becomes an unknown order.
        """
        self._is_stopping = True
        self._wake.set()
        if self._is_running:
            await wait_set(self._stopped, STOP_SECONDS)

    async def query(
        self,
        ask: Callable[[], Coroutine[Any, Any, T]],
        urgency: Urgency = Urgency.QUERIES,
    ) -> T:
        """Ask the gateway something, behind every order that waits.

        Raises LineDown while a session is opened: it begins with reads that nobody paces, and
        questions beside them would be too many in its first second. What is vital is asked then,
        too. The token is held until the question has left, not until it is answered: a gateway
        that does not answer must not hold up orders.
        """
        tokens = await self._pacer.take(urgency, 1)
        if self._broker.line is None and urgency is not Urgency.VITAL:
            self._pacer.give_back(tokens)
            raise LineDown("there is no session")
        asking = asyncio.create_task(ask())
        try:
            await asyncio.sleep(0)
        finally:
            self._pacer.give_back(tokens)
        try:
            return await asking
        finally:
            asking.cancel()

    async def run(self) -> None:
        """Send what is queued, for as long as the service runs."""
        self._is_running = True
        try:
            await self._send_all()
        finally:
            self._is_running = False
            self._stopped.set()

    async def _send_all(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            if not self._queue or self._broker.line is None:
                await self._wake.wait()
                continue
            wanted = min(len(self._queue), CHUNK_MAX)
            tokens = await self._pacer.take(Urgency.ORDERS, wanted)
            try:
                await self._send_chunk(tokens)
            finally:
                self._pacer.give_back(tokens)

    async def _send_chunk(self, size: int) -> None:
        line = self._broker.line
        if line is None:
            return
        self._on_sending()
        chunk = [self._pop() for _ in range(min(size, len(self._queue)))]
        self._send_cancels([job for job in chunk if job.contract is None])
        orders = [job for job in chunk if job.contract is not None]
        if orders:
            await self._send_orders(orders, line)
            self._feed.publish({job.order.batch_id for job in orders})

    def _send_cancels(self, jobs: Sequence[Job]) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._cancelled_at) > CANCELS_KEPT:
            self._cancelled_at.clear()  # at worst one is repeated sooner
        for job in jobs:
            self._cancelled_at[job.order.ref] = now
            try:
                self._broker.cancel(job.order)
            except NotSent as error:
                # The cancel is stored: it is sent again when the session is ready.
                _log.warning("cancel.not_sent", **ids_of(job.order), reason=str(error))
            else:
                crash_point("CP19")

    async def _send_orders(self, jobs: Sequence[Job], line: Line) -> None:
        """Claim the jobs' intents (T2), then write the one frame of each that was won."""
        crash_point("CP07")
        won = await self._claim(jobs, line)
        contracts = {job.order.ref: job.contract for job in jobs}
        not_sent = {}
        for order in won:
            contract = contracts[order.ref]
            assert contract is not None
            crash_point("CP09")
            try:
                self._place(order, contract, line)
            except NotSent as error:
                _log.warning("order.not_sent", **ids_of(order), reason=str(error))
                not_sent[order.ref] = str(error)
            else:
                crash_point("CP10")
        if won:
            crash_point("CP11")
        await self._record_not_sent(not_sent)
        await self._guard({order.account for order in won})

    async def _claim(self, jobs: Sequence[Job], line: Line) -> list[Order]:
        """Commit the claim; return what was won, nothing where it is not known to be stored.

        Then the jobs stay queued until they lapse, and the next claim is the same again: as
        long as this process has not written a frame of an intent, nobody has.
        """
        now = self._clock.now()
        ends_at = None if self.hours is None else self.hours.day_ends_at(now)
        try:
            claims = [Claim(job.order.ref, self._id_for(job.order.ref)) for job in jobs]
            won = await self._ledger.claim(
                claims, replace(line, day_ends_at=ends_at), self._judge(), now
            )
        except (NotSent, LedgerUnavailable) as error:
            _log.warning(
                "claim.failed",
                order_refs=[job.order.ref for job in jobs],
                gateway=self._broker.name,
                reason=str(error),
            )
            for job in jobs:
                self._push(job)
            await asyncio.sleep(RETRY_SECONDS)
            return []
        for job in jobs:
            self._ids.pop(job.order.ref, None)
        return won

    def _id_for(self, ref: OrderRef) -> OrderId:
        """Return the order id of a claim, the same one until it is known to be stored."""
        if ref not in self._ids:
            self._ids[ref] = self._broker.next_order_id()
        return self._ids[ref]

    async def _guard(self, accounts: Collection[AccountId]) -> None:
        """Halt an account of which more frames left than claimed intents were handed over.

        That cannot be; if it is, nothing here can be believed (reliability.md §1, Knight).
        """
        for account in accounts:
            if self._broker.orders_sent(account) > self._placed[account]:
                reason = "more orders left than were written down: a defect of Paperdesk"
                await self._breaker.halt(account, reason)

    def _place(self, order: Order, contract: Contract, line: Line) -> None:
        """Write the frame of a claimed intent, on the session it was claimed for."""
        if self._broker.line != line:
            raise NotSent("the session ended between claim and send")
        if order.ref in self._handed:
            # Its first claim was lost with a database that forgot a commit. What became of
            # that frame the resolver finds out; a second one must never leave.
            _log.critical("order.not_sent_again", **ids_of(order))
            return
        self._broker.place(order, contract)
        self._placed[order.account] += 1
        self._handed[order.ref] = None
        if len(self._handed) > HANDED_KEPT:
            del self._handed[next(iter(self._handed))]

    async def _record_not_sent(self, why: Mapping[OrderRef, str]) -> None:
        """Write down what is known never to have left; nothing else is claimed before it is."""
        if why:
            await insist("not_sent", lambda: self._ledger.not_sent(why, self._clock.now()))

    def _pop(self) -> Job:
        job = heapq.heappop(self._queue)
        self._queued.discard(job.key)
        return job

    def _push(self, job: Job) -> None:
        """Queue a job, unless the same one waits already."""
        if job.key not in self._queued:
            self._queued.add(job.key)
            heapq.heappush(self._queue, job)
            self._wake.set()

    def _job(self, precedence: Precedence, order: Order, contract: Contract | None) -> Job:
        self._arrivals += 1
        return Job(precedence, self._arrivals, order, contract)
