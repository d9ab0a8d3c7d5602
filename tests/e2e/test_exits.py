"""Each exit code is what docs/cli.md says, and each output says what happened and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.exits import SITUATIONS, Situation, World, own_gateway, weekend
from paperdesk.cli.exits import Exit


@pytest.fixture(scope="module")
def well() -> Iterator[World]:
    with own_gateway() as world:
        yield world


@pytest.fixture(scope="module")
def closed() -> Iterator[World]:
    with weekend() as world:
        yield world


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_command_ends_as_the_table_says(
    situation: Situation, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue("closed" if situation.is_weekend else "well")

    text, code = situation.happen(world)

    assert code == situation.code, text
    assert [words for words in situation.said if words not in text] == [], text
    assert "Traceback" not in text


def test_the_table_has_every_code() -> None:
    assert {situation.code for situation in SITUATIONS} == {*Exit, 130}
