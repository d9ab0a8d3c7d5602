"""What became of an unknown order, and how that was found out.

Owns: the findings kept per order, the conclusions drawn from them, and what a person says in
their place. Knows nothing of how the broker is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from paperdesk.domain import reconcile
from paperdesk.domain.audit import Action
from paperdesk.domain.batch import ErrorCode, Resolution
from paperdesk.domain.client import Actor
from paperdesk.domain.execution import Execution
from paperdesk.domain.order import UNRESOLVED, Order, OrderEvent, OrderState, advance
from paperdesk.domain.order import shown_status as status_of
from paperdesk.domain.views import Finding, OrderEvidence
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ConId,
    ExecId,
    OrderRef,
)
from paperdesk.errors import BadRequest
from paperdesk.ledger import trail
from paperdesk.ledger.booking import Bookkeeper
from paperdesk.ledger.journal import Journal, next_id
from paperdesk.ledger.reading import ended_short, orders_where
from paperdesk.ledger.records import (
    order_row_of,
    refresh_open,
    save_order,
    save_orders,
    update_row,
)
from paperdesk.ledger.rows import order_of
from paperdesk.ledger.schema import findings, orders
from paperdesk.ledger.shelf import OrderShelf

SAID: Final = "a person said"


def in_doubt(
    connection: sa.Connection, accounts: Collection[AccountId], at: datetime
) -> list[Order]:
    """Return orders whose outcome is unknown, or whose executions do not add up."""
    # Two questions, each by its own index: together they would read the whole history.
    whose = orders.c.account_id.in_(accounts)
    unknown = orders_where(
        connection, whose, orders.c.is_open, orders.c.state == OrderState.UNKNOWN.value
    )
    return unknown + ended_short(connection, at, whose)


def note(journal: Journal, found: Mapping[OrderRef, Finding]) -> None:
    """Keep what a step showed of each order."""
    first = next_id(journal.connection, findings)
    journal.insert(
        findings,
        [
            {
                "id": first + n,
                "ref": ref,
                "at": finding.at,
                "step": finding.step,
                "shows": finding.shows,
                "is_complete": finding.is_complete,
            }
            for n, (ref, finding) in enumerate(found.items())
        ],
    )


def fence(journal: Journal, ref: OrderRef) -> Order:
    """Ask an order's cancel, as of every frame before it leaves; return the order."""
    before = order_of(order_row_of(journal.connection, ref))
    after = replace(before, cancel_asked=True)
    save_order(journal, before, after)
    return after


def conclude(
    journal: Journal, ref: OrderRef, event: OrderEvent, words: str, *, expected: OrderState
) -> Order:
    """Move an order on, unless it is no longer as expected; return it as it is then."""
    before = order_of(order_row_of(journal.connection, ref))
    if before.state is not expected:
        return before
    after = advance(before, event, journal.at)
    if event is OrderEvent.CANCELLED:
        after = reconcile.warned(after, words)
    save_order(journal, before, after)
    if after.state is OrderState.NOT_PLACED:
        update_row(
            journal,
            after.batch_id,
            after.seq,
            error=words,
            error_code=ErrorCode.NOT_PLACED.value,
        )
    refresh_open(journal.connection, {after.batch_id})
    return after


def resolve(journal: Journal, batch_id: BatchId, resolution: Resolution, by: Actor) -> None:
    """Record what a person says. Raises BadRequest where nothing is to be said."""
    order = _unresolved(journal.connection, batch_id, resolution)
    quantity = resolution.filled_qty
    trail.note(
        journal,
        by,
        Action.RESOLVE,
        account=order.account,
        batch_id=batch_id,
        before={
            "symbol": order.symbol,
            "status": status_of(order).value,
            "filled_qty": order.filled_qty,
        },
        after={
            "symbol": order.symbol,
            "as": "not_placed" if quantity is None else "filled",
            "filled_qty": quantity,
            "price": None if resolution.price is None else format(resolution.price, "f"),
        },
    )
    words = f"{by.name} said: " + (
        "it was never placed" if quantity is None else f"{quantity} were filled"
    )
    note(journal, {order.ref: Finding(journal.at, SAID, words, is_complete=True)})
    if quantity:
        _book(journal, order, resolution)
        order = order_of(order_row_of(journal.connection, order.ref))
    save_order(journal, order, reconcile.as_said(order))
    if order.is_terminal:
        refresh_open(journal.connection, {order.batch_id})
        return
    never = quantity is None and not order.filled_qty
    event = OrderEvent.ABSENT if never else OrderEvent.CANCELLED
    conclude(journal, order.ref, event, words, expected=order.state)


def accept_short(
    journal: Journal, account: AccountId, conids: Collection[ConId | None], by: Actor
) -> list[Order]:
    """Await no execution any more of what ended on these contracts; None means on all.

    A person said that the position is right, and so says each order that it is about.
    """
    ended = ended_short(journal.connection, journal.at, orders.c.account_id == account)
    short = [order for order in ended if order.conid in conids or None in conids]
    said = {
        order.ref: f"{by.name} said: the position is right, though of the {order.broker_filled:,} "
        f"shares that the broker filled {order.executed_qty:,} are known here"
        for order in short
    }
    note(
        journal,
        {ref: Finding(journal.at, SAID, said[ref], is_complete=True) for ref in said},
    )
    save_orders(
        journal,
        [(o, reconcile.warned(reconcile.as_said(o), said[o.ref])) for o in short],
    )
    return short


def _unresolved(connection: sa.Connection, batch_id: BatchId, resolution: Resolution) -> Order:
    rows = connection.execute(
        sa.select(orders).where(
            orders.c.batch_id == batch_id, orders.c.symbol == resolution.symbol
        )
    )
    row = rows.mappings().one_or_none()
    if row is None:
        raise BadRequest.of("symbol", f"{resolution.symbol} has no order in this batch")
    order = order_of(row)
    is_short = order.is_terminal and order.executed_qty < order.broker_filled
    if order.state not in UNRESOLVED and not is_short:
        raise BadRequest.of(
            "symbol",
            f"the order of {resolution.symbol} is {status_of(order)}, not Unknown: "
            "there is nothing to resolve",
        )
    if (resolution.filled_qty or 0) > order.quantity:
        raise BadRequest.of("qty", f"is more than the order's {order.quantity} shares")
    return order


def _book(journal: Journal, order: Order, resolution: Resolution) -> None:
    """Book what a person said was filled, beyond what is known, as one execution.

    Its id follows from the order's, so that it can be told from the broker's own and be taken
    back when those come (`Bookkeeper`).
    """
    assert resolution.filled_qty is not None
    assert resolution.price is not None
    missing = resolution.filled_qty - order.filled_qty
    if missing <= 0:
        return
    books = Bookkeeper(journal.connection, OrderShelf(journal.connection))
    books.book(
        Execution(
            exec_id=ExecId(f"{reconcile.SAID_PREFIX}{order.ref}.01"),
            account=order.account,
            conid=order.conid,
            symbol=order.symbol,
            side=order.side,
            quantity=missing,
            price=resolution.price,
            executed_at=journal.at,
            order_ref=order.ref,
            order_id=order.order_id,
            client_id=order.client_id,
            perm_id=order.perm_id,
        ),
        journal.at,
    )
    books.write(journal)


def evidence(connection: sa.Connection, batch_id: BatchId) -> tuple[OrderEvidence, ...]:
    """Return how each order of the batch was resolved, in order of its rows."""
    rows = connection.execute(
        sa.select(orders).where(orders.c.batch_id == batch_id).order_by(orders.c.seq)
    )
    own = [order_of(row) for row in rows.mappings()]
    kept: dict[str, list[Finding]] = {order.ref: [] for order in own}
    steps = connection.execute(
        sa.select(findings).where(findings.c.ref.in_(list(kept))).order_by(findings.c.id)
    )
    for row in steps.mappings():
        kept[row["ref"]].append(
            Finding(row["at"], row["step"], row["shows"], row["is_complete"])
        )
    return tuple(
        OrderEvidence(
            order.symbol, order.ref, order.order_id, status_of(order), tuple(kept[order.ref])
        )
        for order in own
    )
