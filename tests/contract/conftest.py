"""Implementations of each port, for the suites."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from makers import NOW
from paperdesk.clock import ManualClock
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor

# Opens an empty ledger, and closes it.
OpenLedger = Callable[[], AbstractAsyncContextManager[SqlLedger]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def open_ledger(empty_url: Callable[[], str], clock: ManualClock) -> OpenLedger:
    """Opens ledgers, on each database in turn."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[SqlLedger]:
        ledger = await SqlLedger.open(empty_url(), InlineExecutor(), clock)
        try:
            yield ledger
        finally:
            await ledger.close()

    return opened


@pytest.fixture
async def ledger(open_ledger: OpenLedger) -> AsyncIterator[SqlLedger]:
    async with open_ledger() as opened:
        yield opened
