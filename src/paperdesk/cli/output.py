"""How a command speaks: tables to a person, tab-separated values to a program, JSON on demand.

Owns: the formats of cells, what goes to standard output and what to standard error, and how a
question is asked. Whether there are colours rich decides (NO_COLOR, TERM=dumb). Knows no command.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import msgspec

from paperdesk.errors import BadRequest
from paperdesk.masking import masked

if TYPE_CHECKING:
    from rich.console import Console

NOTHING: Final = "-"
GAP_CHARS: Final = 2  # between two columns
PROSE_CHARS: Final = 20  # below, sentences are hard to read


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, what a row has there, and how a person reads it.

    Only a column of `prose` goes on on the next line; nothing is ever cut out of an id. On a narrow
    terminal a `spare` column is left out.
    """

    title: str
    of: Callable[[Any], object]
    spell: Callable[[Any], str] = str
    is_right: bool = False
    is_prose: bool = False
    is_spare: bool = False


def text(title: str, name: str = "", *, is_spare: bool = False) -> Column:
    """Return a column of words; `name` is the field, by default the title's."""
    return Column(title, _field(title, name), is_spare=is_spare)


def prose(title: str, of: Callable[[Any], object] | None = None) -> Column:
    """Return a column of sentences."""
    return Column(title, of or _field(title, ""), is_prose=True)


def number(
    title: str,
    name: str = "",
    *,
    spell: Callable[[Any], str] = "{:,}".format,
    is_spare: bool = False,
) -> Column:
    """Return a column of whole numbers."""
    return Column(title, _field(title, name), spell, is_right=True, is_spare=is_spare)


def money(title: str, name: str = "", *, is_spare: bool = False) -> Column:
    """Return a column of prices or amounts, to the cent for a person."""
    return number(title, name, spell="{:,.2f}".format, is_spare=is_spare)


def time(title: str, name: str, *, is_spare: bool = False) -> Column:
    """Return a column of times, in UTC."""
    return Column(
        title, _field(title, name), lambda at: f"{at:%Y-%m-%d %H:%M:%S}", is_spare=is_spare
    )


def _field(title: str, name: str) -> Callable[[Any], object]:
    field = name or title.lower().replace(" ", "_")
    return lambda row: getattr(row, field)


def show(
    rows: Iterable[Any],
    columns: Sequence[Column],
    *,
    document: object = None,
    as_json: bool = False,
    to: TextIO | None = None,
) -> None:
    """Print rows: as JSON where it is asked for, as a table on a terminal, else as TSV."""
    out = to or sys.stdout
    if as_json:
        write(json.dumps(plain(document), indent=2, ensure_ascii=False), out)
    elif out.isatty():
        _print_table(rows, columns, out)
    else:
        write("\t".join(column.title.lower().replace(" ", "_") for column in columns), out)
        for row in rows:
            write("\t".join(_raw(column.of(row)) for column in columns), out)


def _print_table(rows: Iterable[Any], columns: Sequence[Column], out: TextIO) -> None:
    from rich.markup import escape  # noqa: PLC0415 - only a person sees a table
    from rich.table import Table  # noqa: PLC0415

    rows = tuple(rows)
    # A column in which nothing stands tells a person nothing, unless it is a figure not known yet.
    told = [
        c
        for c in columns
        if not rows
        or (c.is_right and not c.is_spare)
        or any(c.of(row) not in {None, ""} for row in rows)
    ]
    cells = {column: [_spelled(column, row) for row in rows] for column in told}
    paper = console(out)
    for spare in [column for column in reversed(told) if column.is_spare]:
        if sum(_width(*entry) for entry in cells.items()) > paper.width:
            del cells[spare]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in cells:
        justify: Literal["right", "left"] = "right" if column.is_right else "left"
        table.add_column(column.title, justify=justify, no_wrap=not column.is_prose)
    for row_of_cells in zip(*cells.values(), strict=True):
        table.add_row(*map(escape, row_of_cells))
    paper.print(table)


def _width(column: Column, cells: Sequence[str]) -> int:
    """Return how much room a column needs, with what is between it and the next."""
    widest = max(map(len, (column.title, *cells)))
    return GAP_CHARS + (min(widest, PROSE_CHARS) if column.is_prose else widest)


def _spelled(column: Column, row: object) -> str:
    value = column.of(row)
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return column.spell(value)


def _raw(value: object) -> str:
    """Return a cell for a program: nothing is rounded or cut, and no cell breaks a line."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return " ".join(str(value).split())


def plain(document: object) -> Any:
    """Return an answer as JSON has it, times and numbers as the service writes them."""
    kept = msgspec.to_builtins(document, builtin_types=(datetime, Decimal))
    return _plain(kept)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case datetime():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case _:
            return value


def console(out: TextIO) -> Console:
    """Return what prints in colours where the terminal has them."""
    from rich.console import Console  # noqa: PLC0415 - only a person sees it

    return Console(file=out, highlight=False, soft_wrap=False)


def write(line: str, out: TextIO | None = None) -> None:
    """Print a line for whoever takes the command's output."""
    (out or sys.stdout).write(f"{line}\n")


def say(line: str) -> None:
    """Tell the person at the terminal something; it is no part of the output."""
    sys.stderr.write(f"{masked(line)}\n")
    sys.stderr.flush()


def is_person_there() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def asked(question: str, *, no_input: bool = False) -> str:
    """Return what the person answers. Raises BadRequest where there is nobody to ask."""
    if no_input or not is_person_there():
        raise BadRequest("nobody can be asked here: say --yes to go on without asking")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
