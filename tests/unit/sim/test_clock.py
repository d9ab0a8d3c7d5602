"""The time of day follows the loop's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sim import LoopClock, running_loop, simulate
from sim.clock import START


@given(st.integers(0, 10**12))
def test_the_clock_moves_with_the_loop_to_the_microsecond(microseconds: int) -> None:
    async def scenario() -> timedelta:
        clock = LoopClock(running_loop())
        await asyncio.sleep(microseconds / 1e6)
        return clock.now() - START

    assert simulate(1, scenario).value == timedelta(microseconds=microseconds)


def test_the_clock_tells_utc_wherever_it_begins() -> None:
    start = datetime.fromisoformat("2026-11-01T01:30:00-04:00")

    async def scenario() -> datetime:
        return LoopClock(running_loop(), start).now()

    now = simulate(1, scenario).value

    assert now == start
    assert now.tzinfo is UTC
