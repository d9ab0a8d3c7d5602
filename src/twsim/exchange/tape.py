"""The tape: prices that were recorded, to be replayed.

Owns: TapeRow, Tape, and which row holds when. Does not know the file they come from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TapeRow:
    """A symbol's price from a moment on, counted from the first row of the tape."""

    elapsed: timedelta
    price: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    size: int | None = None


class Tape:
    """The rows of every symbol. It holds still before a symbol's first and after its last."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[tuple[str, TapeRow]] = ()) -> None:
        self._rows: dict[str, list[TapeRow]] = {}
        for symbol, row in rows:
            self._rows.setdefault(symbol, []).append(row)
        for of_symbol in self._rows.values():
            of_symbol.sort(key=_elapsed)

    def symbols(self) -> list[str]:
        """Return the symbols that are on the tape."""
        return list(self._rows)

    def has(self, symbol: str) -> bool:
        """Tell whether a symbol is on the tape."""
        return symbol in self._rows

    def at(self, symbol: str, elapsed: timedelta) -> TapeRow:
        """Return the row that holds at a moment."""
        rows = self._rows[symbol]
        return rows[max(0, bisect_right(rows, elapsed, key=_elapsed) - 1)]

    def after(self, symbol: str, elapsed: timedelta) -> Iterator[TapeRow]:
        """Yield the rows that come later, the next one first."""
        rows = self._rows[symbol]
        for place in range(bisect_right(rows, elapsed, key=_elapsed), len(rows)):
            yield rows[place]


def _elapsed(row: TapeRow) -> timedelta:
    return row.elapsed
