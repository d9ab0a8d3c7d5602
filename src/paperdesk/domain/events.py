"""What the world is told, as it happens: the events of the public stream.

Owns: EventType, which of them only the client of a batch is told, what an order's event is called,
and Event. Knows nothing of JSON, nor of how an event is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from paperdesk.domain.order import OrderState
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName


class EventType(StrEnum):
    """What happened."""

    BATCH_ACCEPTED = "batch.accepted"
    BATCH_PROGRESS = "batch.progress"
    BATCH_FINAL = "batch.final"
    TARGET_CHANGED = "target.changed"
    ORDER_SUBMITTED = "order.submitted"
    ORDER_ACKNOWLEDGED = "order.acknowledged"
    ORDER_PARTIALLY_FILLED = "order.partially_filled"
    ORDER_FILLED = "order.filled"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_REJECTED = "order.rejected"
    ORDER_UNKNOWN = "order.unknown"
    FILL_CREATED = "fill.created"
    FILL_CORRECTED = "fill.corrected"
    POSITION_CHANGED = "position.changed"
    ACCOUNT_UPDATED = "account.updated"
    CONNECTION_UP = "connection.up"
    CONNECTION_DOWN = "connection.down"
    HALT_SET = "halt.set"
    HALT_RELEASED = "halt.released"
    RECONCILE_MISMATCH = "reconcile.mismatch"


# Another client is not told of these. All others are of the account; those that have a batch name
# it to its client only.
OF_BATCH: Final = frozenset(kind for kind in EventType if kind.startswith(("batch.", "order.")))
CONNECTIONS: Final = (EventType.CONNECTION_UP, EventType.CONNECTION_DOWN)

# An order that came to a state; one that is only planned was not told to anybody.
OF_STATE: Final[Mapping[OrderState, EventType]] = {
    OrderState.SENDING: EventType.ORDER_SUBMITTED,
    OrderState.WORKING: EventType.ORDER_ACKNOWLEDGED,
    OrderState.UNKNOWN: EventType.ORDER_UNKNOWN,
    OrderState.QUARANTINED: EventType.ORDER_UNKNOWN,
    OrderState.FILLED: EventType.ORDER_FILLED,
    OrderState.CANCELLED: EventType.ORDER_CANCELLED,
    OrderState.DROPPED: EventType.ORDER_CANCELLED,
    OrderState.REJECTED: EventType.ORDER_REJECTED,
    OrderState.NOT_PLACED: EventType.ORDER_REJECTED,
    OrderState.LAPSED: EventType.ORDER_REJECTED,
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `body` is JSON, as it was when it happened.

    `account` None: it is about them all. `client` is whose the batch is.
    """

    number: int
    at: datetime
    kind: EventType
    account: AccountId | None
    batch_id: BatchId | None
    client: ClientName | None
    body: str
