"""Commits of which nobody said whether they were made.

Owns: the questions that tell afterwards, by what nobody else can have written. Each function
runs inside a transaction that its caller opened.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from paperdesk.desk.ports import Claim, Line
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.vocabulary import BatchId
from paperdesk.ledger.rows import order_of
from paperdesk.ledger.schema import batches, orders


def is_accepted(connection: sa.Connection, batch_id: BatchId) -> bool:
    """Tell whether T0 was committed."""
    found = sa.select(batches.c.id).where(batches.c.batch_id == batch_id)
    return connection.scalar(found) is not None


def claimed(connection: sa.Connection, claims: Sequence[Claim], line: Line) -> list[Order]:
    """Return what T2 claimed: an order id is drawn once, so nobody else can have used it."""
    wanted = {claim.ref: claim.order_id for claim in claims}
    rows = connection.execute(
        sa.select(orders).where(
            orders.c.ref.in_(wanted),
            orders.c.gateway == line.gateway,
            orders.c.client_id == line.client_id,
            orders.c.state == OrderState.SENDING.value,
        )
    )
    found = {order.ref: order for order in map(order_of, rows.mappings())}
    return [
        found[ref]
        for ref, order_id in wanted.items()
        if ref in found and found[ref].order_id == order_id
    ]
