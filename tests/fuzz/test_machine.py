"""The state machine, in a few examples that are the same each time: `make machine` runs many."""

from __future__ import annotations

import pytest

from fuzz.machine import run


@pytest.mark.timeout(180)
def test_whatever_comes_in_whatever_order_nothing_is_sent_twice_and_targets_are_reached() -> (
    None
):
    figures = run(5, 20, seed=2, shrinks=False)

    # A sample that never accepts, dies or rests would prove nothing.
    assert min(figures[name] for name in ("POST 200", "put_target_and_die", "come_to_rest")) > 0
