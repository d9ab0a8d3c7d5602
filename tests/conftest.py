"""What every test shares.

Owns: the seeds of hypothesis (the same in every run of the suite, and no deadline: a slow
machine is no failure) and the main thread's event loop.
"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings

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
