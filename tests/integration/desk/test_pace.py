"""The pace of a gateway: what it complains of, and what goes on meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from broker_support import TOO_FAST, eventually
from harness import open_house
from makers import make_target
from paperdesk.desk import lane as lanes
from paperdesk.desk import sender as senders
from paperdesk.desk.pacer import Urgency
from paperdesk.desk.ports import LineDown


async def test_a_gateway_that_is_asked_too_fast_gets_no_orders_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "PAUSE_SECONDS", 0.5)
    async with open_house(tmp_path) as house:
        (lane,) = house.desk._lanes.values()
        await house.trade(make_target("AAPL", 10))  # its contract is known from now on
        house.gateway.notify(100, TOO_FAST)
        await eventually(lambda: lane.pacer._paused_until)

        batch = await house.submit(make_target("AAPL", 20), wait_seconds=0.1)
        assert [row.status for row in batch.rows] == ["PendingSubmit"]
        assert len(house.orders_sent()) == 1

        await house.final(batch)
        assert len(house.orders_sent()) == 2


async def test_a_long_queue_leaves_in_small_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "CHUNK_MAX", 2)
    async with open_house(tmp_path) as house:
        names = ["AAPL", "MSFT", "SPY", "IBM", "KO"]
        await house.preview(*(make_target(name, 1) for name in names))  # all are known by then
        await house.trade(*(make_target(name, 1) for name in names))
        assert len(house.orders_sent()) == len(names)

    history = sqlite3.connect(tmp_path / "ledger.db")
    (claims,) = history.execute("SELECT count(*) FROM events WHERE kind = 'claimed'").fetchone()
    history.close()
    assert claims == 3


async def test_a_frame_that_must_not_starve_comes_before_orders_that_wait(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, per_second=10) as house:
        (lane,) = house.desk._lanes.values()
        held = 0
        while held < lane.pacer.per_second:
            held += await lane.pacer.take(Urgency.ORDERS, 10)
        order = asyncio.create_task(lane.pacer.take(Urgency.ORDERS, 1))
        await asyncio.sleep(0)

        async def vital() -> bool:
            async with lane.room():
                return order.done()

        frame = asyncio.create_task(vital())
        await asyncio.sleep(0)
        lane.pacer.give_back(held)

        assert not await frame
        lane.pacer.give_back(await order)
        assert lane.pacer._held == 0


async def test_nothing_is_asked_beside_the_reads_that_open_a_session(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        (lane,) = house.desk._lanes.values()
        house.gateway.inject("L01", delay=2)
        house.gateway.drop_connections()
        await eventually(lambda: lane.broker.line is None)
        asked: list[str] = []

        async def ask() -> str:
            asked.append("asked")
            return "told"

        with pytest.raises(LineDown, match="there is no session"):
            await lane.sender.query(ask)
        assert asked == []
        assert await lane.sender.query(ask, Urgency.VITAL) == "told"
        await eventually(lambda: lane.broker.line is not None)
        assert await lane.sender.query(ask) == "told"
        assert lane.pacer._held == 0
