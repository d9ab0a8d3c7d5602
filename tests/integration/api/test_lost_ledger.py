"""A ledger that cannot be written for a while, over HTTP. Each on its own service."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from front import BODY, BOTH, ORDERS, Front, code, open_front, order, orders_of
from makers import ACCOUNT
from paperdesk.config import DeskSettings

SOON = DeskSettings(halt_after_ledger_loss=1.5)
# Arithmetic that fails: the database refuses the statement, as it does on a full disk.
FAILS = "BEGIN SELECT abs(-9223372036854775808); END"


@contextmanager
def full_disk(front: Front) -> Iterator[None]:
    """Let nothing be written any more; what is written already can be read."""
    front.execute(f"CREATE TRIGGER full_events BEFORE INSERT ON events {FAILS}")
    front.execute(f"CREATE TRIGGER full_owner BEFORE UPDATE ON owner {FAILS}")
    yield
    front.execute("DROP TRIGGER full_events")
    front.execute("DROP TRIGGER full_owner")


def kinds(front: Front) -> list[str]:
    """Return the kinds of all events."""
    with closing(sqlite3.connect(front.ledger)) as file:
        return [kind for (kind,) in file.execute("SELECT kind FROM events ORDER BY seq")]


async def halts(caller: httpx.AsyncClient) -> dict[str, Any]:
    """Return the halts that stand, by account."""
    rows = (await caller.get("/api/v1/accounts")).json()["accounts"]
    return {row["account_id"]: row["halt"] for row in rows if row["halted"]}


async def halted(caller: httpx.AsyncClient) -> dict[str, Any]:
    """Return the halts once there are any."""
    async with asyncio.timeout(10):
        while not (found := await halts(caller)):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)
    return found


async def test_every_account_is_halted_after_the_ledger_was_locked_for_long(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path, desk=SOON) as front:
        trader = front.caller("trader")
        with front.locked():
            refused = await trader.post(ORDERS, content=BODY)
            await asyncio.sleep(2)
        await halted(trader)
        found = await halts(
            trader
        )  # accounts are read one by one: the first may have been early
        after = await trader.post(ORDERS, content=BODY)

        assert code(refused) == (503, "ledger-unavailable")
        assert set(found) == set(BOTH)
        assert {halt["by"] for halt in found.values()} == {"paperdesk"}
        assert {halt["mode"] for halt in found.values()} == {"all"}
        assert "the ledger could not be written for" in found[ACCOUNT]["reason"]
        assert code(after) == (409, "halted")
        assert front.sent() == 0


async def test_a_ledger_that_was_locked_for_a_moment_resumes_by_itself(
    tmp_path: Path,
) -> None:
    patient = DeskSettings(halt_after_ledger_loss=5)
    async with open_front(tmp_path, desk=patient) as front:
        trader = front.caller("trader")
        with front.locked():
            refused = await trader.post(ORDERS, content=BODY)
        await asyncio.sleep(6)
        accepted = await trader.post(ORDERS, content=BODY)

        assert code(refused) == (503, "ledger-unavailable")
        assert accepted.status_code == 200
        assert await halts(trader) == {}


async def test_an_order_that_waits_for_a_full_disk_never_leaves_and_says_so(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path, desk=SOON) as front:
        trader = front.caller("trader")
        held = await trader.post(ORDERS, json=orders_of(order(quantity=10)))
        assert held.json()["results"][0]["status"] == "Filled"
        front.desk._lanes[ACCOUNT].pacer.pause(1)
        posted = await trader.post(f"{ORDERS}?wait=0", content=BODY)
        await asyncio.sleep(0.3)
        with full_disk(front):
            await asyncio.sleep(3.5)
            written = len(kinds(front))
        await halted(trader)
        shown = await trader.get(f"{ORDERS}/{posted.json()['batch_id']}?wait=10")

        (row,) = shown.json()["orders"]
        assert (row["status"], row["error_code"]) == ("Cancelled", "halted")
        assert "could not be written" in row["error"]
        assert front.sent() == 1
        assert kinds(front)[written : written + 2] == ["halted", "halted"]


async def test_a_key_that_cannot_be_looked_up_is_believed_for_five_seconds(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front, front.caller("admin") as admin:
        made = (await admin.post("/api/v1/keys", json={"name": "bot"})).json()
        bot = front.caller()
        bot.headers["X-API-Key"] = made["key"]
        assert (await bot.get(ORDERS)).status_code == 200
        front.execute("ALTER TABLE api_keys RENAME TO elsewhere")
        began = asyncio.get_running_loop().time()
        while (refused := await bot.get(ORDERS)).status_code == 200:
            assert asyncio.get_running_loop().time() - began < 7
            await asyncio.sleep(0.1)
        lasted = asyncio.get_running_loop().time() - began
        configured = await admin.get(ORDERS)
        front.execute("ALTER TABLE elsewhere RENAME TO api_keys")
        again = await bot.get(ORDERS)

    assert lasted > 3  # it was asked in vain by then
    assert code(refused) == (503, "ledger-unavailable")
    assert configured.status_code == again.status_code == 200
