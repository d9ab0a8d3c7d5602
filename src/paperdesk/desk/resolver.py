"""What became of the orders that a crash, a lost line or silence left open.

Owns: Resolver, which carries out design.md §6: whole passes over the broker's lists, the cancel
fence, and the conclusion, with every step kept as evidence. It never sends an order and never
guesses: an incomplete pass shows nothing. Knows nothing of targets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from paperdesk.crash import crash_point
from paperdesk.desk.feed import Feed
from paperdesk.desk.lines import ids_of
from paperdesk.desk.ports import Broker, BrokerListener, Clock, Ledger, LineDown, NotSent
from paperdesk.domain.order import SENT, Order, OrderEvent, OrderState
from paperdesk.domain.position import whole_shares
from paperdesk.domain.reports import ErrorReport, Reading
from paperdesk.domain.views import Finding, Lock
from paperdesk.domain.vocabulary import ConId, OrderId, OrderRef
from paperdesk.errors import LedgerUnavailable

PASSES_MIN: Final = 3
IN_TIME: Final = timedelta(seconds=90)  # of a ready session: then a person must look
FENCE_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
PAUSE_SECONDS_MAX: Final = 10.0  # between two passes
LOOK_SECONDS: Final = 3600.0  # then the broker is asked whether what works is still listed
NOT_FOUND: Final = 10147  # "OrderId … that needs to be cancelled is not found"
IS_OVER: Final = 10148  # "OrderId … that needs to be cancelled cannot be cancelled, state: …"

READ: Final = "read"
FENCE: Final = "cancel fence"
LAST: Final = "last read"
CONCLUSION: Final = "conclusion"

_log = structlog.get_logger("paperdesk.resolver")


@dataclass(slots=True)
class _Case:
    """One order in doubt, within one session."""

    opened_at: datetime
    passes: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def note(self, begun_at: datetime) -> None:
        """Count a pass that showed nothing."""
        self.passes += 1
        self.first_at = self.first_at or begun_at
        self.last_at = begun_at

    def ripe(self, span: timedelta) -> bool:
        """Tell whether enough passes over enough time showed nothing."""
        if self.passes < PASSES_MIN or self.first_at is None or self.last_at is None:
            return False
        return self.last_at - self.first_at >= span


class Resolver:
    """Finds out, for the accounts of one gateway."""

    def __init__(
        self,
        broker: Broker,
        *,
        ledger: Ledger,
        clock: Clock,
        feed: Feed,
        listener: BrokerListener,
        caught_up: Callable[[], Awaitable[None]],
        resolve_seconds: float,
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self._listener = listener
        self._caught_up = caught_up
        self._span = timedelta(seconds=resolve_seconds)
        self._cases: dict[OrderRef, _Case] = {}
        self._session = 0
        self._suspects: set[OrderRef] = set()
        self._doubts_all = True
        self._looked_at = 0.0
        self._fences: dict[OrderId, asyncio.Future[int]] = {}
        self._wake = asyncio.Event()

    def doubt(self, refs: Collection[OrderRef]) -> None:
        """Look into orders of which the broker said something that settles nothing."""
        if refs:
            self._suspects.update(refs)
            self._wake.set()

    def look(self) -> None:
        """Look again: the line changed, or something is unknown or has executions missing."""
        self._wake.set()

    def heard(self, report: ErrorReport) -> None:
        """Take the answer to a cancel fence."""
        fence = self._fences.get(OrderId(report.request_id))
        if fence is not None and not fence.done():
            fence.set_result(report.code)

    async def run(self) -> None:
        """Resolve for as long as the service runs."""
        while True:
            delay: float | None
            try:
                delay = await self._round()
            except (LineDown, NotSent, LedgerUnavailable) as error:
                _log.warning("resolve.incomplete", gateway=self._broker.name, why=str(error))
                delay = RETRY_SECONDS
            if delay is None:
                await self._woken()
            else:
                await asyncio.sleep(delay)

    async def _woken(self) -> None:
        """Wait until there is something to look into, or all that works is to be looked for.

        A gateway may end an order without a word about it.
        """
        is_up = self._broker.line is not None
        try:
            async with asyncio.timeout_at(self._looked_at + LOOK_SECONDS if is_up else None):
                await self._wake.wait()
                self._wake.clear()
        except TimeoutError:
            self._doubts_all = True

    async def _round(self) -> float | None:
        """Make one pass where something is in doubt; return when to look again, if by itself."""
        line = self._broker.line
        if line is None:
            return None
        if line.session != self._session:
            self._session, self._cases, self._doubts_all = line.session, {}, True
        doubted = await self._in_doubt()
        if not doubted:
            self._all_seen()
            self._suspects.clear()
            return None
        suspects, self._suspects = self._suspects, set()
        try:
            await self._pass(doubted)
        except (LineDown, NotSent, LedgerUnavailable):
            self._suspects |= suspects  # nothing was shown of them
            raise
        self._all_seen()
        return min(self._span.total_seconds() / PASSES_MIN, PAUSE_SECONDS_MAX)

    def _all_seen(self) -> None:
        if self._doubts_all:
            self._looked_at = asyncio.get_running_loop().time()
        self._doubts_all = False

    async def _in_doubt(self) -> dict[OrderRef, Order]:
        """Return the orders to be looked into."""
        now = self._clock.now()
        accounts = self._broker.named
        found = {order.ref: order for order in await self._ledger.in_doubt(accounts, now)}
        if self._doubts_all or self._suspects:
            for account in accounts:
                for order in await self._ledger.working(account):
                    is_quarantined = order.state is OrderState.QUARANTINED
                    is_meant = self._doubts_all or (
                        order.ref in self._suspects and not is_quarantined
                    )
                    if order.state in SENT and is_meant:
                        found[order.ref] = order
        found = {
            ref: order
            for ref, order in found.items()
            if order.state is not OrderState.SENDING  # its answer is still awaited
        }
        self._cases = {ref: case for ref, case in self._cases.items() if ref in found}
        for ref in found:
            self._cases.setdefault(ref, _Case(now))
        return found

    # -- passes ----------------------------------------------------------------------------
    async def _pass(self, doubted: dict[OrderRef, Order]) -> None:
        crash_point("CP21")
        try:
            reading = await self._read()
        except LineDown as error:
            shows = dict.fromkeys(doubted, f"incomplete: {error}")
            await self._note(shows, READ, is_complete=False)
            await self._give_up(
                doubted.values(), "the broker's lists could not be read in time"
            )
            raise
        crash_point("CP24")
        after = await self._after(doubted)
        findings = {}
        for ref, order in after.items():
            case = self._cases[ref]
            if _is_answered(order):
                self._cases.pop(ref)
                findings[ref] = f"found: the order is {order.state}"
            elif order.state is OrderState.WORKING:
                findings[ref] = await self._working(order, reading)
            else:
                case.note(reading.begun_at)
                findings[ref] = _shown(reading)
        await self._note(findings, READ)
        self._feed.publish({order.batch_id for order in after.values()})
        for ref, order in after.items():
            if ref in self._cases and order.state is OrderState.UNKNOWN:
                await self._advance(order)
            elif ref in self._cases and order.is_terminal:
                await self._missing(order)

    async def _read(self) -> Reading:
        """Read every list, and have all of it in the ledger."""
        reading = await self._broker.read_all()
        if reading.session != self._session:
            raise LineDown("the session changed during a pass")
        await self._caught_up()
        return reading

    async def _after(self, doubted: Iterable[OrderRef]) -> dict[OrderRef, Order]:
        """Return the orders as they are now that a reading was learnt."""
        return {ref: await self._ledger.order(ref) for ref in doubted}

    async def _working(self, order: Order, reading: Reading) -> str:
        """Judge an order that is thought to work: is it in the broker's lists?"""
        self._cases.pop(order.ref)
        listed = [*reading.open_before, *reading.open_after]
        if any(
            entry.report.order_ref == order.ref or entry.report.perm_id == order.perm_id
            for entry in listed
        ):
            return "found: the order works"
        words = "not in the broker's open orders"
        await self._move(order, OrderEvent.VANISHED, words)
        self._wake.set()
        return words

    # -- conclusions -----------------------------------------------------------------------
    async def _advance(self, order: Order) -> None:
        """Conclude where enough passes showed nothing; quarantine where none ever can."""
        case = self._cases[order.ref]
        assert order.sent_at is not None
        now = self._clock.now()
        if self._broker.account_day(order.sent_at) != self._broker.account_day(now):
            words = "the account's day has ended since: executions are served of the day only"
            await self._quarantine(order, words)
        elif case.ripe(self._span):
            await self._finish(order)

    async def _finish(self, order: Order) -> None:
        """Cancel by order id, which must find nothing; read once more; then it is certain."""
        case = self._cases.pop(order.ref)
        try:
            code = await self._fence(order)
        except NotSent as error:
            if self._broker.line is None:
                raise
            # The line stands and must not carry it: the order was sent through another one.
            await self._quarantine(order, f"it cannot be asked for: {error}")
            return
        # Of an order that the broker once had its end is as good: no list of open orders has it.
        is_over = code == IS_OVER and order.perm_id is not None
        if code != NOT_FOUND and not is_over:
            said = "nothing" if code is None else f"code {code}"
            await self._note({order.ref: f"the broker answered {said}"}, FENCE)
            self._cases[order.ref] = _Case(case.opened_at)
            await self._give_up(
                [order], "its cancel was not answered as one of a strange order"
            )
            return
        shows = "the broker has it as over" if is_over else "the broker does not know it"
        await self._note({order.ref: f"{shows} ({code})"}, FENCE)
        reading = await self._read()
        now = await self._ledger.order(order.ref)
        if now.state is not OrderState.UNKNOWN:
            await self._note({order.ref: f"found: the order is {now.state}"}, LAST)
            return
        await self._note({order.ref: _shown(reading)}, LAST)
        ours = (await self._ledger.positions(order.account)).get(order.conid)
        held = _held(reading, order)
        if held != (0 if ours is None else ours[1]):
            await self._quarantine(
                order, f"nothing is listed, but the broker's position is {held}, not ours"
            )
            return
        await self._conclude(now)

    async def _conclude(self, order: Order) -> None:
        """It is certain that the order is not there, and that nothing unknown filled."""
        was_there = bool(order.perm_id or order.wire_status or order.filled_qty)
        event = OrderEvent.CANCELLED if was_there else OrderEvent.ABSENT
        words = (
            "it ended out of sight: the broker lists it no longer"
            if was_there
            else "it never reached the broker: complete reads, a cancel and the position show it"
        )
        crash_point("CP25")
        await self._move(order, event, words)
        crash_point("CP26")
        await self._note({order.ref: words}, CONCLUSION)
        _log.warning("order.resolved", **ids_of(order), outcome=words)
        self._feed.publish([order.batch_id, order.account])

    async def _quarantine(self, order: Order, words: str) -> None:
        self._cases.pop(order.ref, None)
        await self._move(order, OrderEvent.QUARANTINED, words)
        await self._note({order.ref: words}, CONCLUSION)
        _log.error("order.quarantined", **ids_of(order), why=words)
        self._feed.publish([order.batch_id, order.account])

    async def _missing(self, order: Order) -> None:
        """Lock the symbol of an order that ended with executions that never come."""
        case = self._cases[order.ref]
        now = self._clock.now()
        case.note(now)
        if case.ripe(self._span):
            words = (
                f"the broker filled {order.broker_filled} of order {order.ref}, its "
                f"executions add up to {order.executed_qty}"
            )
            await self._ledger.lock(order.account, order.conid, Lock(order.symbol, words, now))

    async def _give_up(self, doubted: Iterable[Order], words: str) -> None:
        """Quarantine what could not be looked into for too long, with the line up."""
        now = self._clock.now()
        for order in doubted:
            case = self._cases.get(order.ref)
            is_late = case is not None and now - case.opened_at > IN_TIME + self._span
            if is_late and order.state is OrderState.UNKNOWN:
                await self._quarantine(order, words)

    async def _move(self, order: Order, event: OrderEvent, words: str) -> None:
        """Write a conclusion down, unless something was heard of the order meanwhile."""
        await self._ledger.conclude(
            order.ref, event, words, self._clock.now(), expected=order.state
        )

    # -- the fence -------------------------------------------------------------------------
    async def _fence(self, order: Order) -> int | None:
        """Send a cancel by order id; return the code of its answer, None for none in time."""
        assert order.order_id is not None
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._fences[order.order_id] = answer
        try:
            await self._ledger.fence(order.ref, self._clock.now())
            async with self._listener.room():
                self._broker.cancel(order)
            async with asyncio.timeout(FENCE_SECONDS):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._fences[order.order_id]

    # -- evidence --------------------------------------------------------------------------
    async def _note(
        self, shows: Mapping[OrderRef, str], step: str, *, is_complete: bool = True
    ) -> None:
        at = self._clock.now()
        await self._ledger.note(
            {ref: Finding(at, step, words, is_complete) for ref, words in shows.items()}
        )


def _is_answered(order: Order) -> bool:
    """Tell whether nothing is left to find out."""
    if order.state is OrderState.QUARANTINED:
        return False
    return order.is_terminal and order.executed_qty >= order.broker_filled


def _shown(reading: Reading) -> str:
    return (
        f"not found among {len(reading.open_before)} and {len(reading.open_after)} open orders, "
        f"{len(reading.completed)} completed, {reading.executions} executions"
    )


def _held(reading: Reading, order: Order) -> int:
    """Return the broker's position on the order's contract, as this reading has it."""
    conid: ConId = order.conid
    return sum(
        whole_shares(report.quantity)
        for report in reading.positions
        if report.account == order.account and report.conid == conid
    )
