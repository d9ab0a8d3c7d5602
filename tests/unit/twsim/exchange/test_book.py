from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from twsim.exchange.hours import next_midnight, trading_day


@pytest.mark.parametrize(
    ("at", "day", "midnight"),
    [
        (datetime(2026, 3, 9, 14, 30, tzinfo=UTC), date(2026, 3, 9), (10, 4)),
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), date(2026, 3, 8), (9, 4)),
        # The clocks go forward on the 8th: that day begins at 5 and ends at 4 UTC.
        (datetime(2026, 3, 8, 4, 59, tzinfo=UTC), date(2026, 3, 7), (8, 5)),
        (datetime(2026, 3, 8, 5, 0, tzinfo=UTC), date(2026, 3, 8), (9, 4)),
    ],
)
def test_a_trading_day_is_a_day_in_new_york(
    at: datetime, day: date, midnight: tuple[int, int]
) -> None:
    assert trading_day(at) == day
    assert next_midnight(at) == datetime(2026, 3, *midnight, tzinfo=UTC)
