"""What the gateway may do to an order's news, and what callers are told all the same."""

from __future__ import annotations

import asyncio

from front import ORDERS
from stage import Stage, on_stage


@on_stage()
async def test_statuses_that_come_again_change_nothing(stage: Stage) -> None:
    stage.world.gateway.inject("O12", symbol="AAPL", copies=3)
    batch = await stage.post(100)
    await stage.settled()

    assert (await stage.row(batch))["filled_qty"] == 100
    assert stage.wire() == ["BUY 100"]
    assert await stage.held() == 100


@on_stage()
async def test_a_fill_without_any_status_is_filled(stage: Stage) -> None:
    stage.world.gateway.inject("O13", symbol="AAPL")
    batch = await stage.post(100, wait=5)
    row = await stage.row(batch, wait=20)

    assert (row["status"], row["filled_qty"]) == ("Filled", 100)


@on_stage()
async def test_an_execution_before_its_order_is_counted(stage: Stage) -> None:
    stage.world.gateway.inject("E03", symbol="AAPL", delay=5)
    batch = await stage.post(100, wait=5)
    row = await stage.row(batch, wait=10)

    assert (row["status"], row["filled_qty"]) == ("Filled", 100)
    assert await stage.held() == 100


@on_stage()
async def test_an_execution_told_twice_is_counted_once(stage: Stage) -> None:
    stage.world.gateway.inject("E01", symbol="AAPL", copies=4)
    batch = await stage.post(100)
    await stage.settled()

    assert (await stage.row(batch))["filled_qty"] == await stage.held() == 100


@on_stage()
async def test_a_late_commission_is_null_until_it_comes(stage: Stage) -> None:
    stage.world.gateway.inject("E07", symbol="AAPL", mode="late", delay=8)
    batch = await stage.post(100)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    early = await stage.row(batch, wait=30)
    took = loop.time() - begun
    await asyncio.sleep(10)
    late = await stage.row(batch)

    assert (early["status"], early["commission"]) == ("Filled", None)
    assert took < 2.5
    assert late["commission"] > 0


@on_stage()
async def test_a_commission_of_several_parts_is_told_once_all_are_in(stage: Stage) -> None:
    stage.world.gateway.inject("E06", symbol="AAPL", parts=3)
    stage.world.gateway.inject("E07", symbol="AAPL", mode="missing")
    batch = await stage.post(99)
    await stage.settled()
    await asyncio.sleep(10)
    row = await stage.row(batch)
    executions = (await stage.caller.get("/api/v1/executions")).json()["executions"]

    assert (row["filled_qty"], row["commission"]) == (99, None)
    assert [entry["commission"] is None for entry in executions].count(True) == 1


@on_stage()
async def test_a_commission_that_is_no_number_is_null(stage: Stage) -> None:
    stage.world.gateway.inject("E07", symbol="AAPL", mode="huge")
    batch = await stage.post(100)
    await stage.settled()
    await asyncio.sleep(5)

    assert (await stage.row(batch))["commission"] is None


@on_stage()
async def test_a_correction_changes_the_figures_and_the_gap_but_sends_nothing(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("E02", symbol="AAPL", change="quantity", shares=-10, delay=5)
    batch = await stage.post(100)
    await asyncio.sleep(120)
    row = await stage.row(batch)

    assert (row["status"], row["filled_qty"]) == ("Filled", 90)
    assert (await stage.target())["gap"] == 10
    assert stage.wire() == ["BUY 100"]
    assert stage.position() == await stage.held() == 90


@on_stage()
async def test_while_1100_stands_a_batch_is_500_and_after_1102_it_trades(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.inject("L14", delay=20)
    await stage.until_up(up=False)
    body = {"orders": [{"symbol": "AAPL", "quantity": 100}]}
    refused = await stage.caller.post(ORDERS, json=body)
    await stage.until_up()
    await stage.post(100)
    await stage.settled()

    assert refused.status_code == 500
    assert "Retry-After" in refused.headers
    assert stage.wire() == ["BUY 100"]


@on_stage()
async def test_fills_during_1100_that_are_never_told_are_found_after_1101(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(100)
    gateway.inject("L15", delay=10)
    await asyncio.sleep(2)
    gateway.release_fills("AAPL")
    await stage.until_up()
    await asyncio.sleep(15)

    assert (await stage.row(batch))["status"] == "Filled"
    assert stage.position() == await stage.held() == 100


@on_stage()
async def test_an_order_that_meets_1100_is_resolved_and_sent_once(stage: Stage) -> None:
    stage.world.gateway.inject("L15", on="place", delay=10)
    batch = await stage.post(100, wait=1)
    await asyncio.sleep(120)
    row = await stage.row(batch)

    assert row["status"] in {"Filled", "error"}
    assert stage.wire().count("BUY 100") == 1
    assert stage.position() == await stage.held()


@on_stage()
async def test_after_error_100_no_order_leaves_for_a_minute(stage: Stage) -> None:
    await stage.post(1)
    stage.world.gateway.notify(100, "Max rate of messages per second has been exceeded:max=50")
    await asyncio.sleep(0.5)
    batch = await stage.post(100, wait=0)
    await asyncio.sleep(55)
    early = list(stage.wire())
    row = await stage.row(batch, wait=30)

    assert early == ["BUY 1"]
    assert row["status"] in {"Filled", "error"}
    if row["status"] == "error":
        assert row["error_code"] == "expired"
    assert stage.position() == await stage.held()


@on_stage()
async def test_an_order_shown_inactive_without_a_reject_is_held_and_warned_of(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("O11", symbol="AAPL", delay=20, then="filled")
    batch = await stage.post(100, wait=2)
    held = await stage.row(batch)
    done = await stage.row(batch, wait=40)

    assert held["status"] == "PreSubmitted"
    assert any("Inactive" in warning for warning in held["warnings"])
    assert (done["status"], done["filled_qty"]) == ("Filled", 100)
    assert not any("Inactive" in warning for warning in done.get("warnings", []))


@on_stage()
async def test_2148_locks_the_account_until_a_person_accepts_its_positions(
    stage: Stage,
) -> None:
    await stage.post(10)
    await stage.settled()
    stage.world.gateway.inject("P04")
    await asyncio.sleep(5)
    refused = await stage.post(20, "MSFT")
    await asyncio.sleep(120)
    (lock,) = (await stage.account())["locks"]
    await stage.operate("accept-position", all=True)
    taken = await stage.post(20, "MSFT")

    assert refused["results"][0]["error_code"] == "locked"
    assert lock["symbol"] == "*"
    assert taken["results"][0]["status"] == "Filled"
    assert stage.position() == await stage.held()
