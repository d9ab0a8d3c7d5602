"""Getting out: an account is halted, its orders are ended, its positions are closed.

Owns: Flattener: in which order that happens, and what is said of what stays. What closes a position
is a target of 0 like any other: the plan waits for each cancel, takes the position as it is once
the order has settled, and keeps an order that closes it already. Trades nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Protocol

from paperdesk.desk.auditor import is_tradable
from paperdesk.desk.lane import Lane
from paperdesk.desk.operating import Operator
from paperdesk.desk.ports import Clock, Ledger, Stopped, Submission
from paperdesk.domain.batch import Batch, ErrorCode, Row, Target
from paperdesk.domain.client import Client
from paperdesk.domain.contract import normalise_symbol
from paperdesk.domain.halt import Halt
from paperdesk.domain.position import whole_shares
from paperdesk.domain.reports import PositionReport
from paperdesk.domain.views import Flattening, NotClosed
from paperdesk.domain.vocabulary import AccountId, ConId, HaltMode, Symbol
from paperdesk.errors import BrokerUnavailable, Halted

RETRY_AFTER_SECONDS: Final = 5

_Held = Mapping[ConId, tuple[Symbol, int]]


class Close(Protocol):
    """`Desk.close`."""

    async def __call__(
        self, client: Client, submission: Submission, *, wait_seconds: float
    ) -> Batch:
        """Accept targets; return the batch once each row has its first status."""


class Flattener:
    """The use case of whoever wants out of an account."""

    def __init__(
        self,
        lanes: Mapping[AccountId, Lane],
        operator: Operator,
        *,
        ledger: Ledger,
        clock: Clock,
        close: Close,
    ) -> None:
        self._lanes = lanes
        self._operator = operator
        self._ledger = ledger
        self._clock = clock
        self._close = close

    async def flatten(
        self, client: Client, account: AccountId, *, reason: str, wait_seconds: float | None
    ) -> Flattening:
        """Halt all but what reduces, cancel what works, and close every position at market.

        Raises Halted, with nothing stored, where all accounts are halted. Raises
        BrokerUnavailable without a session: then the halt stands, and the cancels are stored.
        """
        await self._require_a_way_out()
        now = self._clock.now()
        halt = Halt(account, HaltMode.REDUCE_ONLY, client.name, now, f"flatten: {reason}")
        try:
            stopped = await self._ledger.flatten(halt, client.actor)
        finally:
            self._operator.watch()  # stored or not: if it is, its cancels must be sent
        self._operator.heed(stopped, cancels=True)
        self._require_up(account, stopped)
        wait = self._operator.ack_timeout_seconds if wait_seconds is None else wait_seconds
        deadline = asyncio.get_running_loop().time() + wait
        told = self._lanes[account].broker.positions(account)
        held = await self._ledger.positions(account)
        batch = await self._closed(client, stopped, held, wait)
        view = await self._operator.outcome(stopped, deadline)
        rows = () if batch is None else batch.rows
        return Flattening(
            halt,
            batch,
            cancelled=view.cancelled,
            still_working=view.still_working,
            locked=tuple(_refused(rows, is_locked=True)),
            not_flat=(
                *_not_traded(told.values()),
                *_refused(rows, is_locked=False),
                *_named_otherwise(rows, held),
                *_left_to_others(rows),
            ),
        )

    async def _require_a_way_out(self) -> None:
        """Refuse where no order at all may leave, whatever becomes of the account's own halt."""
        for halt in await self._ledger.halts():
            if halt.account is None and halt.mode is HaltMode.ALL:
                raise Halted(
                    f"{halt.words}; nothing was stored: no order can leave before that halt is "
                    "lifted (POST /api/v1/resume with a reason). Then flatten again"
                )

    def _require_up(self, account: AccountId, stopped: Stopped) -> None:
        broker = self._lanes[account].broker
        if not broker.is_up(account):
            raise BrokerUnavailable(
                f"account {account} has no broker session ({broker.reason(account)}). The halt "
                "stands: only orders that reduce a position may leave. The cancels of "
                f"{len(stopped.working)} orders are stored and are the first thing sent when "
                "the gateway returns. No position was closed: flatten again when /health shows "
                "the account true",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    async def _closed(
        self, client: Client, stopped: Stopped, held: _Held, wait_seconds: float
    ) -> Batch | None:
        """Post target 0 for all that is held, and for all that an order was to bring, or may."""
        account = stopped.halt.account
        assert account is not None
        working = await self._ledger.working(account)
        symbols = {symbol for symbol, quantity in held.values() if quantity}
        symbols |= {o.symbol for o in (*stopped.dropped, *stopped.working, *working)}
        targets = tuple(Target(symbol, 0) for symbol in sorted(filter(_can_be_named, symbols)))
        if not targets:
            return None
        submission = Submission(account, targets)
        return await self._close(client, submission, wait_seconds=wait_seconds)


def _can_be_named(symbol: str) -> bool:
    """Tell whether a target can be set for what the broker calls so."""
    return normalise_symbol(symbol) == symbol


def _not_traded(told: Iterable[PositionReport]) -> Iterable[NotClosed]:
    """Return what the broker holds and no order of ours can close."""
    for report in told:
        if not report.quantity:
            continue
        rest = report.quantity - whole_shares(report.quantity)
        if not is_tradable(report):
            words = (
                f"{report.sec_type} in {report.currency}: only USD stocks and ETFs are traded"
            )
            yield NotClosed(report.symbol, report.quantity, words)
        elif not _can_be_named(report.symbol):
            yield NotClosed(report.symbol, report.quantity, "no target can name this symbol")
        elif rest:
            yield NotClosed(report.symbol, rest, "only whole shares can be traded")


def _refused(rows: Iterable[Row], *, is_locked: bool) -> Iterable[NotClosed]:
    """Return the rows without an order that were refused for a lock, or for anything else."""
    for row in rows:
        if row.error_code is not None and (row.error_code is ErrorCode.LOCKED) is is_locked:
            held = Decimal(row.current_pos or 0)
            yield NotClosed(row.target.symbol, held, row.error or row.error_code.value)


def _left_to_others(rows: Iterable[Row]) -> Iterable[NotClosed]:
    """Return what is left to orders placed elsewhere, which may never fill."""
    for row in rows:
        if row.foreign_qty:
            words = f"{abs(row.foreign_qty)} shares are left to orders placed elsewhere"
            yield NotClosed(row.target.symbol, Decimal(row.current_pos or 0), words)


def _named_otherwise(rows: Iterable[Row], held: _Held) -> Iterable[NotClosed]:
    """Return what is held under a symbol that names another contract by now."""
    named = {row.target.symbol: row.conid for row in rows if row.conid is not None}
    for conid, (symbol, quantity) in held.items():
        if quantity and named.get(symbol, conid) != conid:
            words = f"held as contract {conid}, while {symbol} names {named[symbol]} by now"
            yield NotClosed(symbol, Decimal(quantity), words)
