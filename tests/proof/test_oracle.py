"""The oracle sees what is wrong in a record, and knows nothing of whom it judges."""

from __future__ import annotations

import ast
import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from proof import oracle, record
from proof.oracle import BY_A_PERSON, OPENING_FRAMES, judge
from proof.play import play
from proof.record import Record
from proof.seeds import FAULTS
from proof.story import draw

# A story without faults in which orders fill, some are replaced, and a halt is set.
CALM = replace(draw(5, FAULTS), faults={})


@pytest.fixture(scope="module")
def calm() -> Record:
    """Return the record of a story that breaks nothing."""
    played, _ = play(CALM)
    assert judge(played) == []
    return played


@pytest.mark.parametrize("module", [oracle, record])
def test_it_imports_nothing_of_the_service_nor_of_the_gateway(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & {"paperdesk", "twsim", "sim", "front", "harness"}


def names(changed: Record) -> set[str]:
    return {violation.name for violation in judge(changed)}


def test_it_sees_an_order_that_left_twice(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.sent.append(replace(calm.sent[0], at=calm.sent[-1].at + 1))

    assert {"INV-SINGLE-SEND", "INV-OID-UNIQUE"} <= names(changed)


def test_it_sees_an_order_that_was_not_written_down(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.sent[0] = replace(calm.sent[0], row=None)

    assert names(changed) == {"INV-WRITE-AHEAD"}


def test_it_sees_an_order_beside_another(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.sent[1] = replace(calm.sent[1], working=(calm.sent[0].order_id,))

    assert names(changed) == {"INV-ONE-LIVE"}


def test_it_sees_an_order_that_was_planned_from_another_position(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.sent[0] = replace(calm.sent[0], position=calm.sent[0].position + 1)

    assert names(changed) == {"INV-HULL"}


def test_it_sees_a_fill_that_is_lost(calm: Record) -> None:
    changed = deepcopy(calm)
    lost = changed.executions.pop()

    assert "INV-EXEC-EQ" in names(changed)
    assert any(lost["exec_id"] in violation.words for violation in judge(changed))


def test_a_fill_of_a_day_that_ended_may_be_lost_where_a_person_said_what_became_of_it(
    calm: Record,
) -> None:
    changed = deepcopy(calm)
    lost = changed.executions.pop(0)
    (fill,) = (fill for fill in changed.fills.values() if fill.exec_id == lost["exec_id"])
    day_end = min(at for at, _ in changed.writes if at > fill.at) + 0.001
    changed.began = datetime(2026, 3, 6, 5, tzinfo=UTC) - timedelta(seconds=day_end)
    assert day_end < changed.ended_at
    assert "INV-EXEC-EQ" in names(changed)

    for told in chain.from_iterable(changed.evidence.values()):
        if told["order_ref"] == lost["order_ref"]:
            told["evidence"].append({"step": BY_A_PERSON})
    assert "INV-EXEC-EQ" not in names(changed)

    changed.began += timedelta(days=0.5)
    assert "INV-EXEC-EQ" in names(changed)


def test_it_sees_a_batch_that_was_answered_and_is_gone(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.batches.pop()

    assert "INV-ACK-DURABLE" in names(changed)


def test_it_sees_a_batch_that_nobody_was_answered(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.batches.append(deepcopy(calm.batches[0]) | {"batch_id": "f" * 16})

    found = {v.words.split(" ", 1)[1] for v in judge(changed) if v.name == "INV-ACK-ATOMIC"}
    assert "batches were answered to nobody, and 0 calls were cut" in found
    assert any(words.startswith("has ") for words in found)


def test_it_sees_a_batch_without_rows(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.batches[0]["orders"] = []

    assert "INV-ACK-ATOMIC" in names(changed)


def test_it_sees_an_answer_that_is_another_one_the_second_time(calm: Record) -> None:
    changed = deepcopy(calm)
    first = next(call for call in calm.calls if call.kind == "post" and call.is_ok)
    changed.calls.append(replace(first, given=first.given + b" "))

    assert names(changed) == {"INV-IDEMP"}


def test_it_sees_a_position_that_is_shown_wrong(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.positions["DU8730189"]["AAPL"] = 12_345

    assert names(changed) == {"INV-POS-SUM"}


def test_it_sees_an_order_that_left_during_a_halt(calm: Record) -> None:
    changed = deepcopy(calm)
    sent = calm.sent[-1]
    halt = replace(
        next(call for call in calm.calls if call.kind == "post"),
        kind="halt",
        at=sent.at - 2,
        until=sent.at - 1,
        path=f"/api/v1/accounts/{sent.account}/halt",
        body={"mode": "all"},
        status=200,
        key=None,
    )
    changed.calls = [call for call in calm.calls if call.kind != "resume"] + [halt]

    assert "INV-KILL" in names(changed)


def test_it_sees_too_many_frames_in_a_second(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.writes = [(1.0, 1)] * (calm.pace + 1)

    assert names(changed) == {"INV-PACE"}


def test_the_frames_that_open_a_session_are_not_counted_against_a_slow_pace(
    calm: Record,
) -> None:
    changed = deepcopy(calm)
    changed.pace = 5
    changed.writes = [(1.0, 1)] * (OPENING_FRAMES + 5)
    assert names(changed) == set()

    changed.writes += [(1.5, 1)]
    assert names(changed) == {"INV-PACE"}


def test_it_sees_a_target_that_is_not_reached(calm: Record) -> None:
    changed = deepcopy(calm)
    (name, wanted), *_ = calm.wanted.items()
    changed.wanted[name] = wanted + 1

    assert names(changed) == {"INV-CONVERGE"}


def test_it_sees_a_frame_to_a_gateway_that_named_a_live_account(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.not_paper = [1.0]

    assert names(changed) == {"INV-PAPER"}


def test_it_sees_an_order_beyond_a_limit(calm: Record) -> None:
    changed = deepcopy(calm)
    opening = next(sent for sent in calm.sent if sent.position * sent.side >= 0)
    changed.limits = {opening.account: {"max_order_quantity": opening.quantity - 1}}

    assert names(changed) == {"INV-LIMITS"}


def test_it_sees_a_position_that_is_wrong_and_not_locked(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.seen[0] = replace(calm.seen[0], shown=calm.seen[0].held + 1, is_locked=False)
    locked = deepcopy(changed)
    locked.seen[0] = replace(changed.seen[0], is_locked=True)

    assert names(changed) == {"INV-BREAK"}
    assert names(locked) == set()


def test_it_sees_an_order_that_stays_unknown(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.unknown = ["a1b2c3d4e5f67890 AAPL"]

    assert names(changed) == {"INV-RESOLVE-LIVE"}


def test_it_sees_one_order_that_became_two(calm: Record) -> None:
    changed = deepcopy(calm)
    order = next(order for order in calm.placed.values() if order.client_id == calm.ours)
    changed.placed[1] = replace(order, perm_id=1)

    assert names(changed) == {"INV-ONE-EFFECT"}


def test_it_sees_an_order_that_is_shown_as_never_placed_and_was(calm: Record) -> None:
    changed = deepcopy(calm)
    sent = next(sent for sent in calm.sent if sent.quantity)
    _, batch_id, seq = sent.ref.split("-")
    batch = next(batch for batch in changed.batches if batch["batch_id"] == batch_id)
    batch["orders"][int(seq)] |= {"error_code": "not-placed"}
    changed.evidence[batch_id] = []

    assert names(changed) == {"INV-CUM", "INV-EXPLAIN"}


def test_it_sees_an_answer_that_the_contract_does_not_know(calm: Record) -> None:
    changed = deepcopy(calm)
    post = next(call for call in changed.calls if call.kind == "post" and call.key)
    changed.calls.append(replace(post, key=None, status=502, given=b""))

    assert names(changed) == {"INV-TENANT"}


def test_it_sees_an_order_that_left_after_a_newer_target_was_answered(calm: Record) -> None:
    changed = deepcopy(calm)
    last = max(calm.sent, key=lambda sent: sent.at)
    older = next(
        sent
        for sent in calm.sent
        if (sent.account, sent.symbol) == (last.account, last.symbol) and sent is not last
    )
    index = calm.sent.index(older)
    changed.sent[index] = replace(older, at=last.at + 100)

    assert "INV-LATEST-WINS" in names(changed)


def test_it_sees_an_end_that_is_taken_back(calm: Record) -> None:
    changed = deepcopy(calm)
    batch = next(b for b in calm.batches if b["orders"][0]["status"] == "Filled")
    taken_back = deepcopy(batch)
    taken_back["orders"][0] |= {"status": "Submitted", "filled_qty": 0}
    last = calm.calls[-1]
    for number, body in enumerate((batch, taken_back)):
        given = json.dumps(body, default=str).encode()
        until = last.until + number
        changed.calls.append(
            replace(last, kind="look", method="GET", until=until, status=200, given=given)
        )

    assert names(changed) == {"INV-TERMINAL"}
