"""Whatever happens, in whatever order: the state is a fold of the history, and is told so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_support import (
    Wire,
    accept,
    claim,
    hold,
    make_halt,
    numbers,
    plan,
    ref,
    row,
    stands_as_told,
)
from makers import (
    ACCOUNT,
    NOW,
    OPS,
    commission_report,
    execution_report,
    make_goal,
    make_target,
    order_report,
    seconds,
    status_report,
)
from paperdesk.domain.batch import Resolution
from paperdesk.domain.order import Order
from paperdesk.domain.reports import Report, Told
from paperdesk.domain.vocabulary import BatchId, HaltMode, OrderRef, Symbol
from paperdesk.errors import BadRequest
from paperdesk.ledger.store import SqlLedger

LATER = NOW + seconds(2)


@dataclass(frozen=True)
class At:
    """Where a step is taken: on which batch, and with which small number."""

    batch: str
    number: int

    @property
    def own(self) -> OrderRef:
        return ref(0, self.batch)

    @property
    def order_id(self) -> int:
        return int(self.batch, 16)

    @property
    def perm_id(self) -> int:
        return 9000 + self.order_id


class Walk:
    """Steps on one symbol; a gateway speaks of orders only that were claimed."""

    def __init__(self, ledger: SqlLedger, wire: Wire) -> None:
        self._ledger = ledger
        self._wire = wire
        self._batches: list[str] = []
        self._fills = 0

    async def take(self, step: str, number: int) -> None:
        if step == "accept" or not self._batches:
            self._batches.append(f"{len(self._batches) + 1:016x}")
            target = make_target(quantity=number)
            await accept(self._ledger, target, batch=self._batches[-1])
        else:
            batch = self._batches[number % len(self._batches)]
            await STEPS[step](self, At(batch, number))

    async def plan(self, at: At) -> None:
        target = (await row(self._ledger, batch=at.batch)).target
        when = LATER if at.number % 2 else NOW
        await plan(self._ledger, make_goal(target=target), batch=at.batch, at=when)

    async def claim(self, at: At) -> None:
        if await self._order(at) is not None:
            await claim(self._ledger, at.own, first_id=at.order_id)

    async def fill(self, at: At) -> None:
        self._fills += 1
        await self._tell(at, self._execution(at, 1))

    async def correct(self, at: At) -> None:
        await self._tell(at, self._execution(at, 2))

    async def fill_without_a_reference(self, at: At) -> None:
        self._fills += 1
        await self._tell(at, self._execution(at, 1, own=None))

    async def fill_by_hand(self, at: At) -> None:
        self._fills += 1
        report = execution_report(f"h{self._fills}.01", ref=None, perm_id=77, quantity=1)
        await self._wire.tell(self._ledger, report)

    async def pay(self, at: At) -> None:
        exec_id = f"x{self._fills}.01.0{1 + at.number % 2}"
        await self._tell(at, commission_report(exec_id, f"0.{at.number}"))

    async def cancelled(self, at: At) -> None:
        report = status_report(Told.CANCELLED, order_id=at.order_id, perm_id=at.perm_id)
        await self._tell(at, report)

    async def echo(self, at: At) -> None:
        order = await self._order(at)
        if order is not None:
            await self._tell(
                at,
                order_report(
                    ref=at.own if at.number % 2 else "",
                    order_id=at.order_id,
                    perm_id=at.perm_id,
                    quantity=order.quantity,
                ),
            )

    async def withdraw(self, at: At) -> None:
        await self._ledger.ask_cancel(BatchId(at.batch), NOW)

    async def lose(self, at: At) -> None:
        await self._ledger.lost([ACCOUNT], NOW, NOW)

    async def say(self, at: At) -> None:
        said = Resolution(Symbol("AAPL"), at.number, Decimal(150))
        with suppress(BadRequest):
            await self._ledger.resolve(BatchId(at.batch), said, OPS, NOW)

    async def halt(self, at: At) -> None:
        halt = make_halt(HaltMode.REDUCE_ONLY)
        await self._ledger.halt(halt, cancel_working=bool(at.number % 2))

    async def resume(self, at: At) -> None:
        await self._ledger.resume(ACCOUNT, OPS, "on", NOW)

    async def unlock(self, at: At) -> None:
        locks = await self._ledger.locks(ACCOUNT)
        await self._ledger.unlock(ACCOUNT, list(locks), NOW, breaks_only=False)

    async def adopt(self, at: At) -> None:
        await hold(self._ledger, at.number, before=at.number - 1)

    def _execution(self, at: At, revision: int, *, own: str | None = "own") -> Report:
        return execution_report(
            f"x{self._fills}.01.0{revision}",
            ref=None if own is None else at.own,
            perm_id=at.perm_id,
            quantity=at.number,
        )

    async def _tell(self, at: At, report: Report) -> None:
        order = await self._order(at)
        if order is not None and order.sent_at is not None:
            await self._wire.tell(self._ledger, report)

    async def _order(self, at: At) -> Order | None:
        return (await row(self._ledger, batch=at.batch)).order


STEPS: Final[Mapping[str, Callable[[Walk, At], Awaitable[None]]]] = {
    name: getattr(Walk, name)
    for name in (
        "plan",
        "claim",
        "fill",
        "correct",
        "fill_without_a_reference",
        "fill_by_hand",
        "pay",
        "cancelled",
        "echo",
        "withdraw",
        "lose",
        "say",
        "halt",
        "resume",
        "unlock",
        "adopt",
    )
}
ORDINARY = ("accept", "plan", "claim", "fill", "echo")  # so that most walks come far


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(ORDINARY) | st.sampled_from(sorted(STEPS)),
            st.integers(min_value=1, max_value=9),
        ),
        max_size=40,
    )
)
async def test_whatever_happens_a_rebuilt_ledger_is_the_stored_one(
    open_ledger: Callable[[], AbstractAsyncContextManager[SqlLedger]],
    steps: list[tuple[str, int]],
) -> None:
    wire = Wire()
    async with open_ledger() as ledger:
        walk = Walk(ledger, wire)
        for step, number in steps:
            last, version = numbers(ledger)[-1:], ledger.version()
            await walk.take(step, number)
            # What was read before a write must never be taken for what holds after it.
            if numbers(ledger)[-1:] != last:
                assert ledger.version() is None or ledger.version() != version

        assert await ledger.check_history(wire.read) == ()
        assert numbers(ledger) == list(range(1, len(numbers(ledger)) + 1))
        assert await stands_as_told(ledger) == []
