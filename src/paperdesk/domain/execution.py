"""Executions: one trade of one order each, and their later corrections.

Owns: Execution, the identity of an execution, and the sums over several. Knows nothing of
how one is reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    ExecId,
    OrderId,
    OrderRef,
    PermId,
    Side,
    Symbol,
)


@dataclass(frozen=True, slots=True)
class Execution:
    """One trade of one order. `quantity` is shares, never negative; `price` is per share."""

    exec_id: ExecId
    account: AccountId
    conid: ConId
    symbol: Symbol
    side: Side
    quantity: int
    price: Decimal
    executed_at: datetime
    order_ref: OrderRef | None = None
    order_id: OrderId | None = None
    client_id: int | None = None
    perm_id: PermId | None = None
    exchange: str = ""

    @property
    def signed_quantity(self) -> int:
        """Shares with the sign of the side."""
        return self.side.sign * self.quantity


@dataclass(frozen=True, slots=True)
class BookedExecution:
    """An execution as the ledger shows it.

    With its commission, once reported, its order's batch, and the client who posted that.

    `seq` is the ledger's number of it, by which a listing pages.
    """

    seq: int
    execution: Execution
    commission: Decimal | None
    currency: str | None
    realized_pnl: Decimal | None
    batch_id: BatchId | None
    client: ClientName | None = None  # who posted the batch


def base_and_revision(exec_id: ExecId) -> tuple[str, int]:
    """Split an execId into its lasting part and its revision.

    A correction repeats the execId with a higher number behind the last dot: `….01.01` is
    corrected by `….01.02` (IBKR, "Execution corrections"). An id without a number is
    revision 0 of itself.
    """
    base, dot, last = exec_id.rpartition(".")
    if not dot or not last.isascii() or not last.isdigit():
        return exec_id, 0
    return base, int(last)


def largest_quantity(executions: Iterable[Execution]) -> int:
    """Return the shares traded before any correction took some back."""
    largest: dict[str, int] = {}
    for execution in executions:
        base, _ = base_and_revision(execution.exec_id)
        largest[base] = max(largest.get(base, 0), execution.quantity)
    return sum(largest.values())


def newest_revisions(executions: Iterable[Execution]) -> list[Execution]:
    """Return each execution once, in its newest revision."""
    newest: dict[str, tuple[int, Execution]] = {}
    for execution in executions:
        base, revision = base_and_revision(execution.exec_id)
        if base not in newest or newest[base][0] < revision:
            newest[base] = (revision, execution)
    return [execution for _, execution in newest.values()]
