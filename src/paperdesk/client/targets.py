"""Targets as a program has them, and as the service is told them.

Owns: which shapes are taken (a mapping, rows, a Series, a DataFrame), what a whole number of shares
is, and the words for a row that is none. Everything else about a row is judged by the service. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from paperdesk.errors import BadRequest, FieldError

if TYPE_CHECKING:
    import pandas as pd

NAMED_MAX: Final = 3  # as many as the service names

Targets: TypeAlias = (
    "Mapping[str, int | float | Decimal] | Iterable[Mapping[str, Any]]"
    " | pd.Series | pd.DataFrame"
)


def orders_of(targets: Targets) -> list[dict[str, Any]]:
    """Return the rows of a batch's body. Raises BadRequest, which names every bad row."""
    found: list[FieldError] = []
    orders = [_order_of(row, f"orders[{i}]", found) for i, row in enumerate(_rows_of(targets))]
    if found:
        words = "; ".join(f"{entry.field} {entry.message}" for entry in found[:NAMED_MAX])
        more = len(found) - NAMED_MAX
        rest = f"; and {more} more, see errors" if more > 0 else ""
        raise BadRequest(f"{words}{rest}.", errors=tuple(found))
    return orders


def _rows_of(targets: Targets) -> list[Mapping[str, Any]]:
    if isinstance(targets, Mapping):
        return [{"symbol": symbol, "quantity": shares} for symbol, shares in targets.items()]
    if hasattr(targets, "to_frame"):
        return _rows_of_frame(targets.to_frame("quantity"))
    if hasattr(targets, "columns") and hasattr(targets, "to_dict"):
        return _rows_of_frame(cast("pd.DataFrame", targets))
    return list(cast("Iterable[Mapping[str, Any]]", targets))


def _rows_of_frame(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    """Return the rows; a symbol may be the index, as in `positions().to_pandas()`."""
    if "symbol" not in frame.columns:
        if frame.index.inferred_type == "integer":  # the index of a frame that was given none
            named = ", ".join(map(str, frame.columns))
            raise BadRequest(f"no column and no index is the symbol; the columns are {named}.")
        frame = frame.rename_axis("symbol").reset_index()
    plain = frame.astype(object).where(frame.notna(), None)
    return cast("list[Mapping[str, Any]]", plain.to_dict("records"))


def _order_of(row: Mapping[str, Any], place: str, found: list[FieldError]) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        words = f"must be a mapping such as {{'symbol': 'AAPL', 'quantity': 100}}, not {row!r}"
        found.append(FieldError(place, words))
        return {}
    order = {name: _plain(value) for name, value in row.items() if value is not None}
    quantity = order.get("quantity")
    if isinstance(quantity, float | Decimal):
        if not _is_whole(quantity):
            words = f"must be a whole number of shares, not {quantity} ({order.get('symbol')})"
            found.append(FieldError(f"{place}.quantity", words))
        else:
            order["quantity"] = int(quantity)
    return order


def _plain(value: Any) -> Any:
    """Return what JSON has: a number of numpy says itself which one of Python's it is."""
    return value.item() if hasattr(value, "item") else value


def _is_whole(quantity: float | Decimal) -> bool:
    number = Decimal(quantity)
    return number.is_finite() and number == number.to_integral_value()
