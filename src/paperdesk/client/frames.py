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


def html_of(rows: Sequence[Any], kind: type[Any], title: str) -> str:
    """Return the rows as a table; columns in which nothing stands are left out."""
    shown = rows[:HTML_ROWS_MAX]
    names = [
        name
        for name in columns_of(kind)
        if any(getattr(row, name) is not None for row in shown)
    ]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(_html_cell(getattr(row, name)) for name in names) + "</tr>"
        for row in shown
    )
    rest = len(rows) - len(shown)
    more = f"<p>… and {rest:,} more</p>" if rest else ""
    return f"<p>{escape(title)}</p><table><tr>{head}</tr>{body}</table>{more}"


def _html_cell(value: object) -> str:
    match value:
        case None:
            return "<td></td>"
        case bool():
            return f"<td>{'yes' if value else 'no'}</td>"
        case int() | Decimal():
            return f'<td style="text-align:right">{value:,}</td>'
        case datetime():
            return f"<td>{value:%Y-%m-%d %H:%M:%S}</td>"
        case _:
            return f"<td>{escape(str(value))}</td>"
