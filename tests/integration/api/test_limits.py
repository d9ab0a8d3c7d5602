"""Limits that are set while the service runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from front import ORDERS, OTHER_ACCOUNT, Front, code, open_front, order, orders_of
from makers import ACCOUNT, NO_LIMITS
from paperdesk.domain.limits import Limits

LIMITS = f"/api/v1/accounts/{ACCOUNT}/limits"
CONFIGURED = Limits(max_order_quantity=1_000)


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Front]:
    """A service whose configuration limits an account."""
    async with open_front(tmp_path, limits={ACCOUNT: CONFIGURED}) as front:
        yield front


async def row_of(caller: httpx.AsyncClient, **target: Any) -> dict[str, Any]:
    answer = await caller.post(ORDERS, json=orders_of(order(**target)))
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = answer.json()["results"][0]
    return row


async def test_limits_hold_from_when_they_are_set_until_they_are_given_up(
    limited: Front,
) -> None:
    async with limited.caller("admin") as admin, limited.caller("trader") as trader:
        set_now = await admin.put(LIMITS, json={"max_order_quantity": 10})
        refused = await row_of(trader, quantity=11)
        preview = await trader.post(f"{ORDERS}/preview", json=orders_of(order(quantity=11)))
        passed = await row_of(trader, quantity=10)
        given_up = await admin.delete(LIMITS)
        again = await row_of(trader, quantity=1_011)

    assert set_now.json() == {
        "account_id": ACCOUNT,
        "limits": NO_LIMITS | {"max_order_quantity": 10},
        "limits_source": "api",
    }
    words = (
        "max_order_quantity is 10: this order is for 11; post a target that trades at most 10"
    )
    assert (refused["status"], refused["error_code"]) == ("error", "limit")
    assert words in refused["error"]
    assert words in preview.json()["results"][0]["error"]
    assert passed["ibkr_order_id"] is not None
    assert given_up.json()["limits_source"] == "configuration"
    assert "max_order_quantity is 1,000" in again["error"]


async def test_limits_survive_a_restart_and_say_where_they_come_from(tmp_path: Path) -> None:
    async with (
        open_front(tmp_path, limits={ACCOUNT: CONFIGURED}) as front,
        front.caller("admin") as admin,
    ):
        await admin.put(LIMITS, json={"allow_short": False})
    async with (
        open_front(tmp_path, limits={ACCOUNT: CONFIGURED}) as front,
        front.caller("trader") as trader,
    ):
        accounts = (await trader.get("/api/v1/accounts")).json()["accounts"]
        refused = await row_of(trader, quantity=-1)

    assert [row["limits_source"] for row in accounts] == ["api", "configuration"]
    assert accounts[0]["limits"] == NO_LIMITS | {"allow_short": False}
    assert "allow_short is false" in refused["error"]


async def test_what_is_set_is_the_whole_of_it(limited: Front) -> None:
    everything = {
        "max_order_quantity": 5, "max_order_notional": 1000.5, "max_position_notional": 2000,
        "max_gross_notional": 1e6, "max_orders_per_minute": 6, "max_orders_per_day": 7,
        "max_attempts_per_target": 8, "price_collar_pct": 2.5, "allow_short": False,
        "symbols": ["AAPL", "BRK.B"], "restricted_symbols": ["TSLA"],
    }  # fmt: skip
    async with limited.caller("admin") as admin:
        first = (await admin.put(LIMITS, json=everything)).json()["limits"]
        second = (await admin.put(LIMITS, json={})).json()["limits"]

    assert first == everything | {"max_gross_notional": 1_000_000, "symbols": ["AAPL", "BRK B"]}
    assert second == NO_LIMITS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"max_order_quantity": 0}, "max_order_quantity must be a whole number from 1"),
        ({"max_order_quantity": 1.5}, "must be a whole number"),
        ({"max_order_notional": "1"}, "must be a JSON number, not a string"),
        ({"max_order_notional": -1}, "must be a number above 0"),
        ({"price_collar_pct": 101}, "at most 100"),
        ({"symbols": []}, "must be a list of 1 to 1,000 entries"),
        ({"max_orders": 1}, "is not a known field: did you mean max_orders_per_"),
        ([], "The body must be a JSON object"),
    ],
)
async def test_limits_that_could_be_misread_are_refused_whole(
    limited: Front, body: Any, words: str
) -> None:
    async with limited.caller("admin") as admin:
        answer = await admin.put(LIMITS, json=body)
        accounts = (await admin.get("/api/v1/accounts")).json()["accounts"]

    assert code(answer) == (400, "bad-request")
    assert words in answer.json()["detail"]
    assert accounts[0]["limits_source"] == "configuration"


async def test_only_an_administrator_of_the_account_sets_its_limits(limited: Front) -> None:
    async with limited.caller("trader") as trader, limited.caller("warden") as warden:
        assert code(await trader.put(LIMITS, json={})) == (403, "forbidden")
        assert code(await warden.put(LIMITS, json={})) == (404, "not-found")
        own = LIMITS.replace(ACCOUNT, OTHER_ACCOUNT)
        assert (await warden.put(own, json={})).status_code == 200


async def test_a_change_is_in_the_trail_with_both_sides_in_numbers(limited: Front) -> None:
    async with limited.caller("admin") as admin:
        await admin.put(LIMITS, json={"max_order_notional": 0.5})
        trail = (await admin.get("/api/v1/audit", params={"action": "set_limits"})).json()

    (entry,) = trail["entries"]
    assert entry["account_id"] == ACCOUNT
    assert entry["before"] == NO_LIMITS | {"max_order_quantity": 1000}
    assert entry["after"] == NO_LIMITS | {"max_order_notional": float(Decimal("0.5"))}
