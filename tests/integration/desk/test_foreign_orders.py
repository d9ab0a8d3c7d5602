"""Orders placed elsewhere in the account: what counts, and that they are never touched."""

from __future__ import annotations

import asyncio
from typing import Any

from makers import ACCOUNT
from paperdesk.domain.vocabulary import ForeignOrders
from stage import Stage, on_stage


def by_hand(stage: Stage, side: str, shares: int, limit: float | None = 100.0) -> int:
    """Place an order at the gateway that will not fill; return its perm id."""
    stage.world.gateway.hold_fills("AAPL")
    price = None if limit is None else str(limit)
    return stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", side, shares, limit=price)


def warned(row: dict[str, Any]) -> bool:
    return any("elsewhere" in warning for warning in row.get("warnings", []))


@on_stage()
async def test_a_limit_on_our_side_lessens_the_trade(stage: Stage) -> None:
    by_hand(stage, "BUY", 30)
    batch = await stage.post(100)

    (row,) = batch["results"]
    assert (row["foreign_qty"], row["delta"], row["qty"]) == (30, 70, 70)
    assert warned(row)
    assert stage.wire() == ["BUY 70"]


@on_stage()
async def test_a_market_order_on_our_side_lessens_the_trade(stage: Stage) -> None:
    by_hand(stage, "SELL", 30, limit=None)
    batch = await stage.post(-100)

    (row,) = batch["results"]
    assert (row["foreign_qty"], row["delta"], row["qty"]) == (-30, -70, 70)


@on_stage()
async def test_more_than_is_wanted_leaves_nothing_to_trade_and_never_the_other_side(
    stage: Stage,
) -> None:
    by_hand(stage, "BUY", 300)
    batch = await stage.post(100)
    shown = await stage.shown(batch)

    (row,) = batch["results"]
    assert (row["status"], row["foreign_qty"], row["delta"]) == ("no_change", 100, 0)
    assert warned(row)
    assert stage.wire() == []
    assert shown["summary"] == {"final": True, "on_target": 0, "short": ["AAPL"]}


@on_stage()
async def test_the_other_side_never_counts_but_is_a_warning(stage: Stage) -> None:
    by_hand(stage, "SELL", 30, limit=200)
    batch = await stage.post(100)

    (row,) = batch["results"]
    assert "foreign_qty" not in row
    assert row["qty"] == 100
    assert warned(row)


@on_stage()
async def test_of_two_orders_elsewhere_the_sides_are_not_netted(stage: Stage) -> None:
    by_hand(stage, "BUY", 30)
    by_hand(stage, "SELL", 50, limit=200)
    batch = await stage.post(100)

    (row,) = batch["results"]
    assert (row["foreign_qty"], row["qty"]) == (30, 70)


@on_stage()
async def test_what_has_filled_of_it_counts_in_the_position_only(stage: Stage) -> None:
    by_hand(stage, "BUY", 30)
    stage.world.gateway.fill(0, shares=10, client_id=0)
    await asyncio.sleep(5)
    batch = await stage.post(100)

    (row,) = batch["results"]
    assert (row["current_pos"], row["foreign_qty"], row["qty"]) == (10, 20, 70)


@on_stage()
async def test_orders_elsewhere_are_never_cancelled(stage: Stage) -> None:
    perm_id = by_hand(stage, "BUY", 30)
    batch = await stage.post(100)
    await stage.withdraw(batch)
    await stage.post(0, wait=3)
    await stage.operate("halt", reason="test", cancel_working=True)
    await asyncio.sleep(30)

    assert stage.wire() == ["BUY 70", "cancel"]
    stage.world.gateway.cancel_by_hand(perm_id)  # which it could not, were it not working


@on_stage()
async def test_a_target_that_the_position_has_reached_needs_nothing_of_them(
    stage: Stage,
) -> None:
    by_hand(stage, "BUY", 30)
    batch = await stage.post(0)

    (row,) = batch["results"]
    assert (row["status"], row["delta"]) == ("no_change", 0)
    assert "foreign_qty" not in row
    assert warned(row)


@on_stage(desk={"foreign_orders": ForeignOrders.IGNORE})
async def test_where_they_are_ignored_the_whole_is_traded_with_a_warning(
    stage: Stage,
) -> None:
    by_hand(stage, "BUY", 30)
    batch = await stage.post(100)

    (row,) = batch["results"]
    assert row["qty"] == 100
    assert "foreign_qty" not in row
    assert warned(row)


@on_stage(desk={"foreign_orders": ForeignOrders.REFUSE})
async def test_where_they_are_refused_the_row_is_locked_while_they_work(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    perm_id = by_hand(stage, "BUY", 30)
    refused = await stage.post(100)
    other = await stage.post(5, "MSFT")
    gateway.cancel_by_hand(perm_id)
    await asyncio.sleep(2)
    gateway.release_fills()
    taken = await stage.post(100)

    (row,) = refused["results"]
    assert (row["status"], row["error_code"]) == ("error", "locked")
    assert "elsewhere" in row["error"]
    assert other["results"][0]["status"] == "Filled"
    assert taken["results"][0]["status"] == "Filled"


@on_stage()
async def test_a_kept_order_is_kept_beside_what_is_counted(stage: Stage) -> None:
    by_hand(stage, "BUY", 30)
    first = await stage.post(100, limit_price=149)
    second = await stage.post(100, limit_price=149)

    assert first["results"][0]["qty"] == 70
    (row,) = second["results"]
    assert (row["status"], row["delta"]) == ("no_change", 0)
    assert (row["working_qty"], row["foreign_qty"]) == (70, 30)
    assert stage.wire() == ["BUY 70"]


@on_stage()
async def test_open_orders_are_asked_for_at_most_once_a_second(stage: Stage) -> None:
    await stage.post(1)
    await asyncio.sleep(2)
    before = len(stage.world.gateway.frames("reqAllOpenOrders"))
    for quantity in range(2, 12):
        await stage.post(quantity, wait=0)
        await asyncio.sleep(0.05)
    asked = len(stage.world.gateway.frames("reqAllOpenOrders")) - before

    assert 1 <= asked <= 2


@on_stage()
async def test_what_was_filled_elsewhere_is_booked_at_once_from_its_executions(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    await stage.post(100)
    await stage.settled()
    gateway.place_by_hand(ACCOUNT, "AAPL", "SELL", 30)
    await asyncio.sleep(5)
    batch = await stage.post(100)
    await stage.settled()

    (row,) = batch["results"]
    assert (row["current_pos"], row["qty"]) == (70, 30)
    assert (await stage.account())["locks"] == []
    assert stage.wire() == ["BUY 100", "BUY 30"]
    assert stage.position() == await stage.held() == 100
