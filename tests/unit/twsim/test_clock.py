from __future__ import annotations

from datetime import UTC, timedelta

from twsim.clock import ManualClock, SystemClock
from twsim_makers import NOW


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(NOW)

    assert clock.now() == NOW
    assert clock.now() == NOW

    clock.advance(1.5)

    assert clock.now() == NOW + timedelta(seconds=1.5)


def test_the_system_clock_tells_utc_and_goes_on() -> None:
    clock = SystemClock()

    assert clock.now().tzinfo is UTC
    assert clock.now() <= clock.now()
