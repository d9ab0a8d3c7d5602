"""T3: what the gateway said goes into the ledger, whole and in its order.

Owns: appending raw messages, finding the order that a report is about, booking executions and
commissions, and the position that follows. What a report means is `domain.reconcile`'s.

Identity of an order is its reference and its perm id. An order id counts only together with
the line it was claimed on, and only where the perm id does not say otherwise: gateways have
handed out the same order id twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from paperdesk.desk.ports import Learned
from paperdesk.domain import reconcile
from paperdesk.domain.execution import Execution, base_and_revision
from paperdesk.domain.order import Order
from paperdesk.domain.position import Adjustment
from paperdesk.domain.reports import (
    CommissionReport,
    CompletedReport,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    PositionReport,
    Recorded,
    StatusReport,
)
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, ExecId, PermId, Symbol
from paperdesk.ledger.intents import refresh_open
from paperdesk.ledger.reading import order_where
from paperdesk.ledger.rows import execution_of, order_row
from paperdesk.ledger.schema import (
    commissions,
    executions,
    openings,
    orders,
    positions,
    raw_messages,
)
from paperdesk.ledger.upsert import upsert


class Lesson:
    """One group of messages, being folded inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._batches: set[BatchId] = set()
        self._accounts: set[AccountId] = set()

    def take(self, messages: Sequence[Recorded]) -> Learned:
        """Append and fold all messages."""
        self._connection.execute(
            raw_messages.insert(),
            [
                {
                    "at": message.at,
                    "gateway": message.gateway,
                    "client_id": message.client_id,
                    "fields": list(message.fields),
                }
                for message in messages
            ],
        )
        for message in messages:
            self._fold(message)
        refresh_open(self._connection, self._batches)
        return Learned(frozenset(self._batches), frozenset(self._accounts))

    def _fold(self, message: Recorded) -> None:
        at, report = message.at, message.report
        match report:
            case OrderReport() | StatusReport():
                order = self._order_of(message, report)
                self._change(order, lambda o: reconcile.apply_status(o, report, at))
            case CompletedReport():
                order = self._by_ref(report.order_ref) or self._by_perm_id(report.perm_id)
                self._change(order, lambda o: reconcile.apply_completed(o, report, at))
            case ErrorReport():
                order = self._by_line(message, report.request_id)
                self._change(order, lambda o: reconcile.apply_error(o, report, at))
            case ExecutionReport():
                self._book(report.execution, at)
            case CommissionReport():
                self._book_commission(report, at)
            case PositionReport():
                self._accounts.add(report.account)
            case None:
                pass

    def _change(self, order: Order | None, fold: Callable[[Order], Order]) -> None:
        """Fold a report into the order it is about, if it is one of ours."""
        if order is None:
            return
        after = fold(order)
        if after != order:
            self._connection.execute(
                orders.update().where(orders.c.ref == order.ref).values(order_row(after))
            )
        self._batches.add(after.batch_id)
        self._accounts.add(after.account)

    def _order_of(self, message: Recorded, report: OrderReport | StatusReport) -> Order | None:
        if isinstance(report, OrderReport):
            return self._by_ref(report.order_ref)
        by_perm_id = self._by_perm_id(report.perm_id)
        if by_perm_id is not None or report.client_id != message.client_id:
            return by_perm_id
        order = self._by_line(message, report.order_id)
        if order is None or (order.perm_id and report.perm_id):
            return None  # another order under a reused id
        return order

    def _by_ref(self, ref: str) -> Order | None:
        return order_where(self._connection, orders.c.ref == ref) if ref else None

    def _by_perm_id(self, perm_id: PermId | None) -> Order | None:
        if not perm_id:
            return None
        return order_where(self._connection, orders.c.perm_id == perm_id)

    def _by_line(self, message: Recorded, order_id: int) -> Order | None:
        return order_where(
            self._connection,
            orders.c.gateway == message.gateway,
            orders.c.client_id == message.client_id,
            orders.c.order_id == order_id,
        )

    def _book(self, execution: Execution, at: datetime) -> None:
        order = self._by_ref(execution.order_ref or "") or self._by_perm_id(execution.perm_id)
        self._accounts.add(execution.account)
        if not self._insert_execution(execution, order, at):
            return
        if order is not None:
            self._resum(order, at)

    def _insert_execution(
        self, execution: Execution, order: Order | None, at: datetime
    ) -> bool:
        """Add an execution; return whether it was new. The newest revision counts."""
        base, revision = base_and_revision(execution.exec_id)
        known = self._connection.execute(sa.select(executions).where(executions.c.base == base))
        others = known.mappings().all()
        if any(row["revision"] == revision for row in others):
            return False
        newest = next((row for row in others if row["is_newest"]), None)
        is_newest = newest is None or newest["revision"] < revision
        if is_newest and newest is not None:
            self._connection.execute(
                executions.update().where(executions.c.base == base).values(is_newest=False)
            )
        self._connection.execute(
            executions.insert().values(
                _execution_row(execution, order)
                | {
                    "base": base,
                    "revision": revision,
                    "is_newest": is_newest,
                    "learnt_at": at,
                }
            )
        )
        if is_newest and order is not None:
            before = 0 if newest is None else execution_of(newest).signed_quantity
            self._move(execution, execution.signed_quantity - before)
        return True

    def _move(self, execution: Execution, by: int) -> None:
        """Keep the position at hand."""
        upsert(
            self._connection,
            positions,
            {
                "account_id": execution.account,
                "conid": execution.conid,
                "symbol": execution.symbol,
                "opening": 0,
                "own": by,
            },
            change={"own": positions.c.own + by},
        )

    def _book_commission(self, report: CommissionReport, at: datetime) -> None:
        """Store a commission; an unset one never replaces a known one."""
        values: dict[str, Any] = {"currency": report.currency}
        if report.commission is not None:
            values["commission"] = report.commission
        if report.realized_pnl is not None:
            values["realized_pnl"] = report.realized_pnl
        upsert(
            self._connection,
            commissions,
            {"exec_id": report.exec_id, **values},
            change=values,
        )
        ref = self._connection.scalar(
            sa.select(executions.c.ref).where(executions.c.exec_id == report.exec_id)
        )
        order = self._by_ref(ref or "")
        if order is not None:
            self._resum(order, at)

    def _resum(self, order: Order, at: datetime) -> None:
        """Fold the executions and commissions of an order anew."""
        rows = self._connection.execute(
            sa.select(executions, commissions.c.commission)
            .join(commissions, commissions.c.exec_id == executions.c.exec_id, isouter=True)
            .where(executions.c.ref == order.ref)
        )
        found = rows.mappings().all()
        paid: dict[ExecId, Decimal] = {
            ExecId(row["exec_id"]): row["commission"]
            for row in found
            if row["commission"] is not None
        }
        booked = [execution_of(row) for row in found]
        self._change(order, lambda o: reconcile.apply_executions(o, booked, paid, at))


def adopt(
    connection: sa.Connection,
    account: AccountId,
    changes: Sequence[Adjustment],
    *,
    symbols: dict[ConId, Symbol],
    at: datetime,
) -> None:
    """Change opening positions, and write down why."""
    for change in changes:
        connection.execute(
            openings.insert().values(
                account_id=account,
                conid=change.conid,
                symbol=symbols[change.conid],
                change=change.change,
                ours=change.ours,
                broker=change.broker,
                adopted_at=at,
            )
        )
        upsert(
            connection,
            positions,
            {
                "account_id": account,
                "conid": change.conid,
                "symbol": symbols[change.conid],
                "opening": change.change,
                "own": 0,
            },
            change={"opening": positions.c.opening + change.change},
        )


def _execution_row(execution: Execution, order: Order | None) -> dict[str, Any]:
    """Return the columns; the reference is our order's where it is one of ours."""
    return {
        "exec_id": execution.exec_id,
        "is_own": order is not None,
        "account_id": execution.account,
        "conid": execution.conid,
        "symbol": execution.symbol,
        "side": execution.side.value,
        "quantity": execution.quantity,
        "price": execution.price,
        "executed_at": execution.executed_at,
        "ref": execution.order_ref if order is None else order.ref,
        "order_id": execution.order_id,
        "client_id": execution.client_id,
        "perm_id": execution.perm_id,
        "exchange": execution.exchange,
    }
