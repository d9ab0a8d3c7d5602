"""The conformance list says what the code does, and the page says what the list does."""

from __future__ import annotations

from pathlib import Path

import pytest

from twsim import conformance
from twsim.answers import answer
from twsim.answers.unserved import UNSERVED
from twsim.conformance import Level, Row, assumptions, document
from twsim.wire import requests, responses
from twsim.wire.layout import Message

PAGE = Path(__file__).parents[3] / "docs" / "twsim.md"


def numbers(rows: tuple[Row, ...], *levels: Level) -> set[int]:
    return {row.number for row in rows if row.level in levels}


def test_what_is_served_has_an_answer_and_what_is_not_a_refusal() -> None:
    silent = {number for number, each in UNSERVED.items() if each.refusal is None}
    answered = {kind.ID for kind in requests.REQUESTS.values() if kind in answer.registry}

    assert answered == set(requests.REQUESTS)
    assert numbers(conformance.REQUESTS, Level.FULL, Level.PARTLY) == answered | silent
    assert numbers(conformance.REQUESTS, Level.NOT) == set(UNSERVED) - silent


def test_what_is_said_has_a_type_and_what_is_never_said_has_none() -> None:
    known = numbers(conformance.RESPONSES, Level.FULL, Level.PARTLY)

    assert known == set(responses.RESPONSES)
    assert not numbers(conformance.RESPONSES, Level.NOT) & set(responses.RESPONSES)


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        (conformance.REQUESTS, requests.REQUESTS),
        (conformance.RESPONSES, responses.RESPONSES),
    ],
)
def test_numbers_rise_and_names_are_those_of_the_types(
    rows: tuple[Row, ...], kinds: dict[int, type[Message]]
) -> None:
    found = [row.number for row in rows]
    names = {number: kind.NAME for number, kind in kinds.items()}

    assert found == sorted(set(found))
    assert {row.number: row.name for row in rows if row.number in kinds} == names


def test_refused_requests_have_their_names() -> None:
    listed = {row.number: row.name for row in conformance.REQUESTS}

    assert {number: each.name for number, each in UNSERVED.items()}.items() <= listed.items()


def test_what_is_not_full_says_why() -> None:
    rows = (*conformance.REQUESTS, *conformance.RESPONSES)

    assert all(bool(row.why) == (row.level is not Level.FULL) for row in rows)


def test_assumptions_are_sentences_and_told_once() -> None:
    told = list(assumptions())

    assert len(told) > 5
    assert len(told) == len(set(told))
    assert all(each.endswith(".") and not each.split()[0].islower() for each in told)


def test_the_page_is_what_the_code_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "run `make docs`"
