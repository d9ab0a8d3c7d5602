"""The API under its own document, with few examples: `make schema` asks for as many as one likes."""

from __future__ import annotations

import pytest

from fuzz.schema import Found, search
from paperdesk.api.app import ENDPOINTS

ALL_CHECKS = 16
BY_THE_SCHEMA = 1_400  # cases that the document alone makes, before anything is drawn
# What succeeds only where something went wrong before, was not revoked yet, or is embedded; or a
# file that nobody guesses the name of.
RARE = {
    "POST /api/v1/orders/{batch_id}/resolve",
    "POST /api/v1/keys/{key_id}/rotate",
    "POST /api/v1/simulator",
    "GET /assets/{build}/{name}",
}


@pytest.mark.timeout(180)
def test_every_answer_is_one_that_the_document_promises() -> None:
    found = Found()
    search(1, found, examples=1, is_whole=True, is_up=True)

    assert found.failures == {}
    assert found.cases > BY_THE_SCHEMA
    assert len(found.checks) == ALL_CHECKS
    # The engine leaves out where it read the document.
    operations = {f"{each.method} {each.template}" for each in ENDPOINTS} - {
        "GET /openapi.json"
    }
    assert operations <= found.answers.keys()
    assert {name for name in operations if not found.answers[name][200]} <= RARE


@pytest.mark.timeout(180)
def test_without_a_gateway_nothing_fails_in_another_way_than_the_document_says() -> None:
    found = Found()
    search(2, found, examples=6, is_whole=False, is_up=False)

    assert found.failures == {}
    assert found.answers["POST /api/v1/orders"][500]
