"""Calls without a socket: what is asked, what is tried again, and for how long."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from paperdesk.client import AsyncClient, Client
from paperdesk.client.calls import Calls, Effect, Flow, Lost, Pause, Time
from paperdesk.client.messages import Request, Response
from paperdesk.errors import (
    BadRequest,
    BrokerUnavailable,
    IdempotencyInProgress,
    PaperdeskError,
    Unreachable,
)

SUBMITTED = {
    "batch_id": "a1b2c3d4e5f67890",
    "account_id": "DU8730189",
    "submitted_at": "2026-03-09T14:30:00+00:00",
    "results": [],
}


def ok(body: object) -> Response:
    return Response(200, {}, json.dumps(body).encode())


def problem(status: int, code: str, retry_after: int | None = None) -> Response:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Response(status, headers, json.dumps({"code": code, "detail": code}).encode())


LOST = Lost(Unreachable("gone"), may_have_arrived=True)
REFUSED = Lost(Unreachable("refused"), may_have_arrived=False)


class Stage:
    """Answers requests in turn; its clock moves by the pauses only."""

    def __init__(self, *outcomes: Response | Lost) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[Request] = []
        self.pauses: list[float] = []

    def run(self, flow: Flow[Any]) -> Any:
        answer: object = None
        while True:
            try:
                answer = self.do(flow.send(answer))
            except StopIteration as end:
                return end.value

    def do(self, effect: Effect) -> object:
        match effect:
            case Request():
                self.sent.append(effect)
                return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
            case Pause(seconds):
                self.pauses.append(seconds)
                return None
            case Time():
                return sum(self.pauses)


@pytest.mark.parametrize(
    "outcome",
    [
        LOST,
        REFUSED,
        problem(429, "rate-limited"),
        problem(500, "broker-unavailable"),
        problem(503, "outcome-unknown"),
        problem(409, "idempotency-in-progress"),
        Response(502, {}, b"<html>"),
    ],
)
def test_what_passes_is_tried_again_under_the_same_key(outcome: Response | Lost) -> None:
    stage = Stage(outcome, outcome, ok(SUBMITTED))
    state = stage.run(Calls().submit({"AAPL": 100}))

    assert state.batch_id == SUBMITTED["batch_id"]
    keys = {request.headers["Idempotency-Key"] for request in stage.sent}
    assert (len(stage.sent), len(keys)) == (3, 1)
    assert stage.pauses == [0.2, 0.5]


def test_each_submission_has_a_key_of_its_own_unless_one_is_given() -> None:
    stage = Stage(ok(SUBMITTED))
    for key in (None, None, "mine"):
        stage.run(Calls().submit({"AAPL": 100}, idempotency_key=key))

    first, second, third = (request.headers["Idempotency-Key"] for request in stage.sent)
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize(
    "outcome",
    [
        problem(400, "bad-request"),
        problem(401, "unauthorized"),
        problem(409, "halted"),
        problem(409, "preview-stale"),
        problem(422, "idempotency-mismatch"),
    ],
)
def test_what_would_end_the_same_way_is_not_tried_again(outcome: Response) -> None:
    stage = Stage(outcome)
    with pytest.raises(PaperdeskError):
        stage.run(Calls().submit({"AAPL": 100}))

    assert len(stage.sent) == 1


def test_retry_after_is_obeyed_and_the_time_is_bounded() -> None:
    stage = Stage(problem(500, "broker-unavailable", retry_after=5))
    with pytest.raises(BrokerUnavailable):
        stage.run(Calls(retry_seconds=12).positions())

    assert stage.pauses == [5, 5]


def test_without_retries_the_first_failure_is_the_answer() -> None:
    for outcome, kind in (
        (LOST, Unreachable),
        (problem(409, "idempotency-in-progress"), IdempotencyInProgress),
    ):
        stage = Stage(outcome)
        with pytest.raises(kind):
            stage.run(Calls(retry_seconds=0).submit({"AAPL": 1}))
        assert len(stage.sent) == 1


def test_what_must_not_happen_twice_is_sent_again_only_where_it_never_arrived() -> None:
    fault = {"code": "O03"}
    simulated = ok({"faults": []})
    again = Stage(REFUSED, problem(429, "rate-limited"), simulated)
    again.run(Calls().simulate(fault=fault))
    assert len(again.sent) == 3
    for outcome in (LOST, problem(500, "internal-error")):
        once = Stage(outcome, simulated)
        with pytest.raises(PaperdeskError):
            once.run(Calls().simulate(fault=fault))
        assert len(once.sent) == 1


def test_pages_become_one_list_and_no_row_more_than_asked_for() -> None:
    def page(*names: str, cursor: str | None) -> Response:
        row = {"account_id": "DU1", "client": "c", "submitted_at": "2026-03-09T14:30:00Z"}
        return ok({"batches": [{**row, "batch_id": n} for n in names], "next_cursor": cursor})

    pages = [page("a", "b", cursor="x"), page("c", cursor=None)]
    stage = Stage(*pages)
    assert [row.batch_id for row in stage.run(Calls().batches())] == ["a", "b", "c"]
    assert [request.params for request in stage.sent] == [
        {"limit": "200"},
        {"limit": "200", "cursor": "x"},
    ]
    stage = Stage(*pages)
    assert [row.batch_id for row in stage.run(Calls().batches(limit=1))] == ["a"]
    assert [request.params["limit"] for request in stage.sent] == ["1"]


def batch(*, is_final: bool) -> Response:
    summary = {"final": is_final, "on_target": is_final, "short": []}
    shown = {k: v for k, v in SUBMITTED.items() if k != "results"}
    return ok({**shown, "client": "c", "orders": [], "summary": summary})


def test_a_batch_is_waited_for_in_questions_that_a_proxy_lets_live() -> None:
    stage = Stage(batch(is_final=False), batch(is_final=False), batch(is_final=True))
    state = stage.run(Calls().wait("a1b2c3d4e5f67890", None))

    assert state.summary.final
    assert [request.params["wait"] for request in stage.sent] == ["20.000"] * 3


def test_waiting_ends_in_time_without_an_error() -> None:
    stage = Stage(batch(is_final=False))
    state = stage.run(Calls().wait("a1b2c3d4e5f67890", 0.25))

    assert not state.summary.final
    assert [request.params["wait"] for request in stage.sent] == [
        "0.250",
        "0.150",
        "0.050",
        "0.000",
    ]


def test_who_looks_on_while_a_batch_is_waited_for_sees_each_state_soon() -> None:
    stage = Stage(batch(is_final=False), batch(is_final=True))
    seen: list[Any] = []
    stage.run(Calls().wait("a1b2c3d4e5f67890", None, seen.append))

    assert [state.summary.final for state in seen] == [False, True]
    assert [request.params["wait"] for request in stage.sent] == ["0.500"] * 2


def test_rows_that_are_no_whole_shares_are_named_all_at_once_and_nothing_is_sent() -> None:
    stage = Stage(ok(SUBMITTED))
    rows = [
        {"symbol": "A", "quantity": 1.5},
        {"symbol": "B", "quantity": 2.0},
        {"symbol": "C", "quantity": float("nan")},
    ]
    with pytest.raises(BadRequest) as raised:
        stage.run(Calls().submit(rows))

    assert [entry.field for entry in raised.value.errors] == [
        "orders[0].quantity",
        "orders[2].quantity",
    ]
    assert stage.sent == []


def test_the_twins_have_the_same_calls_with_the_same_parameters() -> None:
    def calls(kind: type) -> dict[str, list[inspect.Parameter]]:
        return {
            name: list(inspect.signature(member).parameters.values())
            for name, member in inspect.getmembers(kind, callable)
            if not name.startswith("_") and name != "run"
        }

    assert calls(Client) == calls(AsyncClient)
    wrapped = {name for name, _ in inspect.getmembers(Calls, callable) if name[0] != "_"}
    assert wrapped - {"wait"} <= calls(Client).keys()
    assert all(getattr(Client, name).__doc__ for name in calls(Client))
