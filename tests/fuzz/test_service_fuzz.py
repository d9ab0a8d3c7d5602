"""A gateway that talks nonsense, in seeds of `make fuzz-service`: two, and two that did harm."""

from __future__ import annotations

import pytest

from fuzz.service_fuzz import run


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 1795459243, 1795473000])
def test_a_service_survives_nonsense_and_books_what_comes_after_it(seed: int) -> None:
    fate = run(seed)

    assert fate.wrong == []
    assert fate.counts["frames of nonsense"] > 20
    assert fate.counts["later executions checked"] == 1
