"""Where a request comes from: the address that limits and the audit trail go by.

Owns: which hop of `X-Forwarded-For` is believed. A proxy adds the address that it was called from
on the right; so the list is read from the right, for as long as it was a trusted proxy that told.
What stands left of that the caller may have made up. Knows nothing of who is authenticated, and
nothing of what is done with an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from litestar.types import HTTPScope

UNNAMED: Final = "unix"  # who calls through a socket of this machine has no address
HOPS_MAX: Final = 16  # more proxies in a row are nobody's network, but somebody's attempt

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_HEADER: Final = b"x-forwarded-for"


def source_of(scope: HTTPScope, trusted: Sequence[Network]) -> str:
    """Return the address of the caller; `UNNAMED` where there is none.

    That is the other end of the socket, unless it is one of `trusted`: then the rightmost hop
    that is none of them. One address has one spelling, whoever wrote it.
    """
    client = scope.get("client")
    peer = None if client is None else _address(client[0])
    if peer is None:
        return UNNAMED
    return str(_believed(peer, _hops(scope), trusted))


def is_of(written: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address belongs to one of the networks."""
    address = _address(written)
    return address is not None and _is_of(address, networks)


def _believed(peer: Address, hops: list[str], trusted: Sequence[Network]) -> Address:
    """Walk from the socket to the left, while who tells is trusted and says an address."""
    found = peer
    for hop in reversed(hops):
        told = _address(hop) if _is_of(found, trusted) else None
        if told is None:
            break
        found = told
    return found


def _is_of(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _hops(scope: HTTPScope) -> list[str]:
    """Return the last hops of all the headers, which are one list (RFC 9110, 5.3)."""
    lines = [value for name, value in scope["headers"] if name.lower() == _HEADER]
    return b",".join(lines).decode("latin-1").rsplit(",", HOPS_MAX)[-HOPS_MAX:]


@lru_cache(maxsize=1024)
def _address(written: str) -> Address | None:
    """Return what `1.2.3.4`, `1.2.3.4:5`, `::1` or `[::1]:5` names, None where it is nothing.

    An IPv4 address is the same one inside IPv6; a zone is of the machine that wrote it.
    """
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
