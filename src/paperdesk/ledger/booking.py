"""Executions and commissions into the books.

Owns: Bookkeeper: an execution is booked once, its newest revision counts, the position and the
order follow. What a person said stands only until the broker's own executions come. Knows
nothing of messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from paperdesk.domain import reconcile
from paperdesk.domain.execution import Execution, base_and_revision
from paperdesk.domain.order import Order
from paperdesk.domain.reports import CommissionReport, ExecutionReport
from paperdesk.domain.vocabulary import AccountId, ConId, ExecId, OrderRef, PermId, Symbol
from paperdesk.ledger.journal import Journal, Values, next_id
from paperdesk.ledger.rows import execution_of
from paperdesk.ledger.schema import commissions, executions, positions
from paperdesk.ledger.shelf import OrderShelf, Shelf


class Bookkeeper:
    """Books into one transaction; `write` puts into the tables what came of it."""

    def __init__(self, connection: sa.Connection, shelf: OrderShelf) -> None:
        self._connection = connection
        self._orders = shelf
        self._executions = Shelf(connection, executions, "exec_id", "base", "ref")
        self._commissions = Shelf(connection, commissions, "exec_id")
        self._positions = Shelf(connection, positions, "conid")
        self._next_seq: int | None = None

    def load(self, told: Sequence[Execution], commissioned: Sequence[CommissionReport]) -> None:
        """Read at once what these executions and commissions need, one by one, later."""
        exec_ids = {report.exec_id for report in commissioned}
        self._executions.load("base", {base_and_revision(e.exec_id)[0] for e in told})
        self._executions.load("exec_id", exec_ids)
        refs = {OrderRef(row["ref"]) for row in self._executions.rows if row["ref"]}
        refs |= {execution.order_ref for execution in told if execution.order_ref}
        self._orders.load(refs=refs)
        self._executions.load("ref", refs)
        exec_ids |= {row["exec_id"] for row in self._executions.rows}
        self._commissions.load("exec_id", exec_ids | {e.exec_id for e in told})
        self._positions.load("conid", {execution.conid for execution in told})

    def has(self, report: ExecutionReport | CommissionReport) -> bool:
        """Tell whether exactly this is booked already: each list of a day tells it again."""
        if isinstance(report, CommissionReport):
            stored = self._commissions.find("exec_id", report.exec_id)
            return any(_tells(row, _commission_values(report)) for row in stored)
        told = report.execution
        booked = self._executions.find("base", base_and_revision(told.exec_id)[0])
        # Of an order of ours the books have its reference, whatever the gateway echoes.
        return any(
            replace(execution_of(row), order_ref=told.order_ref) == told for row in booked
        )

    def write(self, journal: Journal) -> None:
        """Write what was booked, and the orders."""
        self._executions.write(journal)
        self._commissions.write(journal)
        self._positions.write(journal)
        self._orders.write(journal)

    def book(self, execution: Execution, at: datetime) -> Order | None:
        """Book an execution, unless it is known; return its order as it is then."""
        order = self._order_of(execution)
        if not self._insert(execution, order, at):
            return order
        if order is None:
            return None
        if not _is_said(execution.exec_id):
            self._take_back(order)
        return self._resum(order, at)

    def book_commission(self, report: CommissionReport, at: datetime) -> Order | None:
        """Store a commission; what is unset never replaces what is known."""
        self._store(report)
        found = self._executions.find("exec_id", report.exec_id)
        order = self._orders.by_ref(found[0]["ref"]) if found else None
        return None if order is None else self._resum(order, at)

    def _store(self, report: CommissionReport) -> None:
        known = _commission_values(report)
        stored = self._commissions.find("exec_id", report.exec_id)
        if not stored:
            self._commissions.add({"exec_id": report.exec_id, "currency": ""} | known)
        elif known:
            self._commissions.change(stored[0], known)

    def take_over(self, order: Order, perm_id: PermId, at: datetime, journal: Journal) -> Order:
        """Count for the order what was executed before it was known whose it is."""
        self._executions.write(journal)
        found = self._connection.execute(
            sa.select(executions).where(
                executions.c.account_id == order.account,
                executions.c.conid == order.conid,
                executions.c.perm_id == perm_id,
                executions.c.is_own.is_(False),
            )
        )
        rows = self._executions.take(found.mappings())
        for row in rows:
            self._executions.change(row, {"is_own": True, "ref": order.ref})
            if row["is_newest"] and not row["is_outside"]:  # else the opening position has it
                traded = execution_of(row)
                self._move(traded, traded.signed_quantity)
        if not rows:
            return order
        self._take_back(order)
        return self._resum(order, at)

    def _order_of(self, execution: Execution) -> Order | None:
        by_ref = self._orders.by_ref(execution.order_ref)
        return by_ref or self._orders.by_perm_id(execution.perm_id)

    def _insert(self, execution: Execution, order: Order | None, at: datetime) -> bool:
        """Add an execution; return whether it was new."""
        base, revision = base_and_revision(execution.exec_id)
        others = self._executions.find("base", base)
        if any(row["revision"] == revision for row in others):
            return False
        newest = next((row for row in others if row["is_newest"]), None)
        is_newest = newest is None or newest["revision"] < revision
        before = 0 if newest is None else execution_of(newest).signed_quantity
        if is_newest and newest is not None:
            self._retire(newest)
        row = _execution_row(execution, order) | {
            "seq": self._take_seq(),
            "base": base,
            "revision": revision,
            "is_newest": is_newest,
            "learnt_at": at,
        }
        self._executions.add(row)
        if is_newest and order is not None:
            self._move(execution, execution.signed_quantity - before)
        return True

    def _take_seq(self) -> int:
        """Return the next number; there is one writer, so none is taken twice."""
        if self._next_seq is None:
            self._next_seq = next_id(self._connection, executions)
        self._next_seq += 1
        return self._next_seq - 1

    def _retire(self, row: Values) -> None:
        self._executions.change(row, {"is_newest": False})

    def _take_back(self, order: Order) -> None:
        """Count what a person said no longer: the broker tells it itself now."""
        for row in self._executions.find("ref", order.ref):
            if row["is_newest"] and _is_said(ExecId(row["exec_id"])):
                said = execution_of(row)
                self._retire(row)
                self._move(said, -said.signed_quantity)

    def _move(self, execution: Execution, by: int) -> None:
        held = self._positions.find("conid", execution.conid)
        for row in held:
            if row["account_id"] == execution.account:
                self._positions.change(row, {"own": row["own"] + by})
                return
        whose = (execution.account, execution.conid, execution.symbol)
        self._positions.add(position_row(whose, own=by))

    def _resum(self, order: Order, at: datetime) -> Order:
        """Fold the executions and commissions of an order anew."""
        found = [
            row
            for row in self._executions.find("ref", order.ref)
            if row["is_newest"] or not _is_said(ExecId(row["exec_id"]))
        ]
        told = [c for row in found for c in self._commissions.find("exec_id", row["exec_id"])]
        paid: dict[ExecId, Decimal] = {
            ExecId(row["exec_id"]): row["commission"]
            for row in told
            if row["commission"] is not None
        }
        booked = [execution_of(row) for row in found]
        after = reconcile.apply_executions(order, booked, paid, at)
        self._orders.put(after)
        return after


def move_position(
    journal: Journal, whose: tuple[AccountId, ConId, Symbol], *, opening: int = 0, own: int = 0
) -> None:
    """Keep the position at hand."""
    account, conid, _ = whose
    key: Values = {"account_id": account, "conid": conid}
    held = journal.connection.execute(
        sa.select(positions.c.opening, positions.c.own).where(
            positions.c.account_id == account, positions.c.conid == conid
        )
    ).one_or_none()
    if held is None:
        journal.insert(positions, [position_row(whose, opening=opening, own=own)])
    else:
        journal.update(
            positions, key, {"opening": held.opening + opening, "own": held.own + own}
        )


def position_row(
    whose: tuple[AccountId, ConId, Symbol], *, opening: int = 0, own: int = 0
) -> Values:
    """Return the row of a contract that the books did not name so far."""
    account, conid, symbol = whose
    return {
        "account_id": account,
        "conid": conid,
        "symbol": symbol,
        "opening": opening,
        "own": own,
        "agreed_at": None,
    }


def _is_said(exec_id: ExecId) -> bool:
    return exec_id.startswith(reconcile.SAID_PREFIX)


def _commission_values(report: CommissionReport) -> Values:
    """Return the columns of which a report tells anything."""
    told: Values = {
        "currency": report.currency or None,
        "commission": report.commission,
        "realized_pnl": report.realized_pnl,
    }
    return {name: value for name, value in told.items() if value is not None}


def _tells(row: Values, values: Values) -> bool:
    return all(row[name] == value for name, value in values.items())


def _execution_row(execution: Execution, order: Order | None) -> Values:
    """Return the columns; the reference is our order's where it is one of ours."""
    return {
        "exec_id": execution.exec_id,
        "is_own": order is not None,
        "is_outside": False,
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
