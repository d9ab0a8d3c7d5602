"""One connection to a gateway, from its first byte to its last.

Owns: the ib_async client of one session, what is recorded of it and what is forwarded to it,
the last check of every frame that leaves, the asking, the heartbeat, and the one reason why it
ended. Knows nothing of reconnecting, of what an answer is (`answers`), or of the desk.

Every message is recorded and decoded here first. ib_async then sees only what ends a request of
its own start: it would keep every order and fill for ever, and call orders cancelled that live
(design.md §7).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Final

import structlog
from ib_async import IB, StartupFetch
from ib_async.ib import StartupFetchALL

from paperdesk.broker import guard, reasons
from paperdesk.broker.answers import REPORTS_MAX, Answer, Answers, Late
from paperdesk.broker.error_codes import LinkEffect, link_effect_of
from paperdesk.broker.translate import (
    managed_accounts_of,
    net_liquidation_of,
    portfolio_row_of,
    report_of,
)
from paperdesk.broker.views import Views
from paperdesk.desk.ports import BrokerListener, Clock, LineDown, NotSent, Overwhelmed
from paperdesk.domain.reports import (
    Effect,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    PositionReport,
    Recorded,
    Report,
    StatusReport,
)
from paperdesk.domain.vocabulary import OrderId

log = structlog.get_logger(__name__)

# The messages that are evidence: they go to the listener, decoded or not.
RECORDED: Final = frozenset({"3", "4", "5", "9", "11", "15", "59", "61", "101"})

# What connectAsync waits for, and nothing else: managedAccounts, and the ends of open orders,
# executions, positions, account values (multi) and completed orders.
_FORWARDED: Final = frozenset({"15", "53", "55", "62", "74", "102"})

HINT_SECONDS: Final = 10.0  # how long what a gateway says may explain that it closes the line
_FRAME_BYTES_MAX: Final = 0xFFFFFF + 4  # IBKR, "EReader"
_ORDER_ID_MAX: Final = 2**31 - 1

_READS: Final = StartupFetchALL & ~StartupFetch.ACCOUNT_UPDATES


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait for what, in seconds.

    `silence` is a second less than what is promised (15 s), for the first missing byte cannot
    be seen. The backoff's last step is kept for good.
    """

    connect: float = 4.0
    request: float = 10.0
    quote: float = 5.0
    idle: float = 5.0
    silence: float = 14.0
    backoff: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    portfolio_age: float = 1.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway listens, and as which client to call."""

    host: str
    port: int
    client_id: int

    @property
    def name(self) -> str:
        """`host:port`, the gateway's name in the ledger."""
        return f"{self.host}:{self.port}"


class Link:
    """A connection. Open it once; when it is over it stays over."""

    def __init__(
        self,
        address: Address,
        *,
        clock: Clock,
        listener: BrokerListener,
        timing: Timing,
        on_change: Callable[[], None],
        orders_sent: Counter[str],
        was_up: bool = False,
    ) -> None:
        self._address = address
        self._clock = clock
        self._listener = listener
        self._timing = timing
        self._on_change = on_change
        self._orders_sent = orders_sent
        self._was_up = was_up
        self._hint = (-HINT_SECONDS, "")
        self.is_ready = False  # the session says so
        self._answers = Answers()
        self._permitted: list[str] | None = None
        self._sent_ids = guard.SentIds()
        self._heard_at = 0.0
        self._is_over = asyncio.Event()
        self.views = Views()
        self.managed: tuple[str, ...] = ()
        self.why = f"connecting to {address.name}"
        self.paper_problem: str | None = None  # this must never be connected to again
        self.highest_id = 0  # used or seen by this session, orders and requests alike
        self.complaint = ""  # what the gateway refused without naming a request
        self.degraded: str | None = None  # gateway to IBKR
        self.fault: Exception | None = (
            None  # a defect of ours, to be raised by `open` or `watch`
        )
        self.ib = IB()
        self._tap()

    # -- its life --------------------------------------------------------------------------
    async def open(self, above: OrderId) -> None:
        """Connect and read everything; ids will be above `above`. Raises where that fails."""
        self._heard_at = asyncio.get_running_loop().time()
        # Before connecting: ids of this session never meet those of an older one.
        self.ib.client.updateReqId(above + 1)
        connecting = asyncio.create_task(self._connect())
        over = asyncio.create_task(self._is_over.wait())
        try:
            await asyncio.wait({connecting, over}, return_when=asyncio.FIRST_COMPLETED)
            if not self.is_over:
                await connecting
        finally:
            await _cancelled(connecting, over)
        if self.is_over:
            raise self.fault or LineDown(self.why)

    async def _connect(self) -> None:
        """Let ib_async connect and read; end the link where it cannot.

        Here, for once ib_async has closed the socket itself the reason is lost.
        """
        try:
            await self.ib.connectAsync(
                self._address.host,
                self._address.port,
                self._address.client_id,
                timeout=self._timing.connect,
                raiseSyncErrors=True,
                fetchFields=_READS,
            )
        except (OSError, NotSent) as problem:
            attempt = reasons.Connecting(
                self.name, self._timing.connect, self.complaint, was_up=self._was_up
            )
            self.end(reasons.connecting_failed(attempt, problem))

    async def watch(self) -> None:
        """Return when the link is over; ask when the gateway is silent, end it when it stays so."""
        loop = asyncio.get_running_loop()
        asked_at = 0.0
        while not self.is_over:
            now, heard_at = loop.time(), self._heard_at
            over_at = heard_at + self._timing.silence
            ask_at = max(heard_at, asked_at) + self._timing.idle
            if now >= over_at:
                self.end(f"{self.name} has been silent for {self._timing.silence:g} s")
            elif now >= ask_at:
                asked_at = now
                await self._knock(over_at)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(ask_at, over_at)):
                        await self._is_over.wait()
        if self.fault is not None:
            raise self.fault

    async def _knock(self, until: float) -> None:
        """Ask for the time, which every gateway answers."""
        with suppress(TimeoutError, NotSent, OSError):
            async with asyncio.timeout_at(until), self.room():
                self.ib.client.reqCurrentTime()

    def room(self) -> AbstractAsyncContextManager[None]:
        """Return what to enter for a frame that must not starve."""
        return self._listener.room()

    def end(self, why: str) -> None:
        """Drop the connection at once. The first reason stays."""
        if self.is_over:
            return
        self.why = why
        self._is_over.set()
        client = self.ib.client
        client.connState = client.DISCONNECTED  # nothing is sent any more, whoever tries
        if client.conn.transport is not None:
            client.conn.transport.abort()
        self._answers.fail(why)
        self._on_change()

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self._address.name

    @property
    def is_over(self) -> bool:
        """Tell whether the connection has ended."""
        return self._is_over.is_set()

    @property
    def is_fit(self) -> bool:
        """Tell whether what is sent now can reach IBKR, as far as is known."""
        transport = self.ib.client.conn.transport
        return (
            not self.is_over
            and self.degraded is None
            and transport is not None
            and not transport.is_closing()
        )

    @property
    def version(self) -> int:
        """The version of the protocol that both sides speak."""
        return self.ib.client.serverVersion()

    def next_id(self) -> int:
        """Return an id for an order or a request that no other one has. Raises LineDown."""
        if not self.ib.client.isReady():
            raise LineDown(self.why)
        return self.ib.client.getReqId()

    # -- asking ----------------------------------------------------------------------------
    async def ask(
        self, key: int | str, send: Callable[[], None], seconds: float
    ) -> list[tuple[str, ...]]:
        """Send a request; return its rows. Raises LineDown, Refused or Late.

        There is no answer without its end: a late one is not an empty one.
        """
        return (await self._answer(key, send, seconds, nullcontext())).rows

    async def read(self, key: int | str, send: Callable[[], None], seconds: float) -> Answer:
        """Send a request that must not starve; return its answer, what its rows report.

        Raises as `ask` does. A late list without an id ends the link: when its end comes
        after all, it would be taken for the end of the next one.
        """
        try:
            answer = await self._answer(key, send, seconds, self.room())
        except Late as late:
            if isinstance(key, str):
                said = reasons.complained(self.complaint)
                self.end(f"{self.name} did not tell its {key}: {late}{said}")
            raise
        if not self.is_fit:  # what it told may be what it knew before it lost IBKR
            raise LineDown(self.degraded or self.why)
        if answer.is_cut:
            raise LineDown(f"{self.name} gave an answer of more than {REPORTS_MAX} rows")
        return answer

    async def _answer(
        self,
        key: int | str,
        send: Callable[[], None],
        seconds: float,
        room: AbstractAsyncContextManager[None],
    ) -> Answer:
        if self.is_over:
            raise LineDown(self.why)
        with self._answers.waiting(key) as answer:
            try:
                async with room:
                    if not answer.done.done():  # the link may have ended meanwhile
                        send()
                async with asyncio.timeout(seconds):
                    await answer.done
            except TimeoutError:
                raise Late(answer.rows, seconds) from None
            except (NotSent, OSError) as problem:
                raise LineDown(str(problem)) from problem
        return answer

    # -- orders ----------------------------------------------------------------------------
    def transmit(self, permitted: list[str], send: Callable[[], None]) -> None:
        """Let one order or cancel leave, if it is encoded exactly as permitted.

        Raises NotSent where no byte of it was written. Any other error leaves that open.
        """
        if not self.is_fit:
            raise NotSent(
                self.why if self.is_over else self.degraded or "the connection is down"
            )
        sent_before = self.ib.client.conn.numMsgSent
        self._permitted = permitted
        try:
            send()
        except (NotSent, OSError, ValueError) as problem:
            if self.ib.client.conn.numMsgSent != sent_before:
                raise OSError(f"after a frame was written: {problem}") from problem
            raise NotSent(str(problem)) from problem
        finally:
            self._permitted = None
        if self.ib.client.conn.numMsgSent == sent_before:
            raise NotSent("the connection took no byte of it")

    # -- both ends of the wire -------------------------------------------------------------
    def _tap(self) -> None:
        client = self.ib.client
        client.MaxRequests = 0  # ib_async must never queue: what it queues it can lose
        self._write: Callable[[bytes], None] = client.conn.sendMsg
        self._forward: Callable[[list[str]], None] = client.decoder.interpret
        client.conn.sendMsg = self._send  # type: ignore[method-assign]
        client.decoder.interpret = self._interpret  # type: ignore[method-assign]
        client.conn.hasData += self._on_bytes
        client.conn.disconnected += self._on_closed

    def _send(self, frame: bytes) -> None:
        """Write one frame, or raise NotSent before a byte of it is written."""
        conn = self.ib.client.conn
        if self.is_over or conn.transport is None or conn.transport.is_closing():
            raise NotSent(self.why if self.is_over else "the connection is closing")
        is_first = conn.numMsgSent == 0 and guard.is_greeting(frame)
        fields = [] if is_first else guard.fields_of(frame)
        if not is_first:
            guard.check_frame(fields, self._permitted)
        is_order = fields[:1] == [guard.ORDER_MESSAGE]
        if is_order:
            self._sent_ids.use(int(fields[1]))
        self._permitted = None
        self._write(frame)
        if is_order:
            self._orders_sent[fields[guard.ACCOUNT_AT]] += 1
        self._note_ids()
        self._listener.sent_frame()

    def _on_bytes(self, _data: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if len(self.ib.client._data) > _FRAME_BYTES_MAX:  # noqa: SLF001  its buffer has no bound
            self.end(f"{self.name} sent a frame that is too large")

    def _on_closed(self, words: str) -> None:
        told_at, hint = self._hint
        is_recent = asyncio.get_running_loop().time() - told_at < HINT_SECONDS
        self.end(
            reasons.closed(self.name, words, hint if is_recent else None, was_up=self.is_ready)
        )

    def _interpret(self, fields: list[str]) -> None:
        """Take one message. Whatever goes wrong ends the link: nothing may be lost unseen.

        eventkit would log it and go on with the next message, so it is raised by open or
        watch too.
        """
        try:
            self._take(fields)
        except Overwhelmed as reason:
            self.end(str(reason))
        except Exception as fault:
            self.fault = fault
            self.end(f"a defect of Paperdesk: {fault!r}")
            raise

    def _take(self, fields: Sequence[str]) -> None:
        self._listener.heard_message()
        newest = self.ib.client.MaxClientVersion
        nonsense = reasons.nonsense(self.name, fields, self.version, newest=newest)
        if nonsense is not None:
            # Of a run of zeros each four are an empty frame, and each would copy all that is left.
            self.ib.client._data = b""  # noqa: SLF001
            self.end(nonsense)
            return
        message = fields[0]
        report = None
        if message in RECORDED:
            at = self._clock.now()
            report = report_of(fields, self.version, at)
            if not self._is_known(report):
                self._listener.heard(
                    Recorded(
                        at,
                        self.name,
                        self._address.client_id,
                        tuple(fields),
                        report,
                        version=self.version,
                    )
                )
            self._learn(report)
        if message == "15":
            self._check_accounts(managed_accounts_of(fields))
        elif message == "7":
            row = portfolio_row_of(fields)
            if row is not None:
                self.views.take_holding(row)
        elif message in {"6", "73"}:
            told = net_liquidation_of(fields)
            if told is not None:
                self.views.take_net_liquidation(told)
        self._answers.take(fields, report)
        if message in _FORWARDED and not self.is_over:
            self._forward(list(fields))

    def _is_known(self, report: Report | None) -> bool:
        """Tell whether a position is the one that this session told last: lists repeat them."""
        return isinstance(report, PositionReport) and self.views.has_position(report)

    def _learn(self, report: Report | None) -> None:
        match report:
            case ErrorReport():
                self._heed(report)
            case PositionReport():
                self.views.take_position(report)
            case (
                OrderReport(client_id=client_id, order_id=order_id)
                | StatusReport(client_id=client_id, order_id=order_id)
            ):
                self._see(client_id, order_id)
            case ExecutionReport(execution=execution):
                self._see(execution.client_id, execution.order_id)

    def _take_hint(self, words: str) -> None:
        """Keep what may be the reason if the gateway closes the connection next."""
        self._hint = (asyncio.get_running_loop().time(), words)

    def _see(self, client_id: int | None, order_id: int | None) -> None:
        """Stay above every order id of this client that the gateway knows."""
        if client_id == self._address.client_id and 0 < (order_id or 0) < _ORDER_ID_MAX:
            self.ib.client.updateReqId((order_id or 0) + 1)
            self._note_ids()

    def _note_ids(self) -> None:
        """Keep the largest id used or seen: ib_async forgets it with the connection."""
        highest = self.ib.client._reqIdSeq - 1  # noqa: SLF001  no public name only reads
        if highest < _ORDER_ID_MAX:
            self.highest_id = highest
        else:  # ib_async counts on from whatever is named, and is asking by it just now
            words = f"{self.name} named a next id that none can have"
            asyncio.get_running_loop().call_soon(self.end, words)

    def _check_accounts(self, named: tuple[str, ...]) -> None:
        problem = guard.paper_problem(self.name, named)
        if problem is not None:
            self.paper_problem = problem
            self.managed = ()
            self.end(problem)
        elif self.managed and not set(named) <= set(self.managed):
            # What a newly named account holds was not read when this session began.
            self.end(f"{self.name} names other accounts than before: reading all anew")
        elif named != self.managed:
            self.managed = named
            self._on_change()

    def _heed(self, error: ErrorReport) -> None:
        """Act on an error that concerns the connection or one of our requests."""
        link_effect = link_effect_of(error.code)
        if link_effect is LinkEffect.TOO_FAST:
            self._take_hint(reasons.TOO_FAST)
            self._listener.too_fast()
        elif link_effect is LinkEffect.COMPETING:
            self._take_hint(reasons.COMPETING)
        if self._answers.is_waited_for(error.request_id):
            if error.effect is not Effect.INFORMATION:
                self._answers.refuse(error.request_id, error.code, error.words)
            return
        match link_effect:
            case LinkEffect.LOST:
                words = f"{self.name} has lost its connection to IBKR (IBKR {error.code})"
                self.degraded = words
                self._on_change()
            case LinkEffect.RESTORED:
                self.end(f"{self.name} is connected to IBKR again; reading all anew")
            case LinkEffect.ID_IN_USE:
                self.end(reasons.id_in_use(self.name, self._address.client_id))
            case LinkEffect.OVER:
                self.end(f"{self.name} says: {error.words}")
            case None if error.request_id == -1 and error.effect is Effect.REJECTED:
                self.complaint = error.words


async def _cancelled(*tasks: asyncio.Task[object]) -> None:
    """Cancel tasks and wait until they are; what they raise is of no interest any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
