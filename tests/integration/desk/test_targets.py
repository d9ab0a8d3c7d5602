"""GET /api/v1/targets: the newest target of each symbol, in every state."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from stage import Stage, on_stage

BEFORE_MIDNIGHT = datetime(2026, 3, 10, 3, 59, 50, tzinfo=UTC)


@on_stage()
async def test_a_target_that_works_is_reached_once_it_filled(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=150)
    gateway.fill(batch["results"][0]["ibkr_order_id"], shares=30)
    await asyncio.sleep(1)
    works = await stage.target()
    gateway.fill(batch["results"][0]["ibkr_order_id"])
    await asyncio.sleep(1)
    reached = await stage.target()
    whole = (await stage.caller.get("/api/v1/targets")).json()

    assert (works["state"], works["position"], works["working_qty"]) == ("working", 30, 70)
    assert works["gap"] == 70
    assert (reached["state"], reached["gap"], reached["working_qty"]) == ("reached", 0, 0)
    assert reached["reason"] is None
    assert (whole["on_target"], whole["total"]) == (1, 1)


@on_stage()
async def test_a_target_whose_order_was_rejected_is_short_in_the_brokers_words(
    stage: Stage,
) -> None:
    stage.world.gateway.reject_next(201, "Order rejected - reason:no margin")
    await stage.post(100)
    target = await stage.target()

    assert (target["state"], target["gap"]) == ("short", 100)
    assert "no margin" in target["reason"]


@on_stage()
async def test_a_position_that_moved_since_is_short_and_says_so(stage: Stage) -> None:
    await stage.post(100)
    await stage.settled()
    stage.world.gateway.place_by_hand("DU8730189", "AAPL", "SELL", 40)
    await asyncio.sleep(5)
    target = await stage.target()

    assert (target["state"], target["position"], target["gap"]) == ("short", 60, 40)
    assert target["reason"]


@on_stage()
async def test_a_target_beside_an_unknown_order_is_working_and_says_why(stage: Stage) -> None:
    stage.world.gateway.inject("L04", symbol="AAPL")
    await stage.post(100, wait=0)
    await stage.until_up()
    await asyncio.sleep(1)
    own = await stage.target()
    await stage.post(40, wait=0)
    await asyncio.sleep(1)
    waits = await stage.target()

    assert (own["state"], own["target"]) == ("working", 100)
    assert "found out" in own["reason"]
    assert (waits["state"], waits["target"]) == ("working", 40)
    assert "unknown" in waits["reason"]


@on_stage(start=BEFORE_MIDNIGHT)
async def test_a_target_whose_order_only_a_person_can_tell_of_is_locked(stage: Stage) -> None:
    stage.world.gateway.inject("L04", symbol="AAPL")
    await stage.post(100, wait=0)
    await asyncio.sleep(60)

    target = await stage.target()
    assert target["state"] == "locked"
    assert "person" in target["reason"]


@on_stage()
async def test_a_target_dropped_by_a_halt_is_short(stage: Stage) -> None:
    await stage.post(1)
    stage.lane.pacer.pause(10)
    await stage.post(60, wait=0.5)
    await stage.operate("halt", reason="storm")
    target = await stage.target()

    assert (target["target"], target["state"], target["gap"]) == (60, "short", 59)
    assert "storm" in target["reason"]


@on_stage()
async def test_a_withdrawn_target_stays_withdrawn_until_the_next_one(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    await stage.withdraw(batch)
    withdrawn = await stage.target()
    await stage.post(100, limit_price=149)

    assert withdrawn["state"] == "withdrawn"
    assert (await stage.target())["state"] == "working"


@on_stage()
async def test_withdrawing_an_older_batch_leaves_the_newest_target(stage: Stage) -> None:
    older = await stage.post(100)
    await stage.settled()
    await stage.post(50)
    await stage.settled()
    await stage.withdraw(older)

    target = await stage.target()
    assert (target["target"], target["state"]) == (50, "reached")


@on_stage()
async def test_targets_survive_a_crash(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    await stage.post(100, limit_price=149)
    await stage.post(5, "MSFT")
    before = (await stage.caller.get("/api/v1/targets")).json()
    await stage.world.crash()
    await stage.world.start()

    assert (await stage.caller.get("/api/v1/targets")).json() == before
