"""The oracle sees what is wrong in a record, and knows nothing of whom it judges."""

from __future__ import annotations

import ast
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proof import oracle, record
from proof.oracle import judge
from proof.play import play
from proof.record import Record
from proof.seeds import FAULTS
from proof.story import draw

CALM = 5  # a seed in which orders fill, some are replaced, and a halt is set


@pytest.fixture(scope="module")
def calm() -> Record:
    """Return the record of a seed that breaks nothing."""
    played, _ = play(draw(CALM, FAULTS))
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


def test_it_sees_a_batch_that_was_answered_and_is_gone(calm: Record) -> None:
    changed = deepcopy(calm)
    changed.batches.pop()

    assert "INV-ACK-DURABLE" in names(changed)


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


def test_it_sees_a_target_that_is_not_reached(calm: Record) -> None:
    changed = deepcopy(calm)
    (name, wanted), *_ = calm.wanted.items()
    changed.wanted[name] = wanted + 1

    assert names(changed) == {"INV-CONVERGE"}
