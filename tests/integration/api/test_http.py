"""What every answer looks like, and where the framework would do otherwise."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import cast

import httpx
import pytest

from front import BODY, ORDERS, Front, order, orders_of
from paperdesk.api.app import ENDPOINTS, Parts, create_routes
from paperdesk.api.auth import is_open
from paperdesk.api.endpoint import Endpoint
from paperdesk.errors import ANSWERED, ConfigError, PaperdeskError

pytestmark = pytest.mark.asyncio(loop_scope="module")

BATCH = "a1b2c3d4e5f67890"  # well formed, and nobody's


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ORDERS),
        ("POST", f"{ORDERS}/preview"),
        ("GET", ORDERS),
        ("GET", f"{ORDERS}/{{batch_id}}"),
        ("DELETE", f"{ORDERS}/{{batch_id}}"),
        ("POST", f"{ORDERS}/{{batch_id}}/cancel"),
        ("GET", "/api/v1/positions"),
        ("GET", "/api/v1/executions"),
        ("GET", "/api/v1/accounts"),
        ("GET", "/api/v1/targets"),
        ("GET", "/api/v1/reports/slippage"),
        ("GET", f"{ORDERS}/{{batch_id}}/evidence"),
        ("GET", "/health"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_every_success_is_200_with_json_with_and_without_a_trailing_slash(
    trader: httpx.AsyncClient, batch_id: str, method: str, path: str, slash: str
) -> None:
    path = path.format(batch_id=batch_id) + slash
    response = await trader.request(method, path, content=BODY if method == "POST" else None)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert isinstance(response.json(), dict)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "nonsense",
    ],
)
async def test_a_body_is_json_whatever_its_content_type(
    trader: httpx.AsyncClient, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert (await trader.post(ORDERS, content=BODY, headers=headers)).status_code == 200


async def test_prices_are_numbers_with_exact_digits(
    trader: httpx.AsyncClient, front: Front
) -> None:
    front.gateway.set_price("AMZN", "100.00")
    front.gateway.set_size("AMZN", 25)  # the second half costs more: an average in between
    posted = await trader.post(ORDERS, json=orders_of(order("AMZN", 50)))
    response = await trader.get(f"{ORDERS}/{posted.json()['batch_id']}?wait=10")

    listed = await trader.get("/api/v1/executions?symbol=AMZN")
    executions = json.loads(listed.content, parse_float=Decimal)["executions"]
    cost = sum(execution["quantity"] * execution["price"] for execution in executions)
    (row,) = json.loads(response.content, parse_float=Decimal)["orders"]
    assert row["avg_fill_price"] == Decimal(cost) / 50
    assert row["commission"] == Decimal("0.35")
    assert f'"avg_fill_price":{row["avg_fill_price"]},'.encode() in response.content


async def test_a_preview_sends_and_stores_nothing(
    trader: httpx.AsyncClient, front: Front
) -> None:
    before = front.stored(), front.sent()
    response = await trader.post(
        f"{ORDERS}/preview", json=orders_of(order("GOOG", 50, limit_price=150))
    )
    refused = await trader.post(f"{ORDERS}/preview", content=b'{"orders": []}')

    assert response.json()["estimated_notional"] == 7500
    assert "batch_id" not in response.json()
    assert refused.status_code == 400
    assert (front.stored(), front.sent()) == before


@pytest.mark.parametrize(
    "path",
    [
        f"{ORDERS}?acount_id=x",
        f"{ORDERS}?limit=0",
        f"{ORDERS}?limt=1",
        f"{ORDERS}?limit=1&limit=1",
        f"{ORDERS}?cursor=nonsense",
        f"{ORDERS}/{BATCH}?limit=1",
        f"{ORDERS}/nothing?limit=1",
        "/api/v1/positions?wait=1",
        "/api/v1/accounts?account_id=DU8730189",
        "/api/v1/targets?symbol=AAPL",
        f"{ORDERS}/nothing/evidence?wait=1",
        "/api/v1/executions?since=yesterday",
    ],
)
async def test_a_query_that_is_not_understood_is_400(
    trader: httpx.AsyncClient, path: str
) -> None:
    response = await trader.get(path)

    assert response.status_code == 400
    assert response.json()["errors"]
    assert "?." not in response.json()["detail"]


@pytest.mark.parametrize(
    "batch_id", ["x", "A1B2C3D4E5F67890", "0" * 16, "0" * 17, "a1b2c3d4e5f6789%0A", "%FF"]
)
async def test_a_batch_that_is_not_there_is_404(
    trader: httpx.AsyncClient, batch_id: str
) -> None:
    response = await trader.get(f"{ORDERS}/{batch_id}")

    assert response.status_code == 404
    assert response.json()["code"] == "not-found"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nothing", "/api/v1/accounts/DU8730189", "/api/v1/events/1", "/schema", "/a/b/c",
     "/problems/nothing"],
)  # fmt: skip
async def test_what_does_not_exist_is_a_404_problem(
    trader: httpx.AsyncClient, path: str
) -> None:
    response = await trader.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", ORDERS, "GET, HEAD, OPTIONS, POST"),
        ("PATCH", f"{ORDERS}/{BATCH}", "DELETE, GET, HEAD, OPTIONS"),
        ("GET", f"{ORDERS}/preview/", "OPTIONS, POST"),
        ("HEAD", f"{ORDERS}/{BATCH}/cancel", "OPTIONS, POST"),
        ("GET", "/api/v1/accounts/DU8730189/halt", "OPTIONS, POST"),
        ("TRACE", "/health", "GET, HEAD, OPTIONS"),
        ("BREW", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_is_a_405_problem_that_names_the_right_ones(
    trader: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    response = await trader.request(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    if method != "HEAD":
        assert response.json()["code"] == "method-not-allowed"


@pytest.mark.parametrize("path", ["/health", ORDERS, "/docs", "/api/v1/nothing"])
async def test_head_is_get_without_its_body(trader: httpx.AsyncClient, path: str) -> None:
    get, head = await trader.get(path), await trader.head(path)

    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers["content-length"] == str(len(get.content))
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_options_is_200_with_a_body(trader: httpx.AsyncClient) -> None:
    response = await trader.options(f"{ORDERS}/{BATCH}")

    assert response.status_code == 200
    assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert response.json() == {"allow": ["DELETE", "GET", "HEAD", "OPTIONS"]}


async def test_an_invalid_host_is_a_400_problem(trader: httpx.AsyncClient) -> None:
    response = await trader.get("/api/v1/accounts", headers={"Host": 'a"b'})

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


async def test_every_answer_has_a_request_id(trader: httpx.AsyncClient) -> None:
    for path in ("/health", "/api/v1/nothing", "/docs"):
        assert len((await trader.get(path)).headers["x-request-id"]) == 16
    given = await trader.get("/health", headers={"X-Request-ID": "mine-1"})
    unsafe = await trader.get("/health", headers={"X-Request-ID": "a b\tc"})

    assert given.headers["x-request-id"] == "mine-1"
    assert len(unsafe.headers["x-request-id"]) == 16


async def test_the_log_names_the_request_but_never_a_key_or_a_body(
    trader: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await trader.post(f"{ORDERS}?wait=1", content=BODY, headers={"Idempotency-Key": "se-cret"})
    await trader.get("/api/v1/accounts", headers={"Authorization": "Bearer se-cret"})

    logged = capsys.readouterr().out
    assert "/api/v1/orders" in logged
    assert "trader" in logged
    for secret in ("key-of-trader", "se-cret", "AAPL"):
        assert secret not in logged


# ── Tables and pages ──────────────────────────────────────────────────────────────────────────


async def test_every_route_declares_a_scope_or_is_on_the_open_list(front: Front) -> None:
    routes = create_routes(cast("Parts", None)).routes
    declared = 0
    for route in routes:
        for handler in route.route_handlers:  # type: ignore[union-attr]
            if handler.opt.get("is_options"):
                continue
            endpoint = handler.opt["endpoint"]
            assert isinstance(endpoint, Endpoint)
            assert (endpoint.scope is None) == is_open(endpoint.path), endpoint.path
            declared += 1

    assert declared == len(ENDPOINTS)


async def test_the_document_describes_every_endpoint_and_every_error(
    anyone: httpx.AsyncClient,
) -> None:
    document = (await anyone.get("/openapi.json")).json()

    operations = [op for methods in document["paths"].values() for op in methods.values()]
    assert len(operations) == len(ENDPOINTS)
    assert len({op["operationId"] for op in operations}) == len(operations)
    assert all(op["summary"] for op in operations)
    submit = document["paths"][ORDERS]["post"]
    assert set(submit["responses"]) == {
        "200", "400", "401", "403", "408", "409", "413", "422", "429", "500", "503",
    }  # fmt: skip
    assert {entry["name"] for entry in submit["parameters"]} == {"wait", "Idempotency-Key"}
    bodies = submit["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    schemas = document["components"]["schemas"]
    required = [schemas[body["$ref"].rsplit("/", 1)[1]]["required"] for body in bodies]
    assert required == [["orders"], ["preview_id"]]
    assert schemas["TargetBody"]["additionalProperties"] is False
    assert '"format": "decimal"' not in json.dumps(schemas)
    assert '"$ref": "#/components/schemas/ProblemBody"' in json.dumps(submit["responses"])


async def test_every_reference_in_the_document_leads_somewhere(
    anyone: httpx.AsyncClient,
) -> None:
    text = (await anyone.get("/openapi.json")).text
    schemas = json.loads(text)["components"]["schemas"]

    references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(schemas)


async def test_the_docs_say_everything_without_a_script(anyone: httpx.AsyncClient) -> None:
    response = await anyone.get("/docs")

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace(":str", "")
        assert f"<h2><code>{endpoint.method} {path}</code></h2>" in response.text


async def test_codes_on_the_pages_are_shown_as_code(anyone: httpx.AsyncClient) -> None:
    docs = (await anyone.get("/docs")).text
    problem = (await anyone.get("/problems/unauthorized")).text

    assert "(<code>bad-request</code>)" in docs
    assert "Needs the scope <code>trade</code>." in docs
    assert "<code>next_cursor</code> of the page before." in docs
    assert "<code>X-API-Key</code>" in problem
    for page in (docs, problem):
        assert "`" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", ORDERS), ("post", f"{ORDERS}/preview"), ("get", "/api/v1/positions")],
)
async def test_a_500_is_documented_as_the_brokers_first(
    anyone: httpx.AsyncClient, method: str, path: str
) -> None:
    document = (await anyone.get("/openapi.json")).json()

    meaning = document["paths"][path][method]["responses"]["500"]["description"]
    assert meaning.startswith("Broker connection error (`broker-unavailable`); ")


async def test_the_503_of_the_ledger_is_documented_wherever_it_is_read(
    anyone: httpx.AsyncClient,
) -> None:
    paths = (await anyone.get("/openapi.json")).json()["paths"]

    for endpoint in ENDPOINTS:
        if endpoint.scope is not None:
            operation = paths[endpoint.path.replace(":str", "")][endpoint.method.lower()]
            assert "`ledger-unavailable`" in operation["responses"]["503"]["description"]


async def test_every_error_has_its_page() -> None:
    assert set(ANSWERED) >= {"bad-request", "broker-unavailable", "halted", "preview-stale"}
    assert "config" not in ANSWERED
    assert all(issubclass(kind, PaperdeskError) for kind in ANSWERED.values())
    assert ConfigError not in ANSWERED.values()


@pytest.mark.parametrize("code", sorted(ANSWERED))
async def test_a_problem_page_says_what_to_do(anyone: httpx.AsyncClient, code: str) -> None:
    response = await anyone.get(f"/problems/{code}")

    assert response.status_code == 200
    for head in ("What it means", "What mends it", "Send it again?", "An example"):
        assert re.search(rf"(?s)<h2>{re.escape(head)}</h2><(p|pre)>.{{10}}", response.text), (
            head
        )
    assert code in response.text
    assert "<script" not in response.text
