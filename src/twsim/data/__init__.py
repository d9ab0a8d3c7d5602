"""The listings that come with twsim: the S&P 500 and common US ETFs.

Owns: reading them, and IBKR's spelling of share classes. Does not know what a contract is
beyond its listing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files

from twsim.exchange.contracts import NASDAQ, Listing

_NYSE = "NYSE"


def listings() -> Iterator[Listing]:
    """Read all listings, stocks first."""
    nasdaq = frozenset(row["symbol"] for row in _rows("nasdaq.csv"))
    for row in _rows("sp500.csv"):
        symbol = row["symbol"]
        yield Listing(
            # IBKR writes a share class with a space: BRK B.
            symbol=symbol.replace(".", " "),
            name=row["name"],
            exchange=NASDAQ if symbol in nasdaq else _NYSE,
            industry=row["sector"],
        )
    for row in _rows("etfs.csv"):
        yield Listing(row["symbol"], row["name"], row["exchange"], "ETF")


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files(__package__ or __name__) / name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())
