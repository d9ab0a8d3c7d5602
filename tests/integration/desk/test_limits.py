"""The limits of an account, through the API: what each refuses, and what always passes."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from makers import ACCOUNT
from paperdesk.domain.vocabulary import Symbol
from sim import simulate
from stage import Stage, on_stage, open_stage

HELD = ((ACCOUNT, "AAPL", 50, 100), (ACCOUNT, "MSFT", -5, 400))
D = Decimal

# Per limit: its settings, a row that it refuses, words of the refusal, and a row that passes.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = {
    "max_order_quantity": (
        {"max_order_quantity": 40}, {"quantity": 91}, "is for 41", {"quantity": 90},
    ),
    "max_order_notional": (
        {"max_order_notional": D(6000)}, {"quantity": 91, "limit_price": 150}, "6,150",
        {"quantity": 90, "limit_price": 150},
    ),
    "max_position_notional": (
        {"max_position_notional": D(15000)}, {"quantity": 101, "limit_price": 150}, "15,150",
        {"quantity": 100, "limit_price": 150},
    ),
    "max_gross_notional": (
        {"max_gross_notional": D(30000)}, {"quantity": 300}, "all positions",
        {"quantity": 100},
    ),
    "price_collar_pct": (
        {"price_collar_pct": D(10)}, {"quantity": 60, "limit_price": 100}, "from the reference",
        {"quantity": 60, "limit_price": 145},
    ),
    "allow_short": (
        {"allow_short": False}, {"quantity": -1}, "the position would be -1", {"quantity": 0},
    ),
    "symbols": (
        {"symbols": frozenset({Symbol("MSFT")})}, {"quantity": 51}, "does not name AAPL",
        {"quantity": 10},
    ),
}  # fmt: skip


def aapl(row: dict[str, Any]) -> dict[str, Any]:
    return {"symbol": "AAPL", **row}


@pytest.mark.parametrize("name", CASES)
def test_what_is_beyond_a_limit_is_refused_in_words_and_what_is_within_passes(
    name: str,
) -> None:
    limits, refused, words, taken = CASES[name]

    async def whole() -> None:
        async with open_stage(limits=limits, positions=HELD) as stage:
            previewed = await stage.caller.post(
                "/api/v1/orders/preview", json={"orders": [aapl(refused)]}
            )
            first = await stage.batch_of(aapl(refused), wait=5)
            sent = stage.wire()
            second = await stage.batch_of(aapl(taken), wait=5)

            (row,) = first["results"]
            assert (row["status"], row["error_code"]) == ("error", "limit")
            assert row["error"].startswith(f"{name} ") or name in row["error"]
            assert words in row["error"]
            (shown,) = previewed.json()["results"]
            assert (shown["status"], shown["error_code"]) == ("error", "limit")
            assert sent == []
            (row,) = second["results"]
            assert row["status"] in {"Filled", "Submitted", "PreSubmitted"}
            assert len(stage.wire()) == 1

    simulate(1, whole)


@on_stage(limits={"max_orders_per_minute": 3})
async def test_orders_a_minute_are_counted_in_any_sixty_seconds(stage: Stage) -> None:
    first = await stage.batch_of(*({"symbol": s, "quantity": 1} for s in ("AAPL", "MSFT")))
    await asyncio.sleep(30)
    second = await stage.batch_of(*({"symbol": s, "quantity": 1} for s in ("KO", "IBM")))
    await asyncio.sleep(32)
    third = await stage.batch_of(*({"symbol": s, "quantity": 1} for s in ("IBM", "PG", "XOM")))

    assert [row["status"] for row in first["results"]] == ["Filled", "Filled"]
    assert [row["status"] for row in second["results"]] == ["Filled", "error"]
    assert "max_orders_per_minute is 3" in second["results"][1]["error"]
    assert [row["status"] for row in third["results"]] == ["Filled", "Filled", "error"]


@on_stage(limits={"max_orders_per_minute": 1}, positions=HELD)
async def test_reducing_orders_pass_above_the_pace(stage: Stage) -> None:
    await stage.post(1, "KO")
    refused = await stage.post(60)
    reducing = await stage.post(20)

    assert refused["results"][0]["error_code"] == "limit"
    assert reducing["results"][0]["status"] == "Filled"


TIGHT = {
    "max_order_quantity": 1, "max_order_notional": D(1), "max_position_notional": D(1),
    "max_gross_notional": D(1), "max_orders_per_minute": 1, "allow_short": False,
    "symbols": frozenset({Symbol("KO")}),
}  # fmt: skip


@on_stage(limits=TIGHT, positions=HELD)
async def test_no_limit_refuses_the_way_out(stage: Stage) -> None:
    batch = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 0}, {"symbol": "MSFT", "quantity": -2}, wait=5
    )

    assert [row["status"] for row in batch["results"]] == ["Filled", "Filled"]
    assert (stage.position(), stage.position("MSFT")) == (0, -2)


@on_stage(limits=TIGHT, positions=HELD)
async def test_crossing_zero_is_no_way_out(stage: Stage) -> None:
    batch = await stage.post(-1)

    assert batch["results"][0]["error_code"] == "limit"
    assert stage.wire() == []


@on_stage(limits={"price_collar_pct": D(10)}, positions=HELD)
async def test_only_the_collar_refuses_a_reducing_order(stage: Stage) -> None:
    refused = await stage.post(0, limit_price=100)
    taken = await stage.post(0, limit_price=145)

    assert refused["results"][0]["error_code"] == "limit"
    assert taken["results"][0]["status"] == "Filled"


@on_stage(limits={"max_gross_notional": D(30000)})
async def test_rows_of_one_batch_count_against_each_other(stage: Stage) -> None:
    rows = [{"symbol": s, "quantity": 100, "limit_price": 120} for s in ("AAPL", "IBM", "PG")]
    batch = await stage.batch_of(*rows, wait=3)

    assert [row["status"] == "error" for row in batch["results"]] == [False, False, True]
    assert "max_gross_notional" in batch["results"][2]["error"]


@on_stage(limits={"max_gross_notional": D(30000)})
async def test_working_orders_count_as_if_they_filled(stage: Stage) -> None:
    stage.world.gateway.hold_fills()
    await stage.post(100, limit_price=150)
    refused = await stage.post(100, "IBM", limit_price=160)
    taken = await stage.post(90, "IBM", limit_price=160)

    assert refused["results"][0]["error_code"] == "limit"
    assert taken["results"][0]["status"] == "Submitted"


@on_stage(limits={"max_position_notional": D(15000)})
async def test_orders_elsewhere_count_in_the_worst_case(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 60, limit="100")
    refused = await stage.post(101, limit_price=150)
    taken = await stage.post(100, limit_price=150)

    assert refused["results"][0]["error_code"] == "limit"
    assert taken["results"][0]["qty"] == 40


@on_stage(limits={"max_position_notional": D(15000)})
async def test_limits_are_judged_again_when_an_order_is_claimed(stage: Stage) -> None:
    await stage.post(1)
    await asyncio.sleep(1)
    stage.lane.pacer.pause(10)
    batch = await stage.post(100, wait=0.5, limit_price=150)
    stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 20)
    await asyncio.sleep(15)
    row = await stage.row(batch)

    assert (row["status"], row["error_code"]) == ("error", "limit"), row
    assert "max_position_notional" in row["error"]
    assert row["ibkr_order_id"] is None
    assert stage.wire() == ["BUY 1"]


@on_stage(limits={"max_order_quantity": 40}, positions=HELD)
async def test_a_refused_target_leaves_the_order_that_works(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    older = await stage.post(80, limit_price=149)
    await stage.post(200, limit_price=149)

    assert (await stage.row(older))["status"] == "Submitted"
    assert stage.wire() == ["BUY 30"]
    assert (await stage.target())["target"] == 80


@on_stage(limits={"max_order_quantity": 40}, positions=HELD)
async def test_only_what_is_beyond_a_limit_is_refused(stage: Stage) -> None:
    batch = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 200}, {"symbol": "MSFT", "quantity": 5}, wait=3
    )

    assert [row["status"] for row in batch["results"]] == ["error", "Filled"]
