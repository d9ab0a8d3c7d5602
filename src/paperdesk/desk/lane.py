"""One gateway's lane: what comes up from it, and what goes down to it.

Owns: the inbox between the session and the ledger (T3), the catching up when a session starts
or ends, and the gateway's session hours. Implements BrokerListener. Knows nothing of batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from paperdesk.desk.feed import Feed, wait_set
from paperdesk.desk.pacer import Pacer, Urgency
from paperdesk.desk.ports import Broker, Clock, Ledger, LineDown
from paperdesk.desk.sender import Sender
from paperdesk.domain.hours import SessionHours
from paperdesk.domain.position import adjustments, whole_shares
from paperdesk.domain.reports import PositionReport, Recorded
from paperdesk.domain.vocabulary import AccountId, ConId, OrderId, Symbol
from paperdesk.errors import LedgerUnavailable

# A positions read may lag a fill by this much (tws-facts: positions lag fills by seconds).
POSITIONS_LAG: Final = timedelta(seconds=30)
SILENT_AFTER: Final = timedelta(seconds=10)  # design.md §4, step 7
HOURS_AGE_MAX: Final = timedelta(days=1)
HOURS_SECONDS: Final = 2.0  # an order can be sent without knowing them
TICK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 60.0  # after error 100
RETRY_SECONDS: Final = 0.5

_log = structlog.get_logger("paperdesk.lane")


def is_tradable(report: PositionReport) -> bool:
    """Tell whether a holding is a USD stock or ETF: all that is traded here."""
    return report.sec_type == "STK" and report.currency == "USD"


class Lane:
    """What the desk has of one gateway: its session, its sender, its inbox, its hours."""

    def __init__(
        self, broker: Broker, *, ledger: Ledger, clock: Clock, feed: Feed, pacer: Pacer
    ) -> None:
        self.broker: Final = broker
        self.pacer: Final = pacer
        self.sender: Final = Sender(broker, ledger=ledger, clock=clock, feed=feed, pacer=pacer)
        self._hours_at: datetime | None = None
        self._ledger = ledger
        self._clock = clock
        self._feed = feed
        self._inbox: list[Recorded] = []
        self._arrived = asyncio.Event()
        self._is_learning = False

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
            group.create_task(self.broker.run(self), name=f"session {self.broker.name}")

    # -- BrokerListener ----------------------------------------------------------------------
    def heard(self, message: Recorded) -> None:
        """Take a message; the learner writes it down."""
        self._inbox.append(message)
        self._arrived.set()

    def sent_frame(self) -> None:
        """Count a frame."""
        self.pacer.frame_left()

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
        while True:
            try:
                return await self._ledger.max_order_id(gateway, client_id)
            except LedgerUnavailable as error:
                _log.error("ledger.unavailable", during="connect", reason=error.detail)
                await asyncio.sleep(RETRY_SECONDS)

    async def synced(self, broker: Broker) -> None:
        """Write down all that the session's first reads brought, then compare positions."""
        await self._caught_up()
        for account in broker.named:
            await self._compare_positions(account, broker.positions(account))
        await self._ask_hours()
        for order in await self._ledger.cancels_asked(broker.accounts):
            self.sender.put_cancel(order)

    def changed(self, broker: Broker) -> None:
        """Wake whoever waits for the line."""
        self.sender.line_changed()
        self._feed.publish(broker.accounts)

    async def went_down(self, broker: Broker) -> None:
        """What was sent and not answered is unknown from now on."""
        assert broker is self.broker
        await self._caught_up()
        if not self._feed.is_closed:  # else the next start says so
            await self._call_unknown(self._clock.now())

    # -- learning ------------------------------------------------------------------------------
    async def _learn_forever(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._is_learning = True
            messages, self._inbox = self._inbox, []
            await self._learn(messages)
            self._is_learning = False
            self._feed.publish([self._caught_up_key])

    async def _learn(self, messages: Sequence[Recorded]) -> None:
        """Commit a group of messages; where one cannot be folded, each on its own."""
        try:
            await self._learn_together(messages)
        except Exception:  # noqa: BLE001 - one bad message must not stop the others
            _log.exception("report.not_folded", messages=len(messages))
            for message in messages:
                await self._learn_alone(message)

    async def _learn_alone(self, message: Recorded) -> None:
        """Learn one message of a group that failed; at worst keep it without its meaning."""
        try:
            await self._learn_together([message])
        except Exception:  # noqa: BLE001 - logged, and kept in the ledger for a person
            _log.exception("report.kept_raw", fields=message.fields[:8])
            await self._learn_together([replace(message, report=None)])

    async def _learn_together(self, messages: Sequence[Recorded]) -> None:
        """Commit messages. While the ledger is down they are kept, and tried again."""
        while True:
            try:
                learned = await self._ledger.learn(messages)
            except LedgerUnavailable as error:
                _log.error("ledger.unavailable", during="learn", reason=error.detail)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._feed.publish({*learned.batches, *learned.accounts})
                return

    @property
    def _caught_up_key(self) -> str:
        return f"caught up {self.broker.name}"

    async def _caught_up(self) -> None:
        with self._feed.watch(self._caught_up_key) as learnt:
            while (self._inbox or self._is_learning) and not self._feed.is_closed:
                await wait_set(learnt, RETRY_SECONDS)

    async def _compare_positions(
        self, account: AccountId, told: Mapping[ConId, PositionReport]
    ) -> None:
        """Take the broker's complete positions read for the opening position.

        Only where no own order lives and none filled a moment ago: there the read may lag.
        """
        now = self._clock.now()
        tradable = {conid: report for conid, report in told.items() if is_tradable(report)}
        ours = await self._ledger.positions(account)
        found = adjustments(
            {conid: whole_shares(report.quantity) for conid, report in tradable.items()},
            {conid: quantity for conid, (_, quantity) in ours.items()},
            await self._ledger.busy(account, now - POSITIONS_LAG),
        )
        if not found:
            return
        symbols = {conid: symbol for conid, (symbol, _) in ours.items()} | {
            conid: Symbol(report.symbol) for conid, report in tradable.items()
        }
        await self._ledger.adopt(account, found, symbols, now)
        for change in found:
            _log.info(
                "position.adopted",
                account=account,
                symbol=symbols[change.conid],
                ours=change.ours,
                broker=change.broker,
            )

    # -- by the clock ------------------------------------------------------------------------
    async def _tick_forever(self) -> None:
        while True:
            await self._call_unknown(self._clock.now() - SILENT_AFTER)
            if self.broker.line is not None:
                await self._ask_hours()
            await asyncio.sleep(TICK_SECONDS)

    async def _call_unknown(self, sent_before: datetime) -> None:
        """Call orders unknown that were sent by then and had no answer at all."""
        try:
            learned = await self._ledger.lost(
                self.broker.accounts, sent_before, self._clock.now()
            )
        except LedgerUnavailable as error:
            _log.warning("ledger.unavailable", during="tick", reason=error.detail)
        else:
            self._feed.publish(learned.batches)

    async def _ask_hours(self) -> None:
        """Ask for the session hours, once a day. Without an answer they are not known."""
        now = self._clock.now()
        if self._hours_at is not None and now - self._hours_at < HOURS_AGE_MAX:
            return
        try:
            async with asyncio.timeout(HOURS_SECONDS):
                self.sender.hours = await self.sender.query(self.broker.hours)
        except (LineDown, TimeoutError) as error:
            _log.warning("hours.not_told", gateway=self.broker.name, reason=str(error))
            return
        self._hours_at = now
