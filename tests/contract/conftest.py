"""Implementations of each port, for the suites."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from makers import NOW
from paperdesk.clock import ManualClock
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def ledger(ledger_url: str, clock: ManualClock) -> AsyncIterator[SqlLedger]:
    opened = await SqlLedger.open(ledger_url, InlineExecutor(), clock)
    yield opened
    await opened.close()
