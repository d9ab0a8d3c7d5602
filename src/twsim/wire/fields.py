"""Fields: how one value is written between two NULs, and how it is read back.

Owns: the kinds of field (numbers as Java prints them, the words for "unset", rows of
fields), and the reader that hands fields out in order. Does not know any message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Generic, TypeVar

from twsim.wire.errors import ProtocolError

T = TypeVar("T")

FIELDS_MAX: Final = 4096  # the longest real message, placeOrder with an algo, has some 200
ROWS_MAX: Final = 1024
NUMBER_CHARS_MAX: Final = 64

# The sentinels for "no value", as Java prints them (tws-facts, head).
DMAX: Final = "1.7976931348623157E308"
IMAX: Final = "2147483647"
LMAX: Final = "9223372036854775807"
_DMAX_VALUE: Final = Decimal(DMAX)
# ibapi and ib_async spell an infinite double so (tws-facts §2.1, reading rules).
_INFINITE: Final = frozenset({"Infinity", "Infinite", "inf"})

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")

_DOUBLE_DIGITS: Final = 17  # no double needs more
# Double.toString leaves plain notation outside 10^-3 <= d < 10^7.
_PLAIN_FROM: Final = -3
_PLAIN_BELOW: Final = 7


class Reader:
    """Hands out the fields of one message in order."""

    __slots__ = ("_fields", "_next")

    def __init__(self, fields: Sequence[str], start: int) -> None:
        self._fields = fields
        self._next = start

    def take(self) -> str:
        """Return the next field; ProtocolError where there is none."""
        if self._next >= len(self._fields):
            raise ProtocolError(f"message {self._fields[0]} ends early")
        self._next += 1
        return self._fields[self._next - 1]

    def finish(self) -> None:
        """Raise ProtocolError where fields are left: every later one would be misread."""
        if self._next != len(self._fields):
            surplus = len(self._fields) - self._next
            raise ProtocolError(f"message {self._fields[0]} has {surplus} fields too many")


class Kind(Generic[T]):
    """How a value stands on the wire; it may take one field or several."""

    __slots__ = ()

    def take(self, reader: Reader, server_version: int) -> T:
        """Read one value."""
        raise NotImplementedError

    def put(self, value: T, out: list[str], server_version: int) -> None:
        """Write one value."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Scalar(Kind[T]):
    """A value of exactly one field."""

    read: Callable[[str], T]
    write: Callable[[T], str]

    def take(self, reader: Reader, server_version: int) -> T:  # noqa: ARG002 - one shape
        """Read one field."""
        return self.read(reader.take())

    def put(self, value: T, out: list[str], server_version: int) -> None:  # noqa: ARG002
        """Write one field."""
        out.append(self.write(value))


@dataclass(frozen=True, slots=True)
class Rows(Kind[tuple[T, ...]]):
    """A count, then that many rows."""

    row: Kind[T]

    def take(self, reader: Reader, server_version: int) -> tuple[T, ...]:
        """Read the count and the rows."""
        count = read_integer(reader.take())
        if not 0 <= count <= ROWS_MAX:
            raise ProtocolError(f"{count} rows")
        return tuple(self.row.take(reader, server_version) for _ in range(count))

    def put(self, value: tuple[T, ...], out: list[str], server_version: int) -> None:
        """Write the count and the rows."""
        assert len(value) <= ROWS_MAX
        out.append(str(len(value)))
        for row in value:
            self.row.put(row, out, server_version)


@dataclass(frozen=True, slots=True)
class Words(Kind[tuple[str, ...]]):
    """A fixed number of fields kept as they are."""

    count: int

    def take(self, reader: Reader, server_version: int) -> tuple[str, ...]:  # noqa: ARG002
        """Read the fields."""
        return tuple(reader.take() for _ in range(self.count))

    def put(self, value: tuple[str, ...], out: list[str], server_version: int) -> None:  # noqa: ARG002
        """Write the fields."""
        assert len(value) == self.count
        out.extend(value)


def read_integer(text: str) -> int:
    """Read an integer; empty is 0, for clients differ in just that (tws-facts §2.2)."""
    if not text:
        return 0
    if not _INTEGER.fullmatch(text):
        raise ProtocolError(f"not an integer: {text[:NUMBER_CHARS_MAX]!r}")
    return int(text)


def read_decimal(text: str) -> Decimal:
    """Read a number, in plain or scientific notation; empty is 0."""
    if not text:
        return Decimal(0)
    if len(text) > NUMBER_CHARS_MAX or not _NUMBER.fullmatch(text):
        raise ProtocolError(f"not a number: {text[:NUMBER_CHARS_MAX]!r}")
    return Decimal(text)


def read_set_decimal(text: str) -> Decimal | None:
    """Read a number that may be unset: empty, DMAX or an infinity."""
    if not text or text in _INFINITE:
        return None
    value = read_decimal(text)
    return None if value >= _DMAX_VALUE else value


def read_set_integer(text: str) -> int | None:
    """Read an integer that may be unset: empty, IMAX or LMAX."""
    if not text or text in (IMAX, LMAX):
        return None
    return read_integer(text)


def _read_offset(text: str) -> Decimal | None:
    """Read competeAgainstBestOffset, whose infinity is a value: "up to the midpoint"."""
    return Decimal("Infinity") if text in _INFINITE else read_set_decimal(text)


def _write_offset(value: Decimal | None) -> str:
    return "Infinity" if value == Decimal("Infinity") else _or_empty(java_double)(value)


def read_flag(text: str) -> bool:
    """Read 0, 1 or empty (tws-facts §2.1, reading rules)."""
    if text not in ("", "0", "1"):
        raise ProtocolError(f"neither 0 nor 1: {text[:NUMBER_CHARS_MAX]!r}")
    return text == "1"


def _write_flag(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "1" if value else "0"


def plain(value: Decimal) -> str:
    """Write a number without exponent, with the digits it came with: 96.90, 0, 100."""
    return format(value, "f")


def java_double(value: Decimal) -> str:
    """Write a number as Java's Double.toString does: 0.0, 96.9, 1.8E-4, 1.0E7."""
    if not value:
        return "0.0"
    digits, exponent = _significant(abs(value))
    sign = "-" if value < 0 else ""
    point = len(digits) + exponent  # digits before the decimal point
    if not _PLAIN_FROM < point <= _PLAIN_BELOW:
        return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    whole = digits.ljust(point, "0")
    return f"{sign}{whole[:point]}.{whole[point:] or '0'}"


def _significant(value: Decimal) -> tuple[str, int]:
    """Return the digits without zeros at either end, and the exponent of the last one."""
    mantissa, _, power = format(value, f".{_DOUBLE_DIGITS - 1}e").partition("e")
    digits = mantissa.replace(".", "").rstrip("0")
    return digits, int(power) - (len(digits) - 1)


def _or_empty(write: Callable[[T], str]) -> Callable[[T | None], str]:
    return lambda value: "" if value is None else write(value)


def _or_word(write: Callable[[T], str], word: str) -> Callable[[T | None], str]:
    return lambda value: word if value is None else write(value)


TEXT: Final[Scalar[str]] = Scalar(str, str)
INT: Final[Scalar[int]] = Scalar(read_integer, str)
FLAG: Final[Scalar[bool]] = Scalar(read_flag, _write_flag)
PLAIN: Final[Scalar[Decimal]] = Scalar(read_decimal, plain)
DOUBLE: Final[Scalar[Decimal]] = Scalar(read_decimal, java_double)

Text = Annotated[str, TEXT]
Int = Annotated[int, INT]
Flag = Annotated[bool, FLAG]
Plain = Annotated[Decimal, PLAIN]
Double = Annotated[Decimal, DOUBLE]
SetInt = Annotated[int | None, Scalar(read_set_integer, _or_empty(str))]
SetIntMax = Annotated[int | None, Scalar(read_set_integer, _or_word(str, IMAX))]
SetLongMax = Annotated[int | None, Scalar(read_set_integer, _or_word(str, LMAX))]
SetDouble = Annotated[Decimal | None, Scalar(read_set_decimal, _or_empty(java_double))]
SetDoubleMax = Annotated[Decimal | None, Scalar(read_set_decimal, _or_word(java_double, DMAX))]
Offset = Annotated[Decimal | None, Scalar(_read_offset, _write_offset)]
Pairs = Annotated[tuple[tuple[str, ...], ...], Rows(Words(2))]
Singles = Annotated[tuple[tuple[str, ...], ...], Rows(Words(1))]
