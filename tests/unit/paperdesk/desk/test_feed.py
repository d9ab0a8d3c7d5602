"""Waking after a commit."""

from __future__ import annotations

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
