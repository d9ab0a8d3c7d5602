"""At most so many frames in any sliding second."""

from __future__ import annotations

import asyncio

import pytest

from paperdesk.desk.pacer import WINDOW_SECONDS, Pacer, Urgency


async def test_no_second_holds_more_frames_than_allowed() -> None:
    pacer, left_at = Pacer(20), list[float]()
    loop = asyncio.get_running_loop()

    async def send(count: int) -> None:
        while count:
            tokens = await pacer.take(Urgency.ORDERS, count)
            await asyncio.sleep(0.003)  # a commit between the token and the frame
            for _ in range(tokens):
                pacer.frame_left()
                left_at.append(loop.time())
            pacer.give_back(tokens)
            count -= tokens

    await asyncio.gather(send(25), send(25))

    left_at.sort()
    spans = [later - first for first, later in zip(left_at, left_at[20:], strict=False)]
    assert len(left_at) == 50
    assert min(spans) >= WINDOW_SECONDS - 0.001


async def test_frames_of_others_count_too() -> None:
    pacer = Pacer(2)
    pacer.frame_left()
    pacer.frame_left()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await pacer.take(Urgency.ORDERS, 1)


async def test_orders_come_before_queries() -> None:
    pacer, granted = Pacer(1), list[Urgency]()
    held = await pacer.take(Urgency.ORDERS, 1)

    async def take(urgency: Urgency) -> None:
        tokens = await pacer.take(urgency, 1)
        granted.append(urgency)
        pacer.give_back(tokens)

    async with asyncio.TaskGroup() as group:
        group.create_task(take(Urgency.QUERIES))
        group.create_task(take(Urgency.ORDERS))
        await asyncio.sleep(0)
        pacer.give_back(held)

    assert granted == [Urgency.ORDERS, Urgency.QUERIES]


async def test_a_cancelled_waiter_leaves_no_token_behind() -> None:
    pacer = Pacer(1)
    held = await pacer.take(Urgency.ORDERS, 1)
    waiting = asyncio.create_task(pacer.take(Urgency.ORDERS, 1))
    await asyncio.sleep(0)
    pacer.give_back(held)  # granted, and cancelled before it could know
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await pacer.take(Urgency.ORDERS, 5) == 1


async def test_a_waiter_that_gave_up_is_passed_over() -> None:
    pacer = Pacer(1)
    held = await pacer.take(Urgency.ORDERS, 1)
    waiting = asyncio.create_task(pacer.take(Urgency.ORDERS, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    pacer.give_back(held)

    assert await pacer.take(Urgency.QUERIES, 1) == 1
