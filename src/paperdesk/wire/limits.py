"""The JSON shape of an account's limits.

Owns: the body by which they are set, with its rules, and the body by which they are shown. Knows
nothing of how an order is judged, or of who may set them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.limits import COLLAR_PCT_MAX, ORDERS_MAX, SHARES_MAX, USD_MAX, Limits
from paperdesk.domain.vocabulary import AccountId, Symbol
from paperdesk.wire import values
from paperdesk.wire.encoding import number_or_null, sorted_or_null
from paperdesk.wire.parsing import Json
from paperdesk.wire.reading import Breaches, Members

Count = Annotated[int, Meta(ge=1, le=ORDERS_MAX)]
Usd = Annotated[
    Decimal,
    Meta(
        description="USD, with at most 8 decimals.",
        extra_json_schema={"exclusiveMinimum": 0, "maximum": USD_MAX},
    ),
]
Percent = Annotated[
    Decimal, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": COLLAR_PCT_MAX})
]
Symbols = values.Entries[values.SymbolText]

LimitsSource = Literal["configuration", "api"]

_USD: Final = values.amount(USD_MAX)
_COUNT: Final = values.whole_number(1, ORDERS_MAX)
_SYMBOLS: Final = values.list_of(values.symbol)


class SetLimitsBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """All limits of an account: what is left out is no limit."""

    max_order_quantity: Annotated[int, Meta(ge=1, le=SHARES_MAX)] | UnsetType | None = UNSET
    max_order_notional: Usd | UnsetType | None = UNSET
    max_position_notional: Usd | UnsetType | None = UNSET
    max_gross_notional: Usd | UnsetType | None = UNSET
    max_orders_per_minute: Count | UnsetType | None = UNSET
    max_orders_per_day: Count | UnsetType | None = UNSET
    max_attempts_per_target: Count | UnsetType | None = UNSET
    price_collar_pct: Percent | UnsetType | None = UNSET
    allow_short: bool | UnsetType | None = UNSET
    symbols: Symbols | UnsetType | None = UNSET
    restricted_symbols: Symbols | UnsetType | None = UNSET


def parse_limits(document: Json) -> Limits:
    """Return the limits that `document` names. Raises BadRequest."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(SetLimitsBody.__struct_encode_fields__)
    allow_short = body.optional("allow_short", values.boolean)
    limits = Limits(
        max_order_quantity=body.optional(
            "max_order_quantity", values.whole_number(1, SHARES_MAX)
        ),
        max_order_notional=body.optional("max_order_notional", _USD),
        max_position_notional=body.optional("max_position_notional", _USD),
        max_gross_notional=body.optional("max_gross_notional", _USD),
        max_orders_per_minute=body.optional("max_orders_per_minute", _COUNT),
        max_orders_per_day=body.optional("max_orders_per_day", _COUNT),
        max_attempts_per_target=body.optional("max_attempts_per_target", _COUNT),
        price_collar_pct=body.optional("price_collar_pct", values.amount(COLLAR_PCT_MAX)),
        allow_short=True if allow_short is None else allow_short,
        symbols=_set_of(body.optional("symbols", _SYMBOLS)),
        restricted_symbols=_set_of(body.optional("restricted_symbols", _SYMBOLS)),
    )
    breaches.raise_any()
    return limits


def _set_of(symbols: tuple[Symbol, ...] | None) -> frozenset[Symbol] | None:
    return None if symbols is None else frozenset(symbols)


class LimitsBody(Struct, kw_only=True, frozen=True):
    """What the orders of an account are held against; null is no limit."""

    max_order_quantity: int | None
    max_order_notional: Annotated[Decimal | None, Meta(description="USD of one order.")]
    max_position_notional: Annotated[
        Decimal | None, Meta(description="USD of the position after an order.")
    ]
    max_gross_notional: Annotated[
        Decimal | None, Meta(description="USD of all positions, longs and shorts added up.")
    ]
    max_orders_per_minute: int | None
    max_orders_per_day: Annotated[
        int | None, Meta(description="Orders sent since midnight in New York.")
    ]
    max_attempts_per_target: Annotated[
        int | None,
        Meta(
            description="Orders for one and the same target that the broker refused or ended "
            "short of it, in ten minutes."
        ),
    ]
    price_collar_pct: Annotated[
        Decimal | None,
        Meta(description="How far, in percent, a limit price may be from the market."),
    ]
    allow_short: bool
    symbols: Annotated[
        tuple[str, ...] | None, Meta(description="Others may only be reduced; null allows all.")
    ]
    restricted_symbols: Annotated[
        tuple[str, ...] | None, Meta(description="These may only be reduced.")
    ]

    @classmethod
    def of(cls, limits: Limits) -> LimitsBody:
        """Return the body of `limits`."""
        return cls(
            max_order_quantity=limits.max_order_quantity,
            max_order_notional=number_or_null(limits.max_order_notional),
            max_position_notional=number_or_null(limits.max_position_notional),
            max_gross_notional=number_or_null(limits.max_gross_notional),
            max_orders_per_minute=limits.max_orders_per_minute,
            max_orders_per_day=limits.max_orders_per_day,
            max_attempts_per_target=limits.max_attempts_per_target,
            price_collar_pct=number_or_null(limits.price_collar_pct),
            allow_short=limits.allow_short,
            symbols=sorted_or_null(limits.symbols),
            restricted_symbols=sorted_or_null(limits.restricted_symbols),
        )


class LimitsAnswer(Struct, kw_only=True, frozen=True):
    """The limits that hold from now on."""

    account_id: str
    limits: LimitsBody
    limits_source: LimitsSource

    @classmethod
    def of(cls, account: AccountId, limits: Limits, *, is_set_by_hand: bool) -> LimitsAnswer:
        """Return the answer for what holds now."""
        return cls(
            account_id=account,
            limits=LimitsBody.of(limits),
            limits_source=source_of(is_set_by_hand=is_set_by_hand),
        )


def source_of(*, is_set_by_hand: bool) -> LimitsSource:
    """Return where the limits come from."""
    return "api" if is_set_by_hand else "configuration"
