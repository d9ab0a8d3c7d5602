"""What a submission does not list: left alone, or closed on demand."""

from __future__ import annotations

import asyncio

from makers import ACCOUNT
from stage import Stage, on_stage

HELD = ((ACCOUNT, "IBM", 8, 100), (ACCOUNT, "KO", -4, 50))


@on_stage(positions=HELD)
async def test_what_is_not_listed_is_left_alone(stage: Stage) -> None:
    await stage.post(10)
    batch = await stage.post(5, "MSFT")
    await stage.settled()

    assert stage.wire() == ["BUY 10", "BUY 5"]
    assert "warnings" not in batch


@on_stage(positions=HELD)
async def test_closing_reaches_this_clients_holdings_and_names_the_others(
    stage: Stage,
) -> None:
    await stage.of("rival").post(6, "NVDA")
    await stage.post(10)
    await stage.post(-3, "XOM")
    await stage.settled()
    batch = await stage.batch_of({"symbol": "MSFT", "quantity": 5}, unlisted="close")
    done = await stage.shown(batch, wait=10)
    await asyncio.sleep(2)

    first, *closed = done["orders"]
    assert "unlisted" not in first
    assert [(row["symbol"], row["desired_pos"], row["unlisted"]) for row in closed] == [
        ("AAPL", 0, True), ("XOM", 0, True),
    ]  # fmt: skip
    assert {row["status"] for row in done["orders"]} == {"Filled"}
    assert len(batch["warnings"]) == 3
    for symbol in ("IBM", "KO", "NVDA"):
        assert any(symbol in warning for warning in batch["warnings"])
    assert (stage.position("AAPL"), stage.position("XOM"), stage.position("NVDA")) == (0, 0, 6)
    assert (stage.position("IBM"), stage.position("KO")) == (8, -4)


@on_stage()
async def test_a_holding_whose_newest_target_is_anothers_is_not_closed(stage: Stage) -> None:
    await stage.post(10)
    await stage.of("rival").post(12)
    await stage.settled()
    batch = await stage.batch_of({"symbol": "MSFT", "quantity": 5}, unlisted="close")
    await stage.settled()

    assert [row["symbol"] for row in batch["results"]] == ["MSFT"]
    assert any("AAPL" in warning for warning in batch["warnings"])
    assert stage.position() == 12


@on_stage()
async def test_what_is_closed_and_listed_again_is_traded_once(stage: Stage) -> None:
    await stage.post(10)
    await stage.settled()
    body = {"symbol": "MSFT", "quantity": 5}
    first = await stage.batch_of(body, unlisted="close")
    await stage.settled()
    again = await stage.batch_of(body, unlisted="close")

    assert [row["symbol"] for row in first["results"]] == ["MSFT", "AAPL"]
    assert [row["symbol"] for row in again["results"]] == ["MSFT"]
    assert sorted(stage.wire()) == ["BUY 10", "BUY 5", "SELL 10"]


@on_stage()
async def test_an_order_that_still_opens_a_position_is_closed_too(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    older = await stage.post(10, limit_price=149)
    gateway.fill(older["results"][0]["ibkr_order_id"], shares=4)
    await asyncio.sleep(1)
    await stage.batch_of({"symbol": "MSFT", "quantity": 5}, unlisted="close")
    await asyncio.sleep(3)
    gateway.release_fills("AAPL")
    await stage.settled()

    assert (await stage.row(older))["status"] == "Cancelled"
    assert stage.position() == 0


@on_stage(positions=((ACCOUNT, "BRK B", 8, 400),))
async def test_a_listed_symbol_in_another_spelling_is_not_closed(stage: Stage) -> None:
    await stage.post(9, "BRK.B")
    await stage.settled()
    batch = await stage.batch_of({"symbol": "brk.b", "quantity": 7}, unlisted="close")

    (row,) = batch["results"]
    assert (row["symbol"], row["requested_symbol"]) == ("BRK B", "brk.b")
    assert row["delta"] == -2


@on_stage()
async def test_the_preview_shows_what_would_be_closed_and_its_id_closes_it(
    stage: Stage,
) -> None:
    await stage.post(10)
    await stage.settled()
    shown = await stage.caller.post(
        "/api/v1/orders/preview",
        json={"orders": [{"symbol": "MSFT", "quantity": 5}], "unlisted": "close"},
    )
    sent = await stage.caller.post(
        "/api/v1/orders", json={"preview_id": shown.json()["preview_id"]}
    )
    await stage.settled()

    rows = shown.json()["results"]
    assert [(row["symbol"], row.get("unlisted")) for row in rows] == [
        ("MSFT", None), ("AAPL", True),
    ]  # fmt: skip
    assert [row["symbol"] for row in sent.json()["results"]] == ["MSFT", "AAPL"]
    assert stage.position() == 0
