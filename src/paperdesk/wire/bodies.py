"""The answers about batches and accounts, of the probes, and to what went wrong.

Owns: the fields of each answer and how they follow from the domain's values. A field that does
not apply is left out; one that is not known yet is null. Knows nothing of requests. What is held
is in `wire.holdings`, what a person does by hand in `wire.interventions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.batch import Batch, BatchHead
from paperdesk.domain.views import (
    AccountView,
    Cancellation,
    CancelRow,
    Health,
    Lock,
    Preview,
    Readiness,
)
from paperdesk.errors import PaperdeskError
from paperdesk.masking import told
from paperdesk.wire.encoding import number, number_or_null, rfc3339
from paperdesk.wire.interventions import StandingHalt
from paperdesk.wire.limits import LimitsBody, LimitsSource, source_of
from paperdesk.wire.query import NextCursor, cursor_of
from paperdesk.wire.rows import OrderRow, PreviewResultRow, ResultRow
from paperdesk.wire.values import BatchIdText, Time

BATCHES: Final = "batches"

BatchWarnings = Annotated[tuple[str, ...], Meta(description="What concerns no single row.")]


class HealthAnswer(Struct, kw_only=True, frozen=True):
    """The process answers; per configured account, whether its broker session is up."""

    status: str = "ok"
    accounts: dict[str, bool]
    problem: str | UnsetType = UNSET

    @classmethod
    def of(cls, health: Health) -> HealthAnswer:
        """Return the answer for `health`."""
        return cls(
            accounts={str(account): up for account, up in health.accounts.items()},
            problem=UNSET if health.problem is None else health.problem,
        )


class LiveAnswer(Struct, kw_only=True, frozen=True):
    """The process answers."""

    status: str = "ok"


class ReadyAnswer(Struct, kw_only=True, frozen=True):
    """The ledger is writable and one account is up."""

    status: str
    ledger_writable: bool
    account_up: bool

    @classmethod
    def of(cls, readiness: Readiness) -> ReadyAnswer:
        """Return the answer for `readiness`."""
        return cls(
            status="ready" if readiness.is_ready else "not ready",
            ledger_writable=readiness.ledger_writable,
            account_up=readiness.account_up,
        )


class SubmitAnswer(Struct, kw_only=True, frozen=True):
    """The accepted batch: one result per requested order, in request order."""

    batch_id: BatchIdText
    account_id: str
    submitted_at: Time
    results: tuple[ResultRow, ...]
    warnings: BatchWarnings | UnsetType = UNSET

    @classmethod
    def of(cls, batch: Batch) -> SubmitAnswer:
        """Return the answer for a batch that was accepted."""
        return cls(
            batch_id=batch.head.batch_id,
            account_id=batch.head.account_id,
            submitted_at=rfc3339(batch.head.submitted_at),
            results=tuple(ResultRow.of(row) for row in batch.rows),
            warnings=batch.warnings or UNSET,
        )


class PreviewAnswer(Struct, kw_only=True, frozen=True):
    """The exact orders that would be sent now. Nothing was sent."""

    preview_id: Annotated[
        str | None,
        Meta(
            description="Post it alone within 10 minutes and exactly this is sent. null where "
            "it cannot be sent."
        ),
    ]
    account_id: str
    results: tuple[PreviewResultRow, ...]
    estimated_notional: Annotated[
        Decimal | None, Meta(description="null where one order has no known price.")
    ]
    estimated_send_seconds: Decimal
    warnings: BatchWarnings | UnsetType = UNSET

    @classmethod
    def of(cls, preview: Preview) -> PreviewAnswer:
        """Return the answer for `preview`."""
        return cls(
            preview_id=preview.preview_id,
            account_id=preview.account_id,
            results=tuple(PreviewResultRow.of_preview(entry) for entry in preview.rows),
            estimated_notional=number_or_null(preview.estimated_notional),
            estimated_send_seconds=number(preview.estimated_send_seconds),
            warnings=preview.warnings or UNSET,
        )


class BatchSummary(Struct, kw_only=True, frozen=True):
    """The batch at a glance."""

    final: Annotated[bool, Meta(description="Every order is final.")]
    on_target: Annotated[bool, Meta(description="Every target is reached.")]
    short: Annotated[
        tuple[str, ...], Meta(description="Symbols whose order ended short of its target.")
    ]

    @classmethod
    def of(cls, batch: Batch) -> BatchSummary:
        """Return the summary. Only a final row can be short: the others may still get there."""
        return cls(
            final=batch.is_final,
            on_target=all(row.is_on_target for row in batch.rows),
            short=tuple(
                row.target.symbol for row in batch.rows if row.is_final and not row.is_on_target
            ),
        )


class BatchAnswer(Struct, kw_only=True, frozen=True):
    """One batch with the present state of every order, in request order."""

    batch_id: BatchIdText
    account_id: str
    client: str
    submitted_at: Time
    summary: BatchSummary
    orders: tuple[OrderRow, ...]
    warnings: BatchWarnings | UnsetType = UNSET

    @classmethod
    def of(cls, batch: Batch) -> BatchAnswer:
        """Return the answer for `batch`."""
        return cls(
            batch_id=batch.head.batch_id,
            account_id=batch.head.account_id,
            client=batch.head.client,
            submitted_at=rfc3339(batch.head.submitted_at),
            summary=BatchSummary.of(batch),
            orders=tuple(OrderRow.of(row) for row in batch.rows),
            warnings=batch.warnings or UNSET,
        )


class BatchHeadBody(Struct, kw_only=True, frozen=True):
    """A batch in a list."""

    batch_id: BatchIdText
    account_id: str
    client: str
    submitted_at: Time


class BatchesAnswer(Struct, kw_only=True, frozen=True):
    """Batches, newest first."""

    batches: tuple[BatchHeadBody, ...]
    next_cursor: NextCursor

    @classmethod
    def of(cls, heads: Sequence[BatchHead], before: int | None) -> BatchesAnswer:
        """Return the answer for a page of batches."""
        return cls(
            batches=tuple(
                BatchHeadBody(
                    batch_id=head.batch_id,
                    account_id=head.account_id,
                    client=head.client,
                    submitted_at=rfc3339(head.submitted_at),
                )
                for head in heads
            ),
            next_cursor=None if before is None else cursor_of(BATCHES, before),
        )


class CancelResult(Struct, kw_only=True, frozen=True):
    """The cancel of one order. `cancelled` tells the state: it is Cancelled, or never sent."""

    symbol: str
    ibkr_order_id: int | None
    cancelled: bool
    status: str
    filled_qty: int
    cancel_requested: (
        Annotated[bool, Meta(description="Stored, and sent when the gateway returns.")]
        | UnsetType
    ) = UNSET
    kept_by: (
        Annotated[str, Meta(description="The newer batch that the order serves: it works on.")]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, row: CancelRow) -> CancelResult:
        """Return the body of `row`."""
        return cls(
            symbol=row.symbol,
            ibkr_order_id=row.order_id,
            cancelled=row.cancelled,
            status=row.status.value,
            filled_qty=row.filled_qty,
            cancel_requested=row.cancel_requested or UNSET,
            kept_by=UNSET if row.kept_by is None else row.kept_by,
        )


class CancelAnswer(Struct, kw_only=True, frozen=True):
    """One result for every order of the batch, sent or not."""

    batch_id: BatchIdText
    results: tuple[CancelResult, ...]

    @classmethod
    def of(cls, cancellation: Cancellation) -> CancelAnswer:
        """Return the answer for `cancellation`."""
        return cls(
            batch_id=cancellation.batch_id,
            results=tuple(CancelResult.of(row) for row in cancellation.rows),
        )


class LockBody(Struct, kw_only=True, frozen=True):
    """A symbol that is not traded until its open question is answered."""

    symbol: Annotated[str, Meta(description="`*` is the whole account.")]
    reason: str
    since: Time
    position: Annotated[
        int | None, Meta(description="By our books; null where it is not about positions.")
    ]
    broker_position: Annotated[int | None, Meta(description="By the broker's.")]

    @classmethod
    def of(cls, lock: Lock) -> LockBody:
        """Return the body of `lock`."""
        return cls(
            symbol=lock.symbol,
            reason=lock.reason,
            since=rfc3339(lock.since),
            position=lock.ours,
            broker_position=lock.broker,
        )


class AccountBody(Struct, kw_only=True, frozen=True):
    """An account of the key."""

    account_id: str
    type: str = "Paper"
    default: bool
    connected: bool
    reason: Annotated[str | None, Meta(description="Why it is not connected.")]
    halted: bool
    halt: StandingHalt | UnsetType = UNSET
    locks: tuple[LockBody, ...]
    limits: LimitsBody
    limits_source: LimitsSource
    net_liquidation: Decimal | None

    @classmethod
    def of(cls, account: AccountView) -> AccountBody:
        """Return the body of `account`."""
        return cls(
            account_id=account.account_id,
            default=account.default,
            connected=account.connected,
            reason=account.reason,
            halted=account.halt is not None,
            halt=UNSET if account.halt is None else StandingHalt.of(account.halt),
            locks=tuple(LockBody.of(lock) for lock in account.locks),
            limits=LimitsBody.of(account.limits),
            limits_source=source_of(is_set_by_hand=account.are_limits_set_by_hand),
            net_liquidation=number_or_null(account.net_liquidation),
        )


class AccountsAnswer(Struct, kw_only=True, frozen=True):
    """The accounts of the key."""

    accounts: tuple[AccountBody, ...]

    @classmethod
    def of(cls, accounts: Sequence[AccountView]) -> AccountsAnswer:
        """Return the answer for `accounts`."""
        return cls(accounts=tuple(AccountBody.of(account) for account in accounts))


class ProblemField(Struct, kw_only=True, frozen=True):
    """One thing that is wrong with the request."""

    field: str
    message: str


class ProblemBody(Struct, kw_only=True, frozen=True):
    """A problem (RFC 9457). `error` is `detail` again, for simple clients."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[ProblemField, ...]
    error: str

    @classmethod
    def of(cls, error: PaperdeskError) -> ProblemBody:
        """Return the body of the answer to a request that ended in `error`."""
        detail = told(error.detail)
        return cls(
            type=f"/problems/{error.code}",
            title=error.title,
            status=error.status,
            detail=detail,
            code=error.code,
            errors=tuple(
                ProblemField(field=told(entry.field), message=told(entry.message))
                for entry in error.errors
            ),
            error=detail,
        )
