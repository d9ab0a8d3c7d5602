"""Orders whose fate is not known: found, known never placed, said by a person, or late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from front import ORDERS, code
from stage import Stage, on_stage

BEFORE_MIDNIGHT = datetime(2026, 3, 10, 3, 59, 50, tzinfo=UTC)  # of New York, by ten seconds


async def evidence(stage: Stage, batch: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await stage.caller.get(f"{ORDERS}/{batch['batch_id']}/evidence")
    steps: list[dict[str, Any]] = answer.json()["orders"][0]["evidence"]
    return steps


async def say(stage: Stage, batch: dict[str, Any], **words: Any) -> Any:
    path = f"{ORDERS}/{batch['batch_id']}/resolve"
    return await stage.caller.post(path, json={"symbol": "AAPL", **words})


@on_stage()
async def test_a_silent_order_is_unknown_after_ten_seconds_and_then_not_placed(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("O01", symbol="AAPL")
    batch = await stage.post(100, wait=5)
    await asyncio.sleep(4)
    at_nine = (await stage.row(batch))["status"]
    await asyncio.sleep(2.5)
    at_eleven = await stage.row(batch)
    await asyncio.sleep(50)
    done = await stage.shown(batch)
    steps = await evidence(stage, batch)

    assert batch["results"][0]["status"] == "PendingSubmit"
    assert (at_nine, at_eleven["status"]) == ("PendingSubmit", "Unknown")
    assert at_eleven["ibkr_order_id"] is not None
    (row,) = done["orders"]
    assert (row["status"], row["error_code"]) == ("error", "not-placed")
    assert done["summary"]["final"] is True
    assert [step["step"] for step in steps].count("read") >= 3
    assert [step["step"] for step in steps][-3:] == ["cancel fence", "last read", "conclusion"]
    assert stage.wire() == ["BUY 100", "cancel"]


@on_stage()
async def test_an_order_that_the_broker_never_heard_of_does_not_stay_open_for_ever(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("O02", symbol="AAPL")
    batch = await stage.post(100, wait=5)
    await stage.post(40, wait=1)
    await asyncio.sleep(90)
    newer = await stage.post(40, wait=5)

    assert batch["results"][0]["status"] == "PreSubmitted"
    assert (await stage.row(batch))["status"] in {"Cancelled", "error"}
    assert (await stage.row(newer))["status"] in {"Filled", "no_change"}
    assert stage.position() == await stage.held() == 40


@on_stage()
async def test_an_order_that_ended_without_a_word_is_found_within_the_hour(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("O02", symbol="AAPL")
    batch = await stage.post(100, wait=5)
    await asyncio.sleep(3700)  # its conclusion takes half a minute
    row = await stage.row(batch)
    steps = await evidence(stage, batch)
    await asyncio.sleep(7200)

    assert batch["results"][0]["status"] == "PreSubmitted"
    assert (row["status"], row["filled_qty"]) == ("Cancelled", 0)
    assert [step["step"] for step in steps][-3:] == ["cancel fence", "last read", "conclusion"]
    assert (await stage.shown(batch))["summary"]["final"] is True
    assert (await stage.target())["state"] == "short"
    assert await evidence(stage, batch) == steps


@on_stage(start=BEFORE_MIDNIGHT)
async def test_a_person_may_say_that_it_was_filled_and_the_brokers_word_replaces_it(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    await stage.post(1)
    gateway.hold_fills("AAPL")
    gateway.inject("L05", symbol="AAPL")
    gateway.inject("Q02", times=0, of="open")
    gateway.inject("Q02", times=0, of="completed")
    gateway.inject("Q02", times=0, of="executions")
    batch = await stage.post(101, wait=0, time_in_force="GTC")
    await asyncio.sleep(90)
    locked = await stage.post(150)
    shown = await stage.row(batch)
    account = await stage.account()
    said = await say(stage, batch, **{"as": "filled", "qty": 100, "price": 150})
    booked = await stage.held()
    row = await stage.row(batch)
    gateway.clear_faults()
    gateway.release_fills("AAPL")
    await asyncio.sleep(120)
    after = await stage.row(batch)

    assert shown["status"] == "Unknown"
    assert locked["results"][0]["error_code"] == "locked"
    assert [lock["symbol"] for lock in account["locks"]] == ["AAPL"]
    assert said.status_code == 200, said.text
    assert booked == 101
    assert (row["status"], row["filled_qty"], row["avg_fill_price"]) == ("Filled", 100, 150)
    assert any(step["step"] == "a person said" for step in await evidence(stage, batch))
    assert after["filled_qty"] == 100
    assert after["avg_fill_price"] != 150
    assert stage.position() == await stage.held() == 101


@on_stage(start=BEFORE_MIDNIGHT)
async def test_a_person_may_say_that_it_was_never_placed(stage: Stage) -> None:
    stage.world.gateway.inject("L04", symbol="AAPL")
    batch = await stage.post(100, wait=0)
    await asyncio.sleep(60)
    unknown = await stage.row(batch)
    wrong = await say(stage, batch, **{"as": "filled", "qty": 101, "price": 150})
    said = await say(stage, batch, **{"as": "not_placed"})
    row = await stage.row(batch)
    again = await say(stage, batch, **{"as": "not_placed"})
    target = await stage.target()
    await stage.post(100)
    await stage.settled()

    assert unknown["status"] == "Unknown"
    assert code(wrong) == (400, "bad-request")
    assert said.status_code == 200
    assert (row["status"], row["error_code"]) == ("error", "not-placed")
    assert code(again) == (400, "bad-request")
    assert target["state"] == "short"
    assert (await stage.account())["locks"] == []
    assert stage.position() == 100


@on_stage(desk={"resolve_seconds": 3.0})
async def test_a_late_arrival_is_adopted_its_rest_cancelled_and_warned_of(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    batch = await stage.post_late(limit_price=149)
    before = await stage.row(batch)
    gateway.clear_faults()
    await asyncio.sleep(30)
    after = await stage.row(batch)

    assert (before["status"], before["error_code"]) == ("error", "not-placed")
    assert after["status"] == "Cancelled"
    assert "error_code" not in after
    assert any("after all" in warning for warning in after["warnings"])
    assert stage.wire().count("BUY 100") == 1
    assert stage.wire()[-1] == "cancel"


@on_stage(desk={"resolve_seconds": 3.0})
async def test_a_late_arrival_that_fills_is_counted_once_and_the_next_plan_has_it(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    batch = await stage.post_late()
    before = await stage.row(batch)
    gateway.release_fills("AAPL")
    gateway.clear_faults()
    await asyncio.sleep(30)
    after = await stage.row(batch)
    await stage.post(100)
    await stage.settled()

    assert before["error_code"] == "not-placed"
    assert (after["status"], after["filled_qty"]) == ("Filled", 100)
    assert any("after all" in warning for warning in after["warnings"])
    assert stage.position() == await stage.held() == 100
    assert stage.wire().count("BUY 100") == 1


@on_stage()
async def test_10147_for_a_working_order_starts_a_resolve_and_cancels_at_last(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    gateway.inject("C03", symbol="AAPL")
    reads = len(gateway.frames("reqCompletedOrders"))
    (row,) = await stage.withdraw(batch)
    passes = len(gateway.frames("reqCompletedOrders")) - reads
    await asyncio.sleep(20)

    assert row["cancelled"] is False
    assert passes >= 1
    assert (await stage.row(batch))["status"] == "Cancelled"


@on_stage()
async def test_10147_for_an_order_that_is_gone_is_resolved(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    await stage.post(1, "MSFT")
    batch = await stage.post(100, limit_price=149)
    gateway.inject("P05")  # reset: the order ends, and nobody says so
    await asyncio.sleep(2)
    await stage.withdraw(batch)
    await asyncio.sleep(90)

    assert (await stage.row(batch))["status"] in {"Cancelled", "error"}


@on_stage()
async def test_a_reference_that_is_cut_locks_the_symbol_and_the_order_is_followed(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    gateway.inject("O17", symbol="AAPL", length=12)
    batch = await stage.post(100, wait=2, limit_price=149)
    account = await stage.account()
    refused = await stage.post(50)
    target = await stage.target()
    (row,) = await stage.withdraw(batch)
    accepted = await stage.operate("accept-position", symbol="AAPL")
    taken = await stage.post(5, limit_price=149)

    assert batch["results"][0]["status"] == "Submitted"
    (lock,) = account["locks"]
    assert lock["symbol"] == "AAPL"
    assert "reference" in lock["reason"]
    assert refused["results"][0]["error_code"] == "locked"
    assert target["state"] == "locked"
    assert row["cancelled"] is True
    assert accepted.status_code == 200, accepted.text
    assert [entry["symbol"] for entry in accepted.json()["accepted"]] == ["AAPL"]
    assert taken["results"][0]["status"] == "Submitted"


@on_stage()
async def test_fills_of_an_order_whose_reference_is_cut_are_counted(stage: Stage) -> None:
    stage.world.gateway.inject("O17", symbol="AAPL", length=0)
    batch = await stage.post(100, wait=2)
    await asyncio.sleep(150)

    assert (await stage.row(batch))["filled_qty"] == 100
    assert stage.position() == await stage.held() == 100


@on_stage()
async def test_a_fill_that_only_lists_tell_without_its_reference_is_counted(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("O17", symbol="AAPL", length=0)
    stage.world.gateway.inject("L05", symbol="AAPL")
    batch = await stage.post(100, wait=2)
    await asyncio.sleep(60)
    (lock,) = (await stage.account())["locks"]

    assert batch["results"][0]["status"] in {"PendingSubmit", "Unknown"}
    assert (await stage.row(batch))["status"] == "Filled"
    assert stage.position() == await stage.held() == 100
    assert "reference" in lock["reason"]


IN_TIME = 5


async def corrected_unheard(stage: Stage) -> tuple[dict[str, Any], float]:
    """Let an order of 10 fill and be corrected to 7 while the service is dead, and start it.

    Returns its batch and the price. The broker lists 10, which nobody serves any more: so it is
    told with the commission where that just comes as the service is back, as by this seed.
    """
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(10)
    await stage.world.crash()
    gateway.release_fills("AAPL")
    (fill,) = gateway._world.exchange.executions()
    gateway.correct_execution(fill.exec_id, shares=7)
    await stage.world.start()
    return batch, float(fill.price)


@on_stage(IN_TIME)
async def test_an_order_whose_executions_never_add_up_is_left_to_a_person(stage: Stage) -> None:
    batch, price = await corrected_unheard(stage)
    await asyncio.sleep(120)
    row, (lock,) = await stage.row(batch), (await stage.account())["locks"]
    said = await say(stage, batch, **{"as": "filled", "qty": 7, "price": price})
    await stage.operate("accept-position", symbol="AAPL")
    again = await stage.row(await stage.post(0, wait=5), wait=5)

    assert (row["status"], row["filled_qty"]) == ("Cancelled", 7)
    assert any("it ended out of sight" in warning for warning in row["warnings"])
    assert lock["symbol"] == "AAPL"
    assert lock["reason"].endswith("its executions add up to 7")
    assert said.status_code == 200
    assert (again["status"], again["filled_qty"]) == ("Filled", 7)


@pytest.mark.parametrize("after", [45, 120])  # seconds: before it is locked, or then
@pytest.mark.parametrize("body", [{"symbol": "AAPL"}, {"all": True}])
def test_a_position_that_a_person_accepted_is_not_locked_again(
    after: float, body: dict[str, Any]
) -> None:
    @on_stage(IN_TIME)
    async def play(stage: Stage) -> None:
        await accepted_and_listed_again(stage, after, body)

    play()


async def accepted_and_listed_again(stage: Stage, after: float, body: dict[str, Any]) -> None:
    batch, _ = await corrected_unheard(stage)
    await asyncio.sleep(after)
    ended = await stage.row(batch)
    locked = (await stage.account())["locks"]
    await stage.operate("accept-position", **body)
    await stage.world.crash()
    await stage.world.start()  # it lists the order as filled with 10, again
    await asyncio.sleep(120)
    again = await stage.row(await stage.post(0, wait=5), wait=5)

    assert (ended["status"], len(locked)) == ("Cancelled", after > 60)
    assert (await stage.account())["locks"] == []
    assert (again["status"], again["filled_qty"]) == ("Filled", 7)


@on_stage()
async def test_an_order_that_filled_whole_before_it_was_corrected_is_over(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.inject("E02", change="quantity", shares=-3, delay=0.5, symbol="AAPL")
    gateway.hold_fills("AAPL")
    batch = await stage.post(10)
    await stage.world.crash()
    gateway.release_fills("AAPL")
    await asyncio.sleep(1)
    await stage.world.start()
    await asyncio.sleep(60)
    row, account = await stage.row(batch), await stage.account()

    assert (row["status"], row["filled_qty"]) == ("Cancelled", 7)
    assert account["locks"] == []


@on_stage()
async def test_an_order_of_which_only_the_position_tells_is_left_to_a_person(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.inject("O03", symbol="AAPL", delay=600)
    gateway.inject("C03", symbol="AAPL", times=0)
    for lists in ("open", "completed", "executions"):
        gateway.inject("Q02", times=0, of=lists)
    batch = await stage.post(100, wait=5)
    await asyncio.sleep(90)
    row, shows = await stage.row(batch), [s["shows"] for s in await evidence(stage, batch)]
    locked = await stage.post(50)
    gateway.clear_faults()
    await asyncio.sleep(60)

    assert row["status"] == "Unknown"
    assert shows[-1] == "nothing is listed, but the broker's position is 100, not ours"
    assert locked["results"][0]["error_code"] == "locked"
    assert (await stage.row(batch))["status"] == "Filled"
    assert stage.position() == await stage.held() == 100


@on_stage()
async def test_the_end_of_an_order_that_nobody_ever_saw_shows_nothing(stage: Stage) -> None:
    stage.world.gateway.inject("O01", symbol="AAPL")
    stage.world.gateway.inject("C04", times=0)
    batch = await stage.post(100, wait=5)
    await asyncio.sleep(180)
    shows = [step["shows"] for step in await evidence(stage, batch)]

    assert (await stage.row(batch))["status"] == "Unknown"
    assert "the broker answered code 10148" in shows
    assert shows[-1] == "its cancel was not answered as one of a strange order"
