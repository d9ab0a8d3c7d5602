"""Implementations of each port, for the suites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from makers import NOW
from paperdesk.clock import ManualClock
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(params=["sqlite"])
async def ledger(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[SqlLedger]:
    assert request.param == "sqlite"
    opened = await SqlLedger.open(f"sqlite:///{tmp_path}/ledger.db", InlineExecutor(), clock)
    yield opened
    await opened.close()
