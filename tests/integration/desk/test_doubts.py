"""What is looked into when a session begins."""

from __future__ import annotations

import asyncio
from pathlib import Path

from harness import open_house
from makers import make_target
from paperdesk.domain.views import Finding


async def test_an_order_that_worked_when_the_line_was_lost_is_looked_for_in_the_next_session(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        batch = await house.submit(make_target("AAPL", 100, limit="90"))
        house.gateway.drop_connections()
        found: tuple[Finding, ...] = ()
        async with asyncio.timeout(10):
            while not found:
                await asyncio.sleep(0.02)
                (order,) = await house.desk.evidence(house.client, batch.head.batch_id)
                found = order.findings

    assert [finding.shows for finding in found] == ["found: the order works"]
