"""The text of a key, and when one opens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import ACCOUNT, NOW
from paperdesk.domain.keys import (
    PATTERN,
    SECRET_BITS,
    ApiKey,
    KeyGrant,
    KeyStatus,
    digest_of,
    recognised,
    text_of,
)
from paperdesk.domain.vocabulary import ClientName, KeyId, Scope, Symbol

GRANT = KeyGrant(ClientName("bot"), frozenset({Scope.TRADE}))
ids = st.integers(0, 2**32 - 1).map(lambda n: KeyId(f"{n:08x}"))
secrets = st.integers(0, 2**SECRET_BITS - 1)


@given(ids, secrets)
def test_a_key_is_recognised_and_names_its_id(key_id: KeyId, secret: int) -> None:
    text = text_of(key_id, secret)

    assert PATTERN.fullmatch(text)
    assert recognised(text) == key_id


@given(ids, secrets, secrets)
def test_no_two_secrets_make_one_key(key_id: KeyId, one: int, other: int) -> None:
    same = text_of(key_id, one) == text_of(key_id, other)

    assert same == (one == other)


@given(ids, secrets, st.integers(0, 61), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_key_with_one_other_character_is_none(
    key_id: KeyId, secret: int, at: int, other: str
) -> None:
    text = text_of(key_id, secret)
    changed = text[:at] + other + text[at + 1 :]

    assert (recognised(changed) is None) == (changed != text)


@given(st.text())
def test_any_text_may_be_looked_at(text: str) -> None:
    assert recognised(text) is None


def test_a_key_that_was_cut_is_none() -> None:
    text = text_of(KeyId("0f0f0f0f"), 2**255)

    assert all(recognised(text[:n]) is None for n in range(len(text)))


def test_the_digest_is_of_the_whole_key() -> None:
    assert digest_of(b"abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    )


@pytest.mark.parametrize(
    ("expires", "revoked", "status"),
    [
        (None, None, KeyStatus.ACTIVE),
        (1, None, KeyStatus.ACTIVE),
        (0, None, KeyStatus.EXPIRED),
        (None, -1, KeyStatus.REVOKED),
        (-2, -1, KeyStatus.REVOKED),
    ],
)
def test_a_key_opens_until_it_ends_or_is_revoked(
    expires: int | None, revoked: int | None, status: KeyStatus
) -> None:
    def at(seconds: int | None) -> object:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    grant = KeyGrant(ClientName("bot"), frozenset({Scope.READ}), expires_at=at(expires))  # type: ignore[arg-type]
    key = ApiKey(KeyId("0f0f0f0f"), "", grant, NOW, "ops", revoked_at=at(revoked))  # type: ignore[arg-type]

    assert key.status(NOW) is status


def test_a_key_without_accounts_may_use_all_that_there_are() -> None:
    everywhere = GRANT.client_of(KeyId("0f0f0f0f"), frozenset({ACCOUNT}))

    assert everywhere.accounts == {ACCOUNT}
    assert everywhere.origin.key_id == "0f0f0f0f"
    assert everywhere.may_trade(Symbol("AAPL"))


def test_a_key_may_be_bound_to_symbols() -> None:
    grant = KeyGrant(
        ClientName("bot"), frozenset({Scope.TRADE}), symbols=frozenset({Symbol("AAPL")})
    )
    bound = grant.client_of(None, frozenset({ACCOUNT}))

    assert bound.may_trade(Symbol("AAPL"))
    assert not bound.may_trade(Symbol("MSFT"))
