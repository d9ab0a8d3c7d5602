"""The sharing of readings, against a ledger that is a list, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makers import NOW
from paperdesk.desk.feed import EVERYTHING, Feed
from paperdesk.desk.listening import LATEST_SECONDS, Tape
from paperdesk.desk.ports import EventFilter, EventPage, Ledger
from paperdesk.domain.events import Event, EventType
from paperdesk.errors import LedgerUnavailable
from sim import simulate

KINDS = (EventType.ORDER_FILLED, EventType.HALT_SET, EventType.CONNECTION_UP)
FILTERS = [
    EventFilter(),
    *(EventFilter(types=frozenset({kind})) for kind in KINDS),
    EventFilter(types=frozenset(KINDS[:2])),
]
PAGE, LOOKED_AT = 3, 7  # small, so that what is behind has many pages


class Listed:
    """A ledger's stream as a list, which takes its time, and how often it was asked."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.events_told: list[Event] = []
        self.asked = 0
        self.is_lost = False

    def tell(self, *kinds: EventType) -> None:
        for kind in kinds:
            number = len(self.events_told) + 1
            self.events_told.append(Event(number, NOW, kind, None, None, None, "{}"))
        self.feed.publish([EVERYTHING])

    async def events(self, which: EventFilter, after: int) -> EventPage:
        self.asked += 1
        await asyncio.sleep(0.001)
        if self.is_lost:
            raise LedgerUnavailable("gone")
        head = len(self.events_told)
        looked = self.events_told[after : after + LOOKED_AT]
        found = [e for e in looked if which.types is None or e.kind in which.types][:PAGE]
        upto = found[-1].number if len(found) == PAGE else min(head, after + LOOKED_AT)
        return EventPage(tuple(found), max(upto, after), head)


def make_tape() -> tuple[Tape, Listed]:
    feed = Feed()
    listed = Listed(feed)
    return Tape({}, ledger=cast("Ledger", listed), feed=feed), listed


async def hear(
    tape: Tape, which: EventFilter, after: int, within: float, heard: list[int]
) -> None:
    while not tape.is_closed:
        page = await tape.next(which, after, within)
        assert page.upto >= after
        heard += [event.number for event in page.events]
        after = page.upto


LISTENERS = st.tuples(
    st.sampled_from(FILTERS),
    st.integers(0, 40),  # behind which event it begins, at most the newest
    st.integers(0, 30),  # after how many ms it comes
    st.sampled_from([0.003, 0.011, 5.0]),  # how long it waits before it looks up
)
STEPS = st.tuples(st.integers(0, 60), st.lists(st.sampled_from(KINDS), max_size=12))


@settings(max_examples=200)
@given(
    before=st.lists(st.sampled_from(KINDS), max_size=40),
    listeners=st.lists(LISTENERS, min_size=1, max_size=6),
    steps=st.lists(STEPS, max_size=8),
)
def test_everybody_hears_what_is_his_once_and_in_order(
    before: list[EventType], listeners: list[Any], steps: list[Any]
) -> None:
    async def whole() -> None:
        tape, listed = make_tape()
        listed.tell(*before)
        heard: list[tuple[EventFilter, int, list[int]]] = []
        tasks = []

        async def come(which: EventFilter, after: int, wait: int, within: float) -> None:
            await asyncio.sleep(wait / 1000)
            after = min(after, len(listed.events_told))
            heard.append((which, after, []))
            await hear(tape, which, after, within, heard[-1][2])

        tasks += [asyncio.create_task(come(*listener)) for listener in listeners]
        for pause, kinds in steps:
            await asyncio.sleep(pause / 1000)
            listed.tell(*kinds)
        await asyncio.sleep(1)
        listed.feed.close()
        await asyncio.gather(*tasks)

        for which, after, numbers in heard:
            wanted = [
                e for e in listed.events_told if which.types is None or e.kind in which.types
            ]
            assert numbers == [e.number for e in wanted if e.number > after]
        assert not tape._tails
        assert not tape._reading

    simulate(1, whole)


def test_many_who_wait_ask_once_for_each_commit_and_when_nothing_happens_hardly_ever() -> None:
    async def whole() -> None:
        tape, listed = make_tape()
        heard: list[list[int]] = [[] for _ in range(200)]
        filters = FILTERS[1]  # of which hardly anything is
        tasks = [
            asyncio.create_task(hear(tape, filters, 0, 5 + n / 50, mine))
            for n, mine in enumerate(heard)
        ]
        await asyncio.sleep(1)
        listed.asked = 0
        for _ in range(20):
            listed.tell(EventType.HALT_SET)
            await asyncio.sleep(1)
        busy, listed.asked = listed.asked, 0
        await asyncio.sleep(10 * LATEST_SECONDS)
        quiet = listed.asked
        listed.tell(EventType.ORDER_FILLED)
        await asyncio.sleep(1)
        listed.feed.close()
        await asyncio.gather(*tasks)

        assert busy <= 40
        assert quiet <= 12
        assert heard == [[21]] * 200

    simulate(1, whole)


def test_a_lost_ledger_is_told_to_everybody_who_waits_and_who_comes_again_goes_on() -> None:
    async def whole() -> None:
        tape, listed = make_tape()
        waiting = [asyncio.create_task(tape.next(EventFilter(), 0, 5)) for _ in range(3)]
        await asyncio.sleep(0.1)
        listed.is_lost = True
        listed.tell(EventType.HALT_SET)
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        listed.is_lost = False
        page = await tape.next(EventFilter(), 0, 5)

        assert [type(each) for each in ended] == [LedgerUnavailable] * 3
        assert [event.number for event in page.events] == [1]

    simulate(1, whole)


@pytest.mark.parametrize("within", [0.0, 0.5])
def test_who_waits_in_vain_is_told_how_far_there_is_nothing(within: float) -> None:
    async def whole() -> None:
        tape, listed = make_tape()
        listed.tell(*[EventType.HALT_SET] * 5)
        await tape.head()
        page = await tape.next(FILTERS[1], 5, within)

        assert (page.events, page.upto, page.head) == ((), 5, 5)
        assert not tape._tails

    simulate(1, whole)
