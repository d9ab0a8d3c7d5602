"""Requests and responses as values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest

from paperdesk.client.messages import Response, build, problem_of, read
from paperdesk.client.results import Positions
from paperdesk.client.standing import Health
from paperdesk.errors import ANSWERED, BadRequest, Halted, PaperdeskError, Unreachable

JSON = {"content-type": "application/problem+json", "x-request-id": "r-1"}


def problem(code: str, status: int, **more: object) -> Response:
    body = {"code": code, "status": status, "detail": "why", "errors": [], **more}
    return Response(status, JSON, json.dumps(body).encode())


def test_what_is_not_given_is_not_sent_and_numbers_keep_their_digits() -> None:
    request = build(
        "POST",
        "/x",
        params={"a": None, "wait": 0.1, "allow_stale": True, "types": ["order.*", "fill.*"]},
        body={"a": None, "price": Decimal("150.10"), "at": datetime(2026, 3, 9, tzinfo=UTC)},
        key="k",
    )

    assert request.params == {"wait": "0.100", "allow_stale": "true", "types": "order.*,fill.*"}
    assert request.body == b'{"price":150.10,"at":"2026-03-09T00:00:00Z"}'
    assert request.headers == {"Idempotency-Key": "k"}


def test_a_time_of_pandas_is_a_time_and_what_is_nothing_of_json_is_named() -> None:
    until = pd.Timestamp("2026-03-09T14:30", tz="America/New_York")
    body = build("POST", "/x", body={"valid_until": until}).body
    assert body == b'{"valid_until":"2026-03-09T14:30:00-04:00"}'

    with pytest.raises(TypeError, match="NAType cannot be sent: <NA>"):
        build("POST", "/x", body={"orders": [{"quantity": pd.NA}]})


def test_a_time_in_a_query_has_its_zone() -> None:
    request = build("GET", "/x", params={"since": datetime(2026, 3, 9, tzinfo=UTC)})

    assert request.params == {"since": "2026-03-09T00:00:00+00:00"}


@pytest.mark.parametrize("code", sorted(ANSWERED))
def test_each_problem_is_raised_by_its_name_with_what_was_answered(code: str) -> None:
    kind = ANSWERED[code]
    error = problem_of(problem(code, kind.status))

    assert type(error) is kind
    assert (error.code, error.retryable) == (code, kind.retryable)
    assert error.problem is not None
    assert error.problem["code"] == code
    assert error.request_id == "r-1"
    assert kind.__name__.lower() == code.replace("-", "")


def test_a_problem_names_its_fields_and_when_to_come_again() -> None:
    answer = problem("bad-request", 400, errors=[{"field": "orders[0]", "message": "is bad"}])
    error = problem_of(answer)

    assert isinstance(error, BadRequest)
    assert [(entry.field, entry.message) for entry in error.errors] == [("orders[0]", "is bad")]
    later = problem_of(Response(409, {"retry-after": "7"}, problem("halted", 409).body))
    assert isinstance(later, Halted)
    assert later.retry_after_seconds == 7


def test_a_problem_of_a_newer_service_is_still_one_of_ours() -> None:
    error = problem_of(problem("brand-new", 418))

    assert type(error) is PaperdeskError
    assert str(error) == "why"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 1}', b"\xff"])
def test_what_is_no_problem_of_ours_is_nobodys(body: bytes) -> None:
    assert isinstance(problem_of(Response(502, {}, body)), Unreachable)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"accounts": {}}', b"\xff"])
def test_a_success_that_is_none_of_ours_is_nobodys(body: bytes) -> None:
    with pytest.raises(Unreachable, match="is not Paperdesk"):
        read(Response(200, {}, body), Health)


def test_money_is_exact_and_times_are_times() -> None:
    body = b"""{"account_id": "DU1", "positions": [{"symbol": "AAPL", "quantity": 1, "conid": 1,
        "avg_cost": 0.30000001, "more": 1}], "updated_at": "2026-03-09T14:30:00+00:00"}"""
    answer = read(Response(200, {}, body), Positions)

    assert answer[0].avg_cost == Decimal("0.30000001")
    assert answer.updated_at == datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
