"""The pace of a gateway: what it complains of, and what goes on meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker_support import eventually
from harness import open_house
from makers import make_target
from paperdesk.desk import lane as lanes
from paperdesk.desk.pacer import Urgency

TOO_FAST = "Max rate of messages per second has been exceeded: max=50 rec=51 (1)"


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


async def test_a_frame_that_must_not_starve_has_room_while_orders_wait(tmp_path: Path) -> None:
    async with open_house(tmp_path, per_second=10) as house:
        (lane,) = house.desk._lanes.values()
        held = 0
        while held < lane.pacer.orders_per_second:
            held += await lane.pacer.take(Urgency.ORDERS, 10)
        async with lane.room():
            pass
        lane.pacer.give_back(held)
        async with lane.room():
            pass

        assert lane.pacer._held == 0
