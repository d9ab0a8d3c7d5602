"""DELETE of a batch: what it ends, what it leaves, and what it says twice."""

from __future__ import annotations

import asyncio

from front import ORDERS
from stage import Stage, on_stage


@on_stage()
async def test_orders_that_are_not_sent_end_at_once_and_never_leave(stage: Stage) -> None:
    await stage.batch_of({"symbol": "AAPL", "quantity": 1}, {"symbol": "MSFT", "quantity": 1})
    stage.lane.pacer.pause(20)
    batch = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 10}, {"symbol": "MSFT", "quantity": 1}, wait=0.5
    )
    first = await stage.withdraw(batch)
    again = await stage.withdraw(batch)
    await asyncio.sleep(60)

    (row,) = first  # the bare no_change has no order to be listed
    assert row == {
        "symbol": "AAPL", "ibkr_order_id": None, "cancelled": True, "status": "Cancelled",
        "filled_qty": 0,
    }  # fmt: skip
    assert again == first
    assert stage.wire() == ["BUY 1", "BUY 1"]
    assert (await stage.target())["state"] == "withdrawn"


@on_stage()
async def test_a_target_that_waits_is_withdrawn_without_an_order(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=10)
    older = await stage.post(100, limit_price=149)
    newer = await stage.post(40, limit_price=149, wait=0.5)
    (row,) = await stage.withdraw(newer)
    await asyncio.sleep(30)

    assert (row["ibkr_order_id"], row["cancelled"], row["status"]) == (None, True, "Cancelled")
    assert (await stage.row(newer))["status"] == "Cancelled"
    assert (await stage.row(older))["status"] == "Cancelled"
    assert stage.wire() == ["BUY 100", "cancel"]


@on_stage()
async def test_an_order_that_filled_first_is_not_cancelled_and_says_so_twice(
    stage: Stage,
) -> None:
    batch = await stage.post(100)
    first = await stage.withdraw(batch)
    again = await stage.withdraw(batch)

    (row,) = first
    assert (row["cancelled"], row["status"], row["filled_qty"]) == (False, "Filled", 100)
    assert again == first


@on_stage()
async def test_an_order_that_fills_while_its_cancel_is_on_its_way_is_not_cancelled(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    stage.world.gateway.inject("C05", symbol="AAPL")
    first = await stage.withdraw(batch)
    await asyncio.sleep(2)
    again = await stage.withdraw(batch)

    assert (first[0]["cancelled"], first[0]["status"]) == (False, "Filled")
    assert again == first


@on_stage()
async def test_a_partial_fill_is_told_with_the_cancel(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    stage.world.gateway.fill(batch["results"][0]["ibkr_order_id"], shares=30)
    (row,) = await stage.withdraw(batch)

    assert (row["cancelled"], row["status"], row["filled_qty"]) == (True, "Cancelled", 30)


@on_stage()
async def test_without_an_answer_in_time_it_is_false_with_pending_cancel(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=8)
    batch = await stage.post(100, limit_price=149)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    (early,) = await stage.withdraw(batch)
    took = loop.time() - begun
    await asyncio.sleep(5)
    (late,) = await stage.withdraw(batch)

    assert 4 <= took < 4.5
    assert (early["cancelled"], early["status"]) == (False, "PendingCancel")
    assert "cancel_requested" not in early
    assert (late["cancelled"], late["status"]) == (True, "Cancelled")


@on_stage()
async def test_a_cancel_that_nobody_answers_is_repeated(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    stage.world.gateway.inject("C03", symbol="AAPL")
    await stage.withdraw(batch)
    await asyncio.sleep(15)

    assert (await stage.row(batch))["status"] == "Cancelled"
    assert stage.wire() == ["BUY 100", "cancel", "cancel"]


@on_stage()
async def test_with_the_gateway_down_the_cancel_is_kept_and_is_the_first_thing_sent(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    await stage.post(1, "MSFT")
    batch = await stage.post(100, limit_price=149)
    waits = await stage.post(7, "MSFT", limit_price=300)
    await gateway.stop()
    await stage.until_up(up=False)
    (told,) = await stage.withdraw(batch)
    (again,) = await stage.withdraw(batch)
    gateway.clear_transcript()
    await gateway.start()
    await stage.until_up()
    await asyncio.sleep(5)
    (done,) = await stage.withdraw(batch)

    assert told["cancel_requested"] is True
    assert (told["cancelled"], told["status"]) == (False, "PendingCancel")
    assert again == told
    assert (done["cancelled"], done["status"]) == (True, "Cancelled")
    assert "cancel_requested" not in done
    assert stage.wire() == ["cancel"]
    assert (await stage.row(waits))["status"] == "Submitted"


@on_stage()
async def test_the_kept_cancel_survives_a_crash(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    await gateway.stop()
    await stage.until_up(up=False)
    await stage.withdraw(batch)
    await stage.world.crash()
    await gateway.start()
    await stage.world.start()
    await asyncio.sleep(5)

    assert (await stage.row(batch))["status"] == "Cancelled"
    assert stage.wire() == ["BUY 100", "cancel"]


@on_stage()
async def test_an_unknown_order_is_withdrawn_once_it_is_found(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("L05", symbol="AAPL")
    batch = await stage.post(100, limit_price=149, wait=0)
    await asyncio.sleep(0.2)
    (early,) = await stage.withdraw(batch)
    await stage.until_up()
    await asyncio.sleep(10)
    (late,) = await stage.withdraw(batch)

    assert early["cancelled"] is False
    assert early["status"] in {"Unknown", "PendingCancel"}
    assert (late["cancelled"], late["status"]) == (True, "Cancelled")


@on_stage()
async def test_post_to_cancel_is_the_same_as_delete(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    posted = await stage.caller.post(f"{ORDERS}/{batch['batch_id']}/cancel")

    assert posted.json() == {
        "batch_id": batch["batch_id"],
        "results": await stage.withdraw(batch),
    }
    assert posted.json()["results"][0]["cancelled"] is True


@on_stage()
async def test_refused_rows_and_bare_no_change_are_not_listed(stage: Stage) -> None:
    stage.world.gateway.hold_fills("MSFT")
    batch = await stage.batch_of(
        {"symbol": "NOSUCH", "quantity": 1},
        {"symbol": "AAPL", "quantity": 0},
        {"symbol": "MSFT", "quantity": 5},
    )
    listed = await stage.withdraw(batch)

    assert [row["symbol"] for row in listed] == ["MSFT"]


@on_stage()
async def test_a_withdrawn_batch_leaves_other_batches_alone(stage: Stage) -> None:
    stage.world.gateway.hold_fills()
    mine = await stage.post(100, limit_price=149)
    other = await stage.of("rival").post(5, "MSFT", limit_price=300)
    await stage.withdraw(mine)

    assert (await stage.row(other))["status"] == "Submitted"
    assert stage.world.gateway.frames("reqGlobalCancel") == []


@on_stage()
async def test_the_batch_that_superseded_a_withdrawn_one_goes_on(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    newer = await stage.post(50, limit_price=149, wait=5)
    (row,) = await stage.withdraw(older)

    assert (row["cancelled"], row["status"]) == (True, "Cancelled")
    assert (await stage.row(newer))["status"] == "Submitted"
    assert (await stage.target())["state"] == "working"
