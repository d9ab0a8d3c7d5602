"""Contracts: what can be traded, how it is found, and in which steps it is priced.

Owns: Contract, ContractTable with its search, the tick ladder, and how listings become
contracts with lasting ids. Does not know where listings are read from, nor any price.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from twsim.exchange.vocabulary import ConId

SMART: Final = "SMART"
USD: Final = "USD"
STOCK: Final = "STK"
NASDAQ: Final = "NASDAQ"
# As a real gateway lists them for AAPL, shortened: RS-7.
VALID_EXCHANGES: Final = (
    "SMART", "AMEX", "NYSE", "CBOE", "PHLX", "ISE", "CHX", "ARCA", "NASDAQ", "DRCTEDGE",
    "BEX", "BATS", "EDGEA", "BYX", "IEX", "EDGX", "PEARL", "NYSENAT", "LTSE", "MEMX",
    "IBEOS", "OVERNIGHT", "PSX",
)  # fmt: skip

# From which price on, which step: the rule of US stocks.
TICK_LADDER: Final = ((Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01")))
MARKET_RULE_ID: Final = 26  # the number that a real gateway names for US stocks: RS-7

# Conids seen in recordings and documents; every other one comes from a hash.
_KNOWN_CON_IDS: Final[Mapping[str, int]] = {
    "AAPL": 265598,  # RS-2
    "MSFT": 272093,
    "AMZN": 3691937,  # GO-2
    "SPY": 756733,  # NT-1
    "TSLA": 76792991,  # RS-3
}
_CON_ID_MIN: Final = 100_000_000
_CON_ID_SPAN: Final = 800_000_000
SAMPLES_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of the listings: a symbol in IBKR's spelling, and what is known of it."""

    symbol: str
    name: str
    exchange: str
    stock_type: str = "COMMON"
    industry: str = ""


# A fictional company with two listings in USD, so that ambiguity can be met: by symbol
# alone it yields two contracts, and an order is refused (contract.md, symbols).
TWINS: Final = (
    Listing("TWIN", "Twin Industries (NYSE line)", "NYSE"),
    Listing("TWIN", "Twin Industries (NASDAQ line)", NASDAQ),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """One US stock or ETF."""

    con_id: ConId
    symbol: str
    long_name: str
    primary_exchange: str
    trading_class: str
    stock_type: str
    industry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A description of a contract; what is empty fits all."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = STOCK
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""


class ContractTable:
    """Every contract there is."""

    __slots__ = ("_by_con_id", "_by_symbol")

    def __init__(self, listings: Iterable[Listing]) -> None:
        self._by_con_id: dict[ConId, Contract] = {}
        self._by_symbol: dict[str, list[Contract]] = {}
        for listing in (*listings, *TWINS):
            self._add(listing)

    def _add(self, listing: Listing) -> None:
        con_id = self._free_con_id(listing)
        contract = Contract(
            con_id=con_id,
            symbol=listing.symbol,
            long_name=listing.name,
            primary_exchange=listing.exchange,
            # NASDAQ's stocks share one class, others have their own: RS-2, NT-1.
            trading_class="NMS" if listing.exchange == NASDAQ else listing.symbol,
            stock_type=listing.stock_type,
            industry=listing.industry,
        )
        self._by_con_id[con_id] = contract
        self._by_symbol.setdefault(listing.symbol, []).append(contract)

    def _free_con_id(self, listing: Listing) -> ConId:
        known = _KNOWN_CON_IDS.get(listing.symbol)
        con_id = (
            known
            or _CON_ID_MIN + stable_hash(f"{listing.symbol}@{listing.exchange}") % _CON_ID_SPAN
        )
        while con_id in self._by_con_id:
            con_id += 1
        return ConId(con_id)

    def __getitem__(self, con_id: ConId) -> Contract:
        return self._by_con_id[con_id]

    def __contains__(self, con_id: ConId) -> bool:
        return con_id in self._by_con_id

    def __len__(self) -> int:
        return len(self._by_con_id)

    def has_symbol(self, symbol: str) -> bool:
        """Tell whether there is a contract of a symbol."""
        return symbol in self._by_symbol

    def of_symbol(self, symbol: str) -> Contract:
        """Return the first contract of a symbol; KeyError where there is none."""
        return self._by_symbol[symbol][0]

    def matching(self, query: Query) -> list[Contract]:
        """Return every contract that fits, in the order of the listings."""
        if query.con_id:
            found = self._by_con_id.get(ConId(query.con_id))
            return [found] if found is not None else []
        candidates = self._by_symbol.get(query.symbol or query.local_symbol, [])
        return [contract for contract in candidates if _fits(contract, query)]

    def search(self, pattern: str) -> list[Contract]:
        """Return contracts whose symbol starts with the pattern, then those named so."""
        wanted = pattern.strip().upper()
        if not wanted:
            return []
        by_symbol, by_name = [], []
        for contract in self._by_con_id.values():
            if contract.symbol.startswith(wanted):
                by_symbol.append(contract)
            elif wanted in contract.long_name.upper():
                by_name.append(contract)
        by_symbol.sort(key=lambda c: (c.symbol != wanted, c.symbol))
        return (by_symbol + by_name)[:SAMPLES_MAX]


def _fits(contract: Contract, query: Query) -> bool:
    exchanges = (*VALID_EXCHANGES, contract.primary_exchange, "")
    return (
        query.sec_type == STOCK
        and query.exchange in exchanges
        and query.currency in (USD, "")
        and query.primary_exchange in (contract.primary_exchange, "")
        and query.local_symbol in (contract.symbol, "")
        and query.trading_class in (contract.trading_class, "")
    )


def tick_at(price: Decimal) -> Decimal:
    """Return the price step that holds at a price."""
    return next(tick for floor, tick in reversed(TICK_LADDER) if price >= floor)


def is_on_tick(price: Decimal) -> bool:
    """Tell whether a price is one that the exchange knows."""
    return price % tick_at(price) == 0


def to_tick(price: Decimal) -> Decimal:
    """Return the nearest price that the exchange knows; never less than one step."""
    tick = tick_at(price)
    return max(price.quantize(tick, rounding=ROUND_HALF_EVEN), tick)


def stable_hash(text: str) -> int:
    """Return 64 bits that are the same in every process, unlike `hash`."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
