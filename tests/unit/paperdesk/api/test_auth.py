from __future__ import annotations

import hashlib
import hmac

import pytest

from paperdesk.api.auth import Key, KeyRing, is_open
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import ClientName, Scope


def make_key(name: str, key: bytes) -> Key:
    client = Client(ClientName(name), frozenset({Scope.READ}), frozenset())
    return Key(client, hashlib.sha256(key).hexdigest())


def test_a_key_belongs_to_its_client() -> None:
    ring = KeyRing([make_key("one", b"1"), make_key("two", b"\xff2")])

    assert [
        client and client.name for client in map(ring.client_of, [b"1", b"\xff2", b"3"])
    ] == [
        "one",
        "two",
        None,
    ]


def test_every_key_is_compared_also_after_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = KeyRing([make_key("one", b"1"), make_key("two", b"2"), make_key("three", b"3")])

    ring.client_of(b"1")
    assert len(compared) == 3


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/problems/forbidden"])
def test_pages_without_data_are_open(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize("path", ["/api/v1/orders", "/healthz", "/problems", "/docs/x", ""])
def test_everything_else_is_not(path: str) -> None:
    assert not is_open(path)
