"""The body of a batch: what a caller may ask for, judged row by row.

Owns: the shape of a request, every rule of it, and the words for each breach. All breaches are
named, not only the first. Knows nothing of accounts, keys or the broker.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.batch import Target
from paperdesk.domain.contract import normalise_symbol
from paperdesk.domain.vocabulary import Symbol, TimeInForce
from paperdesk.errors import BadRequest, FieldError
from paperdesk.wire.parsing import Json, shown

T = TypeVar("T")

ORDERS_MAX: Final = 1_000
QUANTITY_MAX: Final = 1_000_000_000
PRICE_BELOW: Final = Decimal(10) ** 9
PRICE_DECIMALS_MAX: Final = 8
TOLERANCE_BELOW: Final = Decimal(100)
TOLERANCE_DECIMALS_MAX: Final = 30  # more than float arithmetic leaves behind
UNKNOWN_FIELDS_MAX: Final = 5  # of one row; more tell nothing new
HINTED_MAX: Final = 100  # of one body: finding the nearest name takes long
NAMED_MAX: Final = 3  # in the sentence; `errors` has them all

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


class TargetBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A target position of one symbol. `null` for an optional field means absent."""

    symbol: Annotated[
        str,
        Meta(
            pattern="^ *[A-Za-z0-9 ._-]{1,32} *$",
            description="A USD stock or ETF. BRK.B and BRK B are the same.",
        ),
    ]
    quantity: Annotated[
        int,
        Meta(
            ge=-QUANTITY_MAX,
            le=QUANTITY_MAX,
            description="The position wanted: negative is short, 0 closes.",
        ),
    ]
    limit_price: Price | UnsetType | None = UNSET
    expected_price: Price | UnsetType | None = UNSET
    tolerance_pct: Tolerance | UnsetType | None = UNSET
    time_in_force: Literal["DAY", "GTC", "IOC"] | UnsetType | None = UNSET
    outside_rth: Annotated[bool, Meta(description="LMT only.")] | UnsetType | None = UNSET


class BatchBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A batch of target positions. Symbols that are not listed are left alone."""

    account_id: Annotated[str, Meta(description="The default account otherwise.")] | UnsetType | None = UNSET  # fmt: skip
    orders: Annotated[list[TargetBody], Meta(min_length=1, max_length=ORDERS_MAX)]


TARGET_FIELDS: Final = TargetBody.__struct_fields__
BATCH_FIELDS: Final = BatchBody.__struct_fields__
# In the contract, but of a later version: silence would be a lie.
LATER_FIELDS: Final = ("unlisted", "valid_until", "as_of", "preview_id")


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a valid body asks for. Without `account_id` the default account is meant."""

    account_id: str | None
    targets: tuple[Target, ...]


def parse_batch(document: Json) -> BatchRequest:
    """Return what `document` asks for. Raises BadRequest, which names every bad row."""
    if not isinstance(document, dict):
        raise BadRequest(f"The body must be a JSON object, not {_kind(document)}.")
    breaches = _Breaches()
    for name in LATER_FIELDS:
        if document.get(name) is not None:
            breaches.add(name, "is not supported by this version yet: remove it")
    breaches.add_unknown("", document, BATCH_FIELDS, (*BATCH_FIELDS, *LATER_FIELDS))
    account_id = _read(breaches, document, "", "account_id", _text)
    targets = _targets(document.get("orders"), breaches)
    if breaches.found:
        raise bad_request(breaches.found)
    return BatchRequest(account_id, targets)


def bad_request(found: Iterable[FieldError]) -> BadRequest:
    """Return the error that names every breach, the first three of them in its sentence."""
    errors = tuple(found)
    named = "; ".join(f"{error.field} {error.message}" for error in errors[:NAMED_MAX])
    if len(errors) > NAMED_MAX:
        named += f"; and {len(errors) - NAMED_MAX} more, see errors"
    return BadRequest(named if named.endswith("?") else f"{named}.", errors=errors)


class _Breach(Exception):
    """One value that breaks a rule."""


class _Breaches:
    """What was found wrong so far."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, field: str, message: str) -> None:
        self.found.append(FieldError(field, message))

    def add_unknown(
        self,
        prefix: str,
        given: dict[str, Json],
        offered: tuple[str, ...],
        known: tuple[str, ...],
    ) -> None:
        """Name the members that nobody knows, the first with the nearest one offered."""
        unknown = [name for name in given if name not in known]
        for name in unknown[:UNKNOWN_FIELDS_MAX]:
            message = "is not a known field"
            if len(self.found) < HINTED_MAX:
                message += f": {nearest(name, offered)}"
            self.add(f"{prefix}{shown(name)}", message)
        if len(unknown) > UNKNOWN_FIELDS_MAX:
            message = f"has {len(unknown) - UNKNOWN_FIELDS_MAX} more unknown fields"
            self.add(prefix.rstrip(".") or "the body", message)


def nearest(name: str, offered: Iterable[str]) -> str:
    """Return the words that lead from a mistyped name to the right one."""
    choices = sorted(offered)
    near = difflib.get_close_matches(shown(name), choices, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(choices)}" if choices else "there are none here"


def _targets(orders: Json, breaches: _Breaches) -> tuple[Target, ...]:
    match orders:
        case None:
            breaches.add("orders", "is missing: give a list of target positions")
        case list() if not orders:
            breaches.add("orders", "is empty: give at least one target position")
        case list() if len(orders) > ORDERS_MAX:
            breaches.add("orders", f"has {len(orders)} entries: give at most {ORDERS_MAX:,}")
        case list():
            return _judged(orders, breaches)
        case _:
            breaches.add("orders", f"must be a list of objects, not {_kind(orders)}")
    return ()


def _judged(orders: list[Json], breaches: _Breaches) -> tuple[Target, ...]:
    first_row: dict[Symbol, int] = {}
    targets: list[Target] = []
    for i, row in enumerate(orders):
        place = f"orders[{i}]"
        if not isinstance(row, dict):
            breaches.add(place, f"must be an object, not {_kind(row)}")
            continue
        symbol = _required(breaches, row, f"{place}.", "symbol", _symbol)
        first = i if symbol is None else first_row.setdefault(symbol, i)
        if first != i:
            message = f'is "{symbol}" again, as in orders[{first}]: give a symbol once'
            breaches.add(f"{place}.symbol", message)
        target = _target(row, f"{place}.", symbol, breaches)
        if target is not None:
            targets.append(target)
    return tuple(targets)


def _target(
    row: dict[str, Json], prefix: str, symbol: Symbol | None, breaches: _Breaches
) -> Target | None:
    """Return the row's target, None where it has no symbol or no quantity."""
    breaches.add_unknown(prefix, row, TARGET_FIELDS, TARGET_FIELDS)
    quantity = _required(breaches, row, prefix, "quantity", _quantity)
    limit_price = _read(breaches, row, prefix, "limit_price", _price)
    expected_price = _read(breaches, row, prefix, "expected_price", _price)
    tolerance_pct = _read(breaches, row, prefix, "tolerance_pct", _tolerance)
    time_in_force = _read(breaches, row, prefix, "time_in_force", _time_in_force)
    outside_rth = _read(breaches, row, prefix, "outside_rth", _boolean) or False
    _judge_together(row, prefix, outside_rth=outside_rth, breaches=breaches)
    if symbol is None or quantity is None:
        return None
    return Target(
        symbol=symbol,
        quantity=quantity,
        limit_price=limit_price,
        expected_price=expected_price,
        tolerance_pct=tolerance_pct,
        time_in_force=time_in_force or TimeInForce.DAY,
        outside_rth=outside_rth,
        requested_symbol=_spelled_otherwise(row["symbol"], symbol),
    )


def _judge_together(
    row: dict[str, Json], prefix: str, *, outside_rth: bool, breaches: _Breaches
) -> None:
    """Judge what depends on several fields, by which of them are given."""
    limit, expected, tolerance = (
        row.get(name) is not None for name in ("limit_price", "expected_price", "tolerance_pct")
    )
    if tolerance and not expected and not limit:
        breaches.add(f"{prefix}tolerance_pct", "needs expected_price: add it")
    if outside_rth and not limit and not (expected and tolerance):
        breaches.add(f"{prefix}outside_rth", "needs a limit order: add limit_price")


def _spelled_otherwise(given: Json, symbol: Symbol) -> str | None:
    return given if isinstance(given, str) and given != symbol else None


# ── Readers: one value to what it means, or a _Breach with its words ──────────────────────


def _required(
    breaches: _Breaches,
    row: dict[str, Json],
    prefix: str,
    name: str,
    reader: Callable[[Json], T],
) -> T | None:
    if row.get(name) is None:
        breaches.add(f"{prefix}{name}", "is missing: add it")
    return _read(breaches, row, prefix, name, reader)


def _read(
    breaches: _Breaches,
    row: dict[str, Json],
    prefix: str,
    name: str,
    reader: Callable[[Json], T],
) -> T | None:
    """Return what the member means, None where it is absent (which null means) or a breach."""
    value = row.get(name)
    if value is None:
        return None
    try:
        return reader(value)
    except _Breach as error:
        breaches.add(f"{prefix}{name}", str(error))
        return None


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise _Breach(f"must be a string, not {_kind(value)}")
    return value


def _boolean(value: Json) -> bool:
    if not isinstance(value, bool):
        raise _Breach(f"must be true or false, not {_kind(value)}")
    return value


def _symbol(value: Json) -> Symbol:
    text = _text(value)
    # Some letters beyond ASCII turn into ASCII ones in capitals: a guess is not wanted here.
    symbol = normalise_symbol(text) if text.isascii() else None
    if symbol is None:
        raise _Breach(
            f'"{shown(text)}" is not a symbol: use 1 to 32 of letters, digits, blank . _ -'
        )
    return symbol


def _number(value: Json) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _Breach(f"must be a JSON number, not {_kind(value)}")
    return Decimal(value)


def _quantity(value: Json) -> int:
    number = _number(value)
    # The magnitude first: writing out 1e999999999 would take all memory there is.
    if not number:
        return 0
    if number.adjusted() < 0 or _decimals(number) > 0:
        raise _Breach(f"must be a whole number of shares, not {shown(str(number))}")
    if number.adjusted() > len(str(QUANTITY_MAX)) or abs(number) > QUANTITY_MAX:
        raise _Breach(f"must lie within ±{QUANTITY_MAX:,}")
    return int(number)


def _price(value: Json) -> Decimal:
    number = _number(value)
    if not 0 < number < PRICE_BELOW:
        raise _Breach("must be above 0 and below 1,000,000,000")
    if _decimals(number) > PRICE_DECIMALS_MAX:
        raise _Breach(f"must have at most {PRICE_DECIMALS_MAX} decimals")
    return number


def _tolerance(value: Json) -> Decimal:
    number = _number(value)
    if not 0 <= number < TOLERANCE_BELOW:
        raise _Breach("must be at least 0 and below 100")
    if _decimals(number) > TOLERANCE_DECIMALS_MAX:
        raise _Breach(f"must have at most {TOLERANCE_DECIMALS_MAX} decimals")
    return number


def _decimals(number: Decimal) -> int:
    """Return how many decimals `number` needs; padding zeros need none."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "parse_json lets no infinity and no NaN through"
    text = "".join(map(str, digits))
    return max(0, -exponent - (len(text) - len(text.rstrip("0"))))


def _time_in_force(value: Json) -> TimeInForce:
    if value not in list(TimeInForce):
        raise _Breach(f"must be one of {', '.join(TimeInForce)}")
    return TimeInForce(_text(value))
