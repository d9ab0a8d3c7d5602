"""The small ports: Clock, Random and Executor, each on every implementation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC

import pytest

from makers import NOW, seconds
from paperdesk.clock import ManualClock, SystemClock
from paperdesk.desk.ports import Clock, Executor, Random
from paperdesk.runtime import InlineExecutor, SeededRandom, SystemRandom, ThreadExecutor


@pytest.fixture(params=["system", "manual"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return SystemClock() if request.param == "system" else ManualClock(NOW)


@pytest.fixture(params=["system", "seeded"])
def random(request: pytest.FixtureRequest) -> Random:
    return SystemRandom() if request.param == "system" else SeededRandom(1)


@pytest.fixture(params=["thread", "inline"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "inline":
        yield InlineExecutor()
        return
    thread = ThreadExecutor("test")
    yield thread
    thread.close()


def test_a_clock_tells_utc_and_never_goes_back(clock: Clock) -> None:
    first, second = clock.now(), clock.now()

    assert first.tzinfo is UTC
    assert first <= second


def test_a_manual_clock_moves_only_when_it_is_told() -> None:
    clock = ManualClock(NOW)
    clock.advance(seconds(5))

    assert clock.now() == NOW + seconds(5)


@pytest.mark.parametrize("digits", [1, 7, 16, 40])
def test_a_token_has_the_digits_asked_for_and_differs_from_the_next(
    random: Random, digits: int
) -> None:
    tokens = {random.token_hex(digits) for _ in range(50)}

    assert all(len(token) == digits for token in tokens)
    assert all(set(token) <= set("0123456789abcdef") for token in tokens)
    assert len(tokens) > 1


def test_the_same_seed_draws_the_same() -> None:
    assert SeededRandom(3).token_hex(16) == SeededRandom(3).token_hex(16)
    assert SeededRandom(3).token_hex(16) != SeededRandom(4).token_hex(16)


async def test_functions_run_one_by_one_in_the_order_given(executor: Executor) -> None:
    ran: list[int] = []
    await asyncio.gather(*(executor.run(lambda n=n: ran.append(n)) for n in range(20)))  # type: ignore[misc]

    assert ran == list(range(20))


async def test_what_a_function_raises_reaches_the_caller(executor: Executor) -> None:
    with pytest.raises(ZeroDivisionError):
        await executor.run(lambda: 1 // 0)
