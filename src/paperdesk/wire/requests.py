"""The body of a batch: what a caller may ask for, judged row by row.

Owns: the shape of a request for trades and every rule of it. All breaches are named, not only
the first. Knows nothing of accounts, keys or the broker.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.batch import Target
from paperdesk.domain.vocabulary import Symbol, TimeInForce
from paperdesk.wire import values
from paperdesk.wire.parsing import Json
from paperdesk.wire.reading import Breach, Breaches, Members, kind_of
from paperdesk.wire.values import QUANTITY_MAX, Price, SymbolText, Time, Tolerance

ORDERS_MAX: Final = 1_000


class TargetBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A target position of one symbol. `null` for an optional field means absent."""

    symbol: SymbolText
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
    """A batch of target positions."""

    account_id: Annotated[str, Meta(description="The default account otherwise.")] | UnsetType | None = UNSET  # fmt: skip
    orders: Annotated[list[TargetBody], Meta(min_length=1, max_length=ORDERS_MAX)]
    unlisted: (
        Annotated[
            Literal["close"],
            Meta(
                description="Give target 0 to every held symbol that is not listed and whose "
                "newest target is this client's. Without it they are left alone."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    as_of: (
        Annotated[
            Time,
            Meta(
                description="When the targets were computed. Where this client has a newer one "
                "of a symbol, the older is not applied (`stale-target`)."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    valid_until: (
        Annotated[Time, Meta(description="Nothing of it is sent later (`expired`).")]
        | UnsetType
        | None
    ) = UNSET


class PreviewIdBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Exactly the orders of a preview, or nothing: 409 where they are no longer the same."""

    preview_id: Annotated[
        str, Meta(description="Of a preview of the last 10 minutes; can be sent once.")
    ]


TARGET_FIELDS: Final = TargetBody.__struct_fields__
BATCH_FIELDS: Final = BatchBody.__struct_fields__
_KNOWN: Final = (*BATCH_FIELDS, *PreviewIdBody.__struct_fields__)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a valid body asks for: targets, or what a preview showed.

    Without `account_id` the default account is meant. With `preview_id` all else is empty.
    """

    account_id: str | None = None
    targets: tuple[Target, ...] = ()
    as_of: datetime | None = None
    valid_until: datetime | None = None
    closes_unlisted: bool = False
    preview_id: str | None = None


def parse_submission(document: Json) -> BatchRequest:
    """Return what `document` asks for: targets, or the orders of a preview.

    Raises BadRequest, which names every bad row.
    """
    breaches = Breaches()
    body = Members.of(document, breaches)
    if not body.has("preview_id"):
        return parse_batch(document)
    body.refuse_unknown(_KNOWN)
    preview_id = body.required("preview_id", values.text)
    for name in BATCH_FIELDS:
        if body.has(name):
            body.refuse(name, "cannot stand beside preview_id, which says it all: remove it")
    breaches.raise_any()
    return BatchRequest(preview_id=preview_id)


def parse_batch(document: Json) -> BatchRequest:
    """Return the targets that `document` asks for. Raises BadRequest; it names every bad row."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(_KNOWN)
    if body.has("preview_id"):
        body.refuse("preview_id", "is for POST /api/v1/orders: give account_id and orders here")
    request = BatchRequest(
        account_id=body.optional("account_id", values.text),
        targets=_targets(body.get("orders"), breaches),
        as_of=body.optional("as_of", values.moment),
        valid_until=body.optional("valid_until", values.moment),
        closes_unlisted=body.optional("unlisted", _close) or False,
    )
    breaches.raise_any()
    return request


def _close(value: Json) -> bool:
    if value != "close":
        raise Breach('must be "close", or left out: then what is not listed is left alone')
    return True


def _targets(orders: Json, breaches: Breaches) -> tuple[Target, ...]:
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
            breaches.add("orders", f"must be a list of objects, not {kind_of(orders)}")
    return ()


def _judged(orders: list[Json], breaches: Breaches) -> tuple[Target, ...]:
    first_row: dict[Symbol, int] = {}
    targets: list[Target] = []
    for i, given in enumerate(orders):
        place = f"orders[{i}]"
        if not isinstance(given, dict):
            breaches.add(place, f"must be an object, not {kind_of(given)}")
            continue
        row = Members(given, breaches, f"{place}.")
        symbol = row.required("symbol", values.symbol)
        first = i if symbol is None else first_row.setdefault(symbol, i)
        if first != i:
            row.refuse(
                "symbol", f'is "{symbol}" again, as in orders[{first}]: give a symbol once'
            )
        target = _target(row, symbol)
        if target is not None:
            targets.append(target)
    return tuple(targets)


def _target(row: Members, symbol: Symbol | None) -> Target | None:
    """Return the row's target, None where it has no symbol or no quantity."""
    row.refuse_unknown(TARGET_FIELDS)
    quantity = row.required("quantity", values.quantity)
    limit_price = row.optional("limit_price", values.price)
    expected_price = row.optional("expected_price", values.price)
    tolerance_pct = row.optional("tolerance_pct", values.tolerance)
    time_in_force = row.optional("time_in_force", _TIME_IN_FORCE)
    outside_rth = row.optional("outside_rth", values.boolean) or False
    _judge_together(row, outside_rth=outside_rth)
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
        requested_symbol=_spelled_otherwise(row.get("symbol"), symbol),
    )


_TIME_IN_FORCE: Final = values.word_of(TimeInForce)


def _judge_together(row: Members, *, outside_rth: bool) -> None:
    """Judge what depends on several fields, by which of them are given."""
    limit, expected, tolerance = (
        row.has(name) for name in ("limit_price", "expected_price", "tolerance_pct")
    )
    if tolerance and not expected and not limit:
        row.refuse("tolerance_pct", "needs expected_price: add it")
    if outside_rth and not limit and not (expected and tolerance):
        row.refuse("outside_rth", "needs a limit order: add limit_price")


def _spelled_otherwise(given: Json, symbol: Symbol) -> str | None:
    return given if isinstance(given, str) and given != symbol else None
