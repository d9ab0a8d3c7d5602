"""T3: what the gateway said goes into the ledger, whole and in its order.

Owns: appending messages as events, and finding the order that a report is about. What a report
means is `domain.reconcile`'s; executions are `booking`'s.

Identity of an order is its reference and its perm id. An order id counts only together with
the line it was claimed on, and only where the perm id does not say otherwise: gateways have
handed out the same order id twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from paperdesk.desk.ports import Learned, Moved
from paperdesk.domain import reconcile
from paperdesk.domain.execution import Execution
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.reports import (
    CommissionReport,
    CompletedReport,
    Effect,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    PositionReport,
    Recorded,
    StatusReport,
)
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import AccountId, BatchId, OrderId, OrderRef, PermId
from paperdesk.ledger import telling
from paperdesk.ledger.booking import Bookkeeper
from paperdesk.ledger.books import lock
from paperdesk.ledger.counting import moves_of
from paperdesk.ledger.journal import MESSAGE, UNREAD, Journal, append
from paperdesk.ledger.prepared import among
from paperdesk.ledger.records import refresh_open
from paperdesk.ledger.schema import targets
from paperdesk.ledger.shelf import OrderShelf

_KEEPERS: Final = sa.select(targets.c.batch_id).where(targets.c.kept_ref.in_(among("refs")))

_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)  # until there is a message


class Lesson:
    """One group of messages, being folded inside one transaction.

    What they are about is read at once, folded in memory message by message, and written once.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._orders = OrderShelf(connection)
        self._books = Bookkeeper(connection, self._orders)
        # It notes nothing: the message itself is the event.
        self._journal = Journal(connection, _NO_TIME, is_noting=False)
        self._batches: set[BatchId] = set()
        self._accounts: set[AccountId] = set()
        self._touched: set[OrderRef] = set()
        self._doubted: set[OrderRef] = set()
        self._to_cancel: dict[OrderRef, Order] = {}
        self._rejected: dict[OrderRef, Order] = {}

    def take(self, messages: Sequence[Recorded]) -> Learned:
        """Append and fold the messages, but those that a list only tells again."""
        self._load(messages)
        messages = [message for message in messages if self._is_news(message)]
        append(
            self._connection,
            [
                {
                    "at": message.at,
                    "kind": UNREAD if message.report is None else MESSAGE,
                    "gateway": message.gateway,
                    "client_id": message.client_id,
                    "version": message.version,
                    "body": list(message.fields),
                }
                for message in messages
            ],
        )
        learned = self._fold_all(messages)
        telling.tell(self._journal)
        return learned

    @property
    def is_told(self) -> bool:
        """Tell whether the world is told anything of it."""
        return self._journal.is_told

    def fold(self, messages: Sequence[Recorded]) -> Learned:
        """Fold messages that are in the history already."""
        self._load(messages)
        return self._fold_all(messages)

    def _fold_all(self, messages: Sequence[Recorded]) -> Learned:
        for message in messages:
            self._fold(message)
        moved: tuple[Moved, ...] = ()
        if messages:
            self._journal.at = messages[-1].at
            self._books.write(self._journal)
            moved = moves_of(self._journal)
        refresh_open(self._connection, self._batches)
        return Learned(
            frozenset(self._batches | self._keepers()),
            frozenset(self._accounts),
            frozenset(self._doubted),
            tuple(self._to_cancel.values()),
            moved,
            tuple(o for ref in self._rejected if (o := self._orders.by_ref(ref)) is not None),
        )

    def _is_news(self, message: Recorded) -> bool:
        """Tell whether a message says something, or is of something that may still change.

        A day's executions and completed orders are told whole each time they are asked for.
        What is in the books exactly so, and the completed order that stays as it is, would only
        make the history as many times longer.
        """
        match message.report:
            case ExecutionReport() | CommissionReport() as report:
                return not self._books.has(report)
            case CompletedReport() as report:
                order = self._completed(report)
                return (
                    order is None
                    or reconcile.apply_completed(order, report, message.at) != order
                )
        return True

    def _completed(self, report: CompletedReport) -> Order | None:
        by_ref = self._orders.by_ref(report.order_ref)
        return by_ref or self._orders.by_perm_id(report.perm_id)

    def _load(self, messages: Sequence[Recorded]) -> None:
        """Read what the messages are about."""
        named = _Named()
        for message in messages:
            named.note(message)
        self._orders.load(named.refs, named.perm_ids, named.sent)
        if named.executions or named.commissions:
            self._books.load(named.executions, named.commissions)

    def _fold(self, message: Recorded) -> None:
        at, report = message.at, message.report
        match report:
            case OrderReport() | StatusReport():
                order = self._order_of(message, report)
                self._change(order, lambda o: reconcile.apply_status(o, report, at))
            case CompletedReport():
                order = self._completed(report)
                self._change(order, lambda o: reconcile.apply_completed(o, report, at))
            case ErrorReport():
                order = self._by_line(message, report.request_id)
                self._change(order, lambda o: reconcile.apply_error(o, report, at))
                if order is not None and _settles_nothing(order, report):
                    self._doubted.add(order.ref)
                elif order is not None and report.effect is Effect.REJECTED:
                    self._rejected[order.ref] = order  # be it Cancelled, before or after
            case ExecutionReport():
                self._accounts.add(report.execution.account)
                self._touch(self._book(message, report.execution))
            case CommissionReport():
                self._touch(self._books.book_commission(report, at))
            case PositionReport():
                self._accounts.add(report.account)
            case None:
                pass

    def _change(self, order: Order | None, fold: Callable[[Order], Order]) -> None:
        """Fold a report into the order it is about, if it is one of ours."""
        if order is None:
            return
        after = fold(order)
        if OrderState.REJECTED is after.state is not order.state:
            self._rejected[after.ref] = after
        if after.is_refused and after.is_held and not order.is_held:
            self._doubted.add(after.ref)  # refused it was, or its cancel: the lists tell which
        self._orders.put(after)
        self._touch(after)

    def _touch(self, order: Order | None) -> None:
        """Take note of an order that something was heard of."""
        if order is None:
            return
        self._touched.add(order.ref)
        self._batches.add(order.batch_id)
        self._accounts.add(order.account)
        if order.is_late and order.cancel_asked and not order.is_terminal:
            self._to_cancel[order.ref] = order

    def _keepers(self) -> set[BatchId]:
        """Return the batches that keep one of the orders: their answers changed too."""
        if not self._touched:
            return set()
        rows = self._connection.scalars(_KEEPERS, {"refs": sorted(self._touched)})
        return {BatchId(batch_id) for batch_id in rows}

    def _order_of(self, message: Recorded, report: OrderReport | StatusReport) -> Order | None:
        if isinstance(report, OrderReport):
            return self._of_open_order(message, report)
        by_perm_id = self._orders.by_perm_id(report.perm_id)
        if by_perm_id is not None or report.client_id != message.client_id:
            return by_perm_id
        order = self._by_line(message, report.order_id)
        if order is None or (order.perm_id and report.perm_id):
            return None  # another order under a reused id
        return order

    def _of_open_order(self, message: Recorded, report: OrderReport) -> Order | None:
        """Find the order by the echo of its reference, which must be whole and the only one."""
        order = self._orders.by_ref(report.order_ref)
        if order is not None:
            if order.perm_id and report.perm_id and order.perm_id != report.perm_id:
                words = f"the broker has two orders with the reference {order.ref}"
                self._lock(order, words, message.at)
            return order
        order = self._orders.by_perm_id(report.perm_id)
        if order is None and report.client_id == message.client_id:
            sent = self._by_line(message, report.order_id)
            order = sent if sent is not None and _is_same(sent, report) else None
        if order is None:
            return None
        return self._take_over(order, report.order_ref, report.perm_id, message.at)

    def _book(self, message: Recorded, execution: Execution) -> Order | None:
        """Book an execution; return its order, which its line tells where its name is cut."""
        order = self._books.book(execution, message.at)
        perm_id = execution.perm_id
        if order is not None or not perm_id or execution.client_id != message.client_id:
            return order
        sent = self._by_line(message, execution.order_id or 0)
        if sent is None or not _is_of(sent, execution):
            return None
        return self._take_over(sent, execution.order_ref or "", perm_id, message.at)

    def _take_over(self, order: Order, echoed: str, perm_id: PermId, at: datetime) -> Order:
        """Take what is named otherwise for this order; a person is told by a lock."""
        self._lock(order, f"the broker echoed the reference {order.ref} as {echoed!r}", at)
        return self._books.take_over(order, perm_id, at, self._journal)

    def _lock(self, order: Order, reason: str, at: datetime) -> None:
        lock(self._journal, order.account, order.conid, Lock(order.symbol, reason, at))

    def _by_line(self, message: Recorded, order_id: int) -> Order | None:
        return self._orders.by_line(message.gateway, message.client_id, order_id)


@dataclass(slots=True)
class _Named:
    """What a group of messages names."""

    refs: set[OrderRef] = field(default_factory=set)
    perm_ids: set[PermId] = field(default_factory=set)
    sent: set[tuple[tuple[str, int], OrderId]] = field(default_factory=set)
    executions: list[Execution] = field(default_factory=list)
    commissions: list[CommissionReport] = field(default_factory=list)

    def note(self, message: Recorded) -> None:
        line = (message.gateway, message.client_id)
        match message.report:
            case OrderReport(order_ref=ref, perm_id=perm_id):
                self._name(ref, perm_id)
            case CompletedReport(order_ref=ref, perm_id=perm_id):
                self._name(ref, perm_id)
            case StatusReport(perm_id=perm_id) as report:
                self._name(None, perm_id)
                if report.client_id == message.client_id:
                    self.sent.add((line, report.order_id))
            case ErrorReport(request_id=request_id):
                self.sent.add((line, OrderId(request_id)))
            case ExecutionReport(execution=execution):
                self._name(execution.order_ref, execution.perm_id)
                if execution.client_id == message.client_id and execution.order_id:
                    self.sent.add((line, execution.order_id))
                self.executions.append(execution)
            case CommissionReport() as report:
                self.commissions.append(report)
            case PositionReport() | None:
                pass

    def _name(self, ref: OrderRef | None, perm_id: PermId | None) -> None:
        if ref:
            self.refs.add(ref)
        if perm_id:
            self.perm_ids.add(perm_id)


def _settles_nothing(order: Order, report: ErrorReport) -> bool:
    """Tell whether an error leaves open what became of the order."""
    is_refusal = report.effect is Effect.REJECTED
    return report.effect is Effect.AMBIGUOUS or (
        is_refusal and reconcile.may_answer_a_cancel(order)
    )


def _is_same(order: Order, report: OrderReport) -> bool:
    """Tell whether an open order without our reference is this order all the same."""
    return (
        order.perm_id is None
        and order.account == report.account
        and order.conid == report.conid
        and order.quantity == report.quantity
    )


def _is_of(order: Order, execution: Execution) -> bool:
    """Tell whether an execution without our whole reference is of this order all the same."""
    return (
        order.perm_id is None
        and order.account == execution.account
        and order.conid == execution.conid
        and order.side is execution.side
        and execution.quantity <= order.quantity
        and order.ref.startswith(execution.order_ref or "")
    )
