"""One gateway's lane: what comes up from it, and what goes down to it.

Owns: the inbox between the session and the ledger (T3), the catching up when a session starts
or ends, and the gateway's session hours. Implements BrokerListener. Knows nothing of batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from paperdesk.crash import crash_point
from paperdesk.desk.auditor import Auditor
from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.foreign import Foreign
from paperdesk.desk.halting import Breaker
from paperdesk.desk.insisting import RETRY_SECONDS, insist
from paperdesk.desk.lines import ids_of
from paperdesk.desk.pacer import Pacer, Urgency
from paperdesk.desk.ports import (
    UNMETERED,
    Broker,
    Clock,
    JudgeClaim,
    Ledger,
    Line,
    LineDown,
    Meter,
    Moved,
    Overwhelmed,
)
from paperdesk.desk.resolver import Resolver
from paperdesk.desk.sender import Sender
from paperdesk.domain.execution import base_and_revision
from paperdesk.domain.hours import SessionHours
from paperdesk.domain.order import OrderState
from paperdesk.domain.reports import (
    CommissionReport,
    Effect,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    PositionReport,
    Recorded,
    Report,
    StatusReport,
    Told,
)
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import AccountId, OrderId, PositionBreaks, Symbol
from paperdesk.errors import LedgerUnavailable

SILENT_AFTER: Final = timedelta(seconds=10)  # design.md §4, step 7
CANCEL_AGAIN_SECONDS: Final = 10.0  # a cancel that nobody answered; repeating one is harmless
HOURS_AGE_MAX: Final = timedelta(days=1)
HOURS_SECONDS: Final = 2.0  # an order can be sent without knowing them
TICK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 60.0  # after error 100
# More than any day's lists; beyond it a ledger that is down would cost all memory.
INBOX_MAX: Final = 200_000
LEARNED_AT_ONCE: Final = 1000  # messages of one transaction: it holds all that they are about

_log = structlog.get_logger("paperdesk.lane")


@dataclass(frozen=True, slots=True)
class Vigilance:
    """How a lane looks after what it sent and what it holds."""

    resolve_seconds: float = 30.0
    position_breaks: PositionBreaks = PositionBreaks.ADOPT
    halt_after_rejections: int = 10


class Lane:
    """What the desk has of one gateway: its session, its sender, its inbox, its hours."""

    def __init__(
        self,
        broker: Broker,
        *,
        ledger: Ledger,
        clock: Clock,
        feed: Feed,
        pacer: Pacer,
        judge: Callable[[Lane], JudgeClaim],
        vigilance: Vigilance,
        meter: Meter = UNMETERED,
    ) -> None:
        self.broker: Final = broker
        self.pacer: Final = pacer
        self._breaker = Breaker(
            ledger, clock=clock, feed=feed, rejections_max=vigilance.halt_after_rejections
        )
        self.sender: Final = Sender(
            broker,
            ledger=ledger,
            clock=clock,
            feed=feed,
            pacer=pacer,
            judge=lambda: judge(self),
            breaker=self._breaker,
            on_sending=self.watch,
        )
        self.foreign: Final = Foreign(broker, ledger)
        self.auditor: Final = Auditor(
            broker,
            ledger=ledger,
            clock=clock,
            feed=feed,
            policy=vigilance.position_breaks,
            caught_up=self._caught_up,
            meter=meter,
        )
        self.resolver: Final = Resolver(
            broker,
            ledger=ledger,
            clock=clock,
            feed=feed,
            listener=self,
            caught_up=self._caught_up,
            resolve_seconds=vigilance.resolve_seconds,
        )
        self.heard_at: float | None = None  # the last message, on the loop's clock
        self.changed_at = clock.now()  # since when the line is up, or is not
        self._is_up = False
        self._meter = meter
        self._last_session = 0
        self._hours_at: datetime | None = None
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self._inbox: list[Recorded] = []
        self._arrived = asyncio.Event()
        self._is_learning = False
        self._is_watching = True

    @property
    def hours(self) -> SessionHours | None:
        """The gateway's session hours, None until told. The sender keeps them."""
        return self.sender.hours

    async def run(self) -> None:
        """Run session, sender and learner until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._learn_forever(), name=f"learn {self.broker.name}")
            group.create_task(self.sender.run(), name=f"send {self.broker.name}")
            group.create_task(self._tick_forever(), name=f"tick {self.broker.name}")
            group.create_task(self.auditor.run(), name=f"audit {self.broker.name}")
            group.create_task(self.resolver.run(), name=f"resolve {self.broker.name}")
            group.create_task(self.broker.run(self), name=f"session {self.broker.name}")

    # -- BrokerListener ----------------------------------------------------------------------
    def heard(self, message: Recorded) -> None:
        """Take a message; the learner writes it down. Raises Overwhelmed."""
        if len(self._inbox) >= INBOX_MAX:
            raise Overwhelmed(
                f"{INBOX_MAX:,} messages wait to be written down: the ledger is down or too slow"
            )
        self._inbox.append(message)
        self._arrived.set()
        _pass_points(message.report)
        match message.report:
            case ErrorReport() as error:
                self._meter.error_told(error)
                self.resolver.heard(error)
            case PositionReport() as position:
                self.auditor.pushed(position)
            case ExecutionReport() | CommissionReport() as charged:
                self.auditor.charged(charged)

    def sent_frame(self) -> None:
        """Count a frame."""
        self.pacer.frame_left()
        self._meter.frame_sent()

    def heard_message(self) -> None:
        """Count a message."""
        self.heard_at = asyncio.get_running_loop().time()
        self._meter.message_heard()

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Take room for one frame that must not starve."""
        tokens = await self.pacer.take(Urgency.VITAL, 1)
        try:
            yield
        finally:
            self.pacer.give_back(tokens)

    def too_fast(self) -> None:
        """Send nothing new for a while: whoever goes on loses the connection."""
        _log.error("gateway.too_fast", gateway=self.broker.name, pause_seconds=PAUSE_SECONDS)
        self.pacer.pause(PAUSE_SECONDS)

    async def highest_order_id(self, gateway: str, client_id: int) -> OrderId:
        """Return below which order ids must not fall."""
        return await insist("connect", lambda: self._ledger.max_order_id(gateway, client_id))

    async def synced(self, broker: Broker) -> None:
        """Write down all that the session's first reads brought, then compare the books."""
        assert broker is self.broker
        await self._caught_up()
        await self.auditor.audit()
        await self._ask_hours()
        for order in await self._ledger.cancels_asked(broker.accounts):
            self.sender.put_cancel(order)

    def changed(self, broker: Broker) -> None:
        """Wake whoever waits for the line."""
        self._count_session(broker.line)
        if self._is_up != (broker.line is not None):
            self._is_up, self.changed_at = not self._is_up, self._clock.now()
        self.watch()
        self.sender.line_changed()
        self.resolver.look()  # what was doubted before there was a line
        self._feed.publish(broker.accounts)

    def _count_session(self, line: Line | None) -> None:
        """Tell the meter of a session that is up and is not the first."""
        if line is None or line.session == self._last_session:
            return
        if self._last_session:
            self._meter.session_renewed(self.broker.name)
        self._last_session = line.session

    async def went_down(self, broker: Broker) -> None:
        """What was sent and not answered is unknown from now on."""
        assert broker is self.broker
        await self._caught_up()
        if not self._feed.is_closed:  # else the next start says so
            await self._call_unknown(None)

    # -- learning ------------------------------------------------------------------------------
    async def _learn_forever(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._is_learning = True
            messages, self._inbox = self._inbox, []
            for start in range(0, len(messages), LEARNED_AT_ONCE):
                await self._learn(messages[start : start + LEARNED_AT_ONCE])
            self._is_learning = False
            self._feed.publish([self._caught_up_key])

    async def _learn(self, messages: Sequence[Recorded]) -> None:
        """Commit a group of messages; where one cannot be folded, each on its own."""
        try:
            await self._learn_together(messages)
        except Exception:  # noqa: BLE001 - one bad message must not stop the others
            _log.exception(
                "report.not_folded", gateway=self.broker.name, messages=len(messages)
            )
            for message in messages:
                await self._learn_alone(message)

    async def _learn_alone(self, message: Recorded) -> None:
        """Learn one message of a group that failed; at worst keep it without its meaning."""
        try:
            await self._learn_together([message])
        except Exception:  # noqa: BLE001 - logged, and kept in the ledger for a person
            _log.exception(
                "report.kept_raw", gateway=self.broker.name, fields=message.fields[:8]
            )
            await self._learn_together([replace(message, report=None)])

    async def _learn_together(self, messages: Sequence[Recorded]) -> None:
        """Commit messages. While the ledger is down they are kept, and tried again."""
        learned = await insist("learn", lambda: self._ledger.learn(messages))
        if learned.batches:
            crash_point("CP13")
        if any(map(_is_cancelled, messages)):
            crash_point("CP20")
        self.watch()
        _say_moved(learned.moved)
        self.resolver.doubt(learned.doubted)
        for order in learned.to_cancel:
            _log.error("order.late", **ids_of(order), state=order.state.value)
            self.sender.put_cancel(order)
        await self._breaker.rejected(learned.rejected)
        await self._heed(messages)
        if any(isinstance(m.report, ExecutionReport) for m in messages):
            crash_point("CP15")
        self._feed.publish({*learned.batches, *learned.accounts})

    async def _heed(self, messages: Sequence[Recorded]) -> None:
        """Lock the accounts in which the broker may trade by itself (code 2148)."""
        for message in messages:
            report = message.report
            if isinstance(report, ErrorReport) and report.effect is Effect.LOCKS_ACCOUNT:
                lock = Lock(Symbol("*"), report.words, self._clock.now())
                for account in self.broker.named:
                    await self._lock(account, lock)

    async def _lock(self, account: AccountId, lock: Lock) -> None:
        await insist("lock", lambda: self._ledger.lock(account, None, lock))

    @property
    def _caught_up_key(self) -> str:
        return f"caught up {self.broker.name}"

    async def _caught_up(self) -> None:
        with self._feed.watch(self._caught_up_key) as learnt:
            while (self._inbox or self._is_learning) and not self._feed.is_closed:
                await wait_set(learnt, RETRY_SECONDS)

    # -- by the clock ------------------------------------------------------------------------
    async def _tick_forever(self) -> None:
        while True:
            line = self.broker.line
            try:
                await self._breaker.mend()
                if self._is_watching:
                    await self._look_after(line)
            except LedgerUnavailable as error:
                _log.warning("ledger.unavailable", during="tick", reason=error.detail)
            if line is not None:
                await self._ask_hours()
            await asyncio.sleep(TICK_SECONDS)

    def watch(self) -> None:
        """Look after orders from now on, until none is left of which anything is awaited."""
        self._is_watching = True

    async def _look_after(self, line: Line | None) -> None:
        """Call silent orders unknown, repeat cancels that nobody answered, have doubts resolved."""
        now = self._clock.now()
        self._is_watching = False  # unless something is found, or happens meanwhile
        silent_since = now - SILENT_AFTER
        working = [o for a in self.broker.accounts for o in await self._ledger.working(a)]
        is_sending = any(order.state is OrderState.SENDING for order in working)
        asked = [
            order
            for order in working
            if order.cancel_asked and order.state is not OrderState.QUARANTINED
        ]
        doubted = await self._ledger.in_doubt(self.broker.accounts, now)
        if any(order.is_silent(silent_since, now) for order in working):
            await self._call_unknown(silent_since)
        if line is not None:
            for order in asked:
                self.sender.put_cancel(order, again_after=CANCEL_AGAIN_SECONDS)
        if doubted:
            self.resolver.look()
        if is_sending or asked or doubted:
            self.watch()

    async def _call_unknown(self, since: datetime | None) -> None:
        """Call orders unknown that were sent by then, or ever, and had no answer at all."""
        try:
            now = self._clock.now()
            learned = await self._ledger.lost(self.broker.accounts, since, now)
        except LedgerUnavailable as error:
            _log.warning("ledger.unavailable", during="lost", reason=error.detail)
        else:
            _say_moved(learned.moved)
            self._feed.publish(learned.batches)

    async def _ask_hours(self) -> None:
        """Ask for the session hours, once a day. Without an answer they are not known."""
        now = self._clock.now()
        if self._hours_at is not None and now - self._hours_at < HOURS_AGE_MAX:
            return
        try:
            async with asyncio.timeout(HOURS_SECONDS):
                asked = self.sender.query(self.broker.hours, Urgency.VITAL)
                self.sender.hours = await asked
        except (LineDown, TimeoutError) as error:
            _log.warning("hours.not_told", gateway=self.broker.name, reason=str(error))
            return
        self._hours_at = now


def _pass_points(report: Report | None) -> None:
    """Pass the crash points of what was received and is not in the ledger yet."""
    match report:
        case OrderReport():
            crash_point("CP12")
        case ExecutionReport(execution):
            crash_point("CP14")
            if base_and_revision(execution.exec_id)[1] > 1:
                crash_point("CP17")
        case CommissionReport():
            crash_point("CP16")


_SAID: Final[Mapping[OrderState, str]] = {
    OrderState.UNKNOWN: "order.unknown",
    OrderState.WORKING: "order.acknowledged",
    OrderState.FILLED: "order.filled",
    OrderState.CANCELLED: "order.cancelled",
    OrderState.REJECTED: "order.rejected",
}


def _say_moved(moved: Sequence[Moved]) -> None:
    """Log what became of orders, once for each state."""
    for move in moved:
        order, event = move.after, _SAID.get(move.after.state)
        if event is None:
            continue
        if order.state in {OrderState.UNKNOWN, OrderState.REJECTED}:
            _log.warning(event, **ids_of(order), code=order.broker_code, why=order.error)
        else:
            _log.info(event, **ids_of(order), filled=order.filled_qty)


def _is_cancelled(message: Recorded) -> bool:
    """Tell whether a message says that an order was cancelled."""
    report = message.report
    return isinstance(report, StatusReport) and report.told is Told.CANCELLED
