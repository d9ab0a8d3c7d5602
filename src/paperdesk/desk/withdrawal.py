"""What the withdrawal of a batch came to.

Owns: when nothing is left to wait for, and the row of each order in the answer. Withdraws nothing
itself.
"""

from __future__ import annotations

from typing import Final

from paperdesk.domain.batch import Batch, Outcome
from paperdesk.domain.order import OrderState, ShownStatus, shown_status
from paperdesk.domain.views import CancelRow

_NEVER_SENT: Final = frozenset({OrderState.LAPSED, OrderState.NOT_PLACED})


def is_withdrawn(batch: Batch) -> bool:
    """Tell whether nothing is left to wait for: what another batch keeps goes on working."""
    return all(row.is_final or row.kept_by is not None for row in batch.rows)


def cancel_rows(batch: Batch, *, is_up: bool) -> list[CancelRow]:
    """Return one row for every order of the batch, sent or not."""
    rows = []
    for row in batch.rows:
        order = row.order or row.kept
        was_refused = order is not None and order.state in _NEVER_SENT
        if was_refused or (order is None and row.outcome is not Outcome.WITHDRAWN):
            continue
        status = row.status if order is None else shown_status(order)
        is_waiting = order is not None and not order.is_terminal and row.kept_by is None
        rows.append(
            CancelRow(
                symbol=row.target.symbol,
                order_id=None if order is None else order.order_id,
                cancelled=status is ShownStatus.CANCELLED,
                status=status,
                filled_qty=0 if order is None else order.filled_qty,
                cancel_requested=is_waiting and not is_up,
                kept_by=row.kept_by,
            )
        )
    return rows
