"""Which halt counts, and what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import ACCOUNT, NOW, make_halt, seconds
from paperdesk.domain.halt import Halt, strictest, strictest_of
from paperdesk.domain.vocabulary import HaltMode

halts = st.builds(
    lambda mode, age: make_halt(mode, at=NOW - seconds(age)),
    st.sampled_from(HaltMode),
    st.integers(0, 5),
)


@pytest.mark.parametrize(
    ("mode", "is_reducing", "stops"),
    [
        (HaltMode.ALL, False, True),
        (HaltMode.ALL, True, True),
        (HaltMode.REDUCE_ONLY, False, True),
        (HaltMode.REDUCE_ONLY, True, False),
    ],
)
def test_only_reduce_only_lets_reducing_orders_leave(
    mode: HaltMode,
    is_reducing: bool,  # noqa: FBT001
    stops: bool,  # noqa: FBT001
) -> None:
    assert make_halt(mode).stops(is_reducing=is_reducing) is stops


def test_a_halt_says_what_is_halted_by_whom_and_why() -> None:
    assert make_halt().words == "account DU8730189 is halted by client1: drill"
    assert make_halt(HaltMode.REDUCE_ONLY, account=None).words == (
        "all trading is halted by client1: drill (orders that reduce a position may leave)"
    )


def test_without_halts_nothing_is_halted() -> None:
    assert strictest([]) is None


def test_an_account_is_halted_by_its_own_halt_or_by_one_of_all_and_by_no_others() -> None:
    own, of_all = make_halt(), make_halt(account=None)

    assert strictest_of([own], ACCOUNT) is own
    assert strictest_of([of_all], ACCOUNT) is of_all
    assert strictest_of([make_halt(account="DUP203550")], ACCOUNT) is None


def test_the_stricter_mode_wins_over_the_older_halt() -> None:
    older = make_halt(HaltMode.REDUCE_ONLY, at=NOW - seconds(60))
    stricter = make_halt(HaltMode.ALL, account=None)

    assert strictest([older, stricter]) is stricter


@given(st.lists(halts, min_size=1))
def test_no_halt_stops_more_than_the_strictest_and_none_as_strict_is_older(
    several: list[Halt],
) -> None:
    found = strictest(several)

    assert found is not None
    for halt in several:
        for is_reducing in (False, True):
            assert found.stops(is_reducing=is_reducing) or not halt.stops(
                is_reducing=is_reducing
            )
        assert halt.mode is not found.mode or found.since <= halt.since
