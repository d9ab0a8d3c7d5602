"""What a symbol means at IBKR.

Owns: the decoding of contract details and of symbol searches, the tick ladder of a contract,
and which of the gateway's names are candidates. Pure. Knows nothing of who asks or caches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Final

from paperdesk.broker.scalars import decimal, integer
from paperdesk.domain.contract import US_STOCK_LADDER, Contract, TickLadder, TickStep
from paperdesk.domain.vocabulary import ConId, Symbol

CANDIDATES_MAX: Final = 5
_SAMPLES_MAX: Final = 100  # a gateway answers with at most 16

_CENT: Final = US_STOCK_LADDER[-1].increment
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_SURROGATES: Final = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class ContractRow:
    """One row of contract details, as far as it matters here."""

    conid: ConId
    symbol: str
    sec_type: str
    currency: str
    primary_exchange: str
    long_name: str
    min_tick: Decimal
    time_zone: str
    liquid_hours: str

    @property
    def is_tradable(self) -> bool:
        """Tell whether it is a USD stock; IBKR calls an ETF a stock too."""
        return self.sec_type == "STK" and self.currency == "USD"


def contract_row_of(fields: Sequence[str], server_version: int) -> ContractRow | None:
    """Return the row of `contractData`, None where it cannot be decoded."""
    if server_version < 164:  # noqa: PLR2004  IBKR, MIN_SERVER_VER_SIZE_RULES
        # Two fields more: a version behind the id, an obsolete multiplier behind the tick.
        fields = [*fields[:1], *fields[2:15], *fields[16:]]
    try:
        return ContractRow(
            conid=ConId(integer(fields[12])),
            symbol=fields[2],
            sec_type=fields[3],
            currency=fields[8],
            primary_exchange=fields[20] or fields[7],
            long_name=_plain(fields[19]),
            min_tick=decimal(fields[13]),
            time_zone=fields[25],
            liquid_hours=fields[27],
        )
    except (IndexError, ValueError, ArithmeticError):
        return None


def ladder_of(min_tick: Decimal) -> TickLadder:
    """Return SEC rule 612's ladder, coarser from one dollar on where the contract's tick is."""
    if min_tick <= _CENT:
        return US_STOCK_LADDER
    return (US_STOCK_LADDER[0], TickStep(US_STOCK_LADDER[-1].low_edge, min_tick))


def contracts_of(rows: Iterable[ContractRow]) -> tuple[Contract, ...]:
    """Return each USD stock or ETF once, in the gateway's order."""
    found: dict[ConId, Contract] = {}
    for row in rows:
        if row.is_tradable and row.conid > 0 and row.conid not in found:
            found[row.conid] = Contract(
                conid=row.conid,
                symbol=Symbol(row.symbol),
                primary_exchange=row.primary_exchange,
                long_name=row.long_name,
                ladder=ladder_of(row.min_tick),
            )
    return tuple(found.values())


def candidates_of(fields: Sequence[str], server_version: int) -> tuple[str, ...]:
    """Return the symbols of USD stocks that `symbolSamples` names, best first.

    Only what could be traded here: a symbol that would be refused again helps nobody. What
    stands behind a row that cannot be decoded is lost with it.
    """
    symbols: dict[str, None] = {}
    description = 2 if server_version >= 176 else 0  # noqa: PLR2004  ..._BOND_ISSUERID
    at = 3
    with suppress(IndexError, ValueError, ArithmeticError):
        for _ in range(min(integer(fields[2]), _SAMPLES_MAX)):
            _, symbol, sec_type, _, currency, derivatives = fields[at : at + 6]
            if sec_type == "STK" and currency == "USD":
                symbols[symbol] = None
            at += 6 + integer(derivatives) + description
    return tuple(islice(symbols, CANDIDATES_MAX))


def _plain(text: str) -> str:
    """Return `text` with IBKR's seven-bit escapes as the letters they mean."""
    return _ESCAPE.sub(_letter, text)


def _letter(match: re.Match[str]) -> str:
    point = int(match[1], 16)
    return match[0] if point in _SURROGATES or point < ord(" ") else chr(point)
