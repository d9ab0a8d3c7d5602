"""What follows from a report for an order.

Owns: the fold of reports into an Order. Any order and any repetition of the same reports
gives the same order (design.md §4, T3), except for the time at which it ended and, where it
arrived late, whether a rest of it had to be cancelled. Knows nothing of where the order is
stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from paperdesk.domain.execution import Execution, largest_quantity, newest_revisions
from paperdesk.domain.order import (
    UNPLACED,
    Order,
    OrderEvent,
    WireStatus,
    advance,
)
from paperdesk.domain.position import whole_shares
from paperdesk.domain.reports import (
    CompletedReport,
    Effect,
    ErrorReport,
    OrderReport,
    StatusReport,
    Told,
)
from paperdesk.domain.vocabulary import ExecId, OrderId, PermId

WARNINGS_MAX: Final = 20
EXPIRED: Final = "Expired"  # completedStatus of an order that ended with its time
# What a person said was executed: the id begins so, and gives way to the broker's own.
SAID_PREFIX: Final = "said."
# So long an order may have ended with executions missing before they are asked for.
EXECUTIONS_LAG: Final = timedelta(seconds=3)
LATE: Final = "the order was thought never to have been placed; the broker had it after all"

_EVENT: Final[Mapping[Told, OrderEvent]] = {
    Told.ACKNOWLEDGED: OrderEvent.ACKNOWLEDGED,
    Told.PRE_SUBMITTED: OrderEvent.ACKNOWLEDGED,
    Told.SUBMITTED: OrderEvent.ACKNOWLEDGED,
    # Filled is believed of executions only: they add up, or some are still to come.
    Told.FILLED: OrderEvent.ACKNOWLEDGED,
    Told.INACTIVE: OrderEvent.ACKNOWLEDGED,
    Told.CANCELLED: OrderEvent.CANCELLED,
}
_WIRE: Final[Mapping[Told, WireStatus]] = {
    Told.PRE_SUBMITTED: WireStatus.PRE_SUBMITTED,
    Told.INACTIVE: WireStatus.PRE_SUBMITTED,
    Told.SUBMITTED: WireStatus.SUBMITTED,
    Told.FILLED: WireStatus.SUBMITTED,
}


def apply_status(order: Order, report: OrderReport | StatusReport, at: datetime) -> Order:
    """Fold an open-order or status report."""
    filled = whole_shares(report.filled) if isinstance(report, StatusReport) else 0
    if report.told is Told.FILLED:
        filled = max(filled, order.quantity)
    order = _identified(order, report.perm_id, filled)
    order = _addressed(order, report.client_id, report.order_id)
    if report.told is Told.INACTIVE:
        order = replace(order, is_held=True)
    order = _heard(order, _WIRE.get(report.told))
    return _moved(_timed_out(order, report.told, at), _EVENT[report.told], at)


def apply_completed(order: Order, report: CompletedReport, at: datetime) -> Order:
    """Fold a completed order: here Inactive is final."""
    order = _identified(order, report.perm_id, whole_shares(report.filled))
    if report.told is Told.INACTIVE:
        return _moved(_explained(order, None, report.words), OrderEvent.REJECTED, at)
    if report.told is Told.FILLED and order.state not in UNPLACED:
        # It works no more; what it came to its executions say, or nobody.
        return order
    if report.words.startswith(EXPIRED) and not _is_asked(order):
        order = replace(order, is_expired=True)
    return _moved(order, _EVENT[report.told], at)


def apply_error(order: Order, report: ErrorReport, at: datetime) -> Order:
    """Fold an error or notice that names the order."""
    match report.effect:
        case Effect.REJECTED:
            explained = _explained(order, report.code, report.words)
            if may_answer_a_cancel(order):
                return replace(explained, is_refused=True)
            return _moved(explained, OrderEvent.REJECTED, at)
        case Effect.CANCELLED:
            # IBKR's answer to a plain cancel gives no reason: nothing to tell.
            if not report.words.rstrip().endswith("reason:"):
                order = _explained(order, report.code, report.words)
            return _moved(_timed_out(order, Told.CANCELLED, at), OrderEvent.CANCELLED, at)
        case Effect.INFORMATION | Effect.AMBIGUOUS | Effect.LOCKS_ACCOUNT:
            return warned(order, f"{report.words.strip()} (IBKR {report.code})")


def may_answer_a_cancel(order: Order) -> bool:
    """Tell whether a refusal may be of the order's cancel, and the order alive.

    A gateway refuses both with the same codes (321 of a read-only API, for one). So where a
    cancel was asked, a code settles nothing, nor does Inactive beside it: an order that is held
    is Inactive, too. The broker's lists tell. The cancel of a late arrival is asked with the
    first news of it.
    """
    return order.cancel_asked or order.is_late or order.state in UNPLACED


def apply_executions(
    order: Order,
    executions: Iterable[Execution],
    commissions: Mapping[ExecId, Decimal],
    at: datetime,
) -> Order:
    """Fold all executions of the order and the commissions known so far."""
    booked = list(executions)
    newest = newest_revisions(booked)
    if not newest:
        return order
    known = [commissions.get(execution.exec_id) for execution in newest]
    order = replace(
        order,
        filled_qty=sum(execution.quantity for execution in newest),
        executed_qty=largest_quantity(booked),
        filled_value=sum((e.quantity * e.price for e in newest), Decimal(0)),
        commission=None if None in known else sum((c for c in known if c), Decimal(0)),
        perm_id=order.perm_id or next((e.perm_id for e in newest if e.perm_id), None),
    )
    for execution in newest:
        order = _addressed(order, execution.client_id, execution.order_id)
    if order.executed_qty >= order.quantity:
        return _moved(order, OrderEvent.FILLED, at)
    return _moved(_heard(order, WireStatus.SUBMITTED), OrderEvent.ACKNOWLEDGED, at)


def _moved(order: Order, event: OrderEvent, at: datetime) -> Order:
    """Advance the order; tell where it was thought never to have been placed."""
    after = advance(order, event, at)
    if order.state in UNPLACED and after.state is not order.state:
        # Nobody counts on it any more: what is left of it must not trade.
        is_asked = order.cancel_asked or not after.is_terminal
        # A restored ledger does not know when it was claimed, but not before it was planned.
        sent_at = order.sent_at or order.planned_at
        # And what was said of it was wrong.
        after = replace(
            after, is_late=True, cancel_asked=is_asked, sent_at=sent_at, is_said=False
        )
        return warned(after, LATE)
    return after


def _timed_out(order: Order, told: Told, at: datetime) -> Order:
    """Tell an order that ended with its time from one that was cancelled."""
    is_over = order.good_until is not None and at >= order.good_until
    if told is Told.CANCELLED and is_over and not _is_asked(order):
        return replace(order, is_expired=True)
    return order


def _is_asked(order: Order) -> bool:
    """Tell whether somebody wanted the order to end.

    The cancel of a late arrival is not that: whether it left depends on what was heard first.
    """
    is_late = order.is_late or order.state in UNPLACED
    return order.cancel_asked and not is_late


def _identified(order: Order, perm_id: PermId, filled: int) -> Order:
    if order.is_said and order.state not in UNPLACED:
        filled = 0
    return replace(
        order,
        perm_id=order.perm_id or perm_id or None,
        broker_filled=max(order.broker_filled, filled),
    )


def _addressed(order: Order, client_id: int | None, order_id: OrderId | None) -> Order:
    """Note by which order id it can be cancelled, where this ledger did not give it its own."""
    if order.order_id is not None or not order_id:
        return order
    return replace(order, client_id=client_id, order_id=order_id)


def _heard(order: Order, wire: WireStatus | None) -> Order:
    if wire is None or order.wire_status is WireStatus.SUBMITTED:
        return order
    return replace(order, wire_status=wire)


def _explained(order: Order, code: int | None, words: str) -> Order:
    """Keep one explanation, the same one whatever order they came in."""
    present = (order.broker_code or 0, order.error or "")
    best = max(present, (code or 0, words.strip()))
    return replace(order, broker_code=best[0] or None, error=best[1] or None)


def as_said(order: Order) -> Order:
    """Return an order that came to what its executions say, by a person's word.

    Whatever the broker lists as filled from now on adds nothing; an execution still does.
    """
    return replace(order, broker_filled=order.executed_qty, is_said=True)


def warned(order: Order, warning: str) -> Order:
    """Return the order with one warning more; the same ones whatever order they came in."""
    return replace(order, warnings=tuple(sorted({*order.warnings, warning}))[:WARNINGS_MAX])
