"""Reading a tape of prices from a CSV file.

Owns: the file's form: a header `time,symbol,price` with `bid`, `ask` and `size` where they
are wanted; times as in ISO 8601, in UTC where they name no offset. Does not know when the
tape is replayed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from twsim.exchange.contracts import is_on_tick
from twsim.exchange.tape import Tape, TapeRow

ROWS_MAX: Final = 2_000_000  # some 400 MB
_NEEDED: Final = ("time", "symbol", "price")
_SIZE_MAX: Final = 10**9


@dataclass(frozen=True, slots=True)
class _Line:
    at: datetime
    symbol: str
    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    size: int | None


def read_tape(path: Path) -> Tape:
    """Read a tape; it begins with its earliest row.

    Raises OSError where the file cannot be read, ValueError where a line makes no sense.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not set(_NEEDED) <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}: the first line does not name {', '.join(_NEEDED)}")
        lines = list(_lines(path, rows))
    begin = min((line.at for line in lines), default=datetime.min.replace(tzinfo=UTC))
    return Tape(
        (line.symbol, TapeRow(line.at - begin, line.price, line.bid, line.ask, line.size))
        for line in lines
    )


def _lines(path: Path, rows: csv.DictReader[str]) -> Iterator[_Line]:
    for count, row in enumerate(rows):
        if count >= ROWS_MAX:
            raise ValueError(f"{path}: more than {ROWS_MAX} rows")
        try:
            yield _line(row)
        except (ValueError, InvalidOperation, TypeError) as error:
            raise ValueError(f"{path}, line {rows.line_num}: {error}") from None


def _line(row: Mapping[str, str]) -> _Line:
    at = datetime.fromisoformat(row["time"])
    size = row.get("size")
    return _Line(
        at=at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC),
        symbol=row["symbol"],
        price=_price(row["price"]),
        bid=_price(row["bid"]) if row.get("bid") else None,
        ask=_price(row["ask"]) if row.get("ask") else None,
        size=_size(size) if size else None,
    )


def _price(text: str) -> Decimal:
    price = Decimal(text)
    if not (price.is_finite() and price > 0 and is_on_tick(price)):
        raise ValueError(f"{text} is no price")
    return price


def _size(text: str) -> int:
    size = int(text)
    if not 0 < size <= _SIZE_MAX:
        raise ValueError(f"{text} is no size")
    return size
