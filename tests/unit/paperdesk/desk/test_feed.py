"""Waking after a commit."""

from __future__ import annotations

import asyncio

from paperdesk.desk.feed import Feed, wait_set


async def test_a_publication_wakes_the_watchers_of_its_key_only() -> None:
    feed = Feed()
    with feed.watch("a") as a, feed.watch("b") as b:
        feed.publish(["a", "nobody's"])

        assert await wait_set(a, 0.01)
        assert not await wait_set(b, 0.01)
        assert not a.is_set()


async def test_what_is_published_between_watching_and_waiting_is_not_lost() -> None:
    feed = Feed()
    with feed.watch("a") as event:
        feed.publish(["a"])

        assert await wait_set(event, 0)


async def test_a_closed_feed_wakes_everybody_and_lets_nobody_wait() -> None:
    feed = Feed()
    with feed.watch("a") as before:
        feed.close()
        with feed.watch("b") as after:
            assert feed.is_closed
            assert before.is_set()
            assert after.is_set()


async def test_who_stopped_watching_is_forgotten() -> None:
    feed = Feed()
    with feed.watch("a"), feed.watch("a"):
        pass

    assert feed._watchers == {}


async def test_watchers_are_woken_by_key_and_then_as_they_came() -> None:
    """A repeated run must wake the same first, whatever sets and hashes do."""
    feed, woken = Feed(), list[str]()

    async def watch(key: str, name: str) -> None:
        with feed.watch(key) as event:
            await event.wait()
            woken.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("b1", "a1", "b2", "a2", "b3"):
            group.create_task(watch(name[0], name))
        await asyncio.sleep(0)
        feed.publish({"b", "a"})

    assert woken == ["a1", "a2", "b1", "b2", "b3"]
