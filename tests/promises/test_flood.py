"""A program that runs wild, for as many seconds as `make flood` runs it minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from promises.flood import is_kept, run


@pytest.mark.timeout(180)
async def test_a_flood_is_refused_and_nothing_of_what_was_accepted_is_lost(
    tmp_path: Path,
) -> None:
    flood = await run(tmp_path, seconds=3)

    assert is_kept(flood), (flood.counts, flood.wrong, flood.health, flood.most_frames())
    assert flood.counts["refused: 429 rate-limited"] > flood.counts["accepted"]
    assert flood.counts["posted"] == flood.counts["accepted"] + sum(
        count for name, count in flood.counts.items() if name.startswith("refused")
    )
