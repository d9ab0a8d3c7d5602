"""The session with a gateway, as the desk needs it.

Owns: the protocols Broker and BrokerListener, and how a line fails. Nothing but their
implementations touches a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from paperdesk.desk.ports.entries import Line
from paperdesk.domain.contract import Contract
from paperdesk.domain.hours import SessionHours
from paperdesk.domain.order import Order
from paperdesk.domain.reports import OpenOrder, PositionReport, Reading, Recorded
from paperdesk.domain.views import (
    Holding,
)
from paperdesk.domain.vocabulary import (
    AccountId,
    ConId,
    LinePhase,
    OrderId,
    Symbol,
)


class NotSent(Exception):
    """No byte of the frame was handed to a live connection. Carries why."""


class Overwhelmed(Exception):
    """More was heard than can be written down for now: the session is to end.

    Nothing is lost by it: the next session's lists tell again what was not taken.
    """


class LineDown(Exception):
    """The gateway's session is down, or went down before it answered. Carries why."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A snapshot quote; a side without one is None."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


class Broker(Protocol):
    """The session with one gateway, kept up for as long as it runs.

    What the gateway says reaches the desk through `BrokerListener`, in the gateway's order.
    """

    @property
    def name(self) -> str:
        """`host:port`, the gateway's name in the ledger."""

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """The accounts configured for this gateway."""

    @property
    def named(self) -> tuple[AccountId, ...]:
        """Those of `accounts` that the present session names."""

    @property
    def line(self) -> Line | None:
        """The present session once it is ready to send, else None."""

    @property
    def problem(self) -> str | None:
        """Why the session is shut for good (the paper guard), None while it is not."""

    @property
    def phase(self) -> LinePhase:
        """How far the session has come."""

    @property
    def next_try(self) -> datetime | None:
        """When it connects again, None while it does not wait for that."""

    def is_up(self, account: AccountId) -> bool:
        """Tell whether the session is ready and names the account."""

    def reason(self, account: AccountId) -> str | None:
        """Say why the account is not up, None where it is."""

    async def run(self, listener: BrokerListener) -> None:
        """Keep the session up until cancelled."""

    def next_order_id(self) -> OrderId:
        """Return a fresh order id, larger than every one before it. Raises NotSent."""

    def place(self, order: Order, contract: Contract) -> None:
        """Send a claimed order: one frame. Raises NotSent."""

    def cancel(self, order: Order) -> None:
        """Send a cancel: one frame. Raises NotSent."""

    def orders_sent(self, account: AccountId) -> int:
        """Return how many placeOrder frames were written for the account since the start."""

    async def read_all(self) -> Reading:
        """Read every list to its end: open orders, completed, executions, open again, positions.

        Of all clients and all accounts. Every message reaches the listener too, and first, but
        for positions that it was told already.
        Raises LineDown unless every end came, in one session: there is no part of a reading.
        """

    async def read_positions(self) -> Reading:
        """Read positions; the other lists are empty. Raises LineDown."""

    async def read_holdings(self) -> Reading:
        """Read executions, then positions; the other lists are empty. Raises LineDown."""

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all open orders of every client, in one complete read. Raises LineDown."""

    def account_day(self, at: datetime) -> date:
        """Return the day that `at` falls on where the gateway keeps its hours."""

    async def find_contracts(self, symbol: Symbol) -> tuple[Contract, ...]:
        """Return every USD stock or ETF of that symbol; () for none. Raises LineDown."""

    async def candidates(self, text: str) -> tuple[str, ...]:
        """Return symbols like `text`, the best first. Raises LineDown."""

    async def quote(self, contract: Contract) -> Quote | None:
        """Return a snapshot quote, delayed accepted, None for none. Raises LineDown."""

    async def hours(self) -> SessionHours:
        """Return the gateway's own session hours, asked once a day. Raises LineDown."""

    async def refresh_portfolio(self, account: AccountId) -> None:
        """Bring market prices of the account's holdings up to date. Raises LineDown."""

    def positions(self, account: AccountId) -> Mapping[ConId, PositionReport]:
        """Return what the gateway last said it holds."""

    def portfolio(self, account: AccountId) -> Mapping[ConId, Holding]:
        """Return what the gateway last said of prices and profits."""

    def net_liquidation(self, account: AccountId) -> Decimal | None:
        """Return the account's net liquidation value, None until told."""


class BrokerListener(Protocol):
    """What a session calls. None of these may block."""

    def heard(self, message: Recorded) -> None:
        """Take one message; it is in the ledger when `caught_up` returns. Raises Overwhelmed."""

    def sent_frame(self) -> None:
        """Take note that one frame left, whatever it was."""

    def heard_message(self) -> None:
        """Take note that one message came, whatever it was. Those of interest are `heard` too."""

    def room(self) -> AbstractAsyncContextManager[None]:
        """Return what to enter for one frame that must not starve; it leaves inside.

        For the heartbeat and for whole reads, which come before orders.
        """

    def too_fast(self) -> None:
        """Take note that the gateway called our pace too fast (error 100)."""

    async def highest_order_id(self, gateway: str, client_id: int) -> OrderId:
        """Return below which order ids must not fall. Called before each connect."""

    async def synced(self, broker: Broker) -> None:
        """Bring the ledger up to the session's first complete reads, before it is ready."""

    def changed(self, broker: Broker) -> None:
        """Take note that the session came up or went down."""

    async def went_down(self, broker: Broker) -> None:
        """Close the books of a session that ended."""
