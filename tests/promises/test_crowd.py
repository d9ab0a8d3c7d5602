"""Ten clients on twenty symbols, for a tenth of the time of `make crowd`."""

from __future__ import annotations

from pathlib import Path

import pytest

from promises.crowd import trade
from promises.served import SYMBOLS


@pytest.mark.timeout(180)
async def test_a_crowd_ends_on_its_last_targets_and_both_books_agree(tmp_path: Path) -> None:
    crowd = await trade(tmp_path, seconds=6, seed=1)

    assert crowd.wrong == []
    assert crowd.counts["doubles"] == 0
    # The proof is worth nothing where nothing went on.
    assert len(crowd.last) == len(SYMBOLS)
    assert crowd.counts["orders filled in parts"] > 0
    assert crowd.counts["cancels sent"] > 0
