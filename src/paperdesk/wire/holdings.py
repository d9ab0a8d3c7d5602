"""The answers about what an account holds, has traded, and should hold.

Owns: the fields of positions, executions and targets, and whose batch they name. Knows nothing
of requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.client import Client
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.views import (
    Holding,
    OtherHolding,
    Positions,
    Targets,
    TargetState,
    TargetView,
)
from paperdesk.wire.encoding import number, number_or_null, rfc3339
from paperdesk.wire.query import NextCursor, cursor_of
from paperdesk.wire.values import Time

EXECUTIONS: Final = "executions"


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


class TargetPosition(Struct, kw_only=True, frozen=True):
    """The newest target of a symbol, and how far it has come.

    `batch_id` is null where the batch is another client's.
    """

    symbol: str
    target: int
    position: int
    working_qty: Annotated[int, Meta(description="Signed shares that still work for it.")]
    gap: Annotated[int, Meta(description="target - position.")]
    state: TargetState
    reason: Annotated[str | None, Meta(description="Why it is not reached.")]
    batch_id: str | None
    client: str
    set_at: Time

    @classmethod
    def of(cls, target: TargetView, reader: Client) -> TargetPosition:
        """Return the body of `target` as `reader` may see it."""
        is_visible = reader.sees_every_batch or target.client == reader.name
        return cls(
            symbol=target.symbol,
            target=target.target,
            position=target.position,
            working_qty=target.working_qty,
            gap=target.gap,
            state=target.state,
            reason=target.reason,
            batch_id=target.batch_id if is_visible else None,
            client=target.client,
            set_at=rfc3339(target.set_at),
        )


class TargetsAnswer(Struct, kw_only=True, frozen=True):
    """Is the account on target? The newest target of every symbol, by symbol."""

    account_id: str
    on_target: Annotated[int, Meta(description="How many targets are reached.")]
    total: int
    targets: tuple[TargetPosition, ...]

    @classmethod
    def of(cls, targets: Targets, reader: Client) -> TargetsAnswer:
        """Return the answer for `targets` as `reader` may see them."""
        reached = [row for row in targets.rows if row.state is TargetState.REACHED]
        return cls(
            account_id=targets.account_id,
            on_target=len(reached),
            total=len(targets.rows),
            targets=tuple(TargetPosition.of(row, reader) for row in targets.rows),
        )
