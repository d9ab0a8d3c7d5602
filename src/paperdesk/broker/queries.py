"""Questions to a gateway: contracts, names, quotes, hours, the prices of a portfolio.

Owns: how each is asked over a link, how long its answer is waited for, and what an answer
means. Knows nothing of the session or of orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Final

from ib_async import Contract as IbContract

from paperdesk.broker.answers import Late, Refused, account_key
from paperdesk.broker.contracts import (
    ContractRow,
    candidates_of,
    contract_row_of,
    contracts_of,
)
from paperdesk.broker.guard import is_clean
from paperdesk.broker.link import Link
from paperdesk.broker.translate import tick_of
from paperdesk.desk.ports import LineDown, NotSent, Quote
from paperdesk.domain.contract import Contract
from paperdesk.domain.vocabulary import AccountId

# A stock of the exchanges whose hours US stocks keep, known to every gateway.
HOURS_SYMBOL: Final = "SPY"

_UNKNOWN_CONTRACT: Final = 200
DELAYED: Final = 3  # reqMarketDataType: live where subscribed, else delayed

# IBKR, "Tick types": the live kind and its delayed twin.
_TICKS: Final[Mapping[int, str]] = {
    1: "bid",
    66: "bid",
    2: "ask",
    67: "ask",
    4: "last",
    68: "last",
}


async def contract_rows(link: Link, symbol: str, seconds: float) -> list[ContractRow]:
    """Return the details of every USD stock of that symbol. Raises LineDown."""
    if not is_clean(symbol):
        return []
    request_id = link.next_id()
    wanted = IbContract(symbol=symbol, secType="STK", exchange="SMART", currency="USD")
    try:
        found = await _ask(
            link,
            request_id,
            lambda: link.ib.client.reqContractDetails(request_id, wanted),
            seconds,
        )
    except Refused as refused:
        if refused.code == _UNKNOWN_CONTRACT:
            return []
        raise LineDown(f"the gateway did not look up {symbol}: {refused}") from refused
    rows = [contract_row_of(fields, link.version) for fields in found]
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        # What cannot be read must not look like what does not exist.
        raise LineDown(f"the gateway described {symbol} in a way that is not understood")
    return known


async def find_contracts(link: Link, symbol: str, seconds: float) -> tuple[Contract, ...]:
    """Return every USD stock or ETF of that symbol. Raises LineDown."""
    return contracts_of(await contract_rows(link, symbol, seconds))


async def candidates(link: Link, text: str, seconds: float) -> tuple[str, ...]:
    """Return symbols of USD stocks like `text`. Raises LineDown."""
    if not is_clean(text):
        return ()
    request_id = link.next_id()
    try:
        found = await _ask(
            link,
            request_id,
            lambda: link.ib.client.reqMatchingSymbols(request_id, text),
            seconds,
        )
    except Refused:
        return ()
    return candidates_of(found[0], link.version) if found else ()


async def take_delayed_quotes(link: Link) -> None:
    """Let quotes be delayed ones where live ones are not subscribed, for the whole session."""
    async with link.room():
        with suppress(NotSent, OSError):  # then the link is over, and says so itself
            link.ib.client.reqMarketDataType(DELAYED)


async def quote(link: Link, contract: Contract, seconds: float) -> Quote | None:
    """Return a snapshot quote, with what came where its end did not. Raises LineDown."""
    client = link.ib.client
    request_id = link.next_id()

    def send() -> None:
        client.reqMktData(request_id, ib_contract(contract), "", True, False, [])

    try:
        rows = await link.ask(request_id, send, seconds)
    except Late as late:
        rows = late.rows
        async with link.room():
            with suppress(NotSent, OSError):  # frees the gateway's market data line
                client.cancelMktData(request_id)
    except Refused:
        return None
    return quote_of(rows)


def quote_of(rows: Iterable[Sequence[str]]) -> Quote | None:
    """Return the last price told of each side, None where none was."""
    prices: dict[str, Decimal | None] = {}
    for fields in rows:
        tick = tick_of(fields)
        side = _TICKS.get(tick.kind) if tick else None
        if tick is not None and side is not None:
            prices[side] = tick.price
    found = Quote(prices.get("bid"), prices.get("ask"), prices.get("last"))
    return None if found == Quote(None, None, None) else found


async def download_portfolio(link: Link, account: AccountId, seconds: float) -> None:
    """Subscribe to an account and wait until its values are in. Raises LineDown.

    A gateway keeps one such subscription: calls for two accounts must not overlap.
    """
    try:
        await _ask(
            link,
            account_key(account),
            lambda: link.ib.client.reqAccountUpdates(True, account),
            seconds,
        )
    except Refused as refused:
        raise LineDown(f"the gateway did not tell the account's values: {refused}") from refused


def ib_contract(contract: Contract) -> IbContract:
    """Return the contract as an order or a quote names it: by conid, routed by SMART."""
    return IbContract(
        conId=contract.conid,
        symbol=contract.symbol,
        secType="STK",
        exchange="SMART",
        currency=contract.currency,
    )


async def _ask(
    link: Link, key: int | str, send: Callable[[], None], seconds: float
) -> list[tuple[str, ...]]:
    """Ask, and take a late answer for none at all. Raises LineDown or Refused."""
    try:
        return await link.ask(key, send, seconds)
    except Late as late:
        raise LineDown(f"{link.name} gave {late}") from late
