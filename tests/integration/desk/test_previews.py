"""Previews sent by their id: exactly what was shown, once, while nothing of theirs changed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from front import ORDERS, code
from makers import ACCOUNT
from stage import Stage, on_stage


async def preview(stage: Stage, *rows: dict[str, Any]) -> dict[str, Any]:
    """Preview rows; return the answer."""
    answer = await stage.caller.post(f"{ORDERS}/preview", json={"orders": list(rows)})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def send(stage: Stage, shown: dict[str, Any]) -> httpx.Response:
    return await stage.caller.post(ORDERS, json={"preview_id": shown["preview_id"]})


def aapl(quantity: int = 100, **more: Any) -> dict[str, Any]:
    return {"symbol": "AAPL", "quantity": quantity, **more}


STALE = (409, "preview-stale")


@on_stage()
async def test_what_was_shown_is_what_is_sent(stage: Stage) -> None:
    rows = [aapl(expected_price=150, tolerance_pct=0.5), {"symbol": "MSFT", "quantity": -5}]
    shown = await preview(stage, *rows)
    before = stage.wire()
    sent = (await send(stage, shown)).json()

    assert before == []
    for was, done in zip(shown["results"], sent["results"], strict=True):
        for name in ("symbol", "desired_pos", "delta", "action", "qty", "order_type"):
            assert was[name] == done[name]
        assert was.get("limit_price") == done.get("limit_price")
        assert (was["status"], was["ibkr_order_id"]) == ("PendingSubmit", None)
    assert len(stage.wire()) == 2


@on_stage()
async def test_a_preview_lasts_ten_minutes(stage: Stage) -> None:
    first, second = await preview(stage, aapl()), await preview(stage, aapl(7))
    await asyncio.sleep(595)
    good = await send(stage, first)
    await asyncio.sleep(10)
    late = await send(stage, second)

    assert good.status_code == 200
    assert code(late) == STALE


@on_stage()
async def test_a_preview_is_not_kept_over_a_restart(stage: Stage) -> None:
    shown = await preview(stage, aapl())
    await stage.world.stop()
    await stage.world.start()

    assert code(await send(stage, shown)) == STALE
    assert (await stage.caller.get(ORDERS)).json()["batches"] == []


@on_stage()
async def test_a_fill_of_its_symbols_makes_it_stale(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(50, limit_price=149)
    mine, other = (
        await preview(stage, aapl()),
        await preview(stage, aapl() | {"symbol": "MSFT"}),
    )
    gateway.fill(batch["results"][0]["ibkr_order_id"], shares=10)
    await asyncio.sleep(1)

    assert code(await send(stage, mine)) == STALE
    assert (await send(stage, other)).status_code == 200


@on_stage()
async def test_another_clients_target_makes_it_stale(stage: Stage) -> None:
    shown = await preview(stage, aapl())
    await stage.of("rival").post(0)

    assert code(await send(stage, shown)) == STALE


@on_stage()
async def test_an_outside_trade_makes_it_stale(stage: Stage) -> None:
    shown = await preview(stage, aapl())
    stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 5)
    await asyncio.sleep(5)

    assert code(await send(stage, shown)) == STALE


@on_stage()
async def test_a_cancelled_working_order_makes_it_stale(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(50, limit_price=149)
    shown = await preview(stage, aapl(50, limit_price=149))
    await stage.withdraw(batch)

    assert shown["results"][0]["status"] == "no_change"
    assert code(await send(stage, shown)) == STALE


@on_stage()
async def test_prices_do_not_make_it_stale(stage: Stage) -> None:
    shown = await preview(stage, aapl())
    stage.world.gateway.set_price("AAPL", 180)

    assert (await send(stage, shown)).status_code == 200


@on_stage()
async def test_a_refused_submission_does_not_use_it_up(stage: Stage) -> None:
    shown = await preview(stage, aapl())
    await stage.operate("halt", reason="stop")
    halted = await send(stage, shown)
    await stage.operate("resume", reason="go")

    assert code(halted) == (409, "halted")
    assert (await send(stage, shown)).status_code == 200


@on_stage()
async def test_the_id_stands_alone_in_the_body(stage: Stage) -> None:
    shown = await preview(stage, aapl())
    answer = await stage.caller.post(
        ORDERS, json={"preview_id": shown["preview_id"], "orders": [aapl()]}
    )

    assert code(answer) == (400, "bad-request")
    assert stage.wire() == []


@on_stage()
async def test_of_two_who_send_it_at_once_one_does(stage: Stage) -> None:
    shown = await preview(stage, aapl())
    answers = await asyncio.gather(send(stage, shown), send(stage, shown))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert stage.wire() == ["BUY 100"]
