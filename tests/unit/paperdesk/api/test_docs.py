from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paperdesk.api.app import ENDPOINTS
from paperdesk.api.docs import openapi_document
from paperdesk.api.orders import IDEMPOTENCY_KEY

DOCUMENT: Any = json.loads(json.dumps(openapi_document(ENDPOINTS)))
SCHEMAS = DOCUMENT["components"]["schemas"]


def bodies() -> Iterator[tuple[str, list[str]]]:
    """Return the operations that take a body, and the schemas it may have."""
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                references = schema.get("oneOf", [schema])
                names = [entry["$ref"].rsplit("/", 1)[1] for entry in references]
                yield operation["operationId"], names


def test_the_bodies_of_every_call_are_described() -> None:
    assert dict(bodies()) == {
        "post_api_orders": ["BatchBody", "PreviewIdBody"],
        "post_api_orders_preview": ["BatchBody"],
        "post_api_accounts_account_id_halt": ["HaltBody"],
        "post_api_accounts_account_id_resume": ["ResumeBody"],
        "post_api_accounts_account_id_flatten": ["FlattenBody"],
        "post_api_simulator": [
            "SetPriceBody",
            "InjectFaultBody",
            "ClearFaultsBody",
            "DropConnectionsBody",
        ],
        "post_api_halt": ["HaltBody"],
        "post_api_resume": ["ResumeBody"],
        "post_api_accounts_account_id_accept_position": ["AcceptSymbolBody", "AcceptAllBody"],
        "post_api_orders_batch_id_resolve": ["NotPlacedBody", "FilledBody"],
        "post_api_keys": ["CreateKeyBody"],
        "post_api_keys_key_id_rotate": ["RotateKeyBody"],
        "put_api_accounts_account_id_limits": ["SetLimitsBody"],
    }


@pytest.mark.parametrize("name", sorted({name for _, names in bodies() for name in names}))
def test_a_body_has_no_other_members_than_those_that_are_described(name: str) -> None:
    assert SCHEMAS[name]["additionalProperties"] is False
    assert SCHEMAS[name]["required"] or name in {"RotateKeyBody", "SetLimitsBody"}


def test_a_new_key_stands_beside_another_one_only_where_it_was_rotated() -> None:
    answer = SCHEMAS["NewKeyAnswer"]

    assert "rotated" in answer["properties"]
    assert "rotated" not in answer["required"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("CreateKeyBody", "scopes"),
        ("CreateKeyBody", "accounts"),
        ("CreateKeyBody", "symbols"),
        ("SetLimitsBody", "symbols"),
        ("SetLimitsBody", "restricted_symbols"),
    ],
)
def test_a_list_is_described_as_it_is_judged(body: str, field: str) -> None:
    described, null = SCHEMAS[body]["properties"][field]["anyOf"]

    assert null == {"type": "null"}
    assert (described["minItems"], described["maxItems"]) == (1, 1000)
    assert described["uniqueItems"] is True


def test_what_a_key_may_do_is_one_of_the_scopes() -> None:
    scopes, _ = SCHEMAS["CreateKeyBody"]["properties"]["scopes"]["anyOf"]

    assert scopes["items"] == {"$ref": "#/components/schemas/Scope"}
    assert SCHEMAS["Scope"]["enum"] == ["admin", "audit", "read", "trade"]


def test_no_parameter_of_a_query_may_be_empty_text() -> None:
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                schema = parameter["schema"]
                if parameter["in"] == "query" and schema["type"] == "string":
                    assert schema.keys() & {"minLength", "pattern", "enum", "format"}, parameter


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("BatchBody", {"unlisted", "as_of", "valid_until"}),
        ("HaltBody", {"reason", "mode", "cancel_working"}),
        ("FilledBody", {"symbol", "qty", "price"}),
        ("ResultRow", {"working_qty", "foreign_qty", "kept_by", "superseded", "unlisted"}),
        ("PreviewAnswer", {"preview_id", "warnings"}),
        ("LockBody", {"position", "broker_position"}),
        ("TargetPosition", {"working_qty", "gap", "reason"}),
    ],
)
def test_a_field_says_what_it_means(name: str, fields: set[str]) -> None:
    for field in fields:
        assert '"description"' in json.dumps(SCHEMAS[name]["properties"][field]), field


def test_every_parameter_of_a_path_is_described() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            named = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
            assert [f"{{{name}}}" in path for name in named] == [True] * path.count("{")


def test_posting_orders_can_end_in_each_of_the_409s() -> None:
    meaning = DOCUMENT["paths"]["/api/v1/orders"]["post"]["responses"]["409"]["description"]

    for code in ("halted", "preview-stale", "idempotency-in-progress"):
        assert f"`{code}`" in meaning


def test_accepting_a_position_needs_a_broker_and_says_so() -> None:
    path = "/api/v1/accounts/{account_id}/accept-position"
    answer = DOCUMENT["paths"][path]["post"]["responses"]["500"]

    assert "`broker-unavailable`" in answer["description"]
    assert "Retry-After" in answer["headers"]


@given(st.text(st.characters(max_codepoint=0xFF) | st.sampled_from(" ~"), max_size=260))
@example("")
@example("x" * 256)
@example("a b")
@example("a\n")
def test_the_key_of_a_request_is_described_as_it_is_judged(text: str) -> None:
    sent = text.strip(" ")  # as it travels in a header
    (schema,) = {
        json.dumps(parameter["schema"])
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", ())
        if parameter.get("name") == "Idempotency-Key"
    }
    told = json.loads(schema)
    pattern = told["pattern"].removeprefix("^").removesuffix("$")
    is_allowed = len(sent) <= told["maxLength"] and re.fullmatch(pattern, sent) is not None

    assert is_allowed == (IDEMPOTENCY_KEY.fullmatch(sent) is not None)
