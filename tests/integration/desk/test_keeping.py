"""Which working orders are kept for a new target, and what is told of them."""

from __future__ import annotations

import asyncio
from typing import Any

from paperdesk.domain.vocabulary import Keep
from stage import Stage, on_stage


def limit(price: float, **more: Any) -> dict[str, Any]:
    return {"limit_price": price, **more}


def within(expected: float, tolerance: float, **more: Any) -> dict[str, Any]:
    return {"expected_price": expected, "tolerance_pct": tolerance, **more}


async def is_kept(
    stage: Stage, first: dict[str, Any], second: dict[str, Any], quantity: int = 100
) -> bool:
    """Post two targets, the first of which works; tell whether its order serves the second."""
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, **first)
    newer = await stage.post(quantity, **second, wait=5)
    (row,) = newer["results"]
    if row["status"] == "no_change":
        assert row["kept"]["batch_id"] == older["batch_id"]
        assert len(stage.wire()) == 1
        return True
    assert row["superseded"] == [older["results"][0]["ibkr_order_id"]]
    assert stage.wire()[1] == "cancel"
    return False


@on_stage()
async def test_a_limit_that_is_equal_is_kept(stage: Stage) -> None:
    assert await is_kept(stage, limit(150.50), limit(150.5))


@on_stage()
async def test_a_limit_that_is_another_is_not_kept(stage: Stage) -> None:
    assert not await is_kept(stage, limit(149.50), limit(149.51))


@on_stage()
async def test_another_quantity_is_not_kept(stage: Stage) -> None:
    assert not await is_kept(stage, limit(149), limit(149), quantity=101)


@on_stage()
async def test_a_market_order_is_kept_for_a_market_order(stage: Stage) -> None:
    assert await is_kept(stage, {}, {"expected_price": 150})


@on_stage()
async def test_a_limit_is_not_kept_for_a_market_order(stage: Stage) -> None:
    assert not await is_kept(stage, limit(149), {})


@on_stage()
async def test_a_market_order_is_not_kept_for_a_limit(stage: Stage) -> None:
    assert not await is_kept(stage, {}, limit(149))


@on_stage()
async def test_a_limit_between_expected_and_tolerance_price_is_kept(stage: Stage) -> None:
    # 150.75 lies between 150.70 and 151.45.
    assert await is_kept(stage, within(150, 0.5), within(150.70, 0.5))


@on_stage()
async def test_a_limit_at_either_end_of_the_window_is_kept(stage: Stage) -> None:
    assert await is_kept(stage, limit(150), within(150, 0.5))


@on_stage()
async def test_a_limit_below_the_expected_price_of_a_buy_is_not_kept(stage: Stage) -> None:
    assert not await is_kept(stage, limit(149.99), within(150, 0.5))


@on_stage()
async def test_a_limit_beyond_the_tolerance_price_is_not_kept(stage: Stage) -> None:
    assert not await is_kept(stage, limit(150.76), within(150, 0.5))


@on_stage(desk={"keep": Keep.EXACT})
async def test_under_exact_a_limit_within_the_window_is_not_kept(stage: Stage) -> None:
    assert not await is_kept(stage, within(150, 0.5), within(150.10, 0.5))


@on_stage(desk={"keep": Keep.EXACT})
async def test_under_exact_the_tolerance_price_itself_is_kept(stage: Stage) -> None:
    assert await is_kept(stage, limit(150.75), within(150, 0.5))


@on_stage()
async def test_another_time_in_force_is_not_kept(stage: Stage) -> None:
    assert not await is_kept(stage, limit(149), limit(149, time_in_force="GTC"))


@on_stage()
async def test_another_outside_rth_is_not_kept(stage: Stage) -> None:
    assert not await is_kept(stage, limit(149), limit(149, outside_rth=True))


@on_stage()
async def test_an_explicit_limit_wins_over_a_window_it_would_fit(stage: Stage) -> None:
    second = limit(150.80, expected_price=150, tolerance_pct=1)
    assert not await is_kept(stage, limit(150.75), second)


@on_stage()
async def test_a_kept_order_shows_its_live_figures(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=150)
    order_id = older["results"][0]["ibkr_order_id"]
    gateway.fill(order_id, shares=30, price="149.50")
    await asyncio.sleep(1)
    newer = await stage.post(100, limit_price=150)
    at_first = (await stage.shown(newer))["orders"][0]
    gateway.fill(order_id, price="149.60")
    done = await stage.shown(newer, wait=5)

    (answered,) = newer["results"]
    assert answered["current_pos"] == 30
    assert (answered["working_qty"], answered["delta"], answered["qty"]) == (70, 0, 0)
    assert answered["kept"] == {
        "ibkr_order_id": order_id, "batch_id": older["batch_id"], "limit_price": 150,
    }  # fmt: skip
    assert at_first["kept"]["status"] == "Submitted"
    assert (at_first["kept"]["filled_qty"], at_first["kept"]["avg_fill_price"]) == (30, 149.5)
    (row,) = done["orders"]
    assert row["status"] == "no_change"
    assert (row["kept"]["status"], row["kept"]["filled_qty"]) == ("Filled", 100)
    assert row["kept"]["avg_fill_price"] == 149.57
    assert done["summary"] == {"final": True, "on_target": 1, "short": []}


@on_stage()
async def test_wait_at_the_newest_batch_waits_for_what_it_keeps(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=150)
    newer = await stage.post(100, limit_price=150)
    loop = asyncio.get_running_loop()
    loop.call_later(20, stage.world.gateway.fill, older["results"][0]["ibkr_order_id"])
    begun = loop.time()
    done = await stage.shown(newer, wait=60)

    assert 20 <= loop.time() - begun < 25
    assert done["summary"]["final"] is True


@on_stage()
async def test_an_order_kept_through_three_batches_serves_only_the_last(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    first, second, third = [await stage.post(100, limit_price=149) for _ in range(3)]
    left = [await stage.withdraw(first), await stage.withdraw(second)]
    kept_by = [(await stage.shown(batch))["orders"][0]["kept_by"] for batch in (first, second)]
    ended = await stage.withdraw(third)
    again = await stage.withdraw(third)

    order_id = first["results"][0]["ibkr_order_id"]
    assert [row["cancelled"] for (row,) in left] == [False, False]
    assert [row["kept_by"] for (row,) in left] == [third["batch_id"]] * 2
    assert kept_by == [third["batch_id"]] * 2
    assert [row["ibkr_order_id"] for row in ended] == [order_id]
    assert ended[0]["cancelled"] is True
    assert again == ended
    assert stage.wire() == ["BUY 100", "cancel"]


@on_stage()
async def test_a_withdrawn_older_batch_does_not_withdraw_the_newer_target(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    newer = await stage.post(100, limit_price=149)
    await stage.withdraw(older)

    target = await stage.target()
    assert (target["state"], target["batch_id"]) == ("working", newer["batch_id"])


@on_stage()
async def test_a_target_after_a_withdrawn_one_is_sent_anew(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(100, limit_price=149)
    await stage.withdraw(older)
    newer = await stage.post(100, limit_price=149, wait=5)

    assert newer["results"][0]["status"] == "Submitted"
    assert stage.wire() == ["BUY 100", "cancel", "BUY 100"]


@on_stage()
async def test_an_order_whose_cancel_is_asked_is_not_kept(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("C01", symbol="AAPL", delay=3)
    older = await stage.post(100, limit_price=149)
    await stage.post(50, limit_price=149, wait=0)
    newer = await stage.post(100, limit_price=149, wait=10)

    assert newer["results"][0]["status"] == "Submitted"
    row = await stage.row(older)
    assert row["status"] == "Cancelled"
    assert stage.wire() == ["BUY 100", "cancel", "BUY 100"]


@on_stage()
async def test_another_clients_order_is_kept_and_the_replaced_target_is_named(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.of("rival").post(100, limit_price=149)
    newer = await stage.of("trader").post(100, limit_price=149)

    (row,) = newer["results"]
    assert row["status"] == "no_change"
    assert row["kept"]["ibkr_order_id"] == older["results"][0]["ibkr_order_id"]
    assert any("rival" in warning for warning in row["warnings"])
