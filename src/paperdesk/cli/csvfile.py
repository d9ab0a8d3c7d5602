"""Targets from a CSV file, as people and spreadsheets write them.

Owns: what is a header, a comment, a number; and the words for each line that cannot be read: all
of them at once, by the numbers of their lines. Pure. What a symbol or a price may be the service
judges.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from paperdesk.errors import BadRequest, FieldError

NAMED_MAX: Final = 20
_NAMES: Final = {
    "symbol": "symbol",
    "ticker": "symbol",
    "quantity": "quantity",
    "qty": "quantity",
    "shares": "quantity",
    "target": "quantity",
    "limit_price": "limit_price",
    "expected_price": "expected_price",
    "tolerance_pct": "tolerance_pct",
    "time_in_force": "time_in_force",
    "outside_rth": "outside_rth",
}
COLUMNS: Final = tuple(dict.fromkeys(_NAMES.values()))
_NUMBER: Final = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?|[+-]?\.\d+", re.ASCII)
_THOUSANDS: Final = re.compile(r"\s*[+-]?\d{1,3}(,\d{3})+(\.\d*)?\s*", re.ASCII)
_FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass
class TargetFile:
    """The rows of a file, and on which line each of them stood."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_targets(data: bytes) -> TargetFile:
    """Return the targets in a file. Raises BadRequest, which names every bad line."""
    found: list[FieldError] = []
    targets = TargetFile()
    header: Sequence[str] | None = None
    for line, cells in _lines(_text(data)):
        if header is None:
            header = _header(cells, line, found)
            if header is not None:
                continue
            header = ("symbol", "quantity")
        order = _order(header, cells, line, found)
        if order is not None:
            targets.orders.append(order)
            targets.lines.append(line)
    _refuse_twice(targets, found)
    if not targets.orders and not found:
        found.append(FieldError("the file", "has no targets: write lines such as AAPL,100"))
    if found:
        raise bad_lines(found)
    return targets


def bad_lines(found: Sequence[FieldError]) -> BadRequest:
    """Return the error that names the lines, each on one of its own."""
    named = [f"  {entry.field}: {entry.message}" for entry in found[:NAMED_MAX]]
    if len(found) > NAMED_MAX:
        named.append(f"  and {len(found) - NAMED_MAX} more")
    return BadRequest("\n".join(["nothing was sent:", *named]), errors=tuple(found))


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise bad_lines([FieldError(f"line {line}", "is not UTF-8 text")]) from error


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that says something, with its number and its cells."""
    rows = text.splitlines()
    first = next((row for row in rows if _says_something(row)), "")
    delimiter = next((mark for mark in "\t;" if mark in first), ",")
    for number, row in enumerate(rows, 1):
        if _says_something(row):
            (cells,) = csv.reader([row], delimiter=delimiter, skipinitialspace=True)
            if any(cell.strip() for cell in cells):
                yield number, [cell.strip() for cell in cells]


def _says_something(row: str) -> bool:
    return bool(row.strip()) and not row.lstrip().startswith("#")


def _header(cells: list[str], line: int, found: list[FieldError]) -> Sequence[str] | None:
    """Return the columns that a first line names, None where it is a row already."""
    names = [re.sub(r"[\s-]+", "_", cell.lower()) for cell in cells]
    if not any(_NAMES.get(name) in {"symbol", "quantity"} for name in names):
        return None
    place = f"line {line}"
    known = [_NAMES.get(name, name) for name in names]
    # A mistyped limit_prce must never become a market order.
    found += [
        FieldError(place, f'there is no column "{cell}": known are {", ".join(COLUMNS)}')
        for cell, name in zip(cells, known, strict=True)
        if name not in COLUMNS
    ]
    found += [
        FieldError(place, f"the column {name} is missing")
        for name in ("symbol", "quantity")
        if name not in known
    ]
    found += [
        FieldError(place, f"the column {name} is there twice")
        for name in COLUMNS
        if known.count(name) > 1
    ]
    return known


def _order(
    header: Sequence[str], cells: list[str], line: int, found: list[FieldError]
) -> dict[str, Any] | None:
    """Return the order of a line, None where it cannot be read."""
    place, before = f"line {line}", len(found)
    cells = _joined(cells, len(header))
    if len(cells) != len(header):
        words = f"has {len(cells)} values where {len(header)} are expected"
        found.append(FieldError(place, f"{words} ({', '.join(header)})"))
        return None
    order: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if not cell and name in {"symbol", "quantity"}:
            found.append(FieldError(place, f"has no {name}"))
        elif cell:
            try:
                order[name] = _value(name, cell)
            except ValueError as error:
                found.append(FieldError(place, f"{name}: {error}"))
    return order if len(found) == before else None


def _joined(cells: list[str], wanted: int) -> list[str]:
    """Return the cells with a quantity such as 1,000, which nobody put in quotes, as one."""
    quantity = ",".join(cells[1:])
    if wanted == 2 < len(cells) and _THOUSANDS.fullmatch(quantity):  # noqa: PLR2004 - AAPL,1,000
        return [cells[0], quantity]
    return cells


def _value(name: str, cell: str) -> Any:
    match name:
        case "symbol":
            return cell
        case "time_in_force":
            return cell.upper()
        case "outside_rth":
            if cell.lower() not in _FLAGS:
                raise ValueError(f'"{cell}" is neither true nor false')
            return _FLAGS[cell.lower()]
        case "quantity":
            number = _number(cell)
            if number != number.to_integral_value():
                raise ValueError(f'"{cell}" is no whole number of shares')
            return int(number)
        case _:
            return _number(cell)


def _number(cell: str) -> Decimal:
    text = cell.replace("−", "-")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f'"{cell}" is not a number')
    return Decimal(text.replace(",", ""))


def _refuse_twice(targets: TargetFile, found: list[FieldError]) -> None:
    first: dict[str, int] = {}
    for order, line in zip(targets.orders, targets.lines, strict=True):
        symbol = order["symbol"].upper()
        if symbol in first:
            words = f"{symbol} again, as on line {first[symbol]}: give a symbol once"
            found.append(FieldError(f"line {line}", words))
        first.setdefault(symbol, line)
