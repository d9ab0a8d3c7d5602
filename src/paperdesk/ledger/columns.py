"""The types of columns that no database has alike: money, time, foreign words.

Owns: how each is written in SQLite and in PostgreSQL. Knows no table.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


class Money(TypeDecorator[Decimal]):
    """An exact decimal, written as its digits: SQLite has no decimal type."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Write the digits, without an exponent."""
        del dialect
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """Read the digits."""
        del dialect
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; in SQLite written so that text order is order of time."""

    impl = sa.String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use PostgreSQL's own type: how it orders text depends on the database's locale."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return super().load_dialect_impl(dialect)

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> str | datetime | None:
        """Write UTC, to the microsecond."""
        if value is None:
            return None
        assert value.tzinfo is not None
        if dialect.name == "postgresql":
            return value.astimezone(UTC)
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Read it as UTC."""
        del dialect
        if value is None or isinstance(value, datetime):
            return None if value is None else value.astimezone(UTC)
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """Text that somebody else chose: of any length, and nothing in it is refused."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Write "?" for what PostgreSQL or UTF-8 cannot hold: NUL and lone surrogates."""
        del dialect
        return None if value is None else self.cleaned(value)

    @staticmethod
    def cleaned(words: str) -> str:
        """Return words that can be stored, and be written as JSON."""
        return words.replace("\0", "?").encode("utf-8", "replace").decode()


# Numbers rows in their order. SQLite numbers by itself only what it calls INTEGER.
Number: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
