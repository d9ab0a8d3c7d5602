"""Between rows and values.

Owns: how each table's row becomes a domain value and back. Knows nothing of transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from paperdesk.domain.batch import BatchHead, ErrorCode, Outcome, Row, Successor, Target
from paperdesk.domain.contract import Contract, TickStep
from paperdesk.domain.execution import BookedExecution, Execution
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import Order, OrderState, Terms, WireStatus
from paperdesk.domain.views import Holding, Lock, OtherHolding, Positions
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    ExecId,
    HaltMode,
    OrderId,
    OrderRef,
    OrderType,
    PermId,
    Side,
    Symbol,
    TimeInForce,
)

RowMapping = Mapping[Any, Any]


def target_row(row: Row) -> dict[str, Any]:
    """Return the columns of a row that was just accepted."""
    target = row.target
    return {
        "symbol": target.symbol,
        "requested_symbol": target.requested_symbol,
        "quantity": target.quantity,
        "limit_price": target.limit_price,
        "expected_price": target.expected_price,
        "tolerance_pct": target.tolerance_pct,
        "time_in_force": target.time_in_force.value,
        "outside_rth": target.outside_rth,
        "outcome": row.outcome.value,
        "is_unlisted": row.is_unlisted,
        "is_withdrawn": False,
        "working_qty": 0,
        "foreign_qty": 0,
        "superseded": [],
        "error": row.error,
        "error_code": None if row.error_code is None else row.error_code.value,
        "warnings": [],
    }


def target_of(row: RowMapping) -> Target:
    """Return what was asked."""
    return Target(
        symbol=Symbol(row["symbol"]),
        quantity=row["quantity"],
        limit_price=row["limit_price"],
        expected_price=row["expected_price"],
        tolerance_pct=row["tolerance_pct"],
        time_in_force=TimeInForce(row["time_in_force"]),
        outside_rth=row["outside_rth"],
        requested_symbol=row["requested_symbol"],
    )


@dataclass(frozen=True, slots=True)
class Relatives:
    """What rows of a batch have to do with orders and targets of other batches."""

    kept: Mapping[OrderRef, Order]
    kept_by: Mapping[OrderRef, BatchId]  # the newer batch, by reference of the order
    successors: Mapping[int, Successor]  # by the id of the newer target


def row_of(row: RowMapping, order: Order | None, relatives: Relatives) -> Row:
    """Return a target and what became of it."""
    # Of an order that arrived late the row was told that it was never placed: no longer true.
    is_refuted = order is not None and order.is_late
    error, code = (None, None) if is_refuted else (row["error"], row["error_code"])
    return Row(
        seq=row["seq"],
        target=target_of(row),
        outcome=Outcome(row["outcome"]),
        conid=None if row["conid"] is None else ConId(row["conid"]),
        current_pos=row["current_pos"],
        working_qty=row["working_qty"],
        delta=row["delta"],
        order=order,
        error=error,
        error_code=None if code is None else ErrorCode(code),
        warnings=tuple(row["warnings"]),
        foreign_qty=row["foreign_qty"],
        kept=relatives.kept.get(row["kept_ref"]),
        kept_by=relatives.kept_by.get(row["kept_ref"] if order is None else order.ref),
        superseded=tuple(OrderId(number) for number in row["superseded"]),
        superseded_by=relatives.successors.get(row["superseded_by"]),
        is_unlisted=row["is_unlisted"],
    )


def halt_of(row: RowMapping) -> Halt:
    """Return a halt."""
    return Halt(
        account=None if row["account_id"] is None else AccountId(row["account_id"]),
        mode=HaltMode(row["mode"]),
        by=row["by"],
        since=row["since"],
        reason=row["reason"],
    )


def lock_of(row: RowMapping) -> Lock:
    """Return a lock."""
    return Lock(
        Symbol(row["symbol"]),
        row["reason"],
        row["since"],
        row["ours"],
        row["broker"],
        is_break=row["is_break"],
    )


def head_of(row: RowMapping) -> BatchHead:
    """Return what a list of batches shows."""
    return BatchHead(
        batch_id=BatchId(row["batch_id"]),
        account_id=AccountId(row["account_id"]),
        client=ClientName(row["client"]),
        submitted_at=row["submitted_at"],
    )


def order_row(order: Order) -> dict[str, Any]:
    """Return the columns of an order that the domain knows."""
    return {
        "ref": order.ref,
        "batch_id": order.batch_id,
        "seq": order.seq,
        "account_id": order.account,
        "conid": order.conid,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": order.quantity,
        "order_type": order.terms.order_type.value,
        "limit_price": order.terms.limit_price,
        "time_in_force": order.terms.time_in_force.value,
        "outside_rth": order.terms.outside_rth,
        "planned_at": order.planned_at,
        "send_before": order.send_before,
        "reference_price": order.reference_price,
        "state": order.state.value,
        "is_open": not order.is_terminal,
        "client_id": order.client_id,
        "order_id": order.order_id,
        "perm_id": order.perm_id,
        "wire_status": None if order.wire_status is None else order.wire_status.value,
        "is_held": order.is_held,
        "is_refused": order.is_refused,
        "is_expired": order.is_expired,
        "good_until": order.good_until,
        "is_late": order.is_late,
        "cancel_asked": order.cancel_asked,
        "filled_qty": order.filled_qty,
        "executed_qty": order.executed_qty,
        "filled_value": order.filled_value,
        "commission": order.commission,
        "broker_filled": order.broker_filled,
        "is_said": order.is_said,
        "broker_code": order.broker_code,
        "error": order.error,
        "warnings": list(order.warnings),
        "sent_at": order.sent_at,
        "ended_at": order.ended_at,
    }


def order_of(row: RowMapping) -> Order:
    """Return an order."""
    return Order(
        ref=OrderRef(row["ref"]),
        batch_id=BatchId(row["batch_id"]),
        seq=row["seq"],
        account=AccountId(row["account_id"]),
        conid=ConId(row["conid"]),
        symbol=Symbol(row["symbol"]),
        side=Side(row["side"]),
        quantity=row["quantity"],
        terms=Terms(
            order_type=OrderType(row["order_type"]),
            limit_price=row["limit_price"],
            time_in_force=TimeInForce(row["time_in_force"]),
            outside_rth=row["outside_rth"],
        ),
        planned_at=row["planned_at"],
        send_before=row["send_before"],
        reference_price=row["reference_price"],
        state=OrderState(row["state"]),
        order_id=None if row["order_id"] is None else OrderId(row["order_id"]),
        client_id=row["client_id"],
        perm_id=None if row["perm_id"] is None else PermId(row["perm_id"]),
        wire_status=None if row["wire_status"] is None else WireStatus(row["wire_status"]),
        is_held=row["is_held"],
        is_refused=row["is_refused"],
        is_expired=row["is_expired"],
        good_until=row["good_until"],
        is_late=row["is_late"],
        cancel_asked=row["cancel_asked"],
        filled_qty=row["filled_qty"],
        executed_qty=row["executed_qty"],
        filled_value=row["filled_value"],
        commission=row["commission"],
        broker_filled=row["broker_filled"],
        is_said=row["is_said"],
        broker_code=row["broker_code"],
        error=row["error"],
        warnings=tuple(row["warnings"]),
        sent_at=row["sent_at"],
        ended_at=row["ended_at"],
    )


def execution_of(row: RowMapping) -> Execution:
    """Return an execution."""
    return Execution(
        exec_id=ExecId(row["exec_id"]),
        account=AccountId(row["account_id"]),
        conid=ConId(row["conid"]),
        symbol=Symbol(row["symbol"]),
        side=Side(row["side"]),
        quantity=row["quantity"],
        price=row["price"],
        executed_at=row["executed_at"],
        order_ref=None if row["ref"] is None else OrderRef(row["ref"]),
        order_id=None if row["order_id"] is None else OrderId(row["order_id"]),
        client_id=row["client_id"],
        perm_id=None if row["perm_id"] is None else PermId(row["perm_id"]),
        exchange=row["exchange"],
    )


def booked_of(row: RowMapping) -> BookedExecution:
    """Return an execution joined with its commission and its order's batch."""
    return BookedExecution(
        seq=row["seq"],
        execution=execution_of(row),
        commission=row["commission"],
        currency=row["currency"],
        realized_pnl=row["realized_pnl"],
        batch_id=None if row["batch_id"] is None else BatchId(row["batch_id"]),
        client=None if row["client"] is None else ClientName(row["client"]),
    )


def contract_body(contract: Contract) -> dict[str, Any]:
    """Return a contract as JSON values."""
    return {
        "symbol": contract.symbol,
        "primary_exchange": contract.primary_exchange,
        "long_name": contract.long_name,
        "currency": contract.currency,
        "ladder": [[str(step.low_edge), str(step.increment)] for step in contract.ladder],
    }


def contract_of(conid: int, body: Mapping[str, Any]) -> Contract:
    """Return a cached contract."""
    return Contract(
        conid=ConId(conid),
        symbol=Symbol(body["symbol"]),
        primary_exchange=body["primary_exchange"],
        long_name=body["long_name"],
        currency=body["currency"],
        ladder=tuple(TickStep(Decimal(low), Decimal(step)) for low, step in body["ladder"]),
    )


def snapshot_body(positions: Positions) -> dict[str, Any]:
    """Return a positions answer as JSON values."""
    return {
        "holdings": [
            [
                holding.conid,
                holding.symbol,
                holding.quantity,
                _text(holding.avg_cost),
                _text(holding.market_price),
                _text(holding.market_value),
                _text(holding.unrealized_pnl),
            ]
            for holding in positions.holdings
        ],
        "others": [
            [
                other.conid,
                other.symbol,
                other.sec_type,
                other.currency,
                str(other.quantity),
                str(other.avg_cost),
            ]
            for other in positions.others
        ],
        "net_liquidation": _text(positions.net_liquidation),
        "updated_at": positions.updated_at.isoformat(),
        "warnings": list(positions.warnings),
    }


def snapshot_of(account: AccountId, body: Mapping[str, Any]) -> Positions:
    """Return a stored positions answer, marked as stale."""
    return Positions(
        account_id=account,
        holdings=tuple(
            Holding(ConId(conid), Symbol(symbol), quantity, *(_money(t) for t in money))
            for conid, symbol, quantity, *money in body["holdings"]
        ),
        others=tuple(
            OtherHolding(ConId(conid), symbol, sec_type, currency, Decimal(qty), Decimal(cost))
            for conid, symbol, sec_type, currency, qty, cost in body["others"]
        ),
        net_liquidation=_money(body["net_liquidation"]),
        updated_at=datetime.fromisoformat(body["updated_at"]),
        stale=True,
        warnings=tuple(body["warnings"]),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
