"""Whose address a request has. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.types import HTTPScope

from paperdesk.api.source import HOPS_MAX, UNNAMED, Network, source_of

PROXIES: tuple[Network, ...] = (ip_network("10.0.0.0/24"), ip_network("fd00::/64"))
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.1/32"),)
STRANGERS = st.ip_addresses().filter(
    lambda address: (
        not any(address in network for network in PROXIES)
        and getattr(address, "ipv4_mapped", None) is None
    )
)
TRUSTED = st.integers(0, 255).map(lambda n: f"10.0.0.{n}") | st.integers(0, 2**64 - 1).map(
    lambda n: str(ip_address("fd00::") + n)
)
# What a caller may put into the header of its own request: anything, commas too.
MADE_UP = st.lists(st.binary(max_size=40) | TRUSTED.map(str.encode), max_size=4).map(b", ".join)


def scope(peer: str | None, *forwarded: bytes | str) -> HTTPScope:
    lines = [line if isinstance(line, bytes) else line.encode() for line in forwarded]
    made: dict[str, Any] = {
        "type": "http",
        "client": None if peer is None else (peer, 50_000),
        "headers": [(b"host", b"x"), *((b"x-forwarded-for", line) for line in lines)],
    }
    return cast("HTTPScope", made)


def canonical(address: object) -> str:
    return str(ip_address(str(address)))


@given(STRANGERS, MADE_UP)
def test_who_is_no_trusted_proxy_is_the_source_whatever_it_writes(
    peer: object, made_up: bytes
) -> None:
    assert source_of(scope(str(peer), made_up), PROXIES) == canonical(peer)


@given(TRUSTED, MADE_UP)
def test_without_trusted_proxies_the_header_is_never_read(peer: str, made_up: bytes) -> None:
    assert source_of(scope(peer, made_up), ()) == canonical(peer)


@given(STRANGERS, MADE_UP, st.lists(TRUSTED, min_size=1, max_size=HOPS_MAX))
def test_behind_any_chain_of_trusted_proxies_it_is_who_called_the_first_of_them(
    caller: object, made_up: bytes, chain: Sequence[str]
) -> None:
    """Each proxy adds on the right whom it was called by; the last one is at the socket."""
    told = [str(caller), *chain[:-1]]
    header = b", ".join([made_up, *(hop.encode() for hop in told)])

    assert source_of(scope(chain[-1], header), PROXIES) == canonical(caller)


@given(STRANGERS, st.lists(TRUSTED, min_size=2, max_size=6), st.integers(1, 5))
def test_several_headers_are_one_list(caller: object, chain: Sequence[str], after: int) -> None:
    told = [str(caller), *chain[:-1]]
    lines = [line for line in (", ".join(told[:after]), ", ".join(told[after:])) if line]

    assert source_of(scope(chain[-1], *lines), PROXIES) == canonical(caller)


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        # What is no address was not told by a proxy that knows its work: it stands for itself.
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("203.0.113.7, ", "127.0.0.1"),
        ("203.0.113.007", "127.0.0.1"),
        ("_hidden", "127.0.0.1"),
    ],
)
def test_one_address_has_one_spelling(written: str, source: str) -> None:
    assert source_of(scope("127.0.0.1", written), LOOPBACK) == source


def test_an_ipv4_peer_of_an_ipv6_socket_is_the_proxy_that_is_meant() -> None:
    assert source_of(scope("::ffff:127.0.0.1", "203.0.113.7"), LOOPBACK) == "203.0.113.7"


@pytest.mark.parametrize("peer", [None, ""])
def test_who_has_no_address_is_nobody_s_proxy(peer: str | None) -> None:
    assert source_of(scope(peer, "203.0.113.7"), LOOPBACK) == UNNAMED


def test_a_trusted_proxy_that_calls_for_itself_is_the_source() -> None:
    assert source_of(scope("127.0.0.1"), LOOPBACK) == "127.0.0.1"


def test_an_endless_list_is_read_to_a_bound() -> None:
    hops = ", ".join(["127.0.0.1"] * 50_000)

    assert source_of(scope("127.0.0.1", f"203.0.113.7, {hops}"), LOOPBACK) == "127.0.0.1"
