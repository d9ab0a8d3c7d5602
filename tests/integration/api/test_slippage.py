"""The slippage report over HTTP, of orders that really filled. Each on its own service."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from front import ORDERS, Front, code, open_front, order, orders_of
from makers import ACCOUNT

REPORT = "/api/v1/reports/slippage"


async def traded(front: Front, name: str, *rows: dict[str, Any]) -> str:
    """Post a batch by the client of that name; return its id once all is filled and paid."""
    caller = front.caller(name)
    posted = (await caller.post(ORDERS, json=orders_of(*rows))).json()
    done = (await caller.get(f"{ORDERS}/{posted['batch_id']}?wait=10")).json()
    assert done["summary"]["final"], done
    return str(posted["batch_id"])


async def report(caller: httpx.AsyncClient, query: str = "") -> Any:
    answer = await caller.get(f"{REPORT}{query}")
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content, parse_float=Decimal)


async def test_expected_prices_are_held_against_real_fills(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        front.gateway.set_price("AAPL", "150.30")
        front.gateway.set_price("MSFT", "420.00")
        batch = await traded(
            front,
            "trader",
            order("AAPL", 100, expected_price=150, tolerance_pct=1),
            order("MSFT", -30, expected_price=421.5),
            order("KO", 10),
        )
        executions = (await front.caller("trader").get("/api/v1/executions")).json()
        answer = await report(front.caller("trader"))

        paid = {row["symbol"]: Decimal(str(row["price"])) for row in executions["executions"]}
        msft, aapl = answer["orders"]
        assert [row["symbol"] for row in (aapl, msft)] == ["AAPL", "MSFT"]
        assert (aapl["batch_id"], aapl["client"], aapl["status"]) == (batch, "trader", "Filled")
        assert (aapl["side"], aapl["order_type"], aapl["limit_price"]) == ("BUY", "LMT", 151.5)
        assert (msft["side"], msft["order_type"], msft["limit_price"]) == ("SELL", "MKT", None)
        assert aapl["slippage_usd"] == 100 * (paid["AAPL"] - 150) > 0
        assert msft["slippage_usd"] == 30 * (Decimal("421.5") - paid["MSFT"]) > 0
        total = answer["total"]
        assert total["slippage_usd"] == aapl["slippage_usd"] + msft["slippage_usd"]
        assert total["expected_notional"] == 15_000 + Decimal(12645)
        bps = total["slippage_usd"] / total["expected_notional"] * 10_000
        assert total["slippage_bps"] == round(bps, 4)
        assert (total["orders"], total["shares"]) == (2, 130)
        assert total["commission"] == aapl["commission"] + msft["commission"]
        assert (total["commission_missing"], total["without_expected_price"]) == (0, 1)


async def test_a_part_that_filled_counts_and_a_correction_of_it(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        gateway, trader = front.gateway, front.caller("trader")
        gateway.hold_fills("AAPL")
        body = orders_of(order("AAPL", 100, limit_price=151, expected_price=150))
        posted = (await trader.post(ORDERS, json=body)).json()
        (row,) = posted["results"]
        gateway.fill(row["ibkr_order_id"], shares=40, price="150.50")
        working = await until_traded(trader, 40)
        (execution,) = (await trader.get("/api/v1/executions")).json()["executions"]
        gateway.correct_execution(execution["exec_id"], shares=30, price="150.40")
        corrected = await until_traded(trader, 30)

        assert working["orders"][0]["status"] == "Submitted"
        assert working["total"]["slippage_usd"] == 20
        assert corrected["total"]["slippage_usd"] == 12


async def until_traded(caller: httpx.AsyncClient, shares: int) -> Any:
    """Return the report once it counts so many shares."""
    for _ in range(400):
        answer = await report(caller)
        if answer["total"]["shares"] == shares:
            return answer
    raise AssertionError(answer)


async def test_a_client_sees_its_own_and_an_auditor_everybody_s(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        first = await traded(front, "trader", order("AAPL", 10, expected_price=150))
        second = await traded(front, "rival", order("MSFT", 10, expected_price=420))
        seen = {
            name: [row["batch_id"] for row in (await report(front.caller(name)))["orders"]]
            for name in ("trader", "rival", "reader", "auditor", "admin", "other")
        }
        of_rival = await report(front.caller("trader"), "?client=rival")
        by_its_id = await report(front.caller("trader"), f"?batch_id={second}")
        audited = await report(front.caller("auditor"), "?client=rival")

        both = [second, first]
        assert seen == {
            "trader": [first], "rival": [second], "reader": [], "auditor": both,
            "admin": both, "other": [],
        }  # fmt: skip
        assert of_rival["orders"] == by_its_id["orders"] == []
        assert of_rival["total"]["orders"] == by_its_id["total"]["orders"] == 0
        assert [row["batch_id"] for row in audited["orders"]] == [second]


async def test_pages_follow_each_other_and_the_sums_are_of_all(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        symbols = ["AAPL", "MSFT", "KO"]
        rows = [order(symbol, 1, expected_price=100) for symbol in symbols]
        await traded(front, "trader", *rows)
        trader = front.caller("trader")
        first = await report(trader, "?limit=2")
        second = await report(trader, f"?limit=2&cursor={first['next_cursor']}")

        assert [row["symbol"] for row in first["orders"]] == ["KO", "MSFT"]
        assert [row["symbol"] for row in second["orders"]] == ["AAPL"]
        assert second["next_cursor"] is None
        assert (await report(trader, "?limit=3"))["next_cursor"] is None
        assert first["total"] == second["total"]
        assert first["total"]["orders"] == 3


async def test_a_time_and_an_account_bound_the_report(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        await traded(front, "trader", order("AAPL", 10, expected_price=150))
        trader = front.caller("trader")
        whole = await report(trader)
        (row,) = whole["orders"]
        at = row["sent_at"]
        counted = [
            (await report(trader, query))["total"]["orders"]
            for query in (
                f"?since={at}", f"?until={at}", "?symbol=MSFT", f"?account_id={ACCOUNT}",
                "?account_id=DUP203550",
            )
        ]  # fmt: skip

        assert whole["total"]["orders"] == 1
        assert counted == [1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    "query",
    ["?batch_id=x", "?since=now", "?account_id=DU1", "?limit=201", "?cursor=x", "?wait=1"],
)
async def test_a_query_that_is_not_understood_is_400(tmp_path: Path, query: str) -> None:
    async with open_front(tmp_path) as front:
        answer = await front.caller("trader").get(f"{REPORT}{query}")

        assert code(answer) == (400, "bad-request")
