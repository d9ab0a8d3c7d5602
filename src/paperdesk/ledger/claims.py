"""T2: intents are claimed for sending, and what is known of a claim without a report.

Owns: the commit from which on nobody may send an intent again, and the marks for what never
left or was never answered. Knows nothing of the wire.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from paperdesk.crash import crash_point
from paperdesk.desk.ports import Claim, JudgeClaim, Line
from paperdesk.domain.batch import ErrorCode, Refusal
from paperdesk.domain.order import Order, OrderEvent, OrderState, advance
from paperdesk.domain.planning import Situation, overtaken_at_claim
from paperdesk.domain.vocabulary import AccountId, BatchId, OrderRef, TimeInForce
from paperdesk.ledger import reading, standing
from paperdesk.ledger.journal import Journal
from paperdesk.ledger.plans import account_situation
from paperdesk.ledger.prepared import among
from paperdesk.ledger.records import (
    open_orders,
    refresh_open,
    save_order,
    save_orders,
    supersede,
    update_row,
)
from paperdesk.ledger.rows import RowMapping, order_of
from paperdesk.ledger.schema import orders, owner, targets

_EPOCH: Final = sa.select(owner.c.epoch)
_BY_REF: Final = sa.select(orders).where(orders.c.ref.in_(among("refs")))
_SERVED: Final = sa.select(
    targets.c.id, (targets.c.quantity - targets.c.foreign_qty).label("aim")
).where(targets.c.id.in_(among("ids")))


def claim(
    journal: Journal,
    claims: Sequence[Claim],
    line: Line,
    *,
    judge: JudgeClaim,
    epoch: int,
) -> list[Order]:
    """Claim what may still be sent. From this commit on nobody may send it again."""
    connection, at = journal.connection, journal.at
    if connection.scalar(_EPOCH) != epoch:
        return []
    rows = connection.execute(_BY_REF, {"refs": [wanted.ref for wanted in claims]})
    found = {row["ref"]: (order_of(row), row) for row in rows.mappings()}
    planned = [order for order, _ in found.values()]
    newest = _newest(connection, planned)
    situations = _situations(connection, planned, judge.whole_accounts, at)
    overtaken = _overtaken(connection, list(found.values()), situations)
    for wanted in claims:
        order, row = found[wanted.ref]
        if _is_claimed_so(order, wanted) and row["epoch"] == epoch:
            # Counted as sent by the first claim, which won it: it does not count against itself.
            situations[order.account] = _counting(situations[order.account], -1)
    won: list[Order] = []
    claimed: list[tuple[Order, Order]] = []
    for wanted in claims:
        order, row = found[wanted.ref]
        by = newest[order.account].get(order.symbol, 0)
        refusal = judge(order, situations[order.account]) or overtaken.get(order.ref)
        if _is_claimed_so(order, wanted) and row["epoch"] == epoch:
            # The caller did not learn that its first claim was stored, and wrote no frame.
            is_late = order.cancel_asked or order.send_before <= at or by > row["serves"]
            if is_late or refusal is not None:
                words = "it was overtaken before it left" if refusal is None else refusal.words
                not_sent(journal, {order.ref: words})
            else:
                won.append(order)
                situations[order.account] = _counting(situations[order.account], 1)
            continue
        if order.state is not OrderState.PLANNED or order.send_before <= at:
            continue  # what is too late the pipeline lapses
        if by > row["serves"]:
            supersede(journal, order, by)
            _end(journal, order, OrderEvent.DROPPED, None)
        elif refusal is not None:
            is_halt = refusal.code is ErrorCode.HALTED
            _end(journal, order, OrderEvent.DROPPED if is_halt else OrderEvent.LAPSED, refusal)
        else:
            after = _claimed(order, wanted, line=line, at=at)
            claimed.append((order, after))
            won.append(after)
            situations[order.account] = _counting(situations[order.account], 1)
    save_orders(journal, claimed, gateway=line.gateway, session=line.session, epoch=epoch)
    crash_point("CP08")
    return won


def _counting(situation: Situation, orders: int) -> Situation:
    """Count claims against the pace and the day: those of one call leave together."""
    return replace(
        situation,
        sent_last_minute=max(situation.sent_last_minute + orders, 0),
        sent_today=max(situation.sent_today + orders, 0),
    )


def _is_claimed_so(order: Order, wanted: Claim) -> bool:
    return order.state is OrderState.SENDING and order.order_id == wanted.order_id


def _claimed(order: Order, wanted: Claim, *, line: Line, at: datetime) -> Order:
    is_day = order.terms.time_in_force is TimeInForce.DAY
    return replace(
        advance(order, OrderEvent.CLAIMED, at),
        order_id=wanted.order_id,
        client_id=line.client_id,
        sent_at=at,
        good_until=line.day_ends_at if is_day else None,
    )


def _end(journal: Journal, order: Order, event: OrderEvent, refusal: Refusal | None) -> None:
    save_order(journal, order, advance(order, event, journal.at))
    if refusal is not None:
        words = {"error": refusal.words, "error_code": refusal.code.value}
        update_row(journal, order.batch_id, order.seq, **words)
    refresh_open(journal.connection, {order.batch_id})


def _newest(
    connection: sa.Connection, found: Sequence[Order]
) -> dict[AccountId, dict[str, int]]:
    return {
        account: {
            str(symbol): identity
            for symbol, identity in standing.newest_ids(
                connection, account, {o.symbol for o in found if o.account == account}
            ).items()
        }
        for account in {order.account for order in found}
    }


def _overtaken(
    connection: sa.Connection,
    found: Sequence[tuple[Order, RowMapping]],
    situations: Mapping[AccountId, Situation],
) -> dict[OrderRef, Refusal]:
    """Refuse what no longer leads from the position to its target."""
    planned = [(o, row["serves"]) for o, row in found if o.state is OrderState.PLANNED]
    served = sorted(target for _, target in planned)
    rows = connection.execute(_SERVED, {"ids": served}) if served else ()
    aims = {row.id: row.aim for row in rows}
    refused = {}
    for account, situation in situations.items():
        own = [(order, target) for order, target in planned if order.account == account]
        conids = [order.conid for order, _ in own]
        unsettled = reading.unsettled(connection, account, conids, situation.at)
        now = replace(situation, unsettled=unsettled)
        for order, target in own:
            refusal = overtaken_at_claim(order, now, aims[target])
            if refusal is not None:
                refused[order.ref] = refusal
    return refused


def _situations(
    connection: sa.Connection,
    found: Sequence[Order],
    whole_accounts: Collection[AccountId],
    at: datetime,
) -> dict[AccountId, Situation]:
    return {
        account: account_situation(
            connection,
            account,
            [order.conid for order in found if order.account == account],
            at=at,
            whole_account=account in whole_accounts,
        )
        for account in {order.account for order in found}
    }


def not_sent(journal: Journal, why: Mapping[OrderRef, str]) -> None:
    """Record of claimed intents that they never left."""
    rows = journal.connection.execute(_BY_REF, {"refs": list(why)})
    for order in [order_of(row) for row in rows.mappings()]:
        save_order(journal, order, advance(order, OrderEvent.NOT_SENT, journal.at))
        update_row(
            journal,
            order.batch_id,
            order.seq,
            error=f"not sent: {why[order.ref]}",
            error_code=ErrorCode.NOT_PLACED.value,
        )
        refresh_open(journal.connection, {order.batch_id})


def lose(
    journal: Journal, accounts: Collection[AccountId], since: datetime | None
) -> set[BatchId]:
    """Mark claimed intents without any answer as unknown; None is whenever they were claimed."""
    found = open_orders(
        journal.connection,
        orders.c.account_id.in_(accounts),
        orders.c.state == OrderState.SENDING.value,
    )
    # The time is not in the question: a database would look for it among all orders.
    silent = [o for o in found if since is None or o.is_silent(since, journal.at)]
    for order in silent:
        save_order(journal, order, advance(order, OrderEvent.LOST, journal.at))
    return {order.batch_id for order in silent}
