"""Every race of reliability.md §5.7 ends with the newest target, and no order twice."""

from __future__ import annotations

import pytest

from races.races import RACES, run


@pytest.mark.parametrize("number", RACES, ids=lambda number: f"race{number}")
def test_a_race_ends_on_the_newest_target(number: int) -> None:
    result = run(number)
    print(f"{number:>2}  {RACES[number].words}: {result.wire} -> {result.position}")  # noqa: T201
