"""Rows as a backup has them: the same values in JSON, whichever database they are in.

Owns: how each type of column is asked for, written to JSON, read from it and stored. Knows
nothing of what a table means; a type that is not known here is a defect, and a test looks.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.ledger.backup_file import Row
from paperdesk.ledger.columns import Instant, Money, Words

Kind = sa.types.TypeEngine[Any]
Value = sa.ColumnElement[Any]

JSON_OWN: Final = (sa.Integer, sa.Boolean, sa.String, Words)


@dataclass(frozen=True, slots=True)
class Form:
    """A column in a backup: what is selected, and its way into JSON and back."""

    selected: Value
    stored: Callable[[sa.BindParameter[Any]], Value]
    carrier: Kind  # the type of what is read from JSON
    write: Callable[[Any], Any] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value


def form_of(column: sa.Column[Any], dialect: str) -> Form:
    """Return how the column stands in a backup."""
    kind = column.type
    if isinstance(kind, Money):  # its digits
        return Form(sa.type_coerce(column, sa.String), _as_given, sa.String())
    if isinstance(kind, Instant):
        return Form(column, _as_given, kind, datetime.isoformat, datetime.fromisoformat)
    if isinstance(kind, sa.LargeBinary):
        return Form(column, _as_given, kind, lambda value: b64encode(value).decode(), b64decode)
    if isinstance(kind, sa.JSON):
        # Its text, letter by letter: parsed, no null could be told from no value. SQLite keeps
        # it as text; cast to what it has never heard of, it would make a number of it.
        stored = _as_given if dialect == "sqlite" else _as_document
        return Form(sa.cast(column, sa.Text), stored, sa.Text())
    assert isinstance(kind, JSON_OWN), f"{column}: a backup does not know {kind!r}"
    return Form(column, _as_given, kind)


def _as_given(value: sa.BindParameter[Any]) -> Value:
    return value


def _as_document(value: sa.BindParameter[Any]) -> Value:
    return sa.cast(value, sa.JSON)


class Rows:
    """The rows of one table in a database of one kind."""

    def __init__(self, table: sa.Table, dialect: str) -> None:
        self._forms = {column.name: form_of(column, dialect) for column in table.c}
        # Under names of their own: SQLAlchemy keeps those of the columns for itself.
        self._names = [f"_{name}" for name in self._forms]
        self.question: sa.Select[Any] = sa.select(
            *(form.selected for form in self._forms.values())
        ).order_by(*table.primary_key)
        self.insertion: sa.Insert = table.insert().values(
            {
                name: form.stored(sa.bindparam(f"_{name}", type_=form.carrier))
                for name, form in self._forms.items()
            }
        )

    def written(self, row: sa.Row[Any]) -> Row:
        """Return what a row of `question` is in JSON."""
        forms = self._forms.values()
        return [
            None if value is None else form.write(value)
            for form, value in zip(forms, row, strict=True)
        ]

    def read(self, row: Row) -> Mapping[str, Any]:
        """Return the parameters of `insertion` for a row of a backup."""
        return {
            name: None if value is None else form.read(value)
            for name, form, value in zip(self._names, self._forms.values(), row, strict=True)
        }
