"""Whole answers of a service that trades, as contract.md writes them, and who may see what."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from front import (
    ORDERS,
    OTHER_ACCOUNT,
    Front,
    code,
    open_front,
    order,
    orders_of,
    until,
)
from makers import ACCOUNT, NO_LIMITS
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import Symbol

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What the contract always shows of a row; what follows there only where it applies.
RESULT = {
    "symbol", "current_pos", "desired_pos", "delta", "action", "qty", "order_type",
    "ibkr_order_id", "status",
}  # fmt: skip
ORDER = RESULT | {"perm_id", "filled_qty", "avg_fill_price", "commission"}
EXECUTION = {
    "exec_id", "account_id", "symbol", "conid", "side", "quantity", "price", "executed_at",
    "commission", "currency", "realized_pnl", "ibkr_order_id", "perm_id", "order_ref",
    "batch_id", "exchange",
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00")


@dataclass
class History:
    """What two clients have traded before the tests of this module: nothing of it changes.

    `mine` is the trader's, newest first: three fills of TSLA; `theirs` the rival's one of NVDA;
    `elsewhere` the trader's in the other account.
    """

    mine: list[str]
    theirs: str
    elsewhere: str


async def trade(caller: httpx.AsyncClient, *rows: dict[str, Any], **more: Any) -> Any:
    """Post a batch; return its state when all of it is final."""
    posted = await caller.post(ORDERS, json=orders_of(*rows, **more))
    assert posted.status_code == 200, posted.text
    shown = await caller.get(f"{ORDERS}/{posted.json()['batch_id']}?wait=20")
    assert shown.json()["summary"]["final"], shown.text
    return shown.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def history(front: Front) -> AsyncIterator[History]:
    trader, rival = front.caller("trader"), front.caller("rival")
    mine = [(await trade(trader, order("TSLA", n)))["batch_id"] for n in (1, 2, 3)]
    theirs = (await trade(rival, order("NVDA", 7)))["batch_id"]
    elsewhere = await trade(trader, order("TSLA", 9), account_id=OTHER_ACCOUNT)
    yield History(mine[::-1], theirs, elsewhere["batch_id"])


# ── One batch ─────────────────────────────────────────────────────────────────────────────────


async def test_a_batch_is_answered_as_the_contract_shows(
    trader: httpx.AsyncClient, front: Front
) -> None:
    front.gateway.set_price("MSFT", "420.00")
    front.gateway.hold_fills("MSFT")
    posted = await trader.post(
        ORDERS,
        json=orders_of(
            order("MSFT", 50),
            order("GOOG", 5, limit_price=10.50),
            order("META", 0),
            order("APPL", 1),
        ),
    )
    front.gateway.release_fills("MSFT")

    answer = posted.json()
    assert set(answer) == {"batch_id", "account_id", "submitted_at", "results"}
    assert re.fullmatch(r"[0-9a-f]{16}", answer["batch_id"])
    assert answer["account_id"] == ACCOUNT
    assert TIME.fullmatch(answer["submitted_at"])
    market, limited, unchanged, unknown = answer["results"]
    assert set(market) == RESULT
    assert market == market | {
        "symbol": "MSFT", "current_pos": 0, "desired_pos": 50, "delta": 50, "action": "BUY",
        "qty": 50, "order_type": "MKT", "status": "PreSubmitted",
    }  # fmt: skip
    assert isinstance(market["ibkr_order_id"], int)
    assert set(limited) == RESULT | {"limit_price"}
    assert (limited["order_type"], limited["limit_price"]) == ("LMT", 10.5)
    assert limited["status"] in {"PreSubmitted", "Submitted"}
    assert unchanged == {
        "symbol": "META", "current_pos": 0, "desired_pos": 0, "delta": 0, "action": None,
        "qty": 0, "order_type": None, "ibkr_order_id": None, "status": "no_change",
    }  # fmt: skip
    assert set(unknown) == RESULT | {"error", "error_code"}
    assert (unknown["status"], unknown["error_code"]) == ("error", "unknown-symbol")
    assert "AAPL" in unknown["error"]


async def test_a_filled_batch_is_shown_as_the_contract_shows(trader: httpx.AsyncClient) -> None:
    shown = await trade(trader, order("AMD", 50), order("NOPE", 1))

    assert set(shown) == {
        "batch_id", "account_id", "client", "submitted_at", "summary", "orders",
    }  # fmt: skip
    assert (shown["account_id"], shown["client"]) == (ACCOUNT, "trader")
    assert shown["summary"] == {"final": True, "on_target": False, "short": ["NOPE"]}
    filled, unknown = shown["orders"]
    assert set(filled) == ORDER
    assert filled == filled | {
        "symbol": "AMD", "status": "Filled", "filled_qty": 50, "commission": 0.35,
        "delta": 50, "action": "BUY", "qty": 50, "order_type": "MKT", "current_pos": 0,
        "desired_pos": 50,
    }  # fmt: skip
    assert isinstance(filled["ibkr_order_id"], int)
    assert isinstance(filled["perm_id"], int)
    assert filled["avg_fill_price"] > 0
    assert set(unknown) == ORDER | {"error", "error_code"}
    assert (unknown["filled_qty"], unknown["avg_fill_price"]) == (0, None)


async def test_a_withdrawn_batch_is_answered_as_the_contract_shows(
    trader: httpx.AsyncClient, front: Front
) -> None:
    posted = await trader.post(
        ORDERS,
        json=orders_of(
            order("INTC", 5, limit_price=1),
            order("QCOM", 2),
            order("CSCO", 0),
            order("NOPE", 1),
        ),
    )
    path = f"{ORDERS}/{posted.json()['batch_id']}"
    filled = posted.json()["results"][1]["ibkr_order_id"]
    await until(lambda: front.gateway.position(ACCOUNT, "QCOM") == 2)
    answers = [
        await trader.delete(path),
        await trader.delete(path),
        await trader.post(f"{path}/cancel"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json() == {
        "batch_id": posted.json()["batch_id"],
        "results": [
            {
                "symbol": "INTC", "cancelled": True, "status": "Cancelled", "filled_qty": 0,
                "ibkr_order_id": posted.json()["results"][0]["ibkr_order_id"],
            },
            {
                "symbol": "QCOM", "cancelled": False, "status": "Filled", "filled_qty": 2,
                "ibkr_order_id": filled,
            },
        ],
    }  # fmt: skip
    assert answers[0].json() == answers[1].json() == answers[2].json()


async def test_a_symbol_is_answered_in_ibkrs_spelling_beside_the_callers(
    trader: httpx.AsyncClient, front: Front
) -> None:
    posted = await trader.post(ORDERS, json=orders_of(order("brk.b", 3), order("BF B", 0)))
    shown = await trader.get(f"{ORDERS}/{posted.json()['batch_id']}?wait=10")

    for rows in (posted.json()["results"], shown.json()["orders"]):
        assert [row["symbol"] for row in rows] == ["BRK B", "BF B"]
        assert rows[0]["requested_symbol"] == "brk.b"
        assert "requested_symbol" not in rows[1]
    assert "BRK B" in {frame.fields[3] for frame in front.gateway.frames("placeOrder")}


async def test_a_preview_is_answered_as_the_contract_shows(trader: httpx.AsyncClient) -> None:
    response = await trader.post(
        f"{ORDERS}/preview",
        json=orders_of(order("IBM", 10), order("ORCL", 4, limit_price=25), order("NOPE", 1)),
    )

    answer = response.json()
    assert set(answer) == {
        "preview_id", "account_id", "results", "estimated_notional",
        "estimated_send_seconds",
    }  # fmt: skip
    assert re.fullmatch(r"[0-9a-f]+", answer["preview_id"])
    market, limited, unknown = answer["results"]
    assert set(market) == RESULT | {"reference_price", "estimated_notional"}
    assert market == market | {
        "symbol": "IBM", "current_pos": 0, "desired_pos": 10, "delta": 10, "action": "BUY",
        "qty": 10, "order_type": "MKT", "ibkr_order_id": None, "status": "PendingSubmit",
    }  # fmt: skip
    assert market["estimated_notional"] == pytest.approx(10 * market["reference_price"])
    assert (limited["limit_price"], limited["estimated_notional"]) == (25, 100)
    assert (unknown["error_code"], unknown["reference_price"]) == ("unknown-symbol", None)
    assert answer["estimated_notional"] == pytest.approx(market["estimated_notional"] + 100)
    assert answer["estimated_send_seconds"] >= 0


# ── Waiting ───────────────────────────────────────────────────────────────────────────────────


async def test_wait_on_a_get_lasts_until_all_is_final_and_paid(
    trader: httpx.AsyncClient, front: Front
) -> None:
    front.gateway.hold_fills("ADBE")
    posted = await trader.post(ORDERS, json=orders_of(order("ADBE", 3)))
    path = f"{ORDERS}/{posted.json()['batch_id']}"
    in_vain = await trader.get(f"{path}?wait=0.2")
    waiting = asyncio.create_task(trader.get(f"{path}?wait=30"))
    await asyncio.sleep(0.1)
    is_answered = waiting.done()
    front.gateway.release_fills("ADBE")
    done = await waiting

    assert in_vain.status_code == 200
    assert in_vain.json()["summary"] == {"final": False, "on_target": False, "short": []}
    assert not is_answered
    assert done.json()["orders"][0]["status"] == "Filled"
    assert done.json()["orders"][0]["commission"] is not None


async def test_wait_on_a_post_is_how_long_a_first_status_is_waited_for(
    trader: httpx.AsyncClient, front: Front
) -> None:
    front.gateway.silence()
    at_once = await trader.post(f"{ORDERS}?wait=0", json=orders_of(order("PEP", 3)))
    waiting = asyncio.create_task(
        trader.post(f"{ORDERS}?wait=30", json=orders_of(order("KO", 3)))
    )
    await asyncio.sleep(0.1)
    is_answered = waiting.done()
    front.gateway.resume()
    waited = await waiting

    assert at_once.json()["results"] == [
        {
            "symbol": "PEP", "current_pos": None, "desired_pos": 3, "delta": None,
            "action": None, "qty": None, "order_type": None, "ibkr_order_id": None,
            "status": "PendingSubmit", "provisional": True,
        }
    ]  # fmt: skip
    assert not is_answered
    assert waited.json()["results"][0]["ibkr_order_id"] is not None
    assert waited.json()["results"][0]["status"] != "PendingSubmit"


# ── Accounts, positions, executions ───────────────────────────────────────────────────────────


async def test_positions_are_answered_as_the_contract_shows(
    front: Front, history: History
) -> None:
    response = await front.caller("reader").get(
        "/api/v1/positions", params={"account_id": OTHER_ACCOUNT}
    )

    answer = response.json()
    assert set(answer) == {
        "account_id", "positions", "other_positions", "net_liquidation", "updated_at",
    }  # fmt: skip
    assert answer["account_id"] == OTHER_ACCOUNT
    assert answer["other_positions"] == []
    assert answer["net_liquidation"] > 0
    assert TIME.fullmatch(answer["updated_at"])
    (row,) = answer["positions"]
    assert set(row) == {
        "symbol", "quantity", "avg_cost", "conid", "market_price", "market_value",
        "unrealized_pnl",
    }  # fmt: skip
    assert (row["symbol"], row["quantity"]) == ("TSLA", 9)


async def test_positions_are_by_symbol_and_never_zero(trader: httpx.AsyncClient) -> None:
    await trade(trader, order("XOM", 2), order("CVX", 3))
    await trade(trader, order("XOM", 0))
    answer = (await trader.get("/api/v1/positions")).json()

    symbols = [row["symbol"] for row in answer["positions"]]
    assert symbols == sorted(symbols)
    assert "CVX" in symbols
    assert "XOM" not in symbols


async def test_accounts_are_those_of_the_key_as_the_contract_shows(front: Front) -> None:
    of_both = (await front.caller("reader").get("/api/v1/accounts")).json()
    of_one = (await front.caller("other").get("/api/v1/accounts")).json()

    assert [row["account_id"] for row in of_both["accounts"]] == [ACCOUNT, OTHER_ACCOUNT]
    (row,) = of_one["accounts"]
    assert row.pop("net_liquidation") > 0
    assert row == {
        "account_id": OTHER_ACCOUNT, "type": "Paper", "default": False, "connected": True,
        "reason": None, "halted": False, "locks": [], "limits": NO_LIMITS,
        "limits_source": "configuration",
    }  # fmt: skip


async def test_an_account_shows_the_limits_that_were_configured(tmp_path: Path) -> None:
    limits = Limits(
        max_order_notional=Decimal("250000.50"), symbols=frozenset({Symbol("MSFT")})
    )
    async with open_front(tmp_path, limits={ACCOUNT: limits}) as limited:
        answer = (await limited.caller("reader").get("/api/v1/accounts")).json()

    shown = [row["limits"] for row in answer["accounts"]]
    assert shown == [
        NO_LIMITS | {"max_order_notional": 250000.5, "symbols": ["MSFT"]}, NO_LIMITS,
    ]  # fmt: skip


async def test_health_maps_each_account_to_whether_it_is_up(anyone: httpx.AsyncClient) -> None:
    assert (await anyone.get("/health")).json() == {
        "status": "ok", "accounts": {ACCOUNT: True, OTHER_ACCOUNT: True},
    }  # fmt: skip


async def test_an_execution_is_answered_whole(
    trader: httpx.AsyncClient, history: History
) -> None:
    query = {"symbol": "tsla", "account_id": ACCOUNT}
    answer = (await trader.get("/api/v1/executions", params=query)).json()

    assert set(answer) == {"executions", "next_cursor"}
    assert answer["next_cursor"] is None
    assert [row["batch_id"] for row in answer["executions"]] == history.mine
    row = answer["executions"][0]
    assert set(row) == EXECUTION
    assert row == row | {
        "account_id": ACCOUNT, "symbol": "TSLA", "side": "BUY", "quantity": 1,
        "commission": 0.35, "currency": "USD",
    }  # fmt: skip
    assert TIME.fullmatch(row["executed_at"])


async def test_executions_are_account_wide_but_do_not_name_anothers_batch(
    front: Front, history: History
) -> None:
    shown = {}
    for name in ("rival", "trader", "auditor", "admin"):
        answer = await front.caller(name).get("/api/v1/executions?symbol=NVDA")
        (shown[name],) = answer.json()["executions"]

    assert shown["trader"] == shown["rival"] | {"batch_id": None, "order_ref": None}
    assert shown["rival"] == shown["auditor"] == shown["admin"]
    assert shown["rival"]["batch_id"] == history.theirs
    assert history.theirs in shown["rival"]["order_ref"]


@pytest.mark.parametrize("zone", ["Z", "%2B00:00", "+00:00"])
async def test_since_is_understood_in_three_spellings(
    trader: httpx.AsyncClient, history: History, zone: str
) -> None:
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    path = f"/api/v1/executions?symbol=TSLA&account_id={ACCOUNT}&since="
    found = [
        await trader.get(f"{path}{(now + timedelta(hours=hours)).isoformat()}{zone}")
        for hours in (-1, 1)
    ]

    assert [len(answer.json()["executions"]) for answer in found] == [3, 0]


# ── Listings ──────────────────────────────────────────────────────────────────────────────────


async def test_batches_are_listed_page_by_page_newest_first(
    front: Front, history: History
) -> None:
    auditor, pages, cursor = front.caller("auditor"), [], None
    while True:
        query: dict[str, Any] = {"client": "trader", "limit": 2, "account_id": ACCOUNT}
        page = await auditor.get(ORDERS, params=query | ({"cursor": cursor} if cursor else {}))
        assert set(page.json()) == {"batches", "next_cursor"}
        pages.append(page.json()["batches"])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break

    rows = [row for page in pages for row in page]
    identities = [row["batch_id"] for row in rows]
    assert all(len(page) == 2 for page in pages[:-1])
    assert len(set(identities)) == len(identities)
    assert [row for row in identities if row in history.mine] == history.mine
    assert set(rows[0]) == {"batch_id", "account_id", "client", "submitted_at"}
    assert {(row["client"], row["account_id"]) for row in rows} == {("trader", ACCOUNT)}
    assert [row["submitted_at"] for row in rows] == sorted(
        (row["submitted_at"] for row in rows), reverse=True
    )


async def test_executions_are_listed_page_by_page_newest_first(
    trader: httpx.AsyncClient, history: History
) -> None:
    query = {"symbol": "TSLA", "limit": "1", "account_id": ACCOUNT}
    found, cursor = [], ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        page = (await trader.get("/api/v1/executions", params=query | more)).json()
        found += [row["batch_id"] for row in page["executions"]]
        cursor = page["next_cursor"]

    assert found == history.mine


async def test_a_cursor_of_another_listing_is_400(
    trader: httpx.AsyncClient, history: History
) -> None:
    page = (await trader.get(f"{ORDERS}?limit=1")).json()
    response = await trader.get("/api/v1/executions", params={"cursor": page["next_cursor"]})

    assert code(response) == (400, "bad-request")


async def test_a_listing_is_of_the_account_that_is_named(
    trader: httpx.AsyncClient, history: History
) -> None:
    listed = await trader.get(ORDERS, params={"account_id": OTHER_ACCOUNT})
    executed = await trader.get(
        "/api/v1/executions", params={"account_id": OTHER_ACCOUNT, "symbol": "TSLA"}
    )

    assert [row["batch_id"] for row in listed.json()["batches"]] == [history.elsewhere]
    assert [row["batch_id"] for row in executed.json()["executions"]] == [history.elsewhere]


async def test_a_key_of_one_account_sees_nothing_of_the_other(
    front: Front, history: History
) -> None:
    executed = await front.caller("other").get("/api/v1/executions?limit=200")

    accounts = {row["account_id"] for row in executed.json()["executions"]}
    assert accounts == {OTHER_ACCOUNT}


# ── Who may see and do what ───────────────────────────────────────────────────────────────────


async def test_another_clients_batch_is_404(front: Front, history: History) -> None:
    trader, path = front.caller("trader"), f"{ORDERS}/{history.theirs}"
    answers = [
        await trader.get(path),
        await trader.get(f"{path}?wait=1"),
        await trader.delete(path),
        await trader.post(f"{path}/cancel"),
    ]
    listed = await trader.get(ORDERS, params={"limit": 200})
    asked = await trader.get(ORDERS, params={"client": "rival"})

    assert {code(answer) for answer in answers} == {(404, "not-found")}
    assert {row["client"] for row in listed.json()["batches"]} == {"trader"}
    assert asked.json() == {"batches": [], "next_cursor": None}


async def test_an_auditor_sees_every_batch_and_may_cancel_none(
    front: Front, history: History
) -> None:
    auditor = front.caller("auditor")
    listed = await auditor.get(ORDERS, params={"limit": 200})
    shown = await auditor.get(f"{ORDERS}/{history.theirs}")
    cancelled = await auditor.delete(f"{ORDERS}/{history.theirs}")

    assert {row["client"] for row in listed.json()["batches"]} >= {"trader", "rival"}
    assert shown.json()["client"] == "rival"
    assert code(cancelled) == (403, "forbidden")


async def test_an_admin_may_cancel_the_batch_of_any_client(front: Front) -> None:
    posted = await front.caller("trader").post(
        ORDERS, json=orders_of(order("WMT", 5, limit_price=1))
    )
    path = f"{ORDERS}/{posted.json()['batch_id']}"
    response = await front.caller("admin").delete(path)
    shown = await front.caller("trader").get(path)

    assert [row["cancelled"] for row in response.json()["results"]] == [True]
    assert shown.json()["orders"][0]["status"] == "Cancelled"


async def test_every_scope_may_read_and_only_some_may_trade(front: Front) -> None:
    statuses = {}
    for name in ("reader", "auditor", "trader", "admin"):
        caller = front.caller(name)
        read = await caller.get(ORDERS)
        traded = await caller.post(ORDERS, json=orders_of(order("T", 1)))
        statuses[name] = (read.status_code, traded.status_code)

    assert statuses == {
        "reader": (200, 403), "auditor": (200, 403), "trader": (200, 200), "admin": (200, 200),
    }  # fmt: skip
