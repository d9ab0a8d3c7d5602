"""API keys over HTTP: who makes them, how far they reach, when they open no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from front import ORDERS, OTHER_ACCOUNT, Front, code, order, orders_of
from makers import ACCOUNT
from paperdesk.domain.keys import recognised
from paperdesk.domain.vocabulary import ClientName, KeyId

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = "/api/v1/keys"


@pytest.fixture
async def admin(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with front.caller("admin") as caller:
        yield caller


async def make(admin: httpx.AsyncClient, name: str, **more: Any) -> dict[str, Any]:
    """Make a key, and return the answer."""
    answer = await admin.post(KEYS, json={"name": name, **more})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def with_key(front: Front, made: dict[str, Any]) -> httpx.AsyncClient:
    caller = front.caller()
    caller.headers["X-API-Key"] = made["key"]
    return caller


async def listed(admin: httpx.AsyncClient, name: str) -> list[dict[str, Any]]:
    keys = (await admin.get(KEYS)).json()["keys"]
    return [key for key in keys if key["name"] == name]


# ── Making ────────────────────────────────────────────────────────────────────────────────────


async def test_a_key_trades_for_its_client_from_when_it_is_made(
    front: Front, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, "momentum")

    assert recognised(made["key"]) == made["id"]
    assert (made["scopes"], made["accounts"], made["status"]) == (["trade"], None, "active")
    async with with_key(front, made) as bot:
        batch = (await bot.post(ORDERS, json=orders_of(order()))).json()
        shown = (await bot.get(f"{ORDERS}/{batch['batch_id']}")).json()
    assert shown["client"] == "momentum"


async def test_the_text_of_a_key_is_told_once(front: Front, admin: httpx.AsyncClient) -> None:
    made = await make(admin, "told-once")

    everything = (await admin.get(KEYS)).text + (await admin.get("/api/v1/audit")).text
    assert made["key"] not in everything
    assert made["key"].encode() not in front.ledger.read_bytes()
    assert made["id"] in everything


async def test_the_keys_of_the_configuration_are_listed_too(
    admin: httpx.AsyncClient,
) -> None:
    (trader,) = await listed(admin, "trader")

    assert (trader["id"], trader["created_by"]) == (None, "configuration")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name is missing"),
        ({"name": "a b"}, "name must be 1 to 64 letters, digits"),
        ({"name": "paperdesk"}, "paperdesk is the service's own: give another"),
        ({"name": "operator"}, "operator is the service's own: give another"),
        ({"name": "trader"}, "trader is a client of the configuration: give another"),
        ({"name": "x", "scopes": ["root"]}, "scopes must be one of read, trade, audit, admin"),
        ({"name": "x", "scopes": []}, "scopes must be a list of 1 to 1,000 entries"),
        ({"name": "x", "accounts": ["DU1"]}, "must be among those of your own key"),
        ({"name": "x", "accounts": ["\u0001"]}, "which is no account"),
        ({"name": "x", "symbols": ["AAPL", "aapl"]}, "names an entry twice"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "has passed"),
        (
            {"name": "x", "scopes": ["admin"], "symbols": ["AAPL"]},
            "scope admin has no such bounds",
        ),
        ({"name": "x", "scope": "trade"}, "did you mean scopes?"),
    ],
)
async def test_a_key_that_cannot_be_made_says_why(
    admin: httpx.AsyncClient, body: dict[str, Any], words: str
) -> None:
    before = (await admin.get(KEYS)).json()
    answer = await admin.post(KEYS, json=body)

    assert code(answer) == (400, "bad-request")
    assert words in answer.json()["detail"]
    assert (await admin.get(KEYS)).json() == before


async def test_a_name_has_one_key_until_it_is_rotated(admin: httpx.AsyncClient) -> None:
    await make(admin, "single")
    again = await admin.post(KEYS, json={"name": "single"})

    assert code(again) == (400, "bad-request")
    assert "rotate that one" in again.json()["detail"]


# ── What a key may do ─────────────────────────────────────────────────────────────────────────


async def test_a_key_is_bound_to_its_scopes_accounts_and_symbols(
    front: Front, admin: httpx.AsyncClient
) -> None:
    bound = await make(admin, "bound", accounts=[OTHER_ACCOUNT], symbols=["AAPL", "BRK.B"])
    async with with_key(front, bound) as bot:
        of_account = await bot.post(ORDERS, json=orders_of(order(), account_id=ACCOUNT))
        of_symbol = await bot.post(
            ORDERS,
            json=orders_of(
                order("AAPL"), order("MSFT"), order("IBM"), account_id=OTHER_ACCOUNT
            ),
        )
        previewed = await bot.post(
            f"{ORDERS}/preview", json=orders_of(order("MSFT"), account_id=OTHER_ACCOUNT)
        )
        admins = await bot.get(KEYS)
        fine = await bot.post(
            ORDERS, json=orders_of(order("BRK B", 1), account_id=OTHER_ACCOUNT)
        )

    assert code(of_account) == (400, "bad-request")
    assert code(of_symbol) == (400, "bad-request")
    assert of_symbol.json()["errors"] == [
        {
            "field": f"orders[{n}].symbol",
            "message": f'is "{name}", which this API key may not trade',
        }
        for n, name in ((1, "MSFT"), (2, "IBM"))
    ]
    assert code(previewed) == (400, "bad-request")
    assert code(admins) == (403, "forbidden")
    assert fine.status_code == 200


async def test_closing_what_is_unlisted_leaves_what_the_key_may_not_trade(
    front: Front, admin: httpx.AsyncClient
) -> None:
    first = await make(admin, "narrowed", accounts=[OTHER_ACCOUNT])
    async with with_key(front, first) as bot:
        both = orders_of(order("AAPL", 5), order("KO", 5), account_id=OTHER_ACCOUNT)
        batch = (await bot.post(ORDERS, json=both)).json()["batch_id"]
        await bot.get(f"{ORDERS}/{batch}", params={"wait": 10})
    await admin.delete(f"{KEYS}/{first['id']}")
    again = await make(admin, "narrowed", accounts=[OTHER_ACCOUNT], symbols=["AAPL", "PEP"])
    async with with_key(front, again) as bot:
        answer = await bot.post(
            ORDERS,
            json=orders_of(order("PEP", 1), account_id=OTHER_ACCOUNT, unlisted="close"),
        )

    body = answer.json()
    assert [row["symbol"] for row in body["results"]] == ["PEP", "AAPL"]
    assert "KO: 5 shares are left alone: the API key may not trade it" in body["warnings"]


# ── Ends ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_rotated_key_opens_beside_the_new_one_until_it_is_revoked(
    front: Front, admin: httpx.AsyncClient
) -> None:
    old = await make(admin, "turned", symbols=["AAPL"])
    new = (await admin.post(f"{KEYS}/{old['id']}/rotate", json={})).json()

    assert (new["rotated"], new["name"], new["symbols"]) == (old["id"], "turned", ["AAPL"])
    async with with_key(front, old) as before, with_key(front, new) as after:
        assert (await before.get(ORDERS)).status_code == 200
        assert (await after.get(ORDERS)).status_code == 200
        revoked = await admin.post(f"{KEYS}/{old['id']}/revoke")
        assert revoked.json()["status"] == "revoked"
        assert code(await before.get(ORDERS)) == (401, "unauthorized")
        assert (await after.get(ORDERS)).status_code == 200
        assert (await admin.delete(f"{KEYS}/{old['id']}")).json() == revoked.json()


async def test_a_rotated_key_may_be_given_an_end(
    front: Front, admin: httpx.AsyncClient
) -> None:
    old = await make(admin, "ended")
    await admin.post(f"{KEYS}/{old['id']}/rotate", json={"old_ends_in_seconds": 0})

    async with with_key(front, old) as bot:
        assert code(await bot.get(ORDERS)) == (401, "unauthorized")
    assert [key["status"] for key in await listed(admin, "ended")] == ["expired", "active"]
    again = await admin.post(f"{KEYS}/{old['id']}/rotate", json={})
    assert code(again) == (400, "bad-request")
    assert "is expired: create a key for its client instead" in again.json()["detail"]


async def test_to_rotate_a_key_lets_it_open_no_longer_than_before(
    front: Front, admin: httpx.AsyncClient
) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=1)).replace(microsecond=0)
    old = await make(admin, "hurried", expires_at=soon.isoformat())
    await admin.post(f"{KEYS}/{old['id']}/rotate", json={"old_ends_in_seconds": 3600})

    ends = {key["expires_at"] for key in await listed(admin, "hurried")}
    assert ends == {soon.isoformat()}


async def test_a_key_opens_no_longer_than_it_was_made_for(
    front: Front, admin: httpx.AsyncClient
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.4)
    made = await make(admin, "brief", expires_at=soon.isoformat())
    async with with_key(front, made) as bot:
        assert (await bot.get(ORDERS)).status_code == 200
        await asyncio.sleep(0.5)
        assert code(await bot.get(ORDERS)) == (401, "unauthorized")


async def test_a_key_that_another_process_revokes_opens_no_more_within_five_seconds(
    front: Front, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, "elsewhere")
    async with with_key(front, made) as bot:
        assert (await bot.get(ORDERS)).status_code == 200
        front.execute(
            "UPDATE api_keys SET revoked_at = created_at WHERE key_id = ?", made["id"]
        )
        began = asyncio.get_running_loop().time()
        while (await bot.get(ORDERS)).status_code == 200:
            assert asyncio.get_running_loop().time() - began < 5
            await asyncio.sleep(0.1)


async def test_an_unknown_key_cannot_be_rotated_or_revoked(admin: httpx.AsyncClient) -> None:
    for path in ("00000000/rotate", "00000000/revoke", "nonsense/revoke"):
        assert code(await admin.post(f"{KEYS}/{path}", json={})) == (404, "not-found")


# ── How far an administrator reaches ──────────────────────────────────────────────────────────


async def test_an_administrator_reaches_only_keys_of_accounts_it_may_use(
    front: Front, admin: httpx.AsyncClient
) -> None:
    wide = await make(admin, "wide")
    narrow = await make(admin, "narrow", accounts=[OTHER_ACCOUNT])
    async with front.caller("warden") as warden:  # of the other account only
        names = {key["name"] for key in (await warden.get(KEYS)).json()["keys"]}
        assert {"narrow", "other", "warden"} <= names
        assert not names & {"wide", "trader", "admin"}
        for method, path in (
            ("POST", f"{KEYS}/{wide['id']}/rotate"),
            ("POST", f"{KEYS}/{wide['id']}/revoke"),
            ("DELETE", f"{KEYS}/{wide['id']}"),
        ):
            assert code(await warden.request(method, path, json={})) == (404, "not-found")
        for accounts in ({}, {"accounts": [ACCOUNT]}, {"accounts": [ACCOUNT, OTHER_ACCOUNT]}):
            refused = await warden.post(KEYS, json={"name": "climber", **accounts})
            assert code(refused) == (400, "bad-request")
        assert (await warden.post(f"{KEYS}/{narrow['id']}/rotate", json={})).status_code == 200


async def test_a_key_that_ends_makes_none_that_lasts_longer(
    front: Front, admin: httpx.AsyncClient
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    brief = await make(admin, "brief-admin", scopes=["admin"], expires_at=soon.isoformat())
    async with with_key(front, brief) as boss:
        for ends in (None, (soon + timedelta(seconds=1)).isoformat()):
            refused = await boss.post(KEYS, json={"name": "longer", "expires_at": ends})
            assert code(refused) == (400, "bad-request")
            assert "must not be later than your own key's" in refused.json()["detail"]
        fine = await boss.post(KEYS, json={"name": "as-long", "expires_at": soon.isoformat()})
        assert fine.status_code == 200


async def test_a_key_of_an_account_that_left_the_configuration_can_be_revoked(
    front: Front, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, "of-the-past", accounts=[OTHER_ACCOUNT])
    front.execute(
        "UPDATE api_keys SET accounts = ? WHERE key_id = ?",
        f'["{OTHER_ACCOUNT}", "DU0000001"]',
        made["id"],
    )
    async with front.caller("warden") as warden:
        assert code(await warden.delete(f"{KEYS}/{made['id']}")) == (404, "not-found")
    assert (await admin.delete(f"{KEYS}/{made['id']}")).json()["status"] == "revoked"


async def test_when_a_key_was_used_is_shown_to_about_a_minute(
    front: Front, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, "used")
    (before,) = await listed(admin, "used")
    front.execute("INSERT INTO key_uses VALUES (?, '2026-03-09 14:30:00.000000')", made["id"])
    (after,) = await listed(admin, "used")

    assert before["last_used_at"] is None
    assert after["last_used_at"] == "2026-03-09T14:30:00+00:00"


async def test_a_key_is_known_to_the_trail_by_its_id(
    front: Front, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, "traced")
    async with with_key(front, made) as bot:
        await bot.post(ORDERS, json=orders_of(order()), headers={"X-Request-ID": "mine-1"})
    trail = (await admin.get("/api/v1/audit", params={"client": "traced"})).json()

    (entry,) = trail["entries"]
    assert (entry["action"], entry["key_id"], entry["request_id"], entry["source"]) == (
        "submit",
        KeyId(made["id"]),
        "mine-1",
        "127.0.0.1",
    )
    assert entry["client"] == ClientName("traced")
