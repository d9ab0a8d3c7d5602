"""The real functions of the service, each asked once.

Owns: Core: orders under numbers, and the functions of `paperdesk.domain` (and the pure parts of
the resolver and of the ledger's fold) that move them. They are pure, so what one answered once
it is not asked again. Nothing here decides what those functions decide; the few lines around
them are the ledger's, and `lockstep` holds them against the real ones. Knows nothing of State.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

from makers import (
    AAPL,
    ACCOUNT,
    CLIENT_ID,
    NOW,
    completed_report,
    error_report,
    make_execution,
    make_goal,
    order_report,
    seconds,
    status_report,
)
from paperdesk.desk import resolver
from paperdesk.domain import planning, reconcile
from paperdesk.domain.batch import Outcome
from paperdesk.domain.execution import Execution
from paperdesk.domain.order import Order, OrderEvent, OrderState, advance
from paperdesk.domain.planning import Rules, Situation, intent_of
from paperdesk.domain.reports import (
    CompletedReport,
    Effect,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    Report,
    StatusReport,
    Told,
)
from paperdesk.domain.vocabulary import BatchId, OrderId, OrderRef, Side
from paperdesk.ledger import learning
from smallscope.model import Twist

LATER: Final = NOW + seconds(1)  # when a cancelled order has had its second
SPAN: Final = seconds(20)  # desk.resolve_seconds, so that three readings are enough
NOT_FOUND: Final = resolver.NOT_FOUND
EFFECTS: Final = {
    201: Effect.REJECTED,  # an order is refused
    202: Effect.CANCELLED,
    321: Effect.REJECTED,  # so may be its cancel, with a code that says nothing of which
    NOT_FOUND: Effect.AMBIGUOUS,
    10148: Effect.AMBIGUOUS,
}
RULES: Final = Rules()


class Decided(NamedTuple):
    """What a plan came to: the row's outcome, the new intent, the kept and the replaced."""

    outcome: str
    drafted: int
    keeps: bool
    replaced: tuple[int, int] | None  # an order's number before and after


class Core:
    """Orders by number, and what moves them."""

    def __init__(self, targets: Collection[int], twists: Collection[Twist] = ()) -> None:
        self.targets: Final = tuple(targets)
        self.twists: Final = frozenset(twists)
        self._orders: list[Order] = []
        self._numbers: dict[Order, int] = {}
        self.advance: Final = cache(self._advance)
        self.fold: Final = cache(self._fold)
        self.book: Final = cache(self._book)
        self.plan: Final = cache(self._plan)
        self.claim: Final = cache(self._claim)
        self.ask_cancel: Final = cache(self._ask_cancel)
        self.is_settled: Final = cache(self._is_settled)
        self.settles_nothing: Final = cache(self._settles_nothing)
        self.conclusion: Final = cache(self._conclusion)
        self.is_ripe: Final = cache(self._is_ripe)
        self.report: Final = cache(self._report)

    def order(self, number: int) -> Order:
        """Return the order of a number."""
        return self._orders[number]

    def state(self, number: int) -> OrderState | None:
        """Return its state, None for no order."""
        return None if number < 0 else self._orders[number].state

    def _number(self, order: Order) -> int:
        number = self._numbers.setdefault(order, len(self._orders))
        if number == len(self._orders):
            self._orders.append(order)
        return number

    def _changed(self, number: int, change: Callable[[Order], Order]) -> int:
        return self._number(change(self._orders[number]))

    # -- T1 and T2 ---------------------------------------------------------------------------
    def _plan(self, index: int, position: int, unsettled: tuple[int, ...]) -> Decided:
        """Decide on one target, and write down what was decided."""
        goal = make_goal(self.targets[index])
        known = [self._orders[number] for number in unsettled]
        situation = Situation(NOW, {AAPL: position}, known, known)
        (decision,) = planning.plan([goal], situation, RULES).decisions
        drafted, replaced = -1, None
        if decision.replaces is not None and decision.refusal is None:
            replaced = self._make_way(decision.replaces)
        if decision.refusal is not None:
            outcome = Outcome.ERROR
        elif decision.waits_for is not None:
            outcome = Outcome.PENDING
        elif decision.draft is None:
            outcome = Outcome.NO_CHANGE
        else:
            outcome = Outcome.ORDERED
            drafted = self._number(intent_of(decision, batch_of(index), ACCOUNT, at=NOW))
        return Decided(outcome.value, drafted, decision.keeps is not None, replaced)

    def _make_way(self, order: Order) -> tuple[int, int]:
        before = self._numbers[order]
        if order.state is OrderState.PLANNED:
            return before, self._advance(before, OrderEvent.DROPPED)
        return before, self._ask_cancel(before)

    def _ask_cancel(self, number: int) -> int:
        return self._changed(number, lambda order: replace(order, cancel_asked=True))

    def _claim(
        self, number: int, serves: int, position: int, unsettled: tuple[int, ...]
    ) -> int:
        """Claim an intent, or let it lapse where it may not be sent."""
        order, index = self._orders[number], index_of(self._orders[number])
        known = [self._orders[other] for other in unsettled]
        situation = Situation(NOW, {AAPL: position}, known)
        refusal = planning.refusal_at_claim(order, situation, RULES)
        if refusal is None and Twist.CLAIMS_BLINDLY not in self.twists:
            refusal = planning.overtaken_at_claim(order, situation, self.targets[serves])
        if refusal is not None:
            return self._advance(number, OrderEvent.LAPSED)
        claimed = replace(
            advance(order, OrderEvent.CLAIMED, NOW),
            order_id=OrderId(index + 1),
            client_id=CLIENT_ID,
            sent_at=NOW,
        )
        return self._number(claimed)

    def _advance(self, number: int, event: OrderEvent) -> int:
        return self._changed(number, lambda order: advance(order, event, NOW))

    def _is_settled(self, number: int, is_calm: bool) -> bool:  # noqa: FBT001 - a bit of a mask
        is_calm = is_calm or Twist.NO_SETTLING in self.twists
        return self._orders[number].is_settled(LATER if is_calm else NOW)

    # -- T3 ----------------------------------------------------------------------------------
    def _report(self, message: str) -> Report:
        """Return what the gateway said, in the domain's words."""
        kind, name, *rest = message.split()
        index = int(name)
        order_id, perm_id = index + 1, 9001 + index
        match kind, rest:
            case "open", [told]:
                ref = ref_of(index)
                return order_report(Told(told), ref=ref, order_id=order_id, perm_id=perm_id)
            case "status", [told, filled]:
                return status_report(
                    Told(told), filled=int(filled), order_id=order_id, perm_id=perm_id
                )
            case "error", [code]:
                return error_report(int(code), effect=EFFECTS[int(code)], request_id=order_id)
            case "completed", [told, filled]:
                return completed_report(
                    Told(told),
                    of=ref_of(index),
                    perm_id=perm_id,
                    filled=int(filled),
                    words="ended",
                )
        raise AssertionError(message)

    def _fold(self, number: int, message: str) -> int:
        report = self._twisted(self._report(message), message)

        def change(order: Order) -> Order:
            match report:
                case OrderReport() | StatusReport():
                    return reconcile.apply_status(order, report, NOW)
                case CompletedReport():
                    return reconcile.apply_completed(order, report, NOW)
                case ErrorReport():
                    return reconcile.apply_error(order, report, NOW)
            raise AssertionError(message)

        return self._changed(number, change)

    def _twisted(self, report: Report, message: str) -> Report:
        """Return the report as a service with a planted defect would take it."""
        match report:
            case StatusReport(told=Told.INACTIVE) if Twist.INACTIVE_IS_FINAL in self.twists:
                return self._report(f"completed {message.split()[1]} {Told.INACTIVE} 0")
            case ErrorReport(code=10147) if Twist.NOT_FOUND_IS_CANCELLED in self.twists:
                return replace(report, effect=Effect.CANCELLED)
            case ErrorReport(code=321) if Twist.REFUSAL_IS_FINAL in self.twists:
                return self._report(f"completed {message.split()[1]} {Told.INACTIVE} 0")
        return report

    def _settles_nothing(self, number: int, message: str) -> bool:
        report = self._report(message)
        order = self._orders[number]
        return isinstance(report, ErrorReport) and learning._settles_nothing(order, report)

    def _book(self, number: int, shares: tuple[int, ...]) -> int:
        """Fold all executions of an order; `shares` of those not told so far is 0."""
        side = self._orders[number].side
        index = index_of(self._orders[number])
        booked = [
            execution_of(index, n, quantity, side)
            for n, quantity in enumerate(shares)
            if quantity
        ]
        return self._changed(
            number, lambda order: reconcile.apply_executions(order, booked, {}, NOW)
        )

    # -- resolving ---------------------------------------------------------------------------
    def _is_ripe(self, passes: int) -> bool:
        """Ask the resolver's own rule, with as long between passes as it leaves."""
        if Twist.ONE_READING in self.twists:
            return passes > 0
        pause = seconds(min(SPAN.total_seconds(), resolver.PAUSE_SECONDS_MAX))
        last_at = NOW + pause * (passes - 1)
        return resolver._Case(NOW, passes, NOW, last_at).ripe(SPAN)

    def _conclusion(self, number: int) -> int:
        """Return what `Resolver._conclude` makes of an order that is certainly not there."""
        order = self._orders[number]
        was_there = bool(order.perm_id or order.wire_status or order.filled_qty)
        return self._advance(number, OrderEvent.CANCELLED if was_there else OrderEvent.ABSENT)


def batch_of(index: int) -> BatchId:
    """Return the batch of a target."""
    return BatchId(f"{index + 1:016x}")


def ref_of(index: int) -> OrderRef:
    """Return the reference of a target's order."""
    return OrderRef(f"pd-{batch_of(index)}-0")


def index_of(order: Order) -> int:
    """Return which target an order is of."""
    return int(order.batch_id, 16) - 1


def execution_of(index: int, number: int, quantity: int, side: Side) -> Execution:
    """Return the trade of a number of a target's order."""
    return make_execution(
        f"0000e0d5.67fe667b.{index}{number}.01",
        ref=ref_of(index),
        quantity=quantity,
        side=side,
        perm_id=9001 + index,
        order_id=index + 1,
    )


def told_of(execution: Execution) -> ExecutionReport:
    """Return the message of it."""
    return ExecutionReport(execution)
