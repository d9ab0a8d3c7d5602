"""The session with one gateway, kept up for as long as it runs.

Owns: IbSession, the Broker of the desk: when to connect and to connect again, what is up and
why not, and the handing over of orders and cancels. Knows nothing of the wire (`link`), of
what messages mean (`translate`), or of when an order may be sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

import structlog
from ib_async import Order as IbOrder

from paperdesk.broker import guard, queries, reasons
from paperdesk.broker.hours import HOME, session_hours, zone_of_hours
from paperdesk.broker.link import Address, Link, Timing
from paperdesk.broker.logs import silence_ib_async
from paperdesk.broker.reading import Reader
from paperdesk.broker.views import Views
from paperdesk.desk.ports import (
    BrokerListener,
    Clock,
    Line,
    LineDown,
    NotSent,
    Quote,
)
from paperdesk.domain.contract import Contract
from paperdesk.domain.hours import SessionHours
from paperdesk.domain.order import Order
from paperdesk.domain.reports import OpenOrder, PositionReport, Reading
from paperdesk.domain.views import Holding
from paperdesk.domain.vocabulary import AccountId, ConId, LinePhase, OrderId, Symbol
from paperdesk.errors import PaperdeskError

log = structlog.get_logger(__name__)

_DEFAULT_TIMING: Final = Timing()


@dataclass(frozen=True, slots=True)
class _Hours:
    """What the gateway told, and the day in its own zone on which it did."""

    hours: SessionHours
    day: date


class IbSession:
    """The session with the IB Gateway at `address`, for the configured accounts."""

    def __init__(
        self,
        address: Address,
        accounts: Sequence[AccountId],
        clock: Clock,
        *,
        timing: Timing = _DEFAULT_TIMING,
    ) -> None:
        assert all(guard.is_paper(account) for account in accounts), "paper accounts only"
        silence_ib_async()
        self._address = address
        self._accounts = tuple(accounts)
        self._clock = clock
        self._timing = timing
        self._link: Link | None = None
        self._line: Line | None = None
        self._views = Views()
        self._reader: Reader | None = None
        self._hours: _Hours | None = None
        self._zone: tzinfo = HOME
        self._sessions = 0
        self._was_up = False
        self._up_at: float | None = None  # the end of the last session that was ready
        self._orders_sent: Counter[str] = Counter()
        self._highest_id = 0
        self._why = f"connecting to {self.name}"
        self.next_try: datetime | None = None  # while it waits to connect again
        self._portfolio_lock = asyncio.Lock()
        self._portfolio_at: dict[AccountId, float] = {}

    # -- what it is ------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """`host:port`, the gateway's name in the ledger."""
        return self._address.name

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """The accounts configured for this gateway."""
        return self._accounts

    @property
    def named(self) -> tuple[AccountId, ...]:
        """Those of the configured accounts that the present session names."""
        managed = () if self._link is None else self._link.managed
        return tuple(account for account in self._accounts if account in managed)

    @property
    def line(self) -> Line | None:
        """The present session once it is ready to send, else None."""
        return self._line if self._link is not None and self._link.is_fit else None

    @property
    def problem(self) -> str | None:
        """Why the session is shut for good (the paper guard), None while it is not."""
        return self._link.paper_problem if self._link is not None else None

    @property
    def phase(self) -> LinePhase:
        """How far the session has come."""
        if self.problem is not None:
            return LinePhase.SHUT
        if self.line is not None:
            return LinePhase.UP
        if self.next_try is not None:
            return LinePhase.WAITING
        if self._link is None or self._link.is_over or not self._link.managed:
            return LinePhase.CONNECTING
        return LinePhase.DEGRADED if self._link.degraded else LinePhase.READING

    def is_up(self, account: AccountId) -> bool:
        """Tell whether the session is ready and names the account."""
        return (
            self.line is not None
            and account in self._accounts
            and self._link is not None
            and account in self._link.managed
        )

    def reason(self, account: AccountId) -> str | None:
        """Say why the account is not up, None where it is."""
        if self.is_up(account):
            return None
        if self.line is not None:
            return (
                f"the gateway at {self.name} does not name {account}: log it in to that "
                "account, or mend its accounts in the configuration"
            )
        return self._why_down()

    def _why_down(self) -> str:
        link = self._link
        if link is None:
            return self._why
        if link.is_over and self._line is not None:
            return link.why
        return self.problem or link.degraded or self._why

    # -- keeping it up ---------------------------------------------------------------------
    async def run(self, listener: BrokerListener) -> None:
        """Keep the session up until cancelled. A latched guard keeps it shut until then."""
        failures = 0
        while self.problem is None:
            self._was_up = False
            # A defect ends the session, never the service: the next one reads all anew.
            outcome = (await asyncio.gather(self._session(listener), return_exceptions=True))[0]
            self._note_end(outcome, was_up=self._was_up)
            failures = 0 if self._was_up else failures
            steps = self._timing.backoff
            if self.problem is None:
                pause = steps[min(failures, len(steps) - 1)]
                self.next_try = self._clock.now() + timedelta(seconds=pause)
                await asyncio.sleep(pause)
                self.next_try = None
            failures += 1
        await asyncio.Event().wait()

    async def _session(self, listener: BrokerListener) -> str:
        """Connect, and stay until the link is over. Returns why it is."""
        told = await listener.highest_order_id(self.name, self._address.client_id)
        link = Link(
            self._address,
            clock=self._clock,
            listener=listener,
            timing=self._timing,
            on_change=lambda: listener.changed(self),
            orders_sent=self._orders_sent,
            was_up=self._was_up_lately(),
        )
        self._link, self._line, self._reader = link, None, None
        is_known = False
        try:
            await link.open(OrderId(max(told, self._highest_id)))
            self._begin(link)
            watching = asyncio.create_task(link.watch())
            try:
                is_known = True
                await self._make_ready(link, listener)
                await watching
            finally:
                await _stopped(watching)
        finally:
            self._highest_id = max(self._highest_id, link.highest_id)
            link.end("the session was stopped")
            if self._was_up:
                self._up_at = asyncio.get_running_loop().time()
            if is_known:
                await listener.went_down(self)
        return link.why

    def _was_up_lately(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._up_at is not None and now - self._up_at < reasons.RESTART_SECONDS

    def _begin(self, link: Link) -> None:
        """Take up a link that is open: what was told on an older one is of no more use."""
        self._sessions += 1
        self._views, self._hours = link.views, None
        self._portfolio_at.clear()
        self._reader = Reader(
            link, self._clock, session=self._sessions, seconds=self._timing.request
        )

    async def _make_ready(self, link: Link, listener: BrokerListener) -> None:
        await queries.take_delayed_quotes(link)
        for account in self._accounts:
            if account in link.managed:
                await self._download(link, account)
        await listener.synced(self)
        if link.is_over:
            return
        self._was_up = link.is_ready = True
        self._why = f"connecting to {self.name}"
        self._line = Line(self.name, self._address.client_id, self._sessions)
        log.info(
            "session.up",
            gateway=self.name,
            session=self._sessions,
            accounts=list(link.managed),
            server_version=link.version,
        )
        listener.changed(self)

    async def _download(self, link: Link, account: AccountId) -> None:
        """Ask for prices at the start. Nobody trades on them: without them is no session less."""
        try:
            await queries.download_portfolio(link, account, self._timing.connect)
            self._portfolio_at[account] = asyncio.get_running_loop().time()
        except LineDown as problem:
            log.warning("session.portfolio_missing", gateway=self.name, why=str(problem))

    def _note_end(self, outcome: str | BaseException, *, was_up: bool) -> None:
        """Keep and log why the session ended, once for each new reason."""
        match outcome:
            case str() | LineDown():
                why, defect = str(outcome), None
            case PaperdeskError(detail=detail):
                why, defect = detail, None
            case _:
                why, defect = f"a defect of Paperdesk: {outcome!r}", outcome
        if why != self._why or was_up:
            log.warning("session.down", gateway=self.name, why=why, exc_info=defect)
        self._why = why
        if self.problem is not None:
            log.error("session.shut", gateway=self.name, why=self.problem)

    # -- sending ---------------------------------------------------------------------------
    def next_order_id(self) -> OrderId:
        """Return a fresh order id, larger than every one before it. Raises NotSent."""
        try:
            return OrderId(self._asked_link().next_id())
        except LineDown as problem:
            raise NotSent(str(problem)) from problem

    def place(self, order: Order, contract: Contract) -> None:
        """Send a claimed order: one frame. Raises NotSent."""
        link = self._ready_link(order)
        permitted = guard.order_fields(order, contract, link.version)
        link.transmit(
            permitted,
            lambda: link.ib.client.placeOrder(
                order.order_id, queries.ib_contract(contract), ib_order(order)
            ),
        )

    def cancel(self, order: Order) -> None:
        """Send a cancel: one frame. Raises NotSent."""
        link = self._ready_link(order)
        permitted = guard.cancel_fields(order, self._address.client_id, link.version)
        link.transmit(permitted, lambda: link.ib.client.cancelOrder(order.order_id))

    def _ready_link(self, order: Order) -> Link:
        if self._link is None or not self.is_up(order.account):
            raise NotSent(self.reason(order.account) or "the session is down")
        return self._link

    def orders_sent(self, account: AccountId) -> int:
        """Return how many placeOrder frames were written for the account since the start."""
        return self._orders_sent[account]

    # -- asking ----------------------------------------------------------------------------
    def _asked_link(self) -> Link:
        """Return the link while it can answer, also before the session is ready."""
        if self._link is None or not self._link.is_fit:
            raise LineDown(self._why_down())
        return self._link

    def _present_reader(self) -> Reader:
        """Return the reader of a link that is open, also before the session is ready."""
        self._asked_link()
        if self._reader is None:
            raise LineDown(self._why_down())
        return self._reader

    async def read_all(self) -> Reading:
        """Read every list to its end, open orders twice. Raises LineDown."""
        return await self._present_reader().read_all()

    async def read_positions(self) -> Reading:
        """Read positions; the other lists are empty. Raises LineDown."""
        return await self._present_reader().read_positions()

    async def read_holdings(self) -> Reading:
        """Read executions, then positions; the other lists are empty. Raises LineDown."""
        return await self._present_reader().read_holdings()

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all open orders of every client, in one complete read. Raises LineDown."""
        return await self._present_reader().open_orders()

    def account_day(self, at: datetime) -> date:
        """Return the day that `at` falls on in the zone of the gateway's hours."""
        return at.astimezone(self._zone).date()

    async def find_contracts(self, symbol: Symbol) -> tuple[Contract, ...]:
        """Return every USD stock or ETF of that symbol; () for none. Raises LineDown."""
        return await queries.find_contracts(self._asked_link(), symbol, self._timing.request)

    async def candidates(self, text: str) -> tuple[str, ...]:
        """Return symbols like `text`, the best first. Raises LineDown."""
        return await queries.candidates(self._asked_link(), text, self._timing.request)

    async def quote(self, contract: Contract) -> Quote | None:
        """Return a snapshot quote, delayed accepted, None for none. Raises LineDown."""
        return await queries.quote(self._asked_link(), contract, self._timing.quote)

    async def hours(self) -> SessionHours:
        """Return the gateway's own session hours, asked once a day. Raises LineDown."""
        if self._hours is not None and self._hours.day == self._today():
            return self._hours.hours
        link = self._asked_link()
        rows = await queries.contract_rows(link, queries.HOURS_SYMBOL, self._timing.request)
        if not rows:
            raise LineDown(
                f"{self.name} does not know {queries.HOURS_SYMBOL} and tells no hours"
            )
        told = session_hours(rows[0].liquid_hours, rows[0].time_zone)
        self._zone = zone_of_hours(rows[0].time_zone)
        self._hours = _Hours(told, self._today())
        return told

    def _today(self) -> date:
        return self.account_day(self._clock.now())

    async def refresh_portfolio(self, account: AccountId) -> None:
        """Bring market prices of the account's holdings up to date. Raises LineDown."""
        async with self._portfolio_lock:
            link, now = self._asked_link(), asyncio.get_running_loop().time()
            asked_at = self._portfolio_at.get(account)
            if asked_at is not None and now - asked_at < self._timing.portfolio_age:
                return
            if account not in link.managed:
                raise LineDown(self.reason(account) or f"{self.name} does not name {account}")
            await queries.download_portfolio(link, account, self._timing.request)
            self._portfolio_at[account] = now

    def positions(self, account: AccountId) -> Mapping[ConId, PositionReport]:
        """Return what the gateway last said it holds."""
        return self._views.positions(account)

    def portfolio(self, account: AccountId) -> Mapping[ConId, Holding]:
        """Return what the gateway last said of prices and profits."""
        return self._views.portfolio(account)

    def net_liquidation(self, account: AccountId) -> Decimal | None:
        """Return the account's net liquidation value, None until told."""
        return self._views.net_liquidation(account)


def ib_order(order: Order) -> IbOrder:
    """Return the order as ib_async encodes it, with every field that must be explicit."""
    # ib_async writes a str as it is; a float would be rounded, a Decimal may gain an exponent.
    price: dict[str, Any] = (
        {} if order.terms.limit_price is None else {"lmtPrice": guard.limit_price_text(order)}
    )
    return IbOrder(
        action=order.side.value,
        totalQuantity=order.quantity,
        orderType=order.terms.order_type.value,
        tif=order.terms.time_in_force.value,
        account=order.account,
        orderRef=order.ref,
        transmit=True,
        outsideRth=order.terms.outside_rth,
        **price,
    )


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
