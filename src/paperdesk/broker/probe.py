"""Asking a gateway who it is, without trading: for a person who looks for what is wrong.

Owns: one handshake by the real protocol, one quote, and what the gateway says to them. A TCP accept is not
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

from ib_async import IB, Contract, StartupFetch, Ticker

from paperdesk.broker import reasons
from paperdesk.broker.link import Address
from paperdesk.broker.queries import DELAYED

HANDSHAKE_SECONDS: Final = 4.0
CONNECT_SECONDS: Final = 3.0
QUOTE_SECONDS: Final = 3.0
AAPL: Final = 265598  # traded whenever anything is


@dataclass(frozen=True, slots=True)
class Probed:
    """What a gateway said. `failed` says why there was no session, None where there was one.

    `codes` are the errors that it said, with its words: 326, 321 and the like. `quotes` are "live"
    or "delayed", None where none came.
    """

    is_listening: bool
    failed: str | None = None
    version: int | None = None
    accounts: tuple[str, ...] = ()
    quotes: str | None = None
    codes: Mapping[int, str] = field(default_factory=dict)


async def probe(address: Address) -> Probed:
    """Connect, read the accounts, the open orders and a quote, and leave."""
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
    quotes = await _quotes(ib) if failed is None and ib.client.isReady() else None
    with suppress(OSError):
        ib.disconnect()
    return Probed(
        is_listening=True,
        failed=failed,
        version=version,
        accounts=accounts,
        quotes=quotes,
        codes=codes,
    )


async def _quotes(ib: IB) -> str | None:
    """Return which quotes come, as the service asks for them."""
    ib.reqMarketDataType(DELAYED)
    ticker = ib.reqMktData(Contract(conId=AAPL, exchange="SMART"), snapshot=True)
    with suppress(TimeoutError, OSError):  # the line may end meanwhile
        async with asyncio.timeout(QUOTE_SECONDS):
            while not _has_price(ticker):
                await ticker.updateEvent
    if not _has_price(ticker):
        return None
    return "delayed" if ticker.marketDataType >= DELAYED else "live"


def _has_price(ticker: Ticker) -> bool:
    return any(price > 0 for price in (ticker.bid, ticker.ask, ticker.last, ticker.close))


def _words(address: Address, error: OSError) -> str:
    return reasons.connecting_failed(reasons.Connecting(address.name, HANDSHAKE_SECONDS), error)
