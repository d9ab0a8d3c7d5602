"""From targets to orders: the product is this function.

Owns: `plan` and what it decides per target. Knows nothing of who sends, or when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from paperdesk.domain.batch import ErrorCode, Refusal, Target
from paperdesk.domain.contract import Contract, NoTick
from paperdesk.domain.order import Order, OrderState, Terms
from paperdesk.domain.position import is_reducing
from paperdesk.domain.pricing import price_warnings, terms_of
from paperdesk.domain.vocabulary import AccountId, BatchId, ConId, OrderRef, Side


@dataclass(frozen=True, slots=True)
class Goal:
    """A target whose contract is known. `seq` is the row's index in its batch."""

    seq: int
    contract: Contract
    target: Target


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that is to be written down. `is_reducing`: towards zero, not through it."""

    side: Side
    quantity: int
    terms: Terms
    is_reducing: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What a goal comes to: a draft, a refusal, a wait, or nothing to trade.

    `delta` = target - current position - signed leaves of the working orders.
    """

    goal: Goal
    current_pos: int
    working_qty: int
    delta: int
    draft: Draft | None = None
    refusal: Refusal | None = None
    waits_for: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of a batch, in request order."""

    decisions: tuple[Decision, ...]

    @property
    def to_send(self) -> Sequence[Decision]:
        """Decisions with a draft in sending order: reducing, then sells, then buys."""
        drafted = [decision for decision in self.decisions if decision.draft is not None]
        return sorted(drafted, key=_rank)


def plan(
    goals: Iterable[Goal], positions: Mapping[ConId, int], working: Iterable[Order]
) -> Plan:
    """Return the orders that move every position to its target.

    The delta is taken from the projected position, that is the position plus the leaves of
    the orders that may still trade, so that posting the same targets twice plans nothing.
    `working` holds every order that is not settled. The order of the goals does not matter.
    """
    by_conid: dict[ConId, list[Order]] = {}
    for order in working:
        by_conid.setdefault(order.conid, []).append(order)
    wanted = list(goals)
    first = _first_rows(wanted)
    decisions = []
    for goal in wanted:
        conid = goal.contract.conid
        decision = _decide(goal, positions.get(conid, 0), by_conid.get(conid, []))
        if first[conid] != goal.seq:
            decision = _refused_twin(decision, first[conid])
        decisions.append(decision)
    return Plan(tuple(decisions))


def intent_of(
    decision: Decision, batch_id: BatchId, account: AccountId, *, at: datetime
) -> Order:
    """Return the intent that a decision's draft becomes. One target makes at most one."""
    assert decision.draft is not None
    goal, draft = decision.goal, decision.draft
    return Order(
        ref=OrderRef(f"pd-{batch_id}-{goal.seq}"),
        batch_id=batch_id,
        seq=goal.seq,
        account=account,
        conid=goal.contract.conid,
        symbol=goal.contract.symbol,
        side=draft.side,
        quantity=draft.quantity,
        terms=draft.terms,
        planned_at=at,
    )


def _first_rows(goals: Iterable[Goal]) -> Mapping[ConId, int]:
    """Return per contract the first row that names it: two spellings may mean the same."""
    first: dict[ConId, int] = {}
    for goal in goals:
        first[goal.contract.conid] = min(first.get(goal.contract.conid, goal.seq), goal.seq)
    return first


def _refused_twin(decision: Decision, first: int) -> Decision:
    words = f"{decision.goal.target.symbol} is the same contract as orders[{first}]"
    return replace(decision, draft=None, refusal=Refusal(ErrorCode.REJECTED, words))


def _decide(goal: Goal, position: int, unsettled: Sequence[Order]) -> Decision:
    working_qty = sum(order.signed_leaves for order in unsettled)
    delta = goal.target.quantity - position - working_qty
    decision = Decision(goal, position, working_qty, delta)
    if unsettled:
        return _beside(decision, unsettled)
    if delta == 0:
        return decision
    return _draft(decision)


def _beside(decision: Decision, unsettled: Sequence[Order]) -> Decision:
    """Decide while an order is unsettled: never trade beside it."""
    for order in unsettled:
        if order.state is OrderState.UNKNOWN:
            return replace(
                decision, waits_for=f"the outcome of an earlier {order.symbol} order is unknown"
            )
        if order.is_terminal:
            return replace(
                decision, waits_for=f"executions of an earlier {order.symbol} order are missing"
            )
    if decision.delta == 0 and all(_same_terms(decision.goal, order) for order in unsettled):
        return decision
    return replace(
        decision,
        refusal=Refusal(
            ErrorCode.LOCKED,
            f"an order works on {decision.goal.contract.symbol} for another target or on other "
            "terms: wait until it has ended or cancel its batch, then post the target again",
        ),
    )


def _same_terms(goal: Goal, order: Order) -> bool:
    try:
        return terms_of(goal.target, order.side, goal.contract.ladder) == order.terms
    except NoTick:
        return False


def _draft(decision: Decision) -> Decision:
    goal, side = decision.goal, Side.of(decision.delta)
    try:
        terms = terms_of(goal.target, side, goal.contract.ladder)
    except NoTick as error:
        words = f"{error}: raise expected_price or lower tolerance_pct"
        return replace(decision, refusal=Refusal(ErrorCode.REJECTED, words))
    draft = Draft(
        side=side,
        quantity=abs(decision.delta),
        terms=terms,
        is_reducing=is_reducing(decision.current_pos, decision.delta),
    )
    return replace(decision, draft=draft, warnings=price_warnings(goal.target))


def _rank(decision: Decision) -> tuple[bool, bool, int]:
    assert decision.draft is not None
    draft = decision.draft
    return not draft.is_reducing, draft.side is Side.BUY, decision.goal.seq
