"""A simulated gateway, and a session with it that is up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker_support import FIRST, Listener, eventually, running
from paperdesk.broker.session import IbSession
from twsim import Gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(positions=[(FIRST, "AAPL", 50, "148.50")]) as started:
        yield started


@pytest.fixture
async def session(gateway: Gateway) -> AsyncIterator[tuple[IbSession, Listener]]:
    async with running(gateway.port) as (broker, heard):
        await eventually(lambda: broker.line)
        yield broker, heard
