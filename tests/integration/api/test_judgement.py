"""In which order a request is judged: 401, 413, malformed JSON, 403, idempotency, 400, …"""

from __future__ import annotations

import json

import httpx
import pytest

from paperdesk.desk.ports import KeyRecord
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import ClientName
from paperdesk.errors import (
    BrokerUnavailable,
    IdempotencyInProgress,
    LedgerUnavailable,
    OutcomeUnknown,
    TooManyRequests,
)
from paperdesk.wire.parsing import fingerprint, parse_json
from support.batches import BATCH, make_batch
from support.desks import DeskDouble

ORDERS = "/api/v1/orders"
BODY = b'{"orders": [{"symbol": "AAPL", "quantity": 100}]}'
TOO_LARGE = b" " * (1024 * 1024 + 1)
READER = {"X-API-Key": "key-of-reader"}
TRADER = {"X-API-Key": "key-of-trader"}


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"/problems/{body['code']}"
    assert body["detail"] == body["error"]
    return response.status_code, body["code"]


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


async def test_403_comes_before_idempotency(
    anyone: httpx.AsyncClient, desk: DeskDouble
) -> None:
    headers = READER | {"Idempotency-Key": "x" * 300}
    response = await anyone.post(ORDERS, content=BODY, headers=headers)

    assert code(response) == (403, "forbidden")
    assert desk.calls == []


async def test_403_comes_before_404_of_a_batch(anyone: httpx.AsyncClient) -> None:
    response = await anyone.delete(f"{ORDERS}/nothing", headers=READER)

    assert code(response) == (403, "forbidden")


async def test_403_comes_before_400_of_the_query(anyone: httpx.AsyncClient) -> None:
    response = await anyone.delete(f"{ORDERS}/a1b2c3d4e5f67890?zzz=1", headers=READER)

    assert code(response) == (403, "forbidden")


async def test_idempotency_comes_before_400(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await trader.post(ORDERS, content=BODY, headers=headers)
    assert first.status_code == 200

    other = await trader.post(ORDERS, content=b'{"orders": []}', headers=headers)
    assert code(other) == (422, "idempotency-mismatch")
    replay = await trader.post(f"{ORDERS}?zzz=1", content=BODY, headers=headers)
    assert replay.status_code == 200
    assert [call[0] for call in desk.calls].count("submit") == 1


async def test_400_comes_before_what_the_desk_refuses(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    desk.raises = BrokerUnavailable("down")

    response = await trader.post(f"{ORDERS}?wait=99", content=BODY)
    assert code(response) == (400, "bad-request")
    response = await trader.post(ORDERS, content=b'{"orders": []}')
    assert code(response) == (400, "bad-request")


@pytest.mark.parametrize(
    ("error", "expected", "retry_after"),
    [
        (IdempotencyInProgress("busy"), (409, "idempotency-in-progress"), "5"),
        (TooManyRequests("full", retry_after_seconds=17), (429, "too-many-requests"), "17"),
        (BrokerUnavailable("down"), (500, "broker-unavailable"), "5"),
        (LedgerUnavailable("full"), (503, "ledger-unavailable"), "5"),
        (OutcomeUnknown("?", retry_after_seconds=0), (503, "outcome-unknown"), "0"),
    ],
)
async def test_what_may_be_sent_again_says_when(
    trader: httpx.AsyncClient,
    desk: DeskDouble,
    error: Exception,
    expected: tuple[int, str],
    retry_after: str,
) -> None:
    desk.raises = error

    response = await trader.post(ORDERS, content=BODY)

    assert code(response) == expected
    assert response.headers["retry-after"] == retry_after


async def test_a_defect_is_a_500_that_tells_nothing(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    desk.raises = RuntimeError("password is hunter2")

    response = await trader.post(ORDERS, content=BODY)

    assert code(response) == (500, "internal-error")
    assert "hunter2" not in response.text
    assert "retry-after" not in response.headers


async def test_every_bad_row_is_named(trader: httpx.AsyncClient, desk: DeskDouble) -> None:
    rows = [
        {"symbol": "AAPL", "quantity": 1.5},
        {"symbol": "MSFT", "quantity": 1, "limit_prce": 3},
    ]
    response = await trader.post(ORDERS, content=json.dumps({"orders": rows}))

    assert code(response) == (400, "bad-request")
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["orders[0].quantity", "orders[1].limit_prce"]
    assert desk.calls == []


# ── The bound of a body ───────────────────────────────────────────────────────────────────────


async def test_a_body_of_exactly_1_mib_is_read(trader: httpx.AsyncClient) -> None:
    response = await trader.post(ORDERS, content=BODY + b" " * (1024 * 1024 - len(BODY)))

    assert response.status_code == 200


async def test_a_chunked_body_is_counted_while_it_arrives(trader: httpx.AsyncClient) -> None:
    async def endless() -> object:
        for _ in range(1025):
            yield b" " * 1024

    response = await trader.post(ORDERS, content=endless())  # type: ignore[arg-type]

    assert code(response) == (413, "payload-too-large")


# ── Accounts ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("account", ["DU9999999", "DU8730189", "", "du8730189"])
@pytest.mark.parametrize("path", ["/api/v1/positions", "/api/v1/executions", ORDERS])
async def test_an_account_that_the_key_may_not_use_is_400_on_get_too(
    anyone: httpx.AsyncClient, desk: DeskDouble, account: str, path: str
) -> None:
    response = await anyone.get(
        path, params={"account_id": account}, headers={"X-API-Key": "key-of-other"}
    )

    assert code(response) == (400, "bad-request")
    assert desk.calls == []


async def test_an_account_that_the_key_may_not_use_is_400_on_post(
    anyone: httpx.AsyncClient, desk: DeskDouble
) -> None:
    body = b'{"account_id": "DU8730189", ' + BODY[1:]
    headers = {"X-API-Key": "key-of-other"}

    named = await anyone.post(ORDERS, content=body, headers=headers)
    assert code(named) == (400, "bad-request")
    assert "DUP203550" in named.json()["detail"]
    assert code(await anyone.post(ORDERS, content=BODY, headers=headers))[0] == 400
    assert code(await anyone.get("/api/v1/positions", headers=headers))[0] == 400
    assert desk.calls == []


async def test_the_default_account_is_meant_where_none_is_named(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    await trader.post(ORDERS, content=BODY)
    await trader.get("/api/v1/positions")

    assert desk.calls[0][2] == "DU8730189"
    assert desk.calls[1] == ("positions", "DU8730189", False)


# ── Idempotency ───────────────────────────────────────────────────────────────────────────────


async def test_the_same_key_and_body_replay_the_answer_byte_for_byte(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    headers = {"Idempotency-Key": "monday"}
    first = await trader.post(ORDERS, content=BODY, headers=headers)
    desk.current = make_batch(batch_id="0" * 16)
    same = b'{"orders":[{"quantity":1e2,"symbol":"AAPL"}]}'
    again = await trader.post(f"{ORDERS}?wait=3", content=same, headers=headers)

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]


async def test_quotes_around_a_key_are_no_part_of_it(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    for key in ('"monday"', "monday"):
        await trader.post(ORDERS, content=BODY, headers={"Idempotency-Key": key})

    assert [call[0] for call in desk.calls] == ["claim_key", "submit", "claim_key"]


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_400(
    trader: httpx.AsyncClient, desk: DeskDouble, key: str
) -> None:
    response = await trader.post(ORDERS, content=BODY, headers={"Idempotency-Key": key})

    assert code(response) == (400, "bad-request")
    assert desk.calls == []


async def test_two_keys_are_400(trader: httpx.AsyncClient) -> None:
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert code(await trader.post(ORDERS, content=BODY, headers=twice))[0] == 400


async def test_while_the_first_request_runs_its_key_is_409(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    client = Client(ClientName("trader"), frozenset(), frozenset())
    async with await desk.claim_key(client, "k", "of the first"):
        response = await trader.post(ORDERS, content=BODY, headers={"Idempotency-Key": "k"})

    assert code(response) == (409, "idempotency-in-progress")
    assert response.headers["retry-after"] == "1"


async def test_a_refused_request_leaves_its_key_free(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    headers = {"Idempotency-Key": "k"}
    refused = await trader.post(ORDERS, content=b'{"orders": []}', headers=headers)
    assert refused.status_code == 400
    assert desk.ledger.records == {}

    assert (await trader.post(ORDERS, content=BODY, headers=headers)).status_code == 200


async def test_an_answer_that_was_never_stored_is_built_once_from_the_ledger(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    desk.ledger.stored = make_batch()
    unanswered = KeyRecord(BATCH, fingerprint(parse_json(BODY)), None)
    desk.ledger.records["trader", "k"] = unanswered
    headers = {"Idempotency-Key": "k"}

    built = await trader.post(ORDERS, content=BODY, headers=headers)
    desk.ledger.stored = None
    again = await trader.post(ORDERS, content=BODY, headers=headers)

    assert built.headers["idempotency-replayed"] == "true"
    assert again.content == built.content
    assert [call[0] for call in desk.calls] == ["claim_key", "claim_key"]


async def test_an_accepted_batch_is_200_even_if_its_answer_cannot_be_stored(
    trader: httpx.AsyncClient, desk: DeskDouble
) -> None:
    desk.ledger.refusal = LedgerUnavailable("full")

    response = await trader.post(ORDERS, content=BODY, headers={"Idempotency-Key": "k"})

    assert response.status_code == 200
