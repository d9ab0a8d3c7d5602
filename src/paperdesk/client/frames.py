"""Rows as a DataFrame of pandas, and as a table in a notebook.

Owns: which fields become columns, their order and their types, the same with rows and without.
pandas is imported only here, and only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin

from msgspec.structs import fields

if TYPE_CHECKING:
    import pandas as pd

HTML_ROWS_MAX: Final = 60
_DTYPES: Final = {
    bool: "boolean",
    int: "Int64",
    Decimal: "float64",
    datetime: "datetime64[us, UTC]",
    str: "string",
}
_NUMBERS: Final = (_DTYPES[int], _DTYPES[Decimal])
# Two amounts in dollars are no formula: the classes that MathJax leaves alone, 2 and 3.
_NO_MATH: Final = 'class="tex2jax_ignore mathjax_ignore"'
_LEFT, _RIGHT = ' style="text-align:left"', ' style="text-align:right"'
# Words of a small set.
_CATEGORIES: Final = frozenset(
    {
        "status",
        "action",
        "side",
        "order_type",
        "state",
        "currency",
        "exchange",
        "type",
        "error_code",
    }
)


def columns_of(kind: type[Any]) -> dict[str, str]:
    """Return the columns of rows of this kind, in order, with their dtypes.

    What is itself an object or a list is no column.
    """
    found = {}
    for entry in fields(kind):
        dtype = _DTYPES.get(_bare(entry.type))
        if dtype is not None:
            found[entry.name] = "category" if entry.name in _CATEGORIES else dtype
    return found


def _bare(kind: Any) -> Any:
    """Return the type without `| None`."""
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    return kind


def frame_of(rows: Sequence[Any], kind: type[Any], *, index: str | None) -> pd.DataFrame:
    """Return the rows as a DataFrame. Raises ImportError that says what to install."""
    try:
        import pandas as pd  # noqa: PLC0415 - it takes long, and is an extra
    except ImportError as error:
        words = "to_pandas() needs pandas: pip install 'paperdesk[pandas]'"
        raise ImportError(words) from error
    columns = {
        name: pd.Series([_cell(getattr(row, name), dtype) for row in rows], dtype=dtype)
        for name, dtype in columns_of(kind).items()
    }
    frame = pd.DataFrame(columns)
    return frame if index is None else frame.set_index(index)


def _cell(value: object, dtype: str) -> object:
    """Return what pandas takes for the column: a float has no Decimal in it."""
    if dtype == "float64":
        return float("nan") if value is None else float(value)  # type: ignore[arg-type]
    return value


def html_of(
    rows: Sequence[Any],
    kind: type[Any],
    title: str,
    *,
    shown: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> str:
    """Return the rows as a table of the fields `shown`, by default of all that are columns.

    Columns in which nothing stands but what is there by default are left out. They have the names
    of fields, so that they can be asked for; numbers are on the right, as in a ledger.
    """
    dtypes = columns_of(kind)
    nothing = {entry.name: entry.default for entry in fields(kind)}
    seen = rows[:HTML_ROWS_MAX]
    names = [
        name
        for name in shown or dtypes
        if any(getattr(row, name) != nothing[name] for row in seen)
    ]
    head = "".join(_html_head(name, dtypes.get(name, "")) for name in names)
    body = "".join(
        "<tr>" + "".join(_html_cell(name, getattr(row, name)) for name in names) + "</tr>"
        for row in seen
    )
    table = f"<table><tr>{head}</tr>{body}</table>" if names else ""
    rest = len(rows) - len(seen)
    more = f"<p>… and {rest:,} more</p>" if rest else ""
    told = "".join(f"<p>⚠ {escape(warning)}</p>" for warning in warnings)
    return f"<div {_NO_MATH}><p>{escape(title)}</p>{table}{more}{told}</div>"


def _html_head(name: str, dtype: str) -> str:
    side = _RIGHT if dtype in _NUMBERS else _LEFT
    zone = " (UTC)" if dtype == _DTYPES[datetime] else ""
    return f"<th{side}>{escape(name)}{zone}</th>"


def _html_cell(name: str, value: object) -> str:
    side = _LEFT
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case int() if name.endswith(("id", "code")):  # a name, and no quantity
            side, text = _RIGHT, str(value)
        case int() | Decimal():
            side, text = _RIGHT, spelled(value)
        case datetime():
            text = f"{value:%Y-%m-%d %H:%M:%S}"
        case tuple():
            text = "; ".join(map(str, value))
        case _:
            text = str(value)
    return f"<td{side}>{escape(text)}</td>"


def spelled(number: Decimal | int) -> str:
    """Return a number as a person reads it: an amount to the cent, a price as fine as 0.0001."""
    if isinstance(number, int):
        return f"{number:,}"
    return f"{number:,.4f}".removesuffix("00")
