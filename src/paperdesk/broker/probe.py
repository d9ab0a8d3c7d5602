"""Asking a gateway who it is, without trading: for a person who looks for what is wrong.

Owns: one handshake by the real protocol, and what the gateway says in it. A TCP accept is not
enough: a gateway that waits for a login, or for a dialog, accepts and says nothing. Knows nothing of
what should be done about it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from ib_async import IB, StartupFetch

from paperdesk.broker import reasons
from paperdesk.broker.link import Address

HANDSHAKE_SECONDS: Final = 4.0
CONNECT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What a gateway said. `failed` says why there was no session, None where there was one.

    `codes` are the errors that it said, with its words: 326, 321 and the like.
    """

    is_listening: bool
    failed: str | None = None
    version: int | None = None
    accounts: tuple[str, ...] = ()
    codes: Mapping[int, str] = field(default_factory=dict)


async def probe(address: Address) -> Probed:
    """Connect, read the accounts and the open orders, and leave."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError as error:  # TimeoutError is one
        return Probed(is_listening=False, failed=_words(address, error))
    writer.close()
    return await _shake_hands(address)


async def _shake_hands(address: Address) -> Probed:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)  # what it says is in `codes`
    ib = IB()
    codes: dict[int, str] = {}
    ib.errorEvent += lambda _request, code, words, _contract: codes.setdefault(code, words)
    failed = None
    try:
        await ib.connectAsync(
            address.host,
            address.port,
            address.client_id,
            timeout=HANDSHAKE_SECONDS,
            fetchFields=StartupFetch.ORDERS_OPEN,
        )
    except OSError as error:
        failed = _words(address, error)
    version = ib.client.serverVersion() if ib.client.connState else None
    accounts = tuple(ib.client.getAccounts()) if ib.client.isReady() else ()
    with suppress(OSError):
        ib.disconnect()
    return Probed(
        is_listening=True, failed=failed, version=version, accounts=accounts, codes=codes
    )


def _words(address: Address, error: OSError) -> str:
    return reasons.connecting_failed(reasons.Connecting(address.name, HANDSHAKE_SECONDS), error)
