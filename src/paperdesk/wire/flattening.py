"""Flattening an account: what is asked, and what is answered.

Owns: the body with its rules and the fields of the answer, which is that of POST /api/v1/orders
and what the halt before it came to. Knows nothing of who may do it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.views import Flattening, NotClosed
from paperdesk.wire import values
from paperdesk.wire.bodies import BatchWarnings
from paperdesk.wire.encoding import number, rfc3339
from paperdesk.wire.interventions import HaltedOrderBody, StandingHalt
from paperdesk.wire.parsing import Json
from paperdesk.wire.reading import Breaches, Members
from paperdesk.wire.rows import ResultRow
from paperdesk.wire.values import BatchIdText, Reason, Time


class FlattenBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Close everything in one account. It cannot be taken back."""

    reason: Reason
    confirm: Annotated[str, Meta(description="The id of the account, once more.")]


class NotClosedBody(Struct, kw_only=True, frozen=True):
    """Something that stays as it is."""

    symbol: str
    quantity: Decimal
    reason: str

    @classmethod
    def of(cls, left: NotClosed) -> NotClosedBody:
        """Return the body of `left`."""
        return cls(symbol=left.symbol, quantity=number(left.quantity), reason=left.reason)


class FlattenAnswer(Struct, kw_only=True, frozen=True):
    """The account is halted but for what reduces, and everything in it is being closed."""

    batch_id: Annotated[
        BatchIdText | None,
        Meta(description="Of the closing orders; null where there was nothing to close."),
    ]
    account_id: str
    submitted_at: Time
    halt: StandingHalt
    results: tuple[ResultRow, ...]
    cancelled: Annotated[
        tuple[HaltedOrderBody, ...], Meta(description="Orders that ended by this.")
    ]
    still_working: Annotated[
        tuple[HaltedOrderBody, ...],
        Meta(description="Orders whose cancel the broker has not confirmed yet."),
    ]
    locked: Annotated[
        tuple[NotClosedBody, ...], Meta(description="Not closed until they are unlocked.")
    ]
    not_flat: Annotated[
        tuple[NotClosedBody, ...],
        Meta(description="Not closed: no USD stock or ETF, a fraction, or refused."),
    ]
    warnings: BatchWarnings | UnsetType = UNSET

    @classmethod
    def of(cls, flattening: Flattening) -> FlattenAnswer:
        """Return the answer for `flattening`."""
        batch, halt = flattening.batch, flattening.halt
        assert halt.account is not None, "one account is flattened"
        return cls(
            batch_id=None if batch is None else batch.head.batch_id,
            account_id=halt.account,
            submitted_at=rfc3339(halt.since if batch is None else batch.head.submitted_at),
            halt=StandingHalt.of(halt),
            results=() if batch is None else tuple(map(ResultRow.of, batch.rows)),
            cancelled=tuple(map(HaltedOrderBody.of, flattening.cancelled)),
            still_working=tuple(map(HaltedOrderBody.of, flattening.still_working)),
            locked=tuple(map(NotClosedBody.of, flattening.locked)),
            not_flat=tuple(map(NotClosedBody.of, flattening.not_flat)),
            warnings=UNSET if batch is None else batch.warnings or UNSET,
        )


def parse_flatten(document: Json, account_id: str) -> str:
    """Return why `account_id` is flattened. Raises BadRequest, also where it is not confirmed."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(FlattenBody.__struct_encode_fields__)
    reason = body.required("reason", values.reason)
    confirm = body.required("confirm", values.text)
    if confirm is not None and confirm != account_id:
        body.refuse("confirm", "must be the id of the account in the path: nothing was done")
    breaches.raise_any()
    assert reason is not None
    return reason
