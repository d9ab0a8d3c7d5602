"""What waits, for how long, and how it ends: Unknown orders, the close, and given times."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from front import ORDERS
from makers import ACCOUNT
from stage import Stage, on_stage

MORNING = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)  # a Monday, the exchange is open
BEFORE_CLOSE = datetime(2026, 3, 9, 19, 59, 30, tzinfo=UTC)  # thirty seconds
BEFORE_OPEN = datetime(2026, 3, 10, 13, 27, tzinfo=UTC)  # three minutes


async def lose_an_order(stage: Stage, quantity: int = 100) -> dict[str, Any]:
    """Post a target whose order is Unknown, by a reset of the line."""
    stage.world.gateway.inject("L04", symbol="AAPL")
    batch = await stage.post(quantity, wait=3)
    await stage.until_up()
    assert (await stage.row(batch))["status"] == "Unknown"
    return batch


# ── Unknown ───────────────────────────────────────────────────────────────────────────────────


@on_stage(desk={"resolve_seconds": 300.0})
async def test_beside_an_unknown_order_a_target_waits_at_most_max_send_delay(
    stage: Stage,
) -> None:
    await lose_an_order(stage)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    newer = await stage.post(40, wait=1)
    (early,) = newer["results"]
    late = await stage.row(newer, wait=60)
    if late["status"] == "PendingSubmit":
        late = await stage.row(newer, wait=5)

    assert (early["status"], early["ibkr_order_id"]) == ("PendingSubmit", None)
    assert early["provisional"] is True
    assert any("unknown" in warning for warning in early["warnings"])
    assert (late["status"], late["error_code"]) == ("error", "expired")
    assert "unknown" in late["error"]
    assert 60 <= loop.time() - begun < 63
    assert stage.wire() == ["BUY 100"]


@on_stage()
async def test_once_the_order_is_known_never_placed_the_target_that_waited_is_sent(
    stage: Stage,
) -> None:
    lost = await lose_an_order(stage)
    newer = await stage.post(40, wait=0)
    done = await stage.row(newer, wait=58)
    never = await stage.row(lost)

    assert done["status"] == "Filled"
    assert (never["status"], never["error_code"]) == ("error", "not-placed")
    assert stage.wire() == ["BUY 100", "cancel", "BUY 40"]
    assert stage.position() == 40


@on_stage(desk={"resolve_seconds": 300.0})
async def test_beside_an_unknown_order_other_symbols_trade(stage: Stage) -> None:
    await lose_an_order(stage)
    other = await stage.post(5, "MSFT", wait=3)

    assert other["results"][0]["status"] == "Filled"


# ── The close ─────────────────────────────────────────────────────────────────────────────────


@on_stage(start=BEFORE_CLOSE, hours="real")
async def test_what_is_accepted_in_a_session_is_never_sent_after_its_close(
    stage: Stage,
) -> None:
    await stage.post(1, "MSFT")
    await stage.post(1)
    stage.lane.pacer.pause(40)  # until after the close
    batch = await stage.post(100, wait=0)
    done = await stage.row(batch, wait=60)
    await asyncio.sleep(120)

    assert (done["status"], done["error_code"]) == ("error", "expired")
    assert "close" in done["error"]
    assert stage.wire() == ["BUY 1", "BUY 1"]
    target = await stage.target()
    assert (target["state"], target["gap"]) == ("short", 99)
    assert "close" in target["reason"]


@on_stage(start=BEFORE_CLOSE, hours="real")
async def test_a_target_that_waits_over_the_close_expires_with_its_reason(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    await stage.post(100, limit_price=149, time_in_force="GTC", outside_rth=True)
    stage.world.gateway.inject("C01", symbol="AAPL", delay=120)
    newer = await stage.post(40, wait=0)
    done = await stage.row(newer, wait=40)

    assert (done["status"], done["error_code"]) == ("error", "expired")
    assert "being cancelled" in done["error"]


@on_stage(start=BEFORE_OPEN, hours="real")
async def test_what_is_accepted_while_closed_is_sent_rests_and_says_when_it_trades(
    stage: Stage,
) -> None:
    batch = await stage.post(100)
    (row,) = batch["results"]
    await asyncio.sleep(4 * 60)
    done = await stage.row(batch)

    assert row["status"] == "PreSubmitted"
    assert any("2026-03-10T13:30:00+00:00" in warning for warning in row["warnings"])
    assert done["status"] == "Filled"


@on_stage(start=BEFORE_OPEN, hours="real", cancels_wait=True)
async def test_the_delay_does_not_run_while_closed_and_a_cancel_is_pending(
    stage: Stage,
) -> None:
    older = await stage.post(100)
    newer = await stage.post(40)
    (waiting,) = newer["results"]
    await asyncio.sleep(120)
    still = await stage.row(newer)
    await asyncio.sleep(70)
    done = await stage.row(newer, wait=30)

    assert waiting["status"] == still["status"] == "PendingSubmit"
    assert (await stage.row(older))["status"] in {"Cancelled", "Filled"}
    assert done["status"] == "Filled"
    assert stage.wire()[-1] in {"BUY 40", "SELL 60"}
    assert stage.position() == 40


@on_stage(start=BEFORE_OPEN, hours="real", cancels_wait=True)
async def test_a_wait_for_the_open_goes_on_after_a_restart(stage: Stage) -> None:
    older = await stage.post(100)
    newer = await stage.post(40)
    await asyncio.sleep(90)
    await stage.world.crash()
    await stage.world.start()
    await asyncio.sleep(5)
    still = await stage.row(newer)
    await asyncio.sleep(95)
    done = await stage.row(newer, wait=30)

    assert still["status"] == "PendingSubmit"
    assert (await stage.row(older))["status"] in {"Cancelled", "Filled"}
    assert done["status"] == "Filled"
    assert stage.position() == 40


@on_stage(start=BEFORE_OPEN, hours="real")
async def test_a_cancel_that_is_confirmed_at_the_open_lets_the_next_target_trade(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("C02", symbol="AAPL", times=0)
    older = await stage.post(100, limit_price=100)
    newer = await stage.post(40)
    await asyncio.sleep(3 * 60 + 30)
    done = await stage.row(newer, wait=30)

    assert (await stage.row(older))["status"] == "Cancelled"
    assert done["status"] == "Filled", done
    assert stage.position() == 40


@on_stage(start=BEFORE_OPEN, hours="real")
async def test_valid_until_ends_a_wait_for_a_cancel_over_the_open(stage: Stage) -> None:
    stage.world.gateway.inject("C02", symbol="AAPL", times=0)
    await stage.post(100, limit_price=100)
    until = (BEFORE_OPEN + timedelta(minutes=2)).isoformat()
    newer = await stage.batch_of({"symbol": "AAPL", "quantity": 40}, valid_until=until)
    await asyncio.sleep(2 * 60 + 5)
    done = await stage.row(newer)
    await asyncio.sleep(2 * 60)

    assert (done["status"], done["error_code"]) == ("error", "expired")
    assert set(stage.wire()[1:]) == {"cancel"}


@on_stage(start=BEFORE_CLOSE, hours="real")
async def test_a_day_order_that_ends_at_the_close_is_inactive_and_expired(
    stage: Stage,
) -> None:
    batch = await stage.post(100, limit_price=100)
    await asyncio.sleep(60)
    done = await stage.shown(batch)

    (row,) = done["orders"]
    assert (row["status"], row["error_code"]) == ("Inactive", "expired")
    assert done["summary"]["final"] is True
    assert (await stage.target())["state"] == "short"


@on_stage(start=BEFORE_CLOSE, hours="real")
async def test_an_order_cancelled_by_request_before_the_close_is_cancelled(
    stage: Stage,
) -> None:
    batch = await stage.post(100, limit_price=100)
    await stage.withdraw(batch)
    await asyncio.sleep(60)

    row = await stage.row(batch)
    assert row["status"] == "Cancelled"
    assert "error_code" not in row


# ── Given times ───────────────────────────────────────────────────────────────────────────────


@on_stage(start=MORNING)
async def test_nothing_of_a_batch_is_sent_after_valid_until(stage: Stage) -> None:
    await stage.post(1, "MSFT")
    stage.lane.pacer.pause(30)
    until = (MORNING + timedelta(seconds=20)).isoformat()
    batch = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 40},
        {"symbol": "MSFT", "quantity": 40},
        valid_until=until,
    )
    await asyncio.sleep(60)

    rows = (await stage.shown(batch))["orders"]
    assert [(row["status"], row["error_code"]) for row in rows] == [("error", "expired")] * 2
    assert stage.wire() == ["BUY 1"]


@on_stage(start=MORNING)
async def test_as_of_is_held_against_this_clients_newest_target_of_each_symbol(
    stage: Stage,
) -> None:
    at = [(MORNING + timedelta(minutes=n)).isoformat() for n in range(4)]
    first = {"symbol": "AAPL", "quantity": 10}
    await stage.batch_of(first, as_of=at[2])
    mixed = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 20}, {"symbol": "MSFT", "quantity": 5}, as_of=at[1]
    )
    same = await stage.batch_of({"symbol": "AAPL", "quantity": 30}, as_of=at[2])
    rival = await stage.of("rival").caller.post(
        ORDERS, json={"orders": [{"symbol": "AAPL", "quantity": 35}], "as_of": at[0]}
    )

    stale, other = mixed["results"]
    assert (stale["status"], stale["error_code"]) == ("error", "stale-target")
    assert at[2] in stale["error"]
    assert other["status"] == "Filled"
    assert same["results"][0]["status"] == "Filled"
    assert rival.json()["results"][0]["status"] == "Filled"
    assert stage.position() == 35


@on_stage(start=MORNING)
async def test_a_rivals_target_does_not_make_a_stale_one_fresh(stage: Stage) -> None:
    at = [(MORNING + timedelta(minutes=n)).isoformat() for n in range(3)]
    await stage.batch_of({"symbol": "AAPL", "quantity": 10}, as_of=at[2])
    await stage.of("rival").post(20)
    stale = await stage.batch_of({"symbol": "AAPL", "quantity": 30}, as_of=at[1])

    assert stale["results"][0]["error_code"] == "stale-target"
    assert stage.position() == 20


@on_stage(start=MORNING)
async def test_as_of_in_a_waiting_target_counts_already(stage: Stage) -> None:
    at = [(MORNING + timedelta(minutes=n)).isoformat() for n in range(3)]
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=5)
    await stage.batch_of({"symbol": "AAPL", "quantity": 10, "limit_price": 100}, as_of=at[0])
    await stage.batch_of({"symbol": "AAPL", "quantity": 20}, as_of=at[2], wait=0)
    stale = await stage.batch_of({"symbol": "AAPL", "quantity": 30}, as_of=at[1])

    assert stale["results"][0]["error_code"] == "stale-target"


@on_stage(start=MORNING)
async def test_an_account_that_is_down_takes_nothing_and_stores_nothing(stage: Stage) -> None:
    stage.world.gateway.silence()
    stage.world.gateway.drop_connections()
    await stage.until_up(up=False)
    answer = await stage.caller.post(
        ORDERS, json={"orders": [{"symbol": "AAPL", "quantity": 1}]}
    )
    stage.world.gateway.resume()
    await stage.until_up()
    await asyncio.sleep(60)

    assert answer.status_code == 500
    assert answer.headers["Retry-After"]
    assert (await stage.caller.get(ORDERS)).json()["batches"] == []
    assert stage.wire() == []
    assert stage.world.gateway.position(ACCOUNT, "AAPL") == 0
