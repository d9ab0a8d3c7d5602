"""More messages than a ledger that is down can take."""

from __future__ import annotations

from pathlib import Path

import pytest

from front import ORDERS, open_front, order, orders_of, until
from makers import ACCOUNT
from paperdesk.desk import lane


async def test_a_session_ends_rather_than_taking_all_memory_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "INBOX_MAX", 30)
    async with open_front(tmp_path) as front, front.caller("trader") as trader:
        front.gateway.hold_fills("AAPL")
        posted = (await trader.post(ORDERS, json=orders_of(order("AAPL", 40)))).json()
        (the_lane,) = front.desk._distinct_lanes()
        with front.locked():
            for _ in range(40):
                front.gateway.fill(posted["results"][0]["ibkr_order_id"], shares=1)
            await until(lambda: not front.desk.health().accounts[ACCOUNT])
            reason = the_lane.broker.reason(ACCOUNT)
            kept = len(the_lane._inbox)
        monkeypatch.undo()
        await front.until_health(up=True)
        batch = f"{ORDERS}/{posted['batch_id']}"
        shown = (await trader.get(batch, params={"wait": 20})).json()["orders"][0]
        found = (await trader.get("/api/v1/executions")).json()["executions"]

    assert reason is not None
    assert "30 messages wait to be written down" in reason
    assert kept <= 30
    assert (shown["status"], shown["filled_qty"], len(found)) == ("Filled", 40, 40)
    assert shown["commission"] is not None
