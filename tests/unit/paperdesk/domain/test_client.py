"""Who calls, and what the key lets it do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from makers import ACCOUNT, NOW
from paperdesk.domain.client import RESERVED, Actor, Client, Origin
from paperdesk.domain.vocabulary import ClientName, Scope

TRADER = Client(ClientName("trader"), frozenset({Scope.TRADE}), frozenset({ACCOUNT}))


@pytest.mark.parametrize(
    ("given", "may"),
    [
        ({Scope.READ}, {Scope.READ}),
        ({Scope.TRADE}, {Scope.READ, Scope.TRADE}),
        ({Scope.READ, Scope.TRADE}, {Scope.READ, Scope.TRADE}),
        (set(), set()),
    ],
)
def test_each_given_scope_adds_what_it_includes(given: set[Scope], may: set[Scope]) -> None:
    client = replace(TRADER, scopes=frozenset(given))

    assert {scope for scope in Scope if client.may(scope)} == may


def test_a_change_is_written_down_as_its_client_from_where_it_called() -> None:
    origin = Origin(request_id="a1b2c3d4e5f67890")

    assert replace(TRADER, origin=origin).actor == Actor(ClientName("trader"), origin)


def test_a_client_is_the_same_whatever_it_calls_from_and_until_when() -> None:
    assert replace(TRADER, origin=Origin(request_id="a1b2c3d4e5f67890")) == TRADER
    assert replace(TRADER, expires_at=NOW) == TRADER


def test_no_client_is_called_as_the_service_or_who_sits_at_its_machine() -> None:
    assert {"paperdesk", "operator"} == RESERVED
