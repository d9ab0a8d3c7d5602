"""What leaves, in which order, and what is said of an order that did not leave."""

from __future__ import annotations

import asyncio
from typing import Any

from front import ORDERS
from stage import Stage, on_stage


@on_stage()
async def test_an_order_whose_session_ends_before_its_frame_is_not_sent(stage: Stage) -> None:
    sender, gateway = stage.lane.sender, stage.world.gateway
    claim = sender._ledger.claim

    async def and_then_the_line_drops(*terms: Any) -> Any:
        sender._ledger.claim = claim  # type: ignore[method-assign]
        won = await claim(*terms)
        gateway.drop_connections()
        await stage.until_up(up=False)
        return won

    sender._ledger.claim = and_then_the_line_drops  # type: ignore[method-assign]
    batch = await stage.post(100, wait=5)
    await stage.until_up()
    await stage.settled()
    row = await stage.row(batch)

    assert (row["status"], row["error_code"]) == ("error", "not-placed")
    assert "the session ended between claim and send" in row["error"]
    assert stage.wire() == []
    await stage.post(100)
    await stage.settled()
    assert stage.position() == 100
