"""A gateway on a free port, and real ib_async clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from ib_async import IB

from twsim import Gateway

Connect = Callable[..., Awaitable[IB]]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway() as running:
        yield running


@pytest.fixture
async def connect(gateway: Gateway) -> AsyncIterator[Connect]:
    clients: list[IB] = []

    async def connect_one(client_id: int = 1) -> IB:
        ib = IB()
        clients.append(ib)
        await ib.connectAsync(
            gateway.host, gateway.port, clientId=client_id, timeout=4, raiseSyncErrors=True
        )
        return ib

    yield connect_one
    for ib in clients:
        ib.disconnect()
