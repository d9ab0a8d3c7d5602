"""One JSON value to what it means: symbols, shares, prices, times, words.

Owns: the range of each kind of value, the words for a breach of it, and its published schema.
Knows nothing of the bodies that hold the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from paperdesk.domain.contract import normalise_symbol
from paperdesk.domain.vocabulary import Symbol
from paperdesk.masking import looks_like_key
from paperdesk.wire.parsing import Json, shown
from paperdesk.wire.reading import Breach, kind_of

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

QUANTITY_MAX: Final = 1_000_000_000
PRICE_BELOW: Final = Decimal(10) ** 9
PRICE_DECIMALS_MAX: Final = 8
TOLERANCE_BELOW: Final = Decimal(100)
TOLERANCE_DECIMALS_MAX: Final = 30  # more than float arithmetic leaves behind
REASON_CHARS_MAX: Final = 500
LIST_MAX: Final = 1_000
# What is stored stays for ever, and others may read it.
IS_KEY: Final = "looks like an API key, and was not stored: if it is one, revoke it"

BATCH_ID: Final = re.compile("[0-9a-f]{16}")
BATCH_ID_PATTERN: Final = f"^{BATCH_ID.pattern}$"

# RFC 3339, which lets a blank stand for the T.
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:[Zz]|([+-]\d\d:\d\d))", re.ASCII
)

# The bounds of numbers go into the published schema only: they are judged on Decimals below.
Price = Annotated[
    Decimal,
    Meta(
        description="At most 8 decimals; used with the digits sent.",
        extra_json_schema={"exclusiveMinimum": 0, "exclusiveMaximum": int(PRICE_BELOW)},
    ),
]
Tolerance = Annotated[
    Decimal,
    Meta(
        description="In percent; needs expected_price.",
        extra_json_schema={"minimum": 0, "exclusiveMaximum": int(TOLERANCE_BELOW)},
    ),
]
# Up to 32 characters, of which the first and the last are no blanks; blanks around it are trimmed.
SYMBOL_TEXT_PATTERN: Final = "^ *[A-Za-z0-9._-](?:[A-Za-z0-9 ._-]{0,30}[A-Za-z0-9._-])? *$"

SymbolText = Annotated[
    str,
    Meta(
        pattern=SYMBOL_TEXT_PATTERN,
        description="A USD stock or ETF. BRK.B and BRK B are the same.",
    ),
]
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
# A list that names each of its entries once.
Entries = Annotated[
    tuple[T, ...],
    Meta(min_length=1, max_length=LIST_MAX, extra_json_schema={"uniqueItems": True}),
]
BatchIdText = Annotated[str, Meta(pattern=BATCH_ID_PATTERN)]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=REASON_CHARS_MAX,
        description="Why, for whoever looks at it later; printable characters.",
    ),
]


def text(value: Json) -> str:
    """Read a string."""
    if not isinstance(value, str):
        raise Breach(f"must be a string, not {kind_of(value)}")
    return value


def boolean(value: Json) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Breach(f"must be true or false, not {kind_of(value)}")
    return value


def word_of(kind: type[E]) -> Callable[[Json], E]:
    """Return the reader of one word of a closed set."""

    def read(value: Json) -> E:
        if value not in list(kind):
            raise Breach(f"must be one of {', '.join(kind)}")
        return kind(text(value))

    return read


def list_of(read_one: Callable[[Json], T]) -> Callable[[Json], tuple[T, ...]]:
    """Return the reader of a list of different entries, at least one."""

    def read(value: Json) -> tuple[T, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= LIST_MAX:
            raise Breach(f"must be a list of 1 to {LIST_MAX:,} entries")
        entries = tuple(read_one(entry) for entry in value)
        if len(set(entries)) < len(entries):
            raise Breach("names an entry twice: name it once")
        return entries

    return read


def whole_number(low: int, high: int) -> Callable[[Json], int]:
    """Return the reader of a whole number, both ends included."""

    def read(value: Json) -> int:
        number = _number(value)
        if number.adjusted() > len(str(high)) or not low <= number <= high or _decimals(number):
            raise Breach(f"must be a whole number from {low:,} to {high:,}")
        return int(number)

    return read


def amount(most: int) -> Callable[[Json], Decimal]:
    """Return the reader of an amount above 0 and at most `most`, with its digits as sent."""

    def read(value: Json) -> Decimal:
        number = _number(value)
        if not 0 < number <= most or _decimals(number) > PRICE_DECIMALS_MAX:
            raise Breach(
                f"must be a number above 0 and at most {most:,}, with at most "
                f"{PRICE_DECIMALS_MAX} decimals"
            )
        return number

    return read


def reason(value: Json) -> str:
    """Read why somebody does something; blanks around it are no part of it."""
    given = text(value)
    words = given.strip()
    if not words or len(given) > REASON_CHARS_MAX or not words.isprintable():
        raise Breach(f"must be 1 to {REASON_CHARS_MAX} printable characters that say why")
    if looks_like_key(words):
        raise Breach(IS_KEY)
    return words


def moment(value: Json) -> datetime:
    """Read a time (RFC 3339, with its zone), and return it in UTC."""
    return moment_of(text(value))


def moment_of(words: str) -> datetime:
    """Return the time that `words` spell, in UTC. Raises Breach."""
    match = _TIME.fullmatch(words)
    try:
        if match is not None:
            day, time, offset = match.groups()
            return datetime.fromisoformat(f"{day}T{time}{offset or '+00:00'}").astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or none in UTC
        pass
    raise Breach(f'"{shown(words)}" is not a time such as 2026-03-09T14:30:00Z')


def symbol(value: Json) -> Symbol:
    """Read a symbol, and return it in IBKR's spelling."""
    given = text(value)
    if looks_like_key(given):
        raise Breach(IS_KEY)
    # Some letters beyond ASCII turn into ASCII ones in capitals: a guess is not wanted here.
    normal = normalise_symbol(given) if given.isascii() else None
    if normal is None:
        raise Breach(
            f'"{shown(given)}" is not a symbol: use 1 to 32 of letters, digits, blank . _ -'
        )
    return normal


def quantity(value: Json) -> int:
    """Read a signed whole number of shares, however it is written: 100.0 is 100."""
    number = _number(value)
    # The magnitude first: writing out 1e999999999 would take all memory there is.
    if not number:
        return 0
    if number.adjusted() < 0 or _decimals(number) > 0:
        raise Breach(f"must be a whole number of shares, not {shown(str(number))}")
    if number.adjusted() > len(str(QUANTITY_MAX)) or abs(number) > QUANTITY_MAX:
        raise Breach(f"must lie within ±{QUANTITY_MAX:,}")
    return int(number)


def filled_shares(value: Json) -> int:
    """Read how many shares were traded: a whole number above 0."""
    shares = quantity(value)
    if shares < 1:
        raise Breach("must be at least 1")
    return shares


def price(value: Json) -> Decimal:
    """Read a price, with the digits as sent."""
    number = _number(value)
    if not 0 < number < PRICE_BELOW:
        raise Breach("must be above 0 and below 1,000,000,000")
    if _decimals(number) > PRICE_DECIMALS_MAX:
        raise Breach(f"must have at most {PRICE_DECIMALS_MAX} decimals")
    return number


def tolerance(value: Json) -> Decimal:
    """Read a tolerance in percent."""
    number = _number(value)
    if not 0 <= number < TOLERANCE_BELOW:
        raise Breach("must be at least 0 and below 100")
    if _decimals(number) > TOLERANCE_DECIMALS_MAX:
        raise Breach(f"must have at most {TOLERANCE_DECIMALS_MAX} decimals")
    return number


def _number(value: Json) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Breach(f"must be a JSON number, not {kind_of(value)}")
    return Decimal(value)


def _decimals(number: Decimal) -> int:
    """Return how many decimals `number` needs; padding zeros need none."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "parse_json lets no infinity and no NaN through"
    if exponent >= 0:
        return 0  # most are quantities: their digits need not be written out
    written = "".join(map(str, digits))
    return max(0, -exponent - (len(written) - len(written.rstrip("0"))))
