"""From a symbol to its contract.

Owns: Lookup: what is known in memory first, then the cache in the ledger, then the gateway, and
one question for however many ask at once. Knows nothing of targets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from paperdesk.desk.joining import Joined
from paperdesk.desk.lane import Lane
from paperdesk.desk.ports import Clock, Ledger
from paperdesk.domain.batch import ErrorCode, Refusal
from paperdesk.domain.contract import Contract
from paperdesk.domain.vocabulary import Symbol

CANDIDATES_MAX: Final = 5
KEPT_MAX: Final = 20_000


class Lookup:
    """Finds contracts. What was found once is never asked again."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._joined: Joined[tuple[str, Symbol], Contract | Refusal] = Joined()
        self._kept: dict[Symbol, Contract] = {}

    async def cached(self, symbols: Collection[Symbol]) -> dict[Symbol, Contract]:
        """Return what is known without asking."""
        known = {symbol: self._kept[symbol] for symbol in symbols if symbol in self._kept}
        missing = [symbol for symbol in symbols if symbol not in known]
        if missing:
            stored = await self._ledger.contracts(missing)
            self._keep(stored)
            known |= stored
        return known

    def _keep(self, found: Mapping[Symbol, Contract]) -> None:
        if len(self._kept) + len(found) > KEPT_MAX:
            self._kept.clear()
        self._kept.update(found)

    async def find(self, symbol: Symbol, lane: Lane) -> Contract | Refusal:
        """Return the contract, or why there is none. Raises LineDown."""
        return await self._joined.ask(
            (lane.broker.name, symbol), lambda: self._ask(symbol, lane), f"look up {symbol}"
        )

    async def _ask(self, symbol: Symbol, lane: Lane) -> Contract | Refusal:
        found = await lane.sender.query(lambda: lane.broker.find_contracts(symbol))
        if len(found) == 1:
            await self._ledger.save_contract(symbol, found[0], self._clock.now())
            self._keep({symbol: found[0]})
            return found[0]
        if found:
            return ambiguous(symbol, found)
        return unknown(symbol, await lane.sender.query(lambda: lane.broker.candidates(symbol)))


def ambiguous(symbol: Symbol, found: Sequence[Contract]) -> Refusal:
    """Refuse a symbol that names several contracts."""
    names = ", ".join(
        f"{contract.symbol} on {contract.primary_exchange} (conid {contract.conid}, "
        f"{contract.long_name})"
        for contract in found[:CANDIDATES_MAX]
    )
    return Refusal(ErrorCode.AMBIGUOUS_SYMBOL, f"{symbol} is ambiguous: it may be {names}")


def unknown(symbol: Symbol, candidates: Sequence[str]) -> Refusal:
    """Refuse a symbol that names nothing tradable here."""
    words = f"IBKR knows no USD stock or ETF {symbol}"
    if candidates:
        words += f": did you mean {', '.join(candidates[:CANDIDATES_MAX])}?"
    return Refusal(ErrorCode.UNKNOWN_SYMBOL, words)
