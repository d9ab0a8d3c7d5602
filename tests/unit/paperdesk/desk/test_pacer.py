"""At most so many frames in any sliding second, and the vital ones never late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.desk.pacer import WINDOW_SECONDS, Pacer, Urgency
from sim import simulate

# Parts of a second that a float holds exactly: a window's edge is then one instant.
MOMENTS = st.integers(0, 256).map(lambda count: count / 64)


@dataclass(frozen=True)
class Actor:
    """Somebody who wants to send: when, how many, and how long a commit takes before each."""

    urgency: Urgency
    starts_at: float
    frames: int
    commit: float
    drops: bool  # gives its tokens back without a frame, once


@dataclass
class Seen:
    """What happened, and when."""

    left_at: list[float] = field(default_factory=list)
    vital_waits: list[tuple[float, float]] = field(default_factory=list)  # asked, waited
    granted_at: list[float] = field(default_factory=list)  # to what is not vital


def actors(urgency: st.SearchStrategy[Urgency]) -> st.SearchStrategy[Actor]:
    return st.builds(
        Actor,
        urgency,
        MOMENTS,
        frames=st.integers(1, 30),
        commit=st.sampled_from([0.0, 1 / 64, 1 / 8, 1.5]),
        drops=st.booleans(),
    )


async def act(pacer: Pacer, actor: Actor, seen: Seen) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(actor.starts_at)
    is_vital, left, drops = actor.urgency is Urgency.VITAL, actor.frames, actor.drops
    while left:
        asked_at = loop.time()
        tokens = await pacer.take(actor.urgency, 1 if is_vital else left)
        if is_vital:
            seen.vital_waits.append((asked_at, loop.time() - asked_at))
        else:
            seen.granted_at.append(loop.time())
            await asyncio.sleep(actor.commit)
        if drops:
            drops = False
        else:
            for _ in range(tokens):
                pacer.frame_left()
                seen.left_at.append(loop.time())
            left -= tokens
        pacer.give_back(tokens)


async def act_all(
    pacer: Pacer, everybody: list[Actor], pauses: list[tuple[float, float]]
) -> Seen:
    seen = Seen()

    async def pause(at: float, seconds: float) -> None:
        await asyncio.sleep(at)
        pacer.pause(seconds)

    async with asyncio.TaskGroup() as group:
        for actor in everybody:
            group.create_task(act(pacer, actor, seen))
        for at, seconds in pauses:
            group.create_task(pause(at, seconds))
    return seen


@given(
    st.sampled_from([1, 2, 7, 20, 45]),
    st.lists(actors(st.sampled_from(Urgency)), max_size=8),
    st.lists(st.tuples(MOMENTS, MOMENTS), max_size=2),
)
def test_whatever_is_asked_no_second_is_too_full_and_nobody_waits_for_ever(
    per_second: int, everybody: list[Actor], pauses: list[tuple[float, float]]
) -> None:
    seen = simulate(1, lambda: act_all(Pacer(per_second), everybody, pauses)).value

    left_at = sorted(seen.left_at)
    assert len(left_at) == sum(actor.frames for actor in everybody)
    for first, later in zip(left_at, left_at[per_second:], strict=False):
        assert later - first >= WINDOW_SECONDS
    for at, seconds in pauses:
        assert not any(at < granted < at + seconds for granted in seen.granted_at)


@given(
    st.sampled_from([10, 20, 45]),
    st.lists(actors(st.just(Urgency.VITAL)), min_size=1, max_size=4),
    st.lists(actors(st.sampled_from([Urgency.ORDERS, Urgency.QUERIES])), max_size=8),
)
def test_room_goes_to_nobody_else_while_something_vital_waits(
    per_second: int, vital: list[Actor], others: list[Actor]
) -> None:
    seen = simulate(1, lambda: act_all(Pacer(per_second), [*vital, *others], [])).value

    for asked_at, waited in seen.vital_waits:
        assert not any(asked_at < other < asked_at + waited for other in seen.granted_at)


async def test_a_pause_stops_what_is_not_vital_and_ends_by_itself() -> None:
    pacer = Pacer(10)
    pacer.pause(0.05)
    pacer.pause(0.01)  # a shorter one ends no longer one
    waiting = asyncio.create_task(pacer.take(Urgency.ORDERS, 3))

    assert await pacer.take(Urgency.VITAL, 1) == 1
    assert not waiting.done()
    assert await waiting == 3


async def test_no_second_holds_more_frames_than_allowed() -> None:
    pacer, left_at = Pacer(20), list[float]()
    loop = asyncio.get_running_loop()

    async def send(count: int) -> None:
        while count:
            tokens = await pacer.take(Urgency.VITAL, count)
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


@pytest.mark.timeout(20)
def test_a_window_ends_once_whatever_its_moment_is_rounded_to() -> None:
    """A timer that rang and found the window not over armed itself anew, for now, for ever."""

    async def wait_for_room(moment: float) -> None:
        pacer = Pacer(1)
        await asyncio.sleep(moment)
        pacer.frame_left()
        pacer.give_back(await pacer.take(Urgency.ORDERS, 1))

    async def scenario() -> None:
        # The loop begins at 1000; from 1024 on floats are coarser: a sum may be rounded down.
        await asyncio.gather(*(wait_for_room(23 + n / 101) for n in range(101)))

    assert 24 < simulate(1, scenario).seconds < 25
