"""A smaller scope of every schedule, in which every planted defect is found."""

from __future__ import annotations

import pytest

from smallscope.lockstep import walk
from smallscope.model import Bounds, Twist
from smallscope.scopes import HELD_AND_REFUSED, PLANTED, RANDOM, SUITE
from smallscope.search import explore, sample


@pytest.mark.parametrize("bounds", SUITE.values(), ids=SUITE.keys())
def test_no_schedule_of_the_scope_breaks_a_law(bounds: Bounds) -> None:
    report = explore(bounds)

    assert report.breach is None, str(report.breach)
    assert report.at_rest > 0


@pytest.mark.parametrize("twist", Twist, ids=lambda twist: twist.name.lower())
def test_a_planted_defect_is_found(twist: Twist) -> None:
    report = explore(PLANTED[twist], twist)

    assert report.breach is not None


def test_a_held_order_whose_cancel_is_refused_stays_alive_in_the_books() -> None:
    report = explore(HELD_AND_REFUSED)

    assert report.breach is None, str(report.breach)


def test_the_first_breach_comes_with_the_shortest_schedule() -> None:
    report = explore(PLANTED[Twist.RESENDS], Twist.RESENDS)

    assert report.breach is not None
    assert report.breach.words.startswith("INV-SINGLE-SEND")
    assert [move.name for move in report.breach.schedule] == [
        "accept",
        "plan",
        "claim",
        "write",
        "drop",
        "connect",
    ]


def test_random_schedules_break_no_law_and_come_to_rest() -> None:
    report = sample(RANDOM, seed=1, schedules=300)

    assert report.breach is None, str(report.breach)
    assert report.at_rest == 300


def test_the_same_seed_takes_the_same_schedules() -> None:
    first, again = (sample(RANDOM, seed=7, schedules=20) for _ in range(2))

    assert first.moves == again.moves


def test_the_real_ledger_says_the_same_after_every_step() -> None:
    done = walk(RANDOM, seed=1, schedules=25)

    assert done.differs is None, done.differs
    assert {"claim", "learn", "connect", "read on", "settle"} <= done.moves.keys()


def test_a_small_ledger_with_a_defect_is_told_from_the_real_one() -> None:
    done = walk(RANDOM, Twist.PLANS_BESIDE, seed=1, schedules=25)

    assert done.differs is not None
