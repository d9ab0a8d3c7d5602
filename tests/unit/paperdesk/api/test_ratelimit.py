"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paperdesk.api.ratelimit import BURST_SECONDS, Bucket


def taken(bucket: Bucket, now: float) -> bool:
    bucket.fill(now)
    if not bucket.left:
        return False
    bucket.take()
    return True


@given(st.integers(1, 500), st.lists(st.floats(0, 3), max_size=300))
def test_a_bucket_never_gives_more_than_its_burst_and_what_came_in(
    rate: int, pauses: list[float]
) -> None:
    bucket, now, given_out = Bucket(rate, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        given_out += taken(bucket, now)
        assert given_out <= rate * BURST_SECONDS + rate * now + 1e-6


@given(st.integers(1, 500))
def test_after_the_named_wait_there_is_a_token(rate: int) -> None:
    bucket = Bucket(rate, 0.0)
    while taken(bucket, 0.0):
        pass

    assert taken(bucket, float(bucket.wait_seconds()))


def test_a_full_bucket_gives_its_burst_and_fills_at_its_rate() -> None:
    bucket = Bucket(10, 0.0)

    assert sum(taken(bucket, 0.0) for _ in range(100)) == 10 * BURST_SECONDS
    assert bucket.full_in_seconds() == BURST_SECONDS
    assert sum(taken(bucket, 1.0) for _ in range(100)) == 10
    assert not taken(bucket, 0.5)  # a clock that goes back gives nothing


def test_an_unused_bucket_holds_no_more_than_its_burst() -> None:
    bucket = Bucket(10, 0.0)
    bucket.fill(1e9)

    assert bucket.left == 10 * BURST_SECONDS
