"""The first five minutes of the README, typed and seen as they stand there."""

from __future__ import annotations

import pytest

from e2e.five_minutes import README, played, steps_of


@pytest.mark.timeout(180)
def test_whoever_types_the_first_five_minutes_sees_what_the_readme_shows() -> None:
    told = steps_of(README.read_text(encoding="utf-8"))
    seen = steps_of(played())

    assert len(told) > 10
    for here, there in zip(told, seen, strict=True):
        assert here.typed == there.typed
        assert here.masked == there.masked, f"make five-minutes; {there}"
