"""Whole lists from a gateway, each to its end.

Owns: Reader, which asks one session for its lists, one after the other and never two at a time,
and what makes a list complete. An incomplete one is LineDown, never empty. Knows nothing of what
follows from a list.

Never two at a time, for lists have no request ids: of two open-order requests that overlap, the
first end would be taken for both (measured with ib_async, design.md §7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from ib_async import ExecutionFilter

from paperdesk.broker.answers import (
    COMPLETED_ORDERS,
    OPEN_ORDERS,
    POSITIONS,
    Answer,
    Late,
    Refused,
)
from paperdesk.broker.link import Link
from paperdesk.crash import crash_point
from paperdesk.desk.ports import Clock, LineDown
from paperdesk.domain.reports import (
    CompletedReport,
    OpenOrder,
    OrderReport,
    PositionReport,
    Reading,
    Report,
    StatusReport,
)
from paperdesk.domain.vocabulary import AccountId, ConId, OrderId, PermId

T = TypeVar("T")
R = TypeVar("R", bound=Report)

EXECUTIONS: Final = "executions"


class Reader:
    """The lists of one session. `session` is its number, `seconds` the patience for each list."""

    def __init__(self, link: Link, clock: Clock, *, session: int, seconds: float) -> None:
        self._link = link
        self._clock = clock
        self._session = session
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[object]] = set()

    async def read_all(self) -> Reading:
        """Read every list; open orders first and once more after the others. Raises LineDown."""
        return await self._alone(self._read_all)

    async def read_positions(self) -> Reading:
        """Read positions; the other lists are empty. Raises LineDown."""
        return await self._alone(self._read_positions)

    async def read_holdings(self) -> Reading:
        """Read executions, then positions; the other lists are empty. Raises LineDown."""
        return await self._alone(self._read_holdings)

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Read the open orders of every client. Raises LineDown."""
        return await self._alone(self._open_orders)

    async def _alone(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read when nobody else does, to the end even where the caller gives up.

        An end that comes after its reader has gone would be taken for the next reader's.
        """
        task = asyncio.create_task(self._locked(read))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_heed)
        return await asyncio.shield(task)

    async def _locked(self, read: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            return await read()

    async def _read_all(self) -> Reading:
        begun_at = self._clock.now()
        before = await self._open_orders()
        crash_point("CP22")
        completed = await self._completed_orders()
        executions = await self._executions()
        crash_point("CP23")
        after = await self._open_orders()
        positions = await self._positions()
        return Reading(
            self._session,
            begun_at,
            self._clock.now(),
            open_before=before,
            completed=completed,
            executions=executions,
            open_after=after,
            positions=positions,
        )

    async def _read_holdings(self) -> Reading:
        begun_at = self._clock.now()
        executions = await self._executions()
        return replace(await self._read_positions(), begun_at=begun_at, executions=executions)

    async def _read_positions(self) -> Reading:
        begun_at = self._clock.now()
        positions = await self._positions()
        return Reading(self._session, begun_at, self._clock.now(), positions=positions)

    async def _open_orders(self) -> tuple[OpenOrder, ...]:
        client = self._link.ib.client
        return open_orders_of(await self._read(OPEN_ORDERS, client.reqAllOpenOrders))

    async def _completed_orders(self) -> tuple[CompletedReport, ...]:
        client = self._link.ib.client
        told = await self._read(COMPLETED_ORDERS, lambda: client.reqCompletedOrders(False))
        return tuple(_of(CompletedReport, told))

    async def _executions(self) -> int:
        """Have the day's executions told: an empty filter is every client and every account."""
        client, request_id = self._link.ib.client, self._link.next_id()
        answer = await self._answer(
            EXECUTIONS,
            lambda: client.reqExecutions(request_id, ExecutionFilter()),
            request_id,
        )
        return answer.executions

    async def _positions(self) -> tuple[PositionReport, ...]:
        """Read all positions. A push that came meanwhile is newer than its row: the last counts."""
        told = await self._read(POSITIONS, self._link.ib.client.reqPositions)
        newest: dict[tuple[AccountId, ConId], PositionReport] = {}
        for report in _of(PositionReport, told):
            newest[report.account, report.conid] = report
        return tuple(newest.values())

    async def _read(self, name: str, send: Callable[[], None]) -> list[Report]:
        """Return what every row of a list reports. Raises LineDown."""
        answer = await self._answer(name, send, name)
        return [report for report in answer.reports if report is not None]

    async def _answer(self, name: str, send: Callable[[], None], key: int | str) -> Answer:
        """Return a whole answer of which every row was understood. Raises LineDown."""
        try:
            answer = await self._link.read(key, send, self._seconds)
        except (Late, Refused) as problem:
            raise LineDown(f"{self._link.name} did not tell its {name}: {problem}") from problem
        if None in answer.reports:
            # What cannot be read must not look like what does not exist.
            raise LineDown(f"{self._link.name} told {name} in a way that is not understood")
        return answer


def open_orders_of(told: Sequence[Report]) -> tuple[OpenOrder, ...]:
    """Return the orders of a list, in its order, each with what its status says has traded.

    The newest word on an order counts, for news of it may come between its rows and the end.
    Raises LineDown where an order has no status: how much of it traded would be a guess.
    """
    orders = {_order_key(report): report for report in _of(OrderReport, told)}
    statuses = {_order_key(report): report for report in _of(StatusReport, told)}
    found: list[OpenOrder] = []
    for key, order in orders.items():
        status = statuses.get(key)
        if status is None:
            raise LineDown(f"the gateway told of order {order.perm_id} without its status")
        found.append(OpenOrder(replace(order, told=status.told), status.filled))
    return tuple(found)


def _order_key(report: OrderReport | StatusReport) -> tuple[PermId | int, OrderId | None]:
    """Return what names an order: an order by hand has no order id, a new one no perm id."""
    return (report.perm_id, None) if report.perm_id else (report.client_id, report.order_id)


def _of(kind: type[R], told: Sequence[Report]) -> list[R]:
    return [report for report in told if isinstance(report, kind)]


def _heed(task: asyncio.Task[T]) -> None:
    """Look at how a read ended: nobody else does where its caller has gone."""
    if not task.cancelled():
        task.exception()
