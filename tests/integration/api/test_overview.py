"""Status, equity and today over HTTP. Each on its own service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from front import ORDERS, OTHER_ACCOUNT, Front, open_front, order, orders_of
from makers import ACCOUNT

STATUS = "/api/v1/status"


async def test_the_status_says_how_gateway_market_and_key_stand(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        status = (await front.caller("trader").get(STATUS)).json()

        (gateway,) = status["gateways"]
        assert status["environment"] == "paper"
        assert (status["client"], status["scopes"]) == ("trader", ["trade"])
        assert gateway["accounts"] == {ACCOUNT: True, OTHER_ACCOUNT: True}
        assert (gateway["is_up"], gateway["reason"]) == (True, None)
        assert 0 <= gateway["requests_per_second"] <= gateway["max_requests_per_second"]
        assert status["session"]["is_open"] is True
        assert status["halted"] == {}
        await front.caller("trader").post(ORDERS, json=orders_of(order()))
        again = (await front.caller("trader").get(STATUS)).json()
        assert again["head_id"] > status["head_id"]


async def test_a_key_of_one_account_is_told_of_no_other(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        halt = f"/api/v1/accounts/{ACCOUNT}/halt"
        await front.caller("admin").post(halt, json={"reason": "a test"})
        other = await front.caller("other").get(STATUS)
        every = (await front.caller("reader").get(STATUS)).json()

        assert ACCOUNT not in other.text
        assert other.json()["halted"] == {}
        assert every["halted"][ACCOUNT]["reason"] == "a test"


async def test_a_gateway_that_is_gone_is_told_with_since_when_and_why(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        (before,) = (await front.caller("reader").get(STATUS)).json()["gateways"]
        await front.gateway.stop()
        await front.until_health(up=False)
        (after,) = (await front.caller("reader").get(STATUS)).json()["gateways"]

        assert after["is_up"] is False
        assert after["reason"]
        assert after["since"] > before["since"]
        assert (before["phase"], before["next_try"]) == ("up", None)


async def test_a_gateway_that_is_gone_is_told_with_when_it_is_tried_again(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        await front.gateway.stop()
        told = await _gateway_in(front, "waiting")
        await front.gateway.start()
        again = await _gateway_in(front, "up")

        assert told["since"] < told["next_try"]
        assert again["next_try"] is None


async def test_while_the_brokers_lists_are_read_it_says_so(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        front.gateway.inject("Q01", of="account", times=0)
        front.gateway.disconnect()
        told = await _gateway_in(front, "reading")
        assert told["is_up"] is False


async def test_a_gateway_that_lost_ibkr_is_degraded_and_names_the_code(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        front.gateway.notify(1100)
        told = await _gateway_in(front, "degraded")
        assert "(IBKR 1100)" in told["reason"]


async def _gateway_in(front: Front, phase: str) -> dict[str, Any]:
    """Return the gateway as the status shows it, once it is in that phase."""
    async with asyncio.timeout(10):
        while True:
            (told,) = (await front.caller("reader").get(STATUS)).json()["gateways"]
            if told["phase"] == phase:
                return dict(told)
            await asyncio.sleep(0.01)


async def test_equity_is_sampled_and_survives_a_restart(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        first = await _equity(front.caller("reader"))
    async with open_front(tmp_path) as front:
        again = await _equity(front.caller("reader"))

        assert again[0] == first[0]
        assert again[0]["net_liquidation"] > 0


async def _equity(caller: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Return the points once there is one."""
    async with asyncio.timeout(10):
        while True:
            points = (await caller.get("/api/v1/reports/equity")).json()["points"]
            if points:
                return list(points)
            await asyncio.sleep(0.05)


async def test_today_counts_orders_and_what_they_cost(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        front.gateway.hold_fills("MSFT")
        posted = (await trader.post(ORDERS, json=orders_of(order(), order("MSFT", 10)))).json()

        await trader.get(f"{ORDERS}/{posted['batch_id']}?wait=2")
        today = (await front.caller("reader").get("/api/v1/reports/today")).json()

        assert today["orders"] == {"open": 1, "filled": 1, "cancelled": 0, "rejected": 0}
        assert today["commission"] > 0
        assert today["commission_missing"] == 0
