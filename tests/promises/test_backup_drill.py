"""The drill of `make backup-drill`: on each database into each."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import Server
from promises.backup_drill import KINDS, drill, unclassified


def test_of_every_get_it_is_said_whether_a_ledger_answers_it() -> None:
    assert unclassified() == set()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_ledger_that_was_destroyed_and_restored_gives_the_same_answers(
    source: str, target: str, postgres_server: Server, tmp_path: Path
) -> None:
    outcome = drill(source, target, postgres_server, tmp_path)

    assert outcome.wrong == []
    assert outcome.same == outcome.asked > 15
