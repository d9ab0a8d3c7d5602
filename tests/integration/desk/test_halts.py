"""Halts: what they stop at once, what still leaves, and that they stand until lifted."""

from __future__ import annotations

import asyncio

from front import ORDERS, code, order, orders_of
from makers import ACCOUNT
from stage import Stage, on_stage

HELD = ((ACCOUNT, "AAPL", 50, 100), (ACCOUNT, "MSFT", -5, 400))


@on_stage()
async def test_what_is_not_sent_ends_as_cancelled_and_nothing_leaves_after_the_answer(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    works = await stage.post(1, limit_price=149)
    await stage.post(1, "MSFT")
    stage.lane.pacer.pause(10)
    unsent = await stage.post(5, "MSFT", wait=0.5)
    halted = (await stage.operate("halt", reason="stop")).json()
    ended = await stage.row(unsent)
    await asyncio.sleep(30)

    assert halted["halted"] is True
    assert (halted["mode"], halted["by"], halted["reason"]) == ("all", "admin", "stop")
    assert halted["since"]
    assert [row["batch_id"] for row in halted["cancelled"]] == [unsent["batch_id"]]
    assert (ended["status"], ended["ibkr_order_id"]) == ("Cancelled", None)
    assert ended["error_code"] == "halted"
    assert [row["symbol"] for row in halted["still_working"]] == ["AAPL"]
    assert (await stage.row(works))["status"] == "Submitted"
    assert stage.wire() == ["BUY 1", "BUY 1"]


@on_stage(positions=HELD)
async def test_unsent_orders_are_named_as_cancelled(stage: Stage) -> None:
    await stage.post(51)
    stage.lane.pacer.pause(10)
    unsent = await stage.post(60, wait=0.5)
    halted = (await stage.operate("halt", reason="stop")).json()
    shown = await stage.shown(unsent)

    (entry,) = halted["cancelled"]
    assert (entry["symbol"], entry["batch_id"]) == ("AAPL", unsent["batch_id"])
    assert (entry["ibkr_order_id"], entry["status"]) == (None, "Cancelled")
    assert halted["still_working"] == []
    assert shown["summary"] == {"final": True, "on_target": 0, "short": ["AAPL"]}


@on_stage()
async def test_a_target_that_waits_for_a_cancel_ends_by_the_halt(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=5)
    await stage.post(100, limit_price=149)
    waits = await stage.post(40, wait=0.5)
    await stage.operate("halt", reason="stop")
    ended = await stage.row(waits)
    await asyncio.sleep(15)

    assert (ended["status"], ended["error_code"]) == ("Cancelled", "halted")
    assert stage.wire() == ["BUY 100", "cancel"]


@on_stage()
async def test_with_cancel_working_it_cancels_and_says_what_came_of_it(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills()
    first = await stage.post(100, limit_price=149)
    second = await stage.post(5, "MSFT", limit_price=300)
    gateway.inject("C01", symbol="MSFT", delay=20)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    halted = (await stage.operate("halt", reason="stop", cancel_working=True)).json()
    took = loop.time() - begun
    await asyncio.sleep(25)

    assert [row["batch_id"] for row in halted["cancelled"]] == [first["batch_id"]]
    assert [row["batch_id"] for row in halted["still_working"]] == [second["batch_id"]]
    assert halted["still_working"][0]["status"] == "PendingCancel"
    assert took < 4.5
    assert (await stage.row(second))["status"] == "Cancelled"


@on_stage(positions=HELD)
async def test_under_reduce_only_rows_that_do_not_reduce_are_halted(stage: Stage) -> None:
    await stage.operate("halt", reason="out", mode="reduce_only")
    batch = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 20},
        {"symbol": "MSFT", "quantity": -6},
        {"symbol": "KO", "quantity": 1},
        wait=3,
    )
    crossing = await stage.post(-1, "AAPL")

    first, second, third = batch["results"]
    assert first["status"] == "Filled"
    for row in (second, third, crossing["results"][0]):
        assert (row["status"], row["error_code"]) == ("error", "halted")
        assert "out" in row["error"]
    assert stage.wire() == ["SELL 30"]


@on_stage(positions=HELD)
async def test_nothing_slips_through_while_a_halt_is_made_milder(stage: Stage) -> None:
    async def post_again_and_again() -> None:
        for _ in range(20):
            await stage.caller.post(ORDERS, json=orders_of(order("KO", 1)))
            await asyncio.sleep(0)

    await stage.operate("halt", reason="out")
    posting = asyncio.create_task(post_again_and_again())
    milder = await stage.operate("resume", reason="get out", mode="reduce_only")
    await posting
    await stage.post(20)

    assert milder.json()["halt"]["mode"] == "reduce_only"
    assert stage.wire() == ["SELL 30"]


@on_stage(positions=HELD)
async def test_a_reducing_order_that_is_not_sent_survives_reduce_only(stage: Stage) -> None:
    await stage.post(51)
    await stage.post(-6, "MSFT")
    stage.lane.pacer.pause(5)
    batch = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 20}, {"symbol": "MSFT", "quantity": -9}, wait=0.5
    )
    halted = (await stage.operate("halt", reason="out", mode="reduce_only")).json()
    done = await stage.shown(batch, wait=20)

    assert [row["symbol"] for row in halted["cancelled"]] == ["MSFT"]
    first, second = done["orders"]
    assert first["status"] == "Filled"
    assert (second["status"], second["error_code"]) == ("Cancelled", "halted")


@on_stage(positions=HELD)
async def test_a_reducing_order_that_no_longer_reduces_is_stopped_when_claimed(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    await stage.post(51)
    await stage.operate("halt", reason="out", mode="reduce_only")
    await asyncio.sleep(1)
    stage.lane.pacer.pause(20)
    batch = await stage.post(0, wait=0.5)
    gateway.place_by_hand(ACCOUNT, "AAPL", "SELL", 40)
    await asyncio.sleep(30)
    row = await stage.row(batch)

    assert stage.wire() == ["BUY 1"]
    assert (row["status"], row["error_code"]) == ("Cancelled", "halted")
    assert stage.position() == 11


@on_stage()
async def test_a_halt_survives_a_crash_and_so_does_what_it_ended(stage: Stage) -> None:
    await stage.post(1)
    stage.lane.pacer.pause(10)
    unsent = await stage.post(60, wait=0.5)
    halted = (await stage.operate("halt", reason="stop")).json()
    await stage.world.crash()
    await stage.world.start()
    refused = await stage.caller.post(
        ORDERS, json={"orders": [{"symbol": "KO", "quantity": 1}]}
    )
    account = await stage.account()
    await asyncio.sleep(30)
    resumed = await stage.operate("resume", reason="over")
    taken = await stage.post(60)

    assert code(refused) == (409, "halted")
    assert "stop" in refused.json()["detail"]
    assert account["halted"]
    assert (await stage.row(unsent))["status"] == "Cancelled"
    assert halted["since"] in str(account)
    assert resumed.json()["halted"] is False
    assert taken["results"][0]["status"] == "Filled"
    assert stage.wire() == ["BUY 1", "BUY 59"]


@on_stage()
async def test_a_crash_between_acceptance_and_halt_sends_nothing_after_it(
    stage: Stage,
) -> None:
    await stage.post(1)
    stage.lane.pacer.pause(10)
    await stage.post(60, wait=0)
    await asyncio.sleep(0.1)
    await stage.world.crash()
    await stage.world.gateway.stop()
    await stage.world.start(is_up=False)
    await stage.operate("halt", reason="stop")
    await stage.world.gateway.start()
    await stage.until_up()
    await asyncio.sleep(30)

    assert stage.wire() == ["BUY 1"]


@on_stage()
async def test_a_halt_of_all_stops_every_account_and_is_lifted_as_one(stage: Stage) -> None:
    body = {"orders": [{"symbol": "AAPL", "quantity": 1}]}
    await stage.caller.post("/api/v1/halt", json={"reason": "storm"})
    refused = [
        await stage.caller.post(ORDERS, json=body | {"account_id": account})
        for account in (ACCOUNT, "DUP203550")
    ]
    without = await stage.caller.post("/api/v1/resume", json={})
    await stage.caller.post("/api/v1/resume", json={"reason": "over"})
    taken = await stage.post(1)

    assert [code(answer) for answer in refused] == [(409, "halted")] * 2
    assert code(without) == (400, "bad-request")
    assert taken["results"][0]["status"] == "Filled"


@on_stage()
async def test_a_halt_works_without_a_gateway(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    await gateway.stop()
    await stage.until_up(up=False)
    halted = await stage.operate("halt", reason="stop", cancel_working=True)
    await gateway.start()
    await stage.until_up()
    await asyncio.sleep(5)

    assert halted.status_code == 200
    assert len(halted.json()["still_working"]) == 1
    assert (await stage.row(batch))["status"] == "Cancelled"


@on_stage()
async def test_a_halt_does_not_cancel_and_a_withdrawal_still_does(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    await stage.operate("halt", reason="stop")
    (row,) = await stage.withdraw(batch)

    assert row["cancelled"] is True
