"""What leaves, in which order, and what is said of an order that did not leave."""

from __future__ import annotations

import asyncio
from typing import Any

from broker_support import TOO_FAST
from stage import Stage, on_stage


@on_stage()
async def test_an_order_whose_session_ends_before_its_frame_is_not_sent(stage: Stage) -> None:
    ledger, gateway = stage.lane.sender._ledger, stage.world.gateway
    claim = ledger.claim

    async def and_then_the_line_drops(*terms: Any) -> Any:
        ledger.claim = claim  # type: ignore[method-assign]
        won = await claim(*terms)
        gateway.drop_connections()
        await stage.until_up(up=False)
        return won

    ledger.claim = and_then_the_line_drops  # type: ignore[assignment,method-assign]
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


@on_stage()
async def test_what_waits_leaves_in_the_order_of_the_contract(stage: Stage) -> None:
    gateway = stage.world.gateway
    await stage.post(10, "SPY")
    await stage.post(1, "MSFT")
    await stage.post(1, "IBM")
    gateway.hold_fills("KO")
    works = await stage.post(7, "KO")
    before = len(stage.wire())
    gateway.notify(100, TOO_FAST)  # for a while no order leaves
    await asyncio.sleep(0.1)
    await stage.post(31, "MSFT", wait=0)
    await stage.post(-20, "IBM", wait=0)
    await stage.post(5, "SPY", wait=0)
    await asyncio.sleep(0.1)
    withdrawing = asyncio.create_task(stage.withdraw(works))
    await stage.settled()
    await withdrawing

    assert stage.wire()[before:] == ["cancel", "SELL 5", "SELL 21", "BUY 30"]
