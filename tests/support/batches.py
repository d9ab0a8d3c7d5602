"""Builders of what the desk hands out.

Owns: one constructor per value; every argument a test passes is one that matters to it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from paperdesk.domain.batch import Batch, BatchHead, ErrorCode, Outcome, Row, Target
from paperdesk.domain.order import Order, OrderState, Terms, WireStatus
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    OrderId,
    OrderRef,
    OrderType,
    PermId,
    Side,
    Symbol,
)

ACCOUNT: Final = AccountId("DU8730189")
BATCH: Final = BatchId("a1b2c3d4e5f67890")
CLIENT: Final = ClientName("client1")
NOON: Final = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)


def make_target(
    symbol: str = "AAPL", quantity: int = 100, *, limit: str | None = None,
    expected: str | None = None, tolerance: str | None = None, requested: str | None = None,
) -> Target:  # fmt: skip
    return Target(
        Symbol(symbol),
        quantity,
        limit_price=None if limit is None else Decimal(limit),
        expected_price=None if expected is None else Decimal(expected),
        tolerance_pct=None if tolerance is None else Decimal(tolerance),
        requested_symbol=requested,
    )


def make_order(
    *, symbol: str = "AAPL", side: Side = Side.BUY, quantity: int = 50,
    state: OrderState = OrderState.WORKING, status: WireStatus | None = WireStatus.SUBMITTED,
    order_id: int | None = 12345, limit: str | None = None, filled: int = 0,
    value: str = "0", commission: str | None = None, error: str | None = None,
    broker_code: int | None = None, warnings: tuple[str, ...] = (),
) -> Order:  # fmt: skip
    price = None if limit is None else Decimal(limit)
    return Order(
        ref=OrderRef(f"pd-{BATCH}-0"),
        batch_id=BATCH,
        seq=0,
        account=ACCOUNT,
        conid=ConId(265598),
        symbol=Symbol(symbol),
        side=side,
        quantity=quantity,
        terms=Terms(OrderType.MKT if price is None else OrderType.LMT, price),
        planned_at=NOON,
        state=state,
        order_id=None if order_id is None else OrderId(order_id),
        perm_id=None if order_id is None else PermId(987654),
        wire_status=status,
        filled_qty=filled,
        filled_value=Decimal(value),
        commission=None if commission is None else Decimal(commission),
        broker_filled=filled,
        broker_code=broker_code,
        error=error,
        warnings=warnings,
    )


def make_row(
    target: Target | None = None, *, outcome: Outcome | None = None,
    order: Order | None = None, current_pos: int | None = 50, delta: int | None = 50,
    error: str | None = None, error_code: ErrorCode | None = None,
    warnings: tuple[str, ...] = (), working_qty: int = 0,
) -> Row:  # fmt: skip
    return Row(
        seq=0,
        target=target or make_target(),
        outcome=outcome or (Outcome.ORDERED if order else Outcome.PENDING),
        conid=ConId(265598),
        current_pos=current_pos,
        working_qty=working_qty,
        delta=delta,
        order=order,
        error=error,
        error_code=error_code,
        warnings=warnings,
    )


def make_batch(
    *rows: Row, client: str = CLIENT, batch_id: str = BATCH, account: str = ACCOUNT
) -> Batch:
    head = BatchHead(BatchId(batch_id), AccountId(account), ClientName(client), NOON)
    return Batch(head, rows or (make_row(order=make_order()),))
