"""Five unmodified clients play the same session against one twsim, and see the same."""

from __future__ import annotations

import pytest

from clients.runner import CLIENTS, Step, account_of, play_all

# The session as every client must tell it.
SESSION: tuple[Step, ...] = (
    {"step": "connect", "server_version": 178, "accounts": [account_of(c) for c in CLIENTS]},
    {
        "step": "contract",
        "con_id": 265598,
        "symbol": "AAPL",
        "primary_exchange": "NASDAQ",
        "long_name": "Apple Inc.",
        "stock_type": "COMMON",
        "min_tick": 0.01,
    },
    {
        "step": "fill",
        "statuses": ["PreSubmitted", "Filled"],
        "filled": 10,
        "remaining": 0,
        "average_price": 150.01,
        "side": "BOT",
        "shares": 10,
        "price": 150.01,
        "order_ref": "session-fill",
        "commission": 0.35,
    },
    {"step": "rest", "statuses": ["Submitted"], "limit": 100.25, "remaining": 20},
    {"step": "modify", "status": "Submitted", "limit": 101.5, "same_order": True},
    {"step": "cancel", "status": "Cancelled", "errors": [[202, "Order Canceled - reason:"]]},
    {
        "step": "what_if",
        "status": "PreSubmitted",
        "margin_before": 375,
        "margin_change": 3750,
        "margin_after": 4125,
        "commission": 0.35,
        "open_orders": 0,
    },
    {"step": "positions", "rows": [["AAPL", 10, 150.045]]},
    {
        "step": "summary",
        "values": {
            "AccountType": "INDIVIDUAL",
            "BuyingPower": "3998498.20",
            "GrossPositionValue": "1500.00",
            "NetLiquidation": "999999.55",
            "TotalCashValue": "998499.55",
        },
    },
    {"step": "executions", "rows": [["BOT", 10, 150.01, "session-fill", 0.35]]},
    {"step": "disconnect", "connected": False},
)

_NEW_FILLS = (
    "it returns new fills, and joins the commission to the one that it knew: the report is "
    "there, in ib.fills()"
)
# Where a client differs, what it says instead, and why that is the client's own way.
DIFFERENCES: dict[str, dict[tuple[str, str], tuple[object, str]]] = {
    "ib_async": {
        ("executions", "rows"): ([["BOT", 10, 150.01, "session-fill", 0.0]], _NEW_FILLS),
    },
    "ib_insync": {
        ("connect", "server_version"): (176, "the highest version that it speaks"),
        ("executions", "rows"): ([["BOT", 10, 150.01, "session-fill", 0.0]], _NEW_FILLS),
    },
    "ibapi_9": {
        ("connect", "server_version"): (157, "the highest version that it speaks"),
    },
    "ibapi_10": {},
    "stoqey": {},
}


def expected(client: str) -> list[Step]:
    differs = DIFFERENCES[client]
    return [
        {key: differs.get((str(step["step"]), key), (value,))[0] for key, value in step.items()}
        for step in SESSION
    ]


@pytest.mark.timeout(240)
async def test_five_unmodified_clients_see_the_same_session() -> None:
    told = await play_all()

    assert list(told) == list(DIFFERENCES)
    for client, steps in told.items():
        assert steps == expected(client), client
