"""The service, killed where it hurts most; `make kills` does it at every crash point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import Server, running_server
from kills.cases import CASES, case_of
from kills.killing import run
from paperdesk.crash import POINTS

# Four processes one after the other, on a machine that others may use too.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def lasting_server() -> Iterator[Server]:
    """A PostgreSQL that syncs what it commits, as one in service does."""
    with running_server(fsync=True) as server:
        yield server


@pytest.mark.parametrize("name", ["CP02", "CP03", "CP07", "CP09", "CP10", "CP12"])
def test_a_service_killed_on_sqlite_sends_nothing_twice_and_loses_nothing(
    name: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    # The last news is lost with the gateway that told it, as in a power cut.
    outcome = run(case_of(name), url, tmp_path, restarts_gateway=name == "CP12")

    assert outcome.wrong == []


@pytest.mark.parametrize("name", ["CP02", "CP10"])
def test_a_service_killed_on_postgresql_sends_nothing_twice_and_loses_nothing(
    name: str, tmp_path: Path, lasting_server: Server
) -> None:
    with lasting_server.database() as database:
        url = lasting_server.url(database)
        outcome = run(case_of(name), url, tmp_path, restarts_gateway=False)

    assert outcome.wrong == []


def test_every_crash_point_has_a_case() -> None:
    assert {point for case in CASES for point in case.arms} == set(POINTS)
