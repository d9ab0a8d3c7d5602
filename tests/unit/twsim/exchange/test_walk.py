from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.walk import displacement, first_within

streams = st.integers(0, 2**64 - 1)


@settings(deadline=None, max_examples=150)
@given(
    stream=streams,
    start=st.integers(0, 10**6),
    length=st.integers(0, 3000),
    distance=st.integers(-200, 6000),
    below=st.booleans(),
)
def test_no_search_goes_past_the_first_step_within_the_bound(
    stream: int,
    start: int,
    length: int,
    distance: int,
    below: bool,  # noqa: FBT001
) -> None:
    bound = displacement(stream, start) + (-distance if below else distance)
    end = start + length
    found = first_within(stream, start, end, bound=bound, below=below)

    assert start <= found <= end
    for step in range(start, found):
        here = displacement(stream, step)
        assert here > bound if below else here < bound


def test_a_far_bound_is_found_to_be_far_in_few_looks() -> None:
    here = displacement(7, 1000)

    assert first_within(7, 1000, 87_400, bound=here - 10**6, below=True) == 87_400
    assert first_within(7, 0, 87_400, bound=here + 10**6, below=False) == 87_400


def test_a_search_that_would_take_long_stops_early() -> None:
    near = [
        first_within(stream, 1, 10**6, bound=displacement(stream, 1) - 900, below=True)
        for stream in range(40)
    ]

    assert max(near) < 10**6


@settings(deadline=None)
@given(stream=streams, step=st.integers(0, 10**6))
def test_one_step_moves_a_little(stream: int, step: int) -> None:
    assert abs(displacement(stream, step + 1) - displacement(stream, step)) < 1000
