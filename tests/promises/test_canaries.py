"""No secret that was planted turns up anywhere, on either database."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import running_server
from promises.canaries import CANARIES, DEFECT, Haul, prove

pytestmark = pytest.mark.timeout(180)


def is_searched_well(haul: Haul) -> bool:
    """Tell whether there was something to search in every place, and the search finds."""
    return haul.has_control() and all(
        len("".join(texts)) > 200 for texts in haul.places.values()
    )


def test_nothing_planted_turns_up_on_sqlite(tmp_path: Path) -> None:
    haul = prove(None, tmp_path)

    assert haul.found() == []
    assert is_searched_well(haul)
    assert {200, 400, 401, 404, 405, 500, 503} <= haul.statuses.keys()


def test_nothing_planted_turns_up_on_postgresql(tmp_path: Path) -> None:
    with running_server(fsync=False) as server:
        haul = prove(server, tmp_path)

    assert haul.found() == []
    assert is_searched_well(haul)


def test_the_search_finds_a_secret_however_it_is_spelled() -> None:
    haul = Haul()
    haul.add("here", f"a line with {DEFECT.upper()}")
    haul.add("there", "postgresql://svc:open%2Fsesame%40home@db")

    assert {place for _, place in haul.found()} == {"here", "there"}
    assert len(haul.found()) == 5
    assert len(set(CANARIES.values())) == len(CANARIES)
