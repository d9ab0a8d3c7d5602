from __future__ import annotations

import pytest

from paperdesk.api.endpoint import Accounts
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope
from paperdesk.errors import BadRequest, NotFound

MINE, THEIRS, GONE = AccountId("DU1"), AccountId("DU2"), AccountId("DU3")
ACCOUNTS = Accounts(frozenset({MINE, THEIRS}), default=THEIRS)
CLIENT = Client(ClientName("c"), frozenset({Scope.TRADE}), frozenset({MINE, GONE}))


def test_an_account_is_usable_if_it_is_configured_and_of_the_key() -> None:
    assert ACCOUNTS.usable_by(CLIENT) == {MINE}
    assert ACCOUNTS.named(CLIENT, MINE) == ACCOUNTS.in_path(CLIENT, MINE) == MINE


@pytest.mark.parametrize("name", [THEIRS, GONE, "", "du1", "x\n"])
def test_any_other_account_is_400_in_a_body_and_404_in_a_path(name: str) -> None:
    with pytest.raises(BadRequest):
        ACCOUNTS.named(CLIENT, name)
    with pytest.raises(NotFound) as raised:
        ACCOUNTS.in_path(CLIENT, name)

    assert raised.value.detail.isprintable()


def test_without_a_name_the_default_account_is_meant_and_judged() -> None:
    with pytest.raises(BadRequest):
        ACCOUNTS.named_or_default(CLIENT, None)
