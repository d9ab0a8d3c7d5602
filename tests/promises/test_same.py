"""The same targets while orders work, a tenth as often as `make same` posts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from promises.same import insist, is_kept


@pytest.mark.timeout(180)
async def test_the_same_targets_posted_again_send_nothing(tmp_path: Path) -> None:
    counts = await insist(tmp_path, posts=100)

    assert is_kept(counts, posts=100), counts
    assert counts["placeOrder frames"] == 20
    assert counts["in turn: rows no_change and kept"] == 2_000
    assert counts["most live orders of a symbol"] == 1
