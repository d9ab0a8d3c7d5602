"""What a complete read says of a position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import AAPL, NOW, seconds
from paperdesk.domain.position import (
    ADOPT_AFTER,
    ADOPT_AFTER_READS,
    LOCK_AFTER,
    Adjustment,
    Booked,
    Sighting,
    Verdict,
    is_mass_break,
    is_reducing,
    judge_position,
    whole_shares,
)
from paperdesk.domain.vocabulary import PositionBreaks, Symbol

ADOPT, LOCK = PositionBreaks.ADOPT, PositionBreaks.LOCK
Judged = tuple[Verdict, Sighting | None]


def booked(quantity: int = 100) -> Booked:
    return Booked(Symbol("AAPL"), quantity)


def judge(
    entry: Booked,
    broker: int,
    *,
    after: float = 0,
    seen: Sighting | None = None,
    policy: PositionBreaks = ADOPT,
) -> Judged:
    """Judge by a read begun `after` seconds from NOW."""
    return judge_position(
        entry, broker, begun_at=NOW + seconds(after), seen=seen, policy=policy
    )


def judge_all(
    entry: Booked, reads: Sequence[tuple[float, int]], policy: PositionBreaks = ADOPT
) -> list[Verdict]:
    """Judge several reads, each (seconds from NOW, the broker's figure); return all verdicts."""
    verdicts, seen = [], None
    for after, broker in reads:
        verdict, seen = judge(entry, broker, after=after, seen=seen, policy=policy)
        verdicts.append(verdict)
    return verdicts


def test_the_same_figure_agrees_and_ends_a_break() -> None:
    seen = Sighting(100, 90, since=NOW, first_at=NOW)

    for policy in PositionBreaks:
        assert judge(booked(), 100, seen=seen, policy=policy) == (Verdict.AGREES, None)


@pytest.mark.parametrize("broker", [90, 100])
@pytest.mark.parametrize("seen", [None, Sighting(100, 90, since=NOW, first_at=NOW)])
def test_a_read_begun_before_our_last_execution_says_nothing(
    broker: int, seen: Sighting | None
) -> None:
    at_once = replace(booked(), own_at=NOW)
    before = replace(booked(), own_at=NOW - timedelta(microseconds=1))

    assert judge(at_once, broker, seen=seen) == (Verdict.UNSAID, seen)
    assert judge(before, broker, seen=seen)[0] is not Verdict.UNSAID


@pytest.mark.parametrize(
    ("outside", "broker", "verdict"),
    [
        (-10, 90, Verdict.OUTSIDE),  # all of it
        (-10, 80, Verdict.OUTSIDE),  # a part: the rest is judged by the next read
        (-15, 90, Verdict.OUTSIDE),  # the figures come closer, from the other side
        (-20, 90, Verdict.DISPUTED),  # no closer
        (10, 90, Verdict.DISPUTED),  # further away
        (0, 90, Verdict.DISPUTED),
        (-10, 100, Verdict.AGREES),
    ],
)
@pytest.mark.parametrize("is_live", [False, True])
def test_what_brings_the_figures_closer_is_an_outside_trade(
    outside: int,
    broker: int,
    verdict: Verdict,
    is_live: bool,  # noqa: FBT001
) -> None:
    entry = replace(booked(), outside=outside, is_live=is_live)
    seen = Sighting(100, broker, since=NOW, first_at=NOW)

    found, after = judge(entry, broker, seen=seen)

    unexplained = Verdict.WARN if is_live else Verdict.DISPUTED
    assert found is (unexplained if verdict is Verdict.DISPUTED else verdict)
    if verdict is Verdict.OUTSIDE:
        assert after is seen


@pytest.mark.parametrize("policy", PositionBreaks)
def test_the_policy_does_not_matter_to_what_is_explained(policy: PositionBreaks) -> None:
    entry = replace(booked(), outside=5)

    assert judge(entry, 105, policy=policy) == (Verdict.OUTSIDE, None)


@pytest.mark.parametrize(
    ("reads", "last"),
    [
        ([(0, 90)], Verdict.DISPUTED),
        ([(0, 90), (40, 90)], Verdict.DISPUTED),
        ([(0, 90), (10, 90), (29.999, 90)], Verdict.DISPUTED),
        ([(0, 90), (10, 90), (30, 90)], Verdict.ADOPT),
        ([(0, 90), (10, 90), (20, 90), (30, 90)], Verdict.ADOPT),
        ([(0, 90), (10, 91), (20, 91), (30, 91)], Verdict.DISPUTED),
        ([(0, 90), (10, 91), (20, 91), (40, 91)], Verdict.ADOPT),
        ([(0, 90), (10, 90), (20, 100), (30, 90)], Verdict.DISPUTED),
        ([(0, 90), (600, 91)], Verdict.DISPUTED),
    ],
)
def test_a_calm_break_is_adopted_after_three_equal_reads_over_thirty_seconds(
    reads: list[tuple[float, int]], last: Verdict
) -> None:
    *before, found = judge_all(booked(), reads)

    assert found is last
    assert Verdict.ADOPT not in before


def test_our_own_figure_must_stand_still_as_well() -> None:
    seen = Sighting(99, 90, since=NOW, first_at=NOW, reads=9)

    assert judge(booked(100), 90, after=60, seen=seen) == (
        Verdict.DISPUTED,
        Sighting(100, 90, since=NOW, first_at=NOW + seconds(60)),
    )


@pytest.mark.parametrize(
    ("own", "agreed", "is_live", "is_calm"),
    [
        (None, None, False, True),
        (None, -5, False, True),
        (-10, -5, False, True),
        (-5, -5, False, True),
        (-5, -10, False, False),
        (-5, None, False, False),
        (None, None, True, False),
        (-10, -5, True, False),
    ],
)
def test_a_break_is_adopted_only_where_no_own_order_may_be_its_cause(
    own: float | None,
    agreed: float | None,
    is_live: bool,  # noqa: FBT001
    is_calm: bool,  # noqa: FBT001
) -> None:
    entry = replace(
        booked(),
        own_at=None if own is None else NOW + seconds(own),
        agreed_at=None if agreed is None else NOW + seconds(agreed),
        is_live=is_live,
    )
    assert entry.is_calm is is_calm

    verdicts = judge_all(entry, [(0, 90), (15, 90), (30, 90)])

    assert verdicts[-1] is (Verdict.ADOPT if is_calm else Verdict.WARN)


@pytest.mark.parametrize(
    ("entry", "policy"),
    [(booked(), LOCK), (replace(booked(), is_live=True), ADOPT)],
    ids=["policy", "not calm"],
)
def test_what_is_not_adopted_is_warned_of_for_180_seconds_and_then_locked(
    entry: Booked, policy: PositionBreaks
) -> None:
    reads = [(0, 90), (60, 90), (179.999, 90), (180, 90), (200, 90)]

    assert judge_all(entry, reads, policy) == [Verdict.WARN] * 3 + [Verdict.LOCK] * 2


def test_a_break_that_changes_is_as_old_as_it_was() -> None:
    verdicts = judge_all(booked(), [(0, 90), (100, 91), (180, 92)], LOCK)
    healed = judge_all(booked(), [(0, 90), (100, 100), (180, 90)], LOCK)

    assert verdicts[-1] is Verdict.LOCK
    assert healed[-1] is Verdict.WARN


def test_the_figures_of_the_contract_are_those() -> None:
    assert ADOPT_AFTER_READS == 3
    assert timedelta(seconds=30) == ADOPT_AFTER
    assert timedelta(seconds=180) == LOCK_AFTER


reads_of = st.lists(
    st.tuples(st.floats(0, 60, allow_nan=False), st.sampled_from([90, 91, 100])), max_size=12
)


@given(reads_of, st.sampled_from(PositionBreaks), st.booleans())
def test_nothing_is_adopted_or_locked_on_less_evidence_than_promised(
    steps: list[tuple[float, int]],
    policy: PositionBreaks,
    is_live: bool,  # noqa: FBT001
) -> None:
    entry, after, reads = replace(booked(), is_live=is_live), 0.0, []
    for step, broker in steps:
        after += step
        reads.append((after, broker))

    for at, verdict in enumerate(judge_all(entry, reads, policy)):
        now, figure = reads[at]
        same = [when for when, broker in reads[: at + 1] if broker == figure]
        assert (verdict is Verdict.AGREES) is (figure == 100)
        if verdict is Verdict.ADOPT:
            assert policy is ADOPT
            assert not is_live
            assert len(same) >= 3
            assert [broker for _, broker in reads[at - 2 : at + 1]] == [figure] * 3
            assert now - same[0] >= 30 - 1e-5
        if verdict is Verdict.LOCK:
            assert policy is LOCK or is_live
            assert now - reads[0][0] >= 180 - 1e-5


@pytest.mark.parametrize(
    ("broken", "held", "answer"),
    [
        (4, 4, False),
        (5, 5, True),
        (5, 9, True),
        (5, 10, False),
        (6, 10, True),
        (50, 100, False),
        (51, 100, True),
        (5, 0, True),
        (0, 0, False),
    ],
)
def test_a_mass_break_is_at_least_five_and_more_than_half(
    broken: int,
    held: int,
    answer: bool,  # noqa: FBT001
) -> None:
    assert is_mass_break(broken, held) is answer


@pytest.mark.parametrize(
    ("position", "delta", "answer"),
    [
        (10, -10, True),
        (10, -4, True),
        (-5, 5, True),
        (10, -11, False),
        (10, 1, False),
        (-10, -1, False),
        (0, 3, False),
        (10, 0, False),
    ],
)
def test_reducing_is_towards_zero_and_not_through_it(
    position: int,
    delta: int,
    answer: bool,  # noqa: FBT001
) -> None:
    assert is_reducing(position, delta) is answer


@given(st.integers(), st.integers())
def test_what_reduces_leaves_less_and_on_the_same_side(position: int, delta: int) -> None:
    after = position + delta
    is_less = abs(after) < abs(position) and after * position >= 0

    assert is_reducing(position, delta) is is_less


@pytest.mark.parametrize(
    ("held", "whole"),
    [("1.9", 1), ("-1.9", -1), ("5", 5), ("0.2", 0), ("-0.2", 0)],
)
def test_a_fractional_holding_counts_by_its_whole_part(held: str, whole: int) -> None:
    assert whole_shares(Decimal(held)) == whole


def test_an_adjustment_changes_ours_into_the_brokers() -> None:
    adjustment = Adjustment(AAPL, Symbol("AAPL"), ours=100, broker=90, why="", at=NOW)

    assert adjustment.change == -10
