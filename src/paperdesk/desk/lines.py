"""How an order is named in a log line.

Owns: the ids by which a line of the log, a row of the ledger and an order at the gateway are
found to be about the same. Knows nothing of what a line says.
"""

from __future__ import annotations

from paperdesk.domain.order import Order


def ids_of(order: Order) -> dict[str, object]:
    """Return every id of an order that is known."""
    ids = {
        "order_ref": order.ref,
        "batch_id": order.batch_id,
        "account": order.account,
        "order_id": order.order_id,
        "conid": order.conid,
        "perm_id": order.perm_id,
    }
    return {name: known for name, known in ids.items() if known is not None}
