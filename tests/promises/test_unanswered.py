"""A line that drops without an answer, in ten of the seeds of `make unanswered`."""

from __future__ import annotations

import pytest

from promises.unanswered import run

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("seed", range(10))
def test_an_order_without_an_answer_is_found_or_known_to_have_failed(seed: int) -> None:
    fate = run(seed)

    assert fate.wrong == []
    assert fate.counts["doubles"] == fate.counts["still open"] == 0


def test_a_seed_is_the_same_run_again() -> None:
    assert run(3) == run(3)
