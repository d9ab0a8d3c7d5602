"""The virtual loop keeps asyncio's promises, in no time and in one order."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import Deadlock, Unhandled, running_loop, simulate


def test_a_day_passes_and_is_counted() -> None:
    async def scenario() -> str:
        await asyncio.sleep(86_400)
        return "done"

    ran = simulate(1, scenario)

    assert ran.value == "done"
    assert ran.seconds == pytest.approx(86_400)


def test_no_real_time_is_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_seconds: float) -> None:
        raise AssertionError("slept")

    monkeypatch.setattr(time, "sleep", refuse)

    simulate(1, lambda: asyncio.sleep(1_000_000))


@given(st.lists(st.integers(0, 3), max_size=30))
def test_timers_run_by_their_moment_and_then_as_they_were_set(moments: list[int]) -> None:
    ran: list[tuple[int, int]] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for number, moment in enumerate(moments):
            loop.call_at(begin + moment, ran.append, (moment, number))
        await asyncio.sleep(4)

    simulate(1, scenario)

    assert ran == sorted(ran)
    assert len(ran) == len(moments)


def test_a_cancelled_timer_does_not_run() -> None:
    async def scenario() -> list[str]:
        ran: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(1, ran.append, "no").cancel()
        loop.call_later(1, ran.append, "yes")
        await asyncio.sleep(2)
        return ran

    assert simulate(1, scenario).value == ["yes"]


def test_a_timeout_comes_exactly_when_it_should() -> None:
    async def scenario() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 12.5)
        return running_loop().elapsed

    assert simulate(1, scenario).value == pytest.approx(12.5)


def test_a_scenario_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError, match="goes on; who waits"):
        simulate(1, lambda: asyncio.sleep(100), seconds_max=99)


def test_a_deadlock_names_who_waits_and_where() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(forever(), name="the stuck one")

    with pytest.raises(Deadlock, match=r"the stuck one in Event\.wait, line \d+"):
        simulate(1, scenario)


def test_what_nobody_caught_fails_the_run() -> None:
    def fail() -> None:
        raise ZeroDivisionError("by a callback")

    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(1)

    with pytest.raises(Unhandled, match="by a callback"):
        simulate(1, scenario)


def test_tasks_that_are_left_are_cancelled() -> None:
    ended: list[str] = []

    async def left() -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            ended.append("left")

    async def scenario() -> asyncio.Task[None]:
        task = asyncio.create_task(left())
        await asyncio.sleep(1)
        return task

    assert simulate(1, scenario).value.cancelled()
    assert ended == ["left"]


@given(st.integers())
def test_an_executor_does_one_thing_after_the_other(seed: int) -> None:
    async def scenario() -> list[int]:
        ran: list[int] = []
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.run_in_executor(None, ran.append, number) for number in range(10))
        )
        return ran

    ran = simulate(seed, scenario)

    assert ran.value == list(range(10))
    assert ran.seconds > 0


def test_what_a_function_in_an_executor_raises_reaches_the_caller() -> None:
    async def scenario() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)

    simulate(1, scenario)


def test_a_function_whose_caller_gave_up_in_time_never_runs() -> None:
    async def scenario() -> list[int]:
        ran: list[int] = []
        asyncio.get_running_loop().run_in_executor(None, ran.append, 1).cancel()
        await asyncio.sleep(1)
        return ran

    assert simulate(1, scenario).value == []


def test_a_task_group_cancels_in_the_order_of_starting() -> None:
    async def scenario() -> list[int]:
        ended: list[int] = []

        async def member(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(number)

        async def fail() -> None:
            raise KeyError

        async def run_all() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(7):
                    group.create_task(member(number))
                group.create_task(fail())

        with pytest.raises(ExceptionGroup):
            await run_all()
        return ended

    assert simulate(1, scenario).value == list(range(7))


def test_real_files_are_refused() -> None:
    async def scenario() -> None:
        with pytest.raises(NotImplementedError, match="no real files"):
            asyncio.get_running_loop().add_reader(0, print)

    simulate(1, scenario)
