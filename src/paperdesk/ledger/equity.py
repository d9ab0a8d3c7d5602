"""What accounts were worth, minute by minute, and what a day of orders came to.

Owns: the samples and how a long time becomes few points; the count of orders by their end. Each
function runs inside a transaction that its caller opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

from paperdesk.domain.order import OrderState
from paperdesk.domain.views import Day, EquityPoint
from paperdesk.domain.vocabulary import AccountId
from paperdesk.ledger.schema import equity, orders
from paperdesk.ledger.upsert import upsert

MINUTE_SECONDS: Final = 60
POINTS_MAX: Final = 1_000  # more than a plot has pixels to show


def sample(
    connection: sa.Connection, values: Mapping[AccountId, Decimal], at: datetime
) -> None:
    """Keep what accounts are worth in the minute of `at`, the latest of each minute."""
    for account, value in values.items():
        key = {"account_id": account, "minute": _minute(at)}
        change = {"net_liquidation": value}
        upsert(connection, equity, key | change, change=change)


def points(connection: sa.Connection, account: AccountId, since: datetime) -> list[EquityPoint]:
    """Return the samples from `since` on; of a long time, every so many minutes and the last."""
    where = (equity.c.account_id == account, equity.c.minute >= _minute(since))
    bounds = sa.select(sa.func.min(equity.c.minute), sa.func.max(equity.c.minute))
    first, last = connection.execute(bounds.where(*where)).one()
    if first is None:
        return []
    step = (last - first) // POINTS_MAX + 1
    shown = sa.or_((equity.c.minute - first) % step == 0, equity.c.minute == last)
    rows = connection.execute(
        sa.select(equity.c.minute, equity.c.net_liquidation)
        .where(*where, shown)
        .order_by(equity.c.minute)
    )
    return [EquityPoint(_moment(minute), value) for minute, value in rows]


def day(connection: sa.Connection, account: AccountId, since: datetime) -> Day:
    """Return what became of the orders that were sent from `since` on."""
    rows = connection.execute(
        sa.select(orders.c.state, orders.c.is_open, orders.c.filled_qty, orders.c.commission)
        .where(
            orders.c.account_id == account,
            orders.c.sent_at.is_not(None),
            orders.c.sent_at >= since,
        )
    ).all()  # fmt: skip
    ended = Counter(row.state for row in rows if not row.is_open)
    filled = [row for row in rows if row.filled_qty]
    charged = [row.commission for row in filled if row.commission is not None]
    return Day(
        since=since,
        open=sum(row.is_open for row in rows),
        filled=ended[OrderState.FILLED.value],
        cancelled=ended[OrderState.CANCELLED.value],
        rejected=ended[OrderState.REJECTED.value],
        commission=sum(charged, Decimal(0)),
        commission_missing=len(filled) - len(charged),
    )


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // MINUTE_SECONDS


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * MINUTE_SECONDS, UTC)
