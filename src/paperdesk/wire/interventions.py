"""What a person does by hand: halt, resume, accept a position, say what became of an order.

Owns: the body of each of these calls with its rules, the fields of each answer, and the evidence
that helps to decide. Knows nothing of who may do it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from paperdesk.domain.batch import Resolution
from paperdesk.domain.halt import Halt
from paperdesk.domain.views import (
    AcceptedPosition,
    Finding,
    HaltedOrder,
    HaltView,
    OrderEvidence,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, HaltMode, Symbol
from paperdesk.wire import values
from paperdesk.wire.encoding import rfc3339
from paperdesk.wire.parsing import Json
from paperdesk.wire.reading import WHOLE, Breach, Breaches, Members
from paperdesk.wire.values import (
    QUANTITY_MAX,
    BatchIdText,
    Price,
    Reason,
    SymbolText,
    Time,
)

HaltedAccount = Annotated[str | None, Meta(description="null for all accounts.")]

# ── What comes in ─────────────────────────────────────────────────────────────────────────────


class HaltBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A halt. It needs no gateway, and survives a restart."""

    reason: Reason
    mode: (
        Annotated[
            Literal["all", "reduce_only"],
            Meta(
                description="`all` (the default) stops every new order, `reduce_only` lets the "
                "ones leave that reduce a position."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    cancel_working: (
        Annotated[
            bool,
            Meta(
                description="Cancel what works, too. Otherwise only what is not sent yet ends."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class ResumeBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of a halt, or of the stricter half of it."""

    reason: Reason
    mode: (
        Annotated[
            Literal["reduce_only"],
            Meta(
                description="Let only orders leave that reduce a position: a halt of `all` "
                "becomes one of `reduce_only` in one commit. Halts nothing that is not halted."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class AcceptSymbolBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Take over the broker's position of one locked symbol."""

    symbol: SymbolText


class AcceptAllBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Take over the broker's position of every locked symbol."""

    all: Annotated[bool, Meta(extra_json_schema={"const": True})]


class NotPlacedBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The order never reached the broker."""

    symbol: SymbolText
    as_: Literal["not_placed"] = field(name="as")


class FilledBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The order traded, and nothing more of it will."""

    symbol: SymbolText
    as_: Literal["filled"] = field(name="as")
    qty: Annotated[int, Meta(ge=1, le=QUANTITY_MAX, description="Shares that were traded.")]
    price: Annotated[Price, Meta(description="The average price of them.")]


class _ResolvedAs(StrEnum):
    """What a person can say of an order whose outcome is unknown."""

    NOT_PLACED = "not_placed"
    FILLED = "filled"


class _ReleasedTo(StrEnum):
    """What a release may leave of a halt."""

    REDUCE_ONLY = HaltMode.REDUCE_ONLY.value


_MODE: Final = values.word_of(HaltMode)
_MILDER: Final = values.word_of(_ReleasedTo)
_RESOLVED_AS: Final = values.word_of(_ResolvedAs)


@dataclass(frozen=True, slots=True)
class HaltRequest:
    """What a valid halt asks for."""

    reason: str
    mode: HaltMode
    cancel_working: bool


def parse_halt(document: Json) -> HaltRequest:
    """Return the halt that `document` asks for. Raises BadRequest."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(HaltBody.__struct_encode_fields__)
    reason = body.required("reason", values.reason)
    mode = body.optional("mode", _MODE) or HaltMode.ALL
    cancel_working = body.optional("cancel_working", values.boolean) or False
    breaches.raise_any()
    assert reason is not None
    return HaltRequest(reason, mode, cancel_working)


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """What a valid resume asks for."""

    reason: str
    reduce_only: bool = False


def parse_resume(document: Json) -> ResumeRequest:
    """Return why the halt may end, and how much of it. Raises BadRequest, also without a reason."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(ResumeBody.__struct_encode_fields__)
    reason = body.required("reason", values.reason)
    mode = body.optional("mode", _MILDER)
    breaches.raise_any()
    assert reason is not None
    return ResumeRequest(reason, reduce_only=mode is not None)


def parse_acceptance(document: Json) -> Symbol | None:
    """Return the symbol whose position is accepted, None for all. Raises BadRequest."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(("symbol", "all"))
    symbol = body.optional("symbol", values.symbol)
    body.optional("all", _true)
    if body.has("symbol") == body.has("all"):
        breaches.add(WHOLE, 'must name either a "symbol" or "all": true')
    breaches.raise_any()
    return symbol


def parse_resolution(document: Json) -> Resolution:
    """Return what a person says became of an order. Raises BadRequest."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(FilledBody.__struct_encode_fields__)
    symbol = body.required("symbol", values.symbol)
    outcome = body.required("as", _RESOLVED_AS)
    is_filled = outcome is _ResolvedAs.FILLED
    read = body.required if is_filled else body.optional
    qty, price = read("qty", values.filled_shares), read("price", values.price)
    if outcome is _ResolvedAs.NOT_PLACED:
        for name in ("qty", "price"):
            if body.has(name):
                body.refuse(name, 'does not go with "not_placed": remove it')
    breaches.raise_any()
    assert symbol is not None
    return Resolution(symbol, filled_qty=qty, price=price)


def _true(value: Json) -> bool:
    if value is not True:
        raise Breach('must be true: to accept one position give its "symbol"')
    return True


# ── What goes out ─────────────────────────────────────────────────────────────────────────────


class StandingHalt(Struct, kw_only=True, frozen=True):
    """A halt that holds an account."""

    account_id: HaltedAccount
    mode: HaltMode
    by: str
    since: Time
    reason: str

    @classmethod
    def of(cls, halt: Halt) -> StandingHalt:
        """Return the body of `halt`."""
        return cls(
            account_id=halt.account,
            mode=halt.mode,
            by=halt.by,
            since=rfc3339(halt.since),
            reason=halt.reason,
        )


class HaltedOrderBody(Struct, kw_only=True, frozen=True):
    """An order that a halt found."""

    symbol: str
    batch_id: str
    ibkr_order_id: Annotated[int | None, Meta(description="null where it was never sent.")]
    status: str

    @classmethod
    def of(cls, order: HaltedOrder) -> HaltedOrderBody:
        """Return the body of `order`."""
        return cls(
            symbol=order.symbol,
            batch_id=order.batch_id,
            ibkr_order_id=order.order_id,
            status=order.status.value,
        )


class HaltAnswer(Struct, kw_only=True, frozen=True):
    """The halt stands: no new order leaves after this answer."""

    account_id: HaltedAccount
    halted: bool = True
    mode: HaltMode
    by: str
    since: Time
    reason: str
    cancelled: Annotated[
        tuple[HaltedOrderBody, ...], Meta(description="What ended by the halt.")
    ]
    still_working: Annotated[
        tuple[HaltedOrderBody, ...], Meta(description="What is at the broker and may trade.")
    ]

    @classmethod
    def of(cls, view: HaltView) -> HaltAnswer:
        """Return the answer for `view`."""
        halt = view.halt
        return cls(
            account_id=halt.account,
            mode=halt.mode,
            by=halt.by,
            since=rfc3339(halt.since),
            reason=halt.reason,
            cancelled=tuple(HaltedOrderBody.of(order) for order in view.cancelled),
            still_working=tuple(HaltedOrderBody.of(order) for order in view.still_working),
        )


class ResumeAnswer(Struct, kw_only=True, frozen=True):
    """The halt is over. `halt` is another one that still stands."""

    account_id: HaltedAccount
    halted: bool
    halt: StandingHalt | UnsetType = UNSET

    @classmethod
    def of(cls, account: AccountId | None, standing: Halt | None) -> ResumeAnswer:
        """Return the answer; `standing` is what still holds the account."""
        return cls(
            account_id=account,
            halted=standing is not None,
            halt=UNSET if standing is None else StandingHalt.of(standing),
        )


class AcceptedBody(Struct, kw_only=True, frozen=True):
    """A position taken over from the broker."""

    symbol: str
    position: Annotated[int, Meta(description="By our books until now.")]
    broker_position: Annotated[int, Meta(description="By the broker's, and now by ours.")]

    @classmethod
    def of(cls, accepted: AcceptedPosition) -> AcceptedBody:
        """Return the body of `accepted`."""
        return cls(
            symbol=accepted.symbol, position=accepted.ours, broker_position=accepted.broker
        )


class AcceptAnswer(Struct, kw_only=True, frozen=True):
    """The positions that were taken over."""

    account_id: str
    accepted: tuple[AcceptedBody, ...]

    @classmethod
    def of(cls, account: AccountId, accepted: Iterable[AcceptedPosition]) -> AcceptAnswer:
        """Return the answer for `accepted`."""
        return cls(
            account_id=account, accepted=tuple(AcceptedBody.of(entry) for entry in accepted)
        )


class FindingBody(Struct, kw_only=True, frozen=True):
    """One step of finding out what became of an order."""

    at: Time
    step: str
    shows: str
    complete: Annotated[bool, Meta(description="Every list that was read had its end.")]

    @classmethod
    def of(cls, finding: Finding) -> FindingBody:
        """Return the body of `finding`."""
        return cls(
            at=rfc3339(finding.at),
            step=finding.step,
            shows=finding.shows,
            complete=finding.is_complete,
        )


class OrderEvidenceBody(Struct, kw_only=True, frozen=True):
    """How one order came to its state, in order of time."""

    symbol: str
    order_ref: str
    ibkr_order_id: int | None
    status: str
    evidence: tuple[FindingBody, ...]

    @classmethod
    def of(cls, order: OrderEvidence) -> OrderEvidenceBody:
        """Return the body of `order`."""
        return cls(
            symbol=order.symbol,
            order_ref=order.order_ref,
            ibkr_order_id=order.order_id,
            status=order.status.value,
            evidence=tuple(FindingBody.of(finding) for finding in order.findings),
        )


class EvidenceAnswer(Struct, kw_only=True, frozen=True):
    """What is known of how the orders of a batch came to their states."""

    batch_id: BatchIdText
    orders: tuple[OrderEvidenceBody, ...]

    @classmethod
    def of(cls, batch_id: BatchId, orders: Iterable[OrderEvidence]) -> EvidenceAnswer:
        """Return the answer for `orders`."""
        return cls(
            batch_id=batch_id, orders=tuple(OrderEvidenceBody.of(order) for order in orders)
        )
