"""The service halts itself: where the broker rejects order after order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from front import ORDERS, OTHER_ACCOUNT, code
from makers import ACCOUNT, NOW, make_order
from paperdesk.clock import ManualClock
from paperdesk.desk.feed import Feed
from paperdesk.desk.halting import Breaker
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor
from races.track import open_track
from sim import simulate
from stage import Stage, on_stage

POOR = {ACCOUNT: 1_000, OTHER_ACCOUNT: 1_000_000}
TEN = ("AAPL", "MSFT", "AMZN", "GOOGL", "META", "NVDA", "KO", "PEP", "JPM", "WMT")


def too_dear(*symbols: str) -> list[dict[str, Any]]:
    """Return rows that a poor account has no margin for."""
    return [{"symbol": symbol, "quantity": 1_000} for symbol in symbols]


async def halt_of(stage: Stage, account: str = ACCOUNT) -> dict[str, Any] | None:
    listed = (await stage.caller.get("/api/v1/accounts")).json()["accounts"]
    (found,) = (entry for entry in listed if entry["account_id"] == account)
    assert found["halted"] is ("halt" in found)
    halt: dict[str, Any] | None = found.get("halt")
    return halt


@on_stage(accounts=POOR)
async def test_ten_rejections_within_a_minute_halt_the_account_and_say_why(
    stage: Stage,
) -> None:
    batch = await stage.batch_of(*too_dear(*TEN), wait=5)
    await asyncio.sleep(1)
    halt = await halt_of(stage)
    refused = await stage.caller.post(ORDERS, json={"orders": too_dear("XOM")})
    elsewhere = await stage.batch_of(
        {"symbol": "KO", "quantity": 1}, account_id=OTHER_ACCOUNT, wait=5
    )

    assert {row["status"] for row in batch["results"]} == {"Inactive"}
    assert halt is not None
    assert (halt["by"], halt["mode"], halt["account_id"]) == ("paperdesk", "all", ACCOUNT)
    assert "the broker rejected 10 orders within 60 s" in halt["reason"]
    assert "MARGIN" in halt["reason"].upper()
    assert code(refused) == (409, "halted")
    assert "halted by paperdesk" in refused.json()["detail"]
    assert elsewhere["results"][0]["status"] == "Filled"
    assert await halt_of(stage, OTHER_ACCOUNT) is None


@on_stage(accounts=POOR)
async def test_nine_do_not_and_neither_do_ten_in_more_than_a_minute(stage: Stage) -> None:
    await stage.batch_of(*too_dear(*TEN[:9]), wait=5)
    before = await halt_of(stage)
    await asyncio.sleep(61)
    await stage.batch_of(*too_dear(*TEN[:9]), wait=5)
    await asyncio.sleep(1)

    assert before is None
    assert await halt_of(stage) is None


@on_stage(accounts=POOR, desk={"halt_after_rejections": 2})
async def test_the_count_begins_anew_after_a_resume(stage: Stage) -> None:
    await stage.batch_of(*too_dear("AAPL", "MSFT"), wait=5)
    await asyncio.sleep(1)
    first = await halt_of(stage)
    await stage.operate("resume", reason="cash is coming")
    await stage.batch_of(*too_dear("KO"), wait=5)
    await asyncio.sleep(1)
    between = await halt_of(stage)
    await stage.batch_of(*too_dear("PEP"), wait=5)
    await asyncio.sleep(1)
    second = await halt_of(stage)

    assert first is not None
    assert between is None
    assert second is not None


@on_stage(accounts=POOR, desk={"halt_after_rejections": 2})
async def test_the_halt_survives_a_restart(stage: Stage) -> None:
    await stage.batch_of(*too_dear("AAPL", "MSFT"), wait=5)
    await asyncio.sleep(1)
    before = await halt_of(stage)
    await stage.world.crash()
    await stage.world.start()

    assert before is not None
    assert await halt_of(stage) == before


@on_stage(limits={"max_order_quantity": 10}, desk={"halt_after_rejections": 2})
async def test_what_our_own_limits_refuse_is_no_rejection(stage: Stage) -> None:
    batch = await stage.batch_of(*too_dear(*TEN), wait=5)
    await asyncio.sleep(1)

    assert {row["error_code"] for row in batch["results"]} == {"limit"}
    assert await halt_of(stage) is None


@on_stage(desk={"halt_after_rejections": 2})
async def test_a_halt_that_lets_reducing_orders_leave_ends_by_their_rejections(
    stage: Stage,
) -> None:
    await stage.batch_of(*({"symbol": s, "quantity": 10} for s in ("AAPL", "MSFT")), wait=5)
    await stage.operate("halt", reason="out of it", mode="reduce_only")
    stage.world.gateway.inject("O05", times=0)
    await stage.batch_of(*({"symbol": s, "quantity": 5} for s in ("AAPL", "MSFT")), wait=5)
    await asyncio.sleep(1)
    halt = await halt_of(stage)

    assert halt is not None
    assert (halt["mode"], halt["by"]) == ("all", "paperdesk")


@pytest.mark.parametrize("fault", ["O08", "O09", "O10"])
def test_what_a_broker_only_remarks_is_no_rejection(fault: str) -> None:
    @on_stage(desk={"halt_after_rejections": 1})
    async def remarked(stage: Stage) -> None:
        stage.world.gateway.inject(fault, times=0)
        batch = await stage.post(10, wait=1)
        await asyncio.sleep(10)
        row = await stage.row(batch)

        assert row["status"] == "Filled"
        assert row["warnings"]
        assert await halt_of(stage) is None

    remarked()


@on_stage(desk={"halt_after_rejections": 1})
async def test_an_order_that_was_cancelled_is_no_rejection(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(10, limit_price=100)
    await stage.withdraw(batch)
    await asyncio.sleep(1)

    assert (await stage.row(batch))["status"] == "Cancelled"
    assert await halt_of(stage) is None


@on_stage(desk={"halt_after_rejections": 1})
async def test_an_order_that_worked_before_it_was_rejected_is_one_rejection(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.inject("O07", symbol="AAPL", delay=2)
    await stage.post(10)
    before = await halt_of(stage)
    await asyncio.sleep(4)
    halt = await halt_of(stage)

    assert before is None
    assert halt is not None
    assert "the broker rejected 1 orders" in halt["reason"]


def test_orders_of_the_same_batch_that_have_not_left_end_by_the_halt() -> None:
    async def scenario() -> None:
        async with open_track(
            accounts=POOR, pace=5, desk={"halt_after_rejections": 3}
        ) as track:
            stage = Stage(track.world, track.caller)
            known = await stage.batch_of(*({"symbol": s, "quantity": 0} for s in TEN), wait=20)
            assert {row["status"] for row in known["results"]} == {"no_change"}
            batch = await stage.batch_of(*too_dear(*TEN), wait=0)
            done = await stage.shown(batch, wait=30)

            told = [(row["status"], row["error_code"]) for row in done["orders"]]
            rejected = told.count(("Inactive", "rejected"))
            assert 3 <= rejected < 10
            assert told.count(("Cancelled", "halted")) == 10 - rejected
            assert len(stage.wire()) == rejected

    simulate(1, scenario)


async def test_a_rejection_that_is_told_again_is_one(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    ledger = await SqlLedger.open(f"sqlite:///{tmp_path}/ledger.db", InlineExecutor(), clock)
    breaker = Breaker(ledger, clock=clock, feed=Feed(), rejections_max=2)
    first, second = make_order(error="too dear"), make_order(seq=1, error="too dear, too")

    await breaker.rejected([first])
    await breaker.rejected([first])
    after_one = await ledger.halts()
    await breaker.rejected([second])
    after_two = await ledger.halts()
    await ledger.close()

    assert after_one == []
    assert [halt.account for halt in after_two] == [ACCOUNT]
    assert "too dear, too" in after_two[0].reason
