"""In which order a request is judged: 401, 413, malformed JSON, 403, idempotency, 400, …"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from front import BODY, ORDERS, Front, code
from paperdesk.api.envelope import Envelope
from paperdesk.clock import SystemClock
from paperdesk.domain.vocabulary import AccountId
from paperdesk.runtime import SystemRandom

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOO_LARGE = b" " * (1024 * 1024 + 1)
READER = {"X-API-Key": "key-of-reader"}
Fresh = Callable[[], dict[str, str]]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "key-of-nobody"},
        {"Authorization": "Bearer key-of-nobody"},
        {"Authorization": "Basic key-of-trader"},
        {"Authorization": "key-of-trader"},
        {"X-API-Key": "key-of-nobody", "Authorization": "Bearer key-of-trader"},
        {"X-API-Key": "Key-of-trader"},
    ],
)
async def test_without_a_known_key_everything_is_401(
    anyone: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await anyone.get("/api/v1/positions", headers=headers)

    assert code(response) == (401, "unauthorized")
    assert response.headers["www-authenticate"] == 'Bearer realm="paperdesk"'


async def test_a_key_given_twice_is_401(anyone: httpx.AsyncClient) -> None:
    twice = [("X-API-Key", "key-of-trader"), ("X-API-Key", "key-of-reader")]

    assert code(await anyone.get("/api/v1/positions", headers=twice))[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "key-of-trader"},
        {"x-api-key": "key-of-trader"},
        {"Authorization": "Bearer key-of-trader"},
        {"Authorization": "bearer  key-of-trader"},
    ],
)
async def test_a_key_is_known_in_either_header(
    anyone: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await anyone.get("/api/v1/positions", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/nothing"),
        ("GET", "/api"),
        ("GET", "/metrics"),
        ("GET", "/favicon.ico"),
        ("PUT", ORDERS),
        ("OPTIONS", ORDERS),
        ("GET", "//api//v1/orders/"),
        ("GET", "/health/x"),
        ("GET", "/%2e%2e/api/v1/orders"),
        ("GET", f"{ORDERS}?zzz=1"),
    ],
)
async def test_401_comes_before_404_405_and_400(
    anyone: httpx.AsyncClient, method: str, path: str
) -> None:
    assert code(await anyone.request(method, path)) == (401, "unauthorized")


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/livez", "/readyz", "/docs", "/openapi.json", "/problems/forbidden"],
)
async def test_pages_without_data_need_no_key(anyone: httpx.AsyncClient, path: str) -> None:
    assert (await anyone.get(path)).status_code == 200
    assert (await anyone.get(f"{path}?x=1")).status_code == 200
    assert (await anyone.get(path, headers={"X-API-Key": "wrong"})).status_code == 200


async def test_401_comes_before_413(anyone: httpx.AsyncClient) -> None:
    assert code(await anyone.post(ORDERS, content=TOO_LARGE))[0] == 401


async def test_413_comes_before_malformed_json_and_403(anyone: httpx.AsyncClient) -> None:
    response = await anyone.post(ORDERS, content=b"{" + TOO_LARGE, headers=READER)

    assert code(response) == (413, "payload-too-large")


async def test_413_comes_before_404(trader: httpx.AsyncClient) -> None:
    assert code(await trader.post("/api/v1/nothing", content=TOO_LARGE))[0] == 413


async def test_malformed_json_comes_before_403(anyone: httpx.AsyncClient) -> None:
    response = await anyone.post(ORDERS, content=b"{", headers=READER)

    assert code(response) == (400, "bad-request")


async def test_403_comes_before_idempotency(anyone: httpx.AsyncClient, front: Front) -> None:
    stored = front.stored()
    headers = READER | {"Idempotency-Key": "x" * 300}
    response = await anyone.post(ORDERS, content=BODY, headers=headers)

    assert code(response) == (403, "forbidden")
    assert front.stored() == stored


async def test_403_comes_before_404_of_a_batch(anyone: httpx.AsyncClient) -> None:
    response = await anyone.delete(f"{ORDERS}/nothing", headers=READER)

    assert code(response) == (403, "forbidden")


async def test_403_comes_before_400_of_the_query(anyone: httpx.AsyncClient) -> None:
    response = await anyone.delete(f"{ORDERS}/a1b2c3d4e5f67890?zzz=1", headers=READER)

    assert code(response) == (403, "forbidden")


async def test_idempotency_comes_before_400(
    trader: httpx.AsyncClient, front: Front, fresh_key: Fresh
) -> None:
    headers, stored = fresh_key(), front.stored()
    first = await trader.post(ORDERS, content=BODY, headers=headers)
    other = await trader.post(ORDERS, content=b'{"orders": []}', headers=headers)
    replay = await trader.post(f"{ORDERS}?zzz=1", content=BODY, headers=headers)

    assert first.status_code == 200
    assert code(other) == (422, "idempotency-mismatch")
    assert replay.status_code == 200
    assert front.stored() == stored + 1


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("reader", "/api/v1/accounts/DU8730189/halt"),
        ("auditor", "/api/v1/accounts/DU8730189/halt"),
        ("trader", "/api/v1/accounts/DU8730189/resume"),
        ("trader", "/api/v1/accounts/DU8730189/accept-position"),
        ("trader", "/api/v1/halt"),
        ("trader", "/api/v1/resume"),
        ("trader", f"{ORDERS}/a1b2c3d4e5f67890/resolve"),
    ],
)
async def test_who_lacks_the_scope_is_403_whatever_the_body_says(
    front: Front, name: str, path: str
) -> None:
    caller = front.caller(name)
    answers = [await caller.post(path, content=body) for body in (b"{}", b"[]")]

    assert {code(answer) for answer in answers} == {(403, "forbidden")}
    assert code(await caller.post(path, content=b"{")) == (400, "bad-request")


@pytest.mark.parametrize("name", ["halt", "resume", "accept-position"])
async def test_an_account_in_a_path_that_the_key_may_not_use_is_404(
    front: Front, name: str
) -> None:
    body = b'{"all": true}' if name == "accept-position" else b'{"reason": "x"}'
    caller = front.caller("warden")
    answers = [
        await caller.post(f"/api/v1/accounts/{account}/{name}", content=body)
        for account in ("DU8730189", "DU9999999", "nothing", "dup203550", "%00")
    ]

    assert {code(answer) for answer in answers} == {(404, "not-found")}
    shut, unknown = (answer.json()["detail"] for answer in answers[:2])
    assert shut.replace("DU8730189", "DU9999999") == unknown  # nothing is learnt of either


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/accounts/nothing/halt", "reason"),
        ("/api/v1/accounts/DU8730189/resume", "reason"),
        ("/api/v1/accounts/DU8730189/accept-position", "the body"),
        ("/api/v1/halt", "reason"),
        ("/api/v1/resume", "reason"),
        (f"{ORDERS}/nothing/resolve", "symbol"),
    ],
)
async def test_400_of_a_body_comes_before_404(front: Front, path: str, field: str) -> None:
    response = await front.caller("admin").post(path, content=b"{}")

    assert code(response) == (400, "bad-request")
    assert response.json()["errors"][0]["field"] == field


async def test_a_halt_of_all_is_ended_only_by_a_key_for_all_accounts(front: Front) -> None:
    response = await front.caller("warden").post("/api/v1/resume", json={"reason": "x"})

    assert code(response) == (403, "forbidden")
    assert "DU8730189" in response.json()["detail"]


async def test_a_preview_that_is_not_there_is_409_and_nothing_is_stored(
    trader: httpx.AsyncClient, front: Front
) -> None:
    stored = front.stored()
    unknown = await trader.post(ORDERS, json={"preview_id": "nothing"})
    not_alone = await trader.post(
        ORDERS, content=b'{"preview_id": "nothing", "account_id": "DU8730189"}'
    )
    of_a_preview = await trader.post(f"{ORDERS}/preview", json={"preview_id": "nothing"})

    assert code(unknown) == (409, "preview-stale")
    assert "retry-after" not in unknown.headers
    assert code(not_alone) == (400, "bad-request")
    assert code(of_a_preview) == (400, "bad-request")
    assert front.stored() == stored


async def test_a_defect_is_a_500_that_tells_nothing() -> None:
    async def defect(*_: object) -> None:
        raise RuntimeError("password is hunter2")

    app = Envelope(defect, lifespan=defect, clock=SystemClock(), random=SystemRandom())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]  # ASGI, in other words
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post(ORDERS, content=BODY)

    assert code(response) == (500, "internal-error")
    assert "hunter2" not in response.text
    assert "retry-after" not in response.headers


async def test_every_bad_row_is_named(trader: httpx.AsyncClient, front: Front) -> None:
    stored = front.stored()
    rows = [
        {"symbol": "AAPL", "quantity": 1.5},
        {"symbol": "MSFT", "quantity": 1, "limit_prce": 3},
    ]
    response = await trader.post(ORDERS, content=json.dumps({"orders": rows}))

    assert code(response) == (400, "bad-request")
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["orders[0].quantity", "orders[1].limit_prce"]
    assert response.json()["detail"].endswith("did you mean limit_price?")
    assert front.stored() == stored


# ── The bound of a body ───────────────────────────────────────────────────────────────────────


async def test_a_body_of_exactly_1_mib_is_read(trader: httpx.AsyncClient) -> None:
    response = await trader.post(ORDERS, content=BODY + b" " * (1024 * 1024 - len(BODY)))

    assert response.status_code == 200


async def test_a_chunked_body_is_counted_while_it_arrives(trader: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1025):
            yield b" " * 1024

    response = await trader.post(ORDERS, content=endless())

    assert code(response) == (413, "payload-too-large")


# ── Accounts ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("account", ["DU9999999", "DU8730189", "", "du8730189"])
@pytest.mark.parametrize(
    "path", ["/api/v1/positions", "/api/v1/targets", "/api/v1/executions", ORDERS]
)
async def test_an_account_that_the_key_may_not_use_is_400_on_get_too(
    front: Front, account: str, path: str
) -> None:
    response = await front.caller("other").get(path, params={"account_id": account})

    assert code(response) == (400, "bad-request")


async def test_an_account_that_the_key_may_not_use_is_400_on_post(front: Front) -> None:
    caller, stored = front.caller("other"), front.stored()
    named = await caller.post(ORDERS, content=b'{"account_id": "DU8730189", ' + BODY[1:])
    unnamed = await caller.post(ORDERS, content=BODY)
    positions = await caller.get("/api/v1/positions")

    assert code(named) == (400, "bad-request")
    assert "DUP203550" in named.json()["detail"]
    assert code(unnamed)[0] == 400
    assert code(positions)[0] == 400
    assert front.stored() == stored


async def test_the_default_account_is_meant_where_none_is_named(
    trader: httpx.AsyncClient,
) -> None:
    posted = await trader.post(ORDERS, content=BODY)
    positions = await trader.get("/api/v1/positions")

    assert posted.json()["account_id"] == "DU8730189"
    assert positions.json()["account_id"] == "DU8730189"


# ── Idempotency ───────────────────────────────────────────────────────────────────────────────


async def test_the_same_key_and_body_replay_the_answer_byte_for_byte(
    trader: httpx.AsyncClient, front: Front, fresh_key: Fresh
) -> None:
    headers, stored = fresh_key(), front.stored()
    first = await trader.post(ORDERS, content=BODY, headers=headers)
    await trader.get(f"{ORDERS}/{first.json()['batch_id']}?wait=10")
    same = b'{"orders":[{"quantity":1e2,"symbol":"AAPL"}]}'
    again = await trader.post(f"{ORDERS}?wait=3", content=same, headers=headers)

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert front.stored() == stored + 1


async def test_quotes_around_a_key_are_no_part_of_it(
    trader: httpx.AsyncClient, front: Front
) -> None:
    stored = front.stored()
    answers = [
        await trader.post(ORDERS, content=BODY, headers={"Idempotency-Key": key})
        for key in ('"monday"', "monday")
    ]

    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[1].content == answers[0].content
    assert front.stored() == stored + 1


async def test_the_same_key_of_two_clients_is_two_keys(front: Front, fresh_key: Fresh) -> None:
    headers = fresh_key()
    answers = [
        await front.caller(name).post(ORDERS, content=BODY, headers=headers)
        for name in ("trader", "rival")
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.json()["batch_id"] for answer in answers}) == 2


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_400(
    trader: httpx.AsyncClient, front: Front, key: str
) -> None:
    stored = front.stored()
    response = await trader.post(ORDERS, content=BODY, headers={"Idempotency-Key": key})

    assert code(response) == (400, "bad-request")
    assert front.stored() == stored


async def test_a_key_of_255_characters_is_taken(trader: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "x" * 255}
    first = await trader.post(ORDERS, content=BODY, headers=headers)
    again = await trader.post(ORDERS, content=BODY, headers=headers)

    assert first.status_code == 200
    assert again.content == first.content


async def test_two_keys_are_400(trader: httpx.AsyncClient) -> None:
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert code(await trader.post(ORDERS, content=BODY, headers=twice))[0] == 400


async def test_a_refused_request_leaves_its_key_free(
    trader: httpx.AsyncClient, fresh_key: Fresh
) -> None:
    headers = fresh_key()
    refused = await trader.post(ORDERS, content=b'{"orders": []}', headers=headers)
    accepted = await trader.post(ORDERS, content=BODY, headers=headers)

    assert refused.status_code == 400
    assert accepted.status_code == 200
    assert "idempotency-replayed" not in accepted.headers


KEY = "pdk_0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("given", [KEY, f'"{KEY}"', f"retry {KEY.upper()}"])
async def test_an_api_key_is_not_taken_for_an_idempotency_key(
    trader: httpx.AsyncClient, front: Front, given: str
) -> None:
    stored = front.stored()
    refused = await trader.post(ORDERS, content=BODY, headers={"Idempotency-Key": given})

    assert code(refused) == (400, "bad-request")
    assert "looks like an API key" in refused.json()["detail"]
    assert KEY not in refused.text
    assert front.stored() == stored


@pytest.mark.parametrize("symbol", [KEY, KEY[:32], KEY[:32].upper()])
async def test_an_api_key_is_not_taken_for_a_symbol(
    trader: httpx.AsyncClient, front: Front, symbol: str
) -> None:
    stored = front.stored()
    body = json.dumps({"orders": [{"symbol": symbol, "quantity": 1}]})
    refused = await trader.post(ORDERS, content=body)

    assert code(refused) == (400, "bad-request")
    assert "revoke it" in refused.json()["detail"]
    assert symbol not in refused.text
    assert front.stored() == stored


async def test_an_api_key_is_not_stored_as_a_reason(front: Front) -> None:
    path = "/api/v1/accounts/DU8730189/halt"
    refused = await front.caller("trader").post(path, json={"reason": f"key {KEY} is mine"})

    assert code(refused) == (400, "bad-request")
    assert KEY not in refused.text
    assert not await front.desk.operator.standing_halt(AccountId("DU8730189"))


async def test_an_api_key_is_not_taken_for_a_request_id(anyone: httpx.AsyncClient) -> None:
    given = await anyone.get("/health", headers={"X-Request-ID": KEY})
    fine = await anyone.get("/health", headers={"X-Request-ID": "pdk_short"})

    assert len(given.headers["x-request-id"]) == 16
    assert fine.headers["x-request-id"] == "pdk_short"


@pytest.mark.parametrize(
    "path", [f"/{KEY}", f"{ORDERS}?{KEY}=1", f"{ORDERS}?account_id={KEY}", f"{ORDERS}/{KEY}"]
)
async def test_an_error_repeats_what_was_sent_without_a_key(
    trader: httpx.AsyncClient, path: str
) -> None:
    refused = await trader.get(path)

    assert refused.status_code in {400, 404}
    assert KEY not in refused.text
    assert "***" in refused.text
