"""The answers: every body that the service sends, by its name in the contract.

Owns: the fields of each answer and how they follow from the domain's values. A field that does
not apply is left out; one that is not known yet is null. Knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.batch import Batch, BatchHead
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.views import (
    AccountView,
    Cancellation,
    CancelRow,
    Health,
    Holding,
    Lock,
    OtherHolding,
    Positions,
    Preview,
    Readiness,
)
from paperdesk.errors import PaperdeskError
from paperdesk.wire.encoding import number, number_or_null, rfc3339
from paperdesk.wire.limits import LimitsBody
from paperdesk.wire.query import cursor_of
from paperdesk.wire.rows import OrderRow, PreviewResultRow, ResultRow

BATCHES: Final = "batches"
EXECUTIONS: Final = "executions"

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
BatchIdText = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
NextCursor = Annotated[str | None, Meta(description="null on the last page.")]


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

    @classmethod
    def of(cls, batch: Batch) -> SubmitAnswer:
        """Return the answer for a batch that was accepted."""
        return cls(
            batch_id=batch.head.batch_id,
            account_id=batch.head.account_id,
            submitted_at=rfc3339(batch.head.submitted_at),
            results=tuple(ResultRow.of(row) for row in batch.rows),
        )


class PreviewAnswer(Struct, kw_only=True, frozen=True):
    """The exact orders that would be sent now. Nothing was sent."""

    account_id: str
    results: tuple[PreviewResultRow, ...]
    estimated_notional: Annotated[
        Decimal | None, Meta(description="null where one order has no known price.")
    ]
    estimated_send_seconds: Decimal

    @classmethod
    def of(cls, preview: Preview) -> PreviewAnswer:
        """Return the answer for `preview`."""
        return cls(
            account_id=preview.account_id,
            results=tuple(PreviewResultRow.of_preview(entry) for entry in preview.rows),
            estimated_notional=number_or_null(preview.estimated_notional),
            estimated_send_seconds=number(preview.estimated_send_seconds),
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


class PositionBody(Struct, kw_only=True, frozen=True):
    """A position. What comes from the broker is null until it is known."""

    symbol: str
    quantity: int
    avg_cost: Decimal | None
    conid: int
    market_price: Decimal | None
    market_value: Decimal | None
    unrealized_pnl: Decimal | None

    @classmethod
    def of(cls, holding: Holding) -> PositionBody:
        """Return the body of `holding`."""
        return cls(
            symbol=holding.symbol,
            quantity=holding.quantity,
            avg_cost=number_or_null(holding.avg_cost),
            conid=holding.conid,
            market_price=number_or_null(holding.market_price),
            market_value=number_or_null(holding.market_value),
            unrealized_pnl=number_or_null(holding.unrealized_pnl),
        )


class OtherPositionBody(Struct, kw_only=True, frozen=True):
    """Something held that is no USD stock or ETF: never traded here."""

    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    avg_cost: Decimal
    conid: int

    @classmethod
    def of(cls, holding: OtherHolding) -> OtherPositionBody:
        """Return the body of `holding`."""
        return cls(
            symbol=holding.symbol,
            sec_type=holding.sec_type,
            currency=holding.currency,
            quantity=number(holding.quantity),
            avg_cost=number(holding.avg_cost),
            conid=holding.conid,
        )


class PositionsAnswer(Struct, kw_only=True, frozen=True):
    """Non-zero positions of an account, by symbol."""

    account_id: str
    positions: tuple[PositionBody, ...]
    other_positions: tuple[OtherPositionBody, ...]
    net_liquidation: Decimal | None
    updated_at: Time
    stale: Annotated[bool, Meta(description="The last known state.")] | UnsetType = UNSET
    warnings: tuple[str, ...] | UnsetType = UNSET

    @classmethod
    def of(cls, positions: Positions) -> PositionsAnswer:
        """Return the answer for `positions`."""
        return cls(
            account_id=positions.account_id,
            positions=tuple(PositionBody.of(holding) for holding in positions.holdings),
            other_positions=tuple(
                OtherPositionBody.of(holding) for holding in positions.others
            ),
            net_liquidation=number_or_null(positions.net_liquidation),
            updated_at=rfc3339(positions.updated_at),
            stale=positions.stale or UNSET,
            warnings=positions.warnings or UNSET,
        )


class ExecutionBody(Struct, kw_only=True, frozen=True):
    """One trade of one order. Where the batch is another client's nothing names it.

    `batch_id` and `order_ref` are null then.
    """

    exec_id: str
    account_id: str
    symbol: str
    conid: int
    side: str
    quantity: int
    price: Decimal
    executed_at: Time
    commission: Annotated[Decimal | None, Meta(description="null until reported.")]
    currency: str | None
    realized_pnl: Decimal | None
    ibkr_order_id: int | None
    perm_id: int | None
    order_ref: str | None
    batch_id: str | None
    exchange: str

    @classmethod
    def of(cls, booked: BookedExecution) -> ExecutionBody:
        """Return the body of `booked`."""
        execution = booked.execution
        return cls(
            exec_id=execution.exec_id,
            account_id=execution.account,
            symbol=execution.symbol,
            conid=execution.conid,
            side=execution.side.value,
            quantity=execution.quantity,
            price=number(execution.price),
            executed_at=rfc3339(execution.executed_at),
            commission=number_or_null(booked.commission),
            currency=booked.currency,
            realized_pnl=number_or_null(booked.realized_pnl),
            ibkr_order_id=execution.order_id,
            perm_id=execution.perm_id,
            order_ref=execution.order_ref,
            batch_id=booked.batch_id,
            exchange=execution.exchange,
        )


class ExecutionsAnswer(Struct, kw_only=True, frozen=True):
    """Executions, newest first."""

    executions: tuple[ExecutionBody, ...]
    next_cursor: NextCursor

    @classmethod
    def of(cls, booked: Sequence[BookedExecution], before: int | None) -> ExecutionsAnswer:
        """Return the answer for a page of executions."""
        return cls(
            executions=tuple(ExecutionBody.of(entry) for entry in booked),
            next_cursor=None if before is None else cursor_of(EXECUTIONS, before),
        )


class LockBody(Struct, kw_only=True, frozen=True):
    """A symbol that is not traded until its open question is answered."""

    symbol: str
    reason: str
    since: Time

    @classmethod
    def of(cls, lock: Lock) -> LockBody:
        """Return the body of `lock`."""
        return cls(symbol=lock.symbol, reason=lock.reason, since=rfc3339(lock.since))


class AccountBody(Struct, kw_only=True, frozen=True):
    """An account of the key."""

    account_id: str
    type: str = "Paper"
    default: bool
    connected: bool
    reason: Annotated[str | None, Meta(description="Why it is not connected.")]
    halted: bool = False
    locks: tuple[LockBody, ...]
    limits: LimitsBody
    net_liquidation: Decimal | None

    @classmethod
    def of(cls, account: AccountView) -> AccountBody:
        """Return the body of `account`."""
        return cls(
            account_id=account.account_id,
            default=account.default,
            connected=account.connected,
            reason=account.reason,
            locks=tuple(LockBody.of(lock) for lock in account.locks),
            limits=LimitsBody.of(account.limits),
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
        return cls(
            type=f"/problems/{error.code}",
            title=error.title,
            status=error.status,
            detail=error.detail,
            code=error.code,
            errors=tuple(
                ProblemField(field=entry.field, message=entry.message) for entry in error.errors
            ),
            error=error.detail,
        )
