"""What becomes of an order that a newer target does not keep."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from front import ORDERS
from stage import Stage, on_stage


@on_stage()
async def test_a_target_equal_to_the_position_cancels_what_works(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    newer = await stage.post(0, wait=5)

    (row,) = newer["results"]
    assert (row["status"], row["delta"], row["qty"]) == ("no_change", 0, 0)
    assert row["superseded"] == [older["results"][0]["ibkr_order_id"]]
    assert "kept" not in row
    assert "provisional" not in row
    gone = await stage.row(older)
    assert gone["status"] == "Cancelled"
    assert gone["superseded_by"] == {"batch_id": newer["batch_id"], "ibkr_order_id": None}
    assert stage.wire() == ["BUY 100", "cancel"]
    assert (await stage.target())["state"] == "reached"


@on_stage()
async def test_where_nothing_is_left_after_the_cancel_the_row_is_no_change(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    order_id = older["results"][0]["ibkr_order_id"]
    gateway.inject("C01", symbol="AAPL", delay=3)
    newer = await stage.post(30, wait=0)
    await asyncio.sleep(0.5)
    gateway.inject("C06", symbol="AAPL", delay=0.1, percent=30)
    await asyncio.sleep(0.1)
    waiting = await stage.row(newer)
    done = await stage.row(newer, wait=10)

    assert waiting["status"] == "PendingSubmit"
    assert waiting["provisional"] is True
    assert (waiting["current_pos"], waiting["delta"], waiting["qty"]) == (0, 30, 30)
    assert (waiting["action"], waiting["ibkr_order_id"]) == ("BUY", None)
    assert done["status"] in {"Filled", "no_change", "Submitted", "PreSubmitted"}
    assert done["superseded"] == [order_id]


@on_stage()
async def test_a_partial_fill_before_the_cancel_may_leave_nothing_to_trade(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    order_id = older["results"][0]["ibkr_order_id"]
    gateway.fill(order_id, shares=30)
    newer = await stage.post(30, wait=5)

    (row,) = newer["results"]
    assert (row["status"], row["current_pos"], row["delta"]) == ("no_change", 30, 0)
    assert row["superseded"] == [order_id]
    assert stage.wire() == ["BUY 100", "cancel"]
    shown = await stage.shown(newer)
    assert shown["summary"] == {"final": True, "on_target": 1, "short": []}


@on_stage()
async def test_both_sides_name_each_other(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    newer = await stage.post(50, limit_price=149, wait=5)

    (row,) = newer["results"]
    assert row["superseded"] == [older["results"][0]["ibkr_order_id"]]
    assert (await stage.row(older))["superseded_by"] == {
        "batch_id": newer["batch_id"],
        "ibkr_order_id": row["ibkr_order_id"],
    }


@on_stage()
async def test_until_the_newer_order_is_sent_its_id_is_null(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=3)
    older = await stage.post(100, limit_price=149)
    newer = await stage.post(50, limit_price=149, wait=0.5)
    early = await stage.row(older)
    waiting = await stage.row(newer)
    later = await stage.row(newer, wait=0)
    await asyncio.sleep(6)
    sent = await stage.row(newer)

    assert early["status"] == "PendingCancel"
    assert early["superseded_by"] == {"batch_id": newer["batch_id"], "ibkr_order_id": None}
    assert waiting == later
    assert (waiting["status"], waiting["provisional"]) == ("PendingSubmit", True)
    assert (waiting["current_pos"], waiting["delta"], waiting["qty"]) == (0, 50, 50)
    assert any("being cancelled" in warning for warning in waiting["warnings"])
    assert waiting["superseded"] == [older["results"][0]["ibkr_order_id"]]
    assert sent["status"] == "Submitted"
    assert "provisional" not in sent
    assert not any("being cancelled" in warning for warning in sent.get("warnings", []))
    successor = (await stage.row(older))["superseded_by"]
    assert successor["ibkr_order_id"] == sent["ibkr_order_id"]


@on_stage()
async def test_targets_that_wait_end_for_the_newest_and_are_never_traded(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=3)
    first = await stage.post(100, limit_price=149)
    second = await stage.post(50, limit_price=149, wait=0.5)
    third = await stage.post(60, limit_price=149, wait=10)

    middle = await stage.row(second)
    assert (middle["status"], middle["ibkr_order_id"]) == ("Cancelled", None)
    order_id = third["results"][0]["ibkr_order_id"]
    by = {"batch_id": third["batch_id"], "ibkr_order_id": order_id}
    assert middle["superseded_by"] == by
    assert third["results"][0]["superseded"] == [first["results"][0]["ibkr_order_id"]]
    assert (await stage.row(first))["superseded_by"]["batch_id"] in {
        second["batch_id"], third["batch_id"],
    }  # fmt: skip
    assert stage.wire() == ["BUY 100", "cancel", "BUY 60"]


@on_stage()
async def test_a_refused_target_leaves_the_working_order_alone(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    refused = await stage.post(100, "AAPL", expected_price=0.00001, tolerance_pct=1)

    assert refused["results"][0]["status"] == "error"
    assert (await stage.row(older))["status"] == "Submitted"
    assert stage.wire() == ["BUY 100"]


@on_stage()
async def test_replacing_another_clients_target_of_the_last_day_is_a_warning(
    stage: Stage,
) -> None:
    await stage.of("rival").post(10)
    await stage.settled()
    first = await stage.of("trader").post(20)
    again = await stage.of("trader").post(30)
    await stage.world.stop()  # a day without a service is soon over
    await asyncio.sleep(timedelta(hours=24, minutes=1).total_seconds())
    await stage.world.start()
    late = await stage.of("rival").post(40)

    assert any("rival" in warning for warning in first["results"][0]["warnings"])
    assert "warnings" not in again["results"][0]
    assert "warnings" not in late["results"][0]


@on_stage()
async def test_crossing_zero_is_one_order(stage: Stage) -> None:
    await stage.post(100)
    await stage.settled()
    await stage.post(-50)
    await stage.settled()

    assert stage.wire() == ["BUY 100", "SELL 150"]
    assert stage.position() == -50


@on_stage()
async def test_an_order_that_ends_short_stays_so_until_the_target_is_posted_again(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("O18", symbol="AAPL", percent=40)
    short = await stage.post(100)
    await asyncio.sleep(300)
    before = list(stage.wire())
    target = await stage.target()
    shown = await stage.shown(short)
    await stage.post(100)
    await stage.settled()

    assert before == ["BUY 100"]
    assert (target["state"], target["gap"]) == ("short", 60)
    assert shown["orders"][0]["status"] == "Cancelled"
    assert shown["summary"] == {"final": True, "on_target": 0, "short": ["AAPL"]}
    assert stage.wire() == ["BUY 100", "BUY 60"]


@on_stage()
async def test_no_order_waits_for_another_symbol(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=30)
    await stage.post(100, limit_price=149)
    rows = [{"symbol": "AAPL", "quantity": 50}, {"symbol": "MSFT", "quantity": 5}]
    answer = await stage.caller.post(f"{ORDERS}?wait=3", json={"orders": rows})

    first, second = answer.json()["results"]
    assert first["status"] == "PendingSubmit"
    assert second["status"] == "Filled"
