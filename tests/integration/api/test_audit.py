"""The audit trail over HTTP: what is in it, and who may read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from front import ORDERS, OTHER_ACCOUNT, Front, code, open_front, order, orders_of
from makers import ACCOUNT

AUDIT = "/api/v1/audit"
REASON = {"reason": "drill"}


async def entries(caller: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await caller.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def test_every_change_of_a_day_is_in_the_trail(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front, front.caller("admin") as admin:
        async with front.caller("trader") as trader:
            batch = (await trader.post(ORDERS, json=orders_of(order()))).json()["batch_id"]
            await trader.delete(f"{ORDERS}/{batch}")
            await trader.post(f"/api/v1/accounts/{ACCOUNT}/halt", json=REASON)
        await admin.post(f"/api/v1/accounts/{ACCOUNT}/resume", json=REASON)
        await admin.post("/api/v1/halt", json=REASON)
        await admin.post("/api/v1/resume", json=REASON)
        await admin.put(f"/api/v1/accounts/{ACCOUNT}/limits", json={})
        key = (await admin.post("/api/v1/keys", json={"name": "bot"})).json()["id"]
        await admin.post(f"/api/v1/keys/{key}/rotate", json={})
        await admin.delete(f"/api/v1/keys/{key}")
        async with front.caller("auditor") as auditor:
            found = await entries(auditor)

    assert [(entry["client"], entry["action"], entry["account_id"]) for entry in found] == [
        ("admin", "revoke_key", None),
        ("admin", "rotate_key", None),
        ("admin", "create_key", None),
        ("admin", "set_limits", ACCOUNT),
        ("admin", "resume", None),
        ("admin", "halt", None),
        ("admin", "resume", ACCOUNT),
        ("trader", "halt", ACCOUNT),
        ("trader", "cancel", ACCOUNT),
        ("trader", "submit", ACCOUNT),
        ("paperdesk", "adopt_position", OTHER_ACCOUNT),
        ("paperdesk", "adopt_position", ACCOUNT),
    ]
    assert [entry["number"] for entry in found] == list(range(12, 0, -1))
    assert {entry["source"] for entry in found[:10]} == {"127.0.0.1"}
    assert all(entry["request_id"] for entry in found[:10])
    assert {(e["batch_id"], e["action"]) for e in found if e["batch_id"]} == {
        (batch, "submit"),
        (batch, "cancel"),
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_the_trail_is_read_in_pages(front: Front) -> None:
    async with front.caller("admin") as admin:
        for _ in range(3):
            await admin.put(f"/api/v1/accounts/{ACCOUNT}/limits", json={})
        whole = await entries(admin, limit=200)
        read: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while len(read) < len(whole):
            page = (await admin.get(AUDIT, params={"limit": 2, **cursor})).json()
            read += page["entries"]
            cursor = {"cursor": page["next_cursor"]}

    assert read == whole
    assert cursor == {"cursor": None}


@pytest.mark.asyncio(loop_scope="module")
async def test_what_concerns_no_one_account_is_for_who_may_use_them_all(
    front: Front,
) -> None:
    async with front.caller("admin") as admin, front.caller("warden") as warden:
        await admin.post("/api/v1/keys", json={"name": "for-the-trail"})
        await admin.put(f"/api/v1/accounts/{ACCOUNT}/limits", json={})
        await admin.put(f"/api/v1/accounts/{OTHER_ACCOUNT}/limits", json={})
        seen = await entries(warden, limit=200)
        every = await entries(admin, limit=200)
        named = await entries(admin, account_id=OTHER_ACCOUNT, limit=200)
        refused = await warden.get(AUDIT, params={"account_id": ACCOUNT})

    assert {entry["account_id"] for entry in seen} == {OTHER_ACCOUNT}
    assert {entry["account_id"] for entry in every} == {ACCOUNT, OTHER_ACCOUNT, None}
    assert named == seen
    assert code(refused) == (400, "bad-request")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["trader", "reader"])
async def test_the_trail_needs_its_scope(front: Front, name: str) -> None:
    async with front.caller(name) as caller:
        assert code(await caller.get(AUDIT)) == (403, "forbidden")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"action": "trade"}, "action must be one of submit, cancel, halt"),
        ({"since": "yesterday"}, "is not a time"),
        ({"cursor": "MQ"}, "is none of this listing"),
    ],
)
async def test_a_wrong_question_says_what_is_right(
    front: Front, query: dict[str, str], words: str
) -> None:
    async with front.caller("auditor") as auditor:
        answer = await auditor.get(AUDIT, params=query)

    assert code(answer) == (400, "bad-request")
    assert words in answer.json()["detail"]
