"""What is answered while the gateway is away, and how such a request is judged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from front import ORDERS, Front, code, open_front, order, orders_of
from paperdesk.config import DeskSettings
from twsim import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

MSFT = orders_of(order("MSFT", 5))
TOO_MANY = orders_of(*(order(f"S{number}", 1) for number in range(300)))
KEY = {"Idempotency-Key": "of-the-first"}


@dataclass
class Down:
    """A service whose gateway has gone, and the answer it gave before."""

    front: Front
    trader: httpx.AsyncClient
    first: httpx.Response

    @property
    def batch_path(self) -> str:
        return f"{ORDERS}/{self.first.json()['batch_id']}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def down(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Down]:
    home = tmp_path_factory.mktemp("down")
    slow = DeskSettings(max_send_delay=10)
    async with (
        Gateway() as gateway,
        open_front(home, gateway=gateway, desk=slow, per_second=20) as front,
    ):
        trader = front.caller("trader")
        first = await trader.post(ORDERS, json=orders_of(order("AAPL", 40)), headers=KEY)
        batch = f"{ORDERS}/{first.json()['batch_id']}?wait=10"
        assert (await trader.get(batch)).json()["summary"]["on_target"]
        assert (await trader.get("/api/v1/positions")).status_code == 200
        await gateway.stop()
        await front.until_health(up=False)
        yield Down(front, trader, first)


async def test_a_batch_is_500_that_says_when_and_nothing_is_stored(down: Down) -> None:
    stored = down.front.stored()
    response = await down.trader.post(ORDERS, json=MSFT)

    assert code(response) == (500, "broker-unavailable")
    assert int(response.headers["retry-after"]) > 0
    assert "nothing was placed" in response.json()["detail"]
    assert down.front.stored() == stored


async def test_a_preview_is_500_that_says_when(down: Down) -> None:
    response = await down.trader.post(f"{ORDERS}/preview", json=MSFT)

    assert code(response) == (500, "broker-unavailable")
    assert int(response.headers["retry-after"]) > 0


async def test_health_is_200_and_says_false_and_nothing_else(down: Down) -> None:
    response = await down.front.caller().get("/health")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "accounts": {"DU8730189": False, "DUP203550": False},
    }


async def test_readiness_is_503_and_says_what_is_missing(down: Down) -> None:
    response = await down.front.caller().get("/readyz")

    assert code(response) == (503, "not-ready")
    assert response.headers["retry-after"] == "1"
    assert "no account is up" in response.json()["detail"]
    assert (await down.front.caller().get("/livez")).status_code == 200


async def test_an_account_says_why_it_is_not_connected(down: Down) -> None:
    accounts = (await down.trader.get("/api/v1/accounts")).json()["accounts"]

    assert [account["connected"] for account in accounts] == [False, False]
    assert all(account["reason"] for account in accounts)


@pytest.mark.parametrize("path", ["", "?wait=0.1"])
async def test_what_the_ledger_knows_is_200(down: Down, path: str) -> None:
    shown = await down.trader.get(f"{down.batch_path}{path}")
    listed = await down.trader.get(ORDERS)
    executed = await down.trader.get("/api/v1/executions")

    assert shown.status_code == listed.status_code == executed.status_code == 200
    assert shown.json()["orders"][0]["status"] == "Filled"
    assert len(listed.json()["batches"]) == 1
    assert executed.json()["executions"]


async def test_positions_are_500_or_the_last_known_ones_where_those_will_do(
    down: Down,
) -> None:
    refused = await down.trader.get("/api/v1/positions")
    stale = await down.trader.get("/api/v1/positions?allow_stale=true")

    assert code(refused) == (500, "broker-unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert stale.status_code == 200
    assert stale.json()["stale"] is True
    assert [row["quantity"] for row in stale.json()["positions"]] == [40]


async def test_a_replay_needs_no_gateway(down: Down) -> None:
    again = await down.trader.post(ORDERS, json=orders_of(order("AAPL", 40)), headers=KEY)

    assert again.status_code == 200
    assert again.content == down.first.content
    assert again.headers["idempotency-replayed"] == "true"


async def test_idempotency_comes_before_500(down: Down) -> None:
    response = await down.trader.post(ORDERS, json=MSFT, headers=KEY)

    assert code(response) == (422, "idempotency-mismatch")


async def test_400_comes_before_429_and_500(down: Down) -> None:
    waits_too_long = await down.trader.post(f"{ORDERS}?wait=99", json=TOO_MANY)
    has_no_orders = await down.trader.post(ORDERS, json=orders_of())

    assert code(waits_too_long) == (400, "bad-request")
    assert code(has_no_orders) == (400, "bad-request")


async def test_429_comes_before_500(down: Down) -> None:
    response = await down.trader.post(ORDERS, json=TOO_MANY)

    assert code(response) == (429, "too-many-requests")
    assert int(response.headers["retry-after"]) > 0


async def test_a_final_batch_can_still_be_withdrawn(down: Down) -> None:
    response = await down.trader.delete(down.batch_path)

    assert response.status_code == 200
    assert [row["cancelled"] for row in response.json()["results"]] == [False]
