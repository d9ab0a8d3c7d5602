"""Every fault of the catalogue, as a client feels it over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fault_cases import link, news, orders
from twsim import Gateway, ManualClock
from twsim.faults import CATALOGUE
from twsim_raw import RawClient

CASES = {**link.CASES, **orders.CASES, **news.CASES}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(clock=ManualClock()) as running:
        yield running


@pytest.mark.parametrize("fault_id", CATALOGUE)
async def test_a_client_feels_the_fault(gateway: Gateway, fault_id: str) -> None:
    client = RawClient(gateway)
    await CASES[fault_id](gateway, client)
    client.close()

    assert fault_id in {record.id for record in gateway.fault_log()}
