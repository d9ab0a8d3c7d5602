"""Wrong keys by address."""

from __future__ import annotations

from datetime import timedelta

from makers import NOW
from paperdesk.api.attempts import ATTEMPTS_MAX, WINDOW, Attempts
from paperdesk.clock import ManualClock


def test_an_address_may_be_wrong_for_a_while_and_then_waits_for_the_minute_to_end() -> None:
    clock = ManualClock(NOW)
    attempts = Attempts(clock)

    assert [attempts.failed("a") for _ in range(ATTEMPTS_MAX)] == [None] * ATTEMPTS_MAX
    assert attempts.failed("a") == WINDOW.total_seconds()
    clock.advance(timedelta(seconds=59.9))
    assert attempts.failed("a") == 1
    clock.advance(timedelta(seconds=0.1))
    assert attempts.failed("a") is None


def test_addresses_do_not_count_for_each_other() -> None:
    attempts = Attempts(ManualClock(NOW), most=1)

    assert [attempts.failed(source) for source in "abab"] == [None, None, 60, 60]


def test_no_more_addresses_are_remembered_than_allowed_and_the_newest_are() -> None:
    attempts = Attempts(ManualClock(NOW), most=1, sources_max=2)
    for source in "abc":
        attempts.failed(source)

    assert len(attempts) == 2
    assert attempts.failed("a") is None  # forgotten: it came first
    assert attempts.failed("c") == 60
