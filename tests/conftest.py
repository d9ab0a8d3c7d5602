"""What every test shares.

Owns: the seeds of hypothesis (the same in every run of the suite, and no deadline: a slow
machine is no failure), the main thread's event loop, and the databases that a test may ask for.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from embedded import Server, running_server
from emptied import empty_ledger

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

_LOOP = pytest.StashKey[asyncio.AbstractEventLoop]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the main thread a loop that is closed at the end.

    Else pytest-asyncio's first look for one makes a loop that nobody closes, and whichever
    test runs when it is collected is blamed for it.
    """
    config.stash[_LOOP] = asyncio.new_event_loop()
    asyncio.set_event_loop(config.stash[_LOOP])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close it."""
    config.stash[_LOOP].close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server of this worker's own; it keeps everything but a loss of power."""
    with running_server(fsync=False) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """A database that is migrated and empty."""
    with postgres_server.database() as name:
        yield postgres_server.url(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Each call names another empty ledger, migrated; on each database in turn."""
    if request.param == "sqlite":
        numbers = itertools.count()

        def another() -> str:
            path = tmp_path / f"ledger-{next(numbers)}.db"
            path.write_bytes(empty_ledger())
            return f"sqlite:///{path}"

        yield another
        return
    server: Server = request.getfixturevalue("postgres_server")
    with ExitStack() as databases:
        yield lambda: server.url(databases.enter_context(server.database()))


@pytest.fixture
def ledger_url(empty_url: Callable[[], str]) -> str:
    """One empty ledger, on each database in turn."""
    return empty_url()
