"""From targets to orders: the product is this function.

Owns: `plan` and what it decides per target: trade, keep the order that works, have it
cancelled first, wait, or refuse. Knows nothing of who sends, or when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from paperdesk.domain.batch import ErrorCode, Refusal, Target
from paperdesk.domain.contract import Contract, NoTick
from paperdesk.domain.halt import Halt
from paperdesk.domain.limits import UNLIMITED, Book, Limits, Wish, judge
from paperdesk.domain.order import UNRESOLVED, Order, OrderState, Terms
from paperdesk.domain.position import is_reducing
from paperdesk.domain.pricing import Reference, fits, price_warnings, terms_of
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    ForeignOrders,
    Keep,
    OrderRef,
    Side,
    Symbol,
)

REPLACING_WARNED_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Goal:
    """A target whose contract is known. `seq` is the row's index in its batch.

    `send_before` is when it lapses; `reference` is what the contract trades at, where known.
    """

    seq: int
    contract: Contract
    target: Target
    send_before: datetime
    client: ClientName
    reference: Reference = field(default_factory=Reference)

    def price(self, side: Side) -> Decimal | None:
        """Return the reference price that does not come from the order's own limit."""
        return self.target.expected_price or self.reference.of(side)

    def price_words(self, side: Side, now: datetime) -> str:
        """Say what that price is, and how old."""
        if self.target.expected_price is not None:
            return "the expected_price"
        return self.reference.words(side, now)


@dataclass(frozen=True, slots=True)
class ForeignWork:
    """Orders placed elsewhere on one contract: shares of plain ones by side, and how many."""

    buying: int = 0
    selling: int = 0
    orders: int = 0

    def towards(self, need: int) -> int:
        """Return the shares that trade as `need` does, with its sign, never beyond it."""
        if need > 0:
            return min(self.buying, need)
        return -min(self.selling, -need)


@dataclass(frozen=True, slots=True)
class Previous:
    """Whose target a symbol had before, and since when."""

    client: ClientName
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """What the ledger knows of an account when something is decided.

    `unsettled` holds every order on the goals' contracts beside which nothing may be planned.
    `working` has all orders of the account that may still trade, for limits on the whole.
    `limits` were set by hand and stand in the place of the configuration's. `attempts` counts,
    per contract and target, orders of the last minutes that the broker ended short of it.
    """

    at: datetime
    positions: Mapping[ConId, int]
    unsettled: Sequence[Order] = ()
    working: Sequence[Order] = ()
    locks: Mapping[ConId | None, str] = field(default_factory=dict)  # None: the account
    halt: Halt | None = None
    previous: Mapping[Symbol, Previous] = field(default_factory=dict)
    sent_last_minute: int = 0
    sent_today: int = 0
    attempts: Mapping[tuple[ConId, int], int] = field(default_factory=dict)
    limits: Limits | None = None

    def lock_of(self, conid: ConId) -> str | None:
        """Say why the contract may not be traded, None where it may."""
        return self.locks.get(conid) or self.locks.get(None)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is decided by: the configuration, and what the gateway said a moment ago.

    `disputed` names contracts whose position is being looked into, and why; `warned` those that
    trade although the broker's position is another. `marks` are market prices of what is held.
    `limits` hold where the situation has none.
    """

    keep: Keep = Keep.WITHIN_TOLERANCE
    foreign_orders: ForeignOrders = ForeignOrders.COUNT
    foreign: Mapping[ConId, ForeignWork] = field(default_factory=dict)
    disputed: Mapping[ConId, str] = field(default_factory=dict)
    warned: Mapping[ConId, str] = field(default_factory=dict)
    limits: Limits = UNLIMITED
    marks: Mapping[ConId, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that is to be written down. `is_reducing`: towards zero, not through it."""

    side: Side
    quantity: int
    terms: Terms
    is_reducing: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What a goal comes to: a draft, a kept order, a refusal, a wait, or nothing to trade.

    `delta` = target - current position - working quantity - foreign quantity. While an order
    that does not fit is being cancelled the figures assume that nothing more of it fills.
    """

    goal: Goal
    current_pos: int
    working_qty: int = 0
    foreign_qty: int = 0
    delta: int = 0
    draft: Draft | None = None
    refusal: Refusal | None = None
    keeps: Order | None = None
    replaces: Order | None = None  # gives way: dropped where unsent, else cancelled
    waits_for: str | None = None
    again_at: datetime | None = None  # when the wait is over if nothing is heard
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

    @property
    def to_cancel(self) -> Sequence[Order]:
        """Orders that have left and stand in the way."""
        return [
            decision.replaces
            for decision in self.decisions
            if decision.replaces is not None and decision.waits_for is not None
        ]


def plan(goals: Iterable[Goal], situation: Situation, rules: Rules) -> Plan:
    """Return the orders that move every position to its target.

    One live order per contract: what works and reaches the target is kept, anything else ends
    first. So posting the same targets twice plans nothing. Without limits on the whole account
    the order of the goals does not matter.
    """
    wanted = list(goals)
    first = _first_rows(wanted)
    bench = _Bench(situation, rules)
    decisions = []
    for goal in wanted:
        decision = bench.decide(goal)
        if first[goal.contract.conid] != goal.seq:
            decision = _refused_twin(decision, first[goal.contract.conid])
        bench.take(decision)
        decisions.append(decision)
    return Plan(tuple(decisions))


def refusal_at_claim(order: Order, situation: Situation, rules: Rules) -> Refusal | None:
    """Judge a planned intent once more, at the moment it is claimed."""
    position = situation.positions.get(order.conid, 0)
    lock = situation.lock_of(order.conid)
    if lock is not None:
        return Refusal(ErrorCode.LOCKED, lock)
    reduces = is_reducing(position, order.side.sign * order.quantity)
    if situation.halt is not None and situation.halt.stops(is_reducing=reduces):
        return Refusal(ErrorCode.HALTED, situation.halt.words)
    wish = Wish(
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        limit_price=order.terms.limit_price,
        position=position,
        reference=order.reference_price,
    )
    return _Bench(situation, rules).breach(wish, order.conid)


def overtaken_at_claim(order: Order, situation: Situation, aim: int) -> Refusal | None:
    """Refuse a planned intent that does not lead from the position to `aim` any more.

    Since it was planned an order may have arrived late, or somebody have traded elsewhere: what
    was computed from the position of then would trade twice.
    """
    beside = [o for o in situation.unsettled if o.conid == order.conid and o.ref != order.ref]
    ends_at = situation.positions.get(order.conid, 0) + order.side.sign * order.quantity
    if ends_at == aim and not beside:
        return None
    words = f"the position in {order.symbol} changed after this order was planned: "
    return Refusal(ErrorCode.NOT_PLACED, f"{words}it was not sent; post the target again")


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
        send_before=goal.send_before,
        reference_price=goal.price(draft.side),
    )


class _Bench:
    """Decides goal by goal; what earlier goals drafted counts against the account's limits."""

    def __init__(self, situation: Situation, rules: Rules) -> None:
        self._situation = situation
        self._rules = rules
        self._drafted: dict[ConId, Decision] = {}
        self._unsettled: dict[ConId, list[Order]] = {}
        for order in situation.unsettled:
            self._unsettled.setdefault(order.conid, []).append(order)

    def take(self, decision: Decision) -> None:
        if decision.draft is not None:
            self._drafted[decision.goal.contract.conid] = decision

    def decide(self, goal: Goal) -> Decision:
        conid = goal.contract.conid
        position = self._situation.positions.get(conid, 0)
        unsettled = self._unsettled.get(conid, [])
        need = goal.target.quantity - position
        foreign = self._rules.foreign.get(conid, ForeignWork())
        counts = self._rules.foreign_orders is ForeignOrders.COUNT
        foreign_qty = foreign.towards(need) if counts else 0
        decision = Decision(
            goal,
            position,
            foreign_qty=foreign_qty,
            delta=need - foreign_qty,
            warnings=self._warnings(goal, foreign, foreign_qty),
        )
        return (
            self._barred(decision, unsettled, foreign)
            or self._held_up(decision, unsettled)
            or self._beside(decision, unsettled[0] if unsettled else None)
        )

    def _barred(
        self, decision: Decision, unsettled: Sequence[Order], foreign: ForeignWork
    ) -> Decision | None:
        """Refuse a target of a contract that may not be traded at all."""
        symbol = decision.goal.contract.symbol
        lock = self._situation.lock_of(decision.goal.contract.conid)
        if any(order.state is OrderState.QUARANTINED for order in unsettled):
            lock = f"what became of an earlier {symbol} order is for a person to say"
        if lock is None and foreign.orders and self._refuses_foreign:
            lock = f"{foreign.orders} orders placed elsewhere work on {symbol}"
        if lock is None:
            return None
        return _refused(decision, ErrorCode.LOCKED, lock)

    @property
    def _refuses_foreign(self) -> bool:
        return self._rules.foreign_orders is ForeignOrders.REFUSE

    def _held_up(self, decision: Decision, unsettled: Sequence[Order]) -> Decision | None:
        """Wait while it is not known what the position is."""
        symbol, conid = decision.goal.contract.symbol, decision.goal.contract.conid
        for order in unsettled:
            if order.state in UNRESOLVED:
                words = f"the outcome of an earlier {symbol} order is unknown"
                return replace(decision, waits_for=words)
            if order.is_late and not order.is_terminal:
                words = f"an earlier {symbol} order arrived late and is being cancelled"
                return replace(decision, waits_for=words)
            if order.is_terminal:
                words = f"an earlier {symbol} order is not settled"
                return replace(decision, waits_for=words, again_at=order.settles_at)
        if conid in self._rules.disputed:
            return replace(decision, waits_for=self._rules.disputed[conid])
        return None

    def _beside(self, decision: Decision, order: Order | None) -> Decision:
        """Decide where at most one order lives: keep it, or have it out of the way first."""
        if order is not None and self._keeps(decision, order):
            return replace(
                decision,
                keeps=order,
                working_qty=order.signed_leaves,
                delta=decision.delta - order.signed_leaves,
            )
        drafted = self._draft(decision) if decision.delta else decision
        if order is None or drafted.refusal is not None:
            return drafted
        if order.state is OrderState.PLANNED:
            return replace(drafted, replaces=order)
        return replace(
            decision,
            replaces=order,
            waits_for=f"an earlier {order.symbol} order is being cancelled",
        )

    def _keeps(self, decision: Decision, order: Order) -> bool:
        goal = decision.goal
        return (
            not order.cancel_asked
            and order.signed_leaves == decision.delta
            and fits(goal.target, order, goal.contract.ladder, self._rules.keep)
        )

    def _draft(self, decision: Decision) -> Decision:
        goal, side = decision.goal, Side.of(decision.delta)
        try:
            terms = terms_of(goal.target, side, goal.contract.ladder)
        except NoTick as error:
            words = f"{error}: raise expected_price or lower tolerance_pct"
            return _refused(decision, ErrorCode.REJECTED, words)
        reduces = is_reducing(decision.current_pos, decision.delta)
        halt = self._situation.halt
        if halt is not None and halt.stops(is_reducing=reduces):
            return _refused(decision, ErrorCode.HALTED, halt.words)
        wish = Wish(
            symbol=goal.contract.symbol,
            side=side,
            quantity=abs(decision.delta),
            limit_price=terms.limit_price,
            position=decision.current_pos,
            reference=goal.price(side),
            reference_is=goal.price_words(side, self._situation.at),
            also_working=self._foreign_on(side, goal.contract.conid),
        )
        refusal = self.breach(wish, goal.contract.conid, goal.target.quantity)
        if refusal is not None:
            return replace(decision, refusal=refusal)
        draft = Draft(side, abs(decision.delta), terms, is_reducing=reduces)
        return replace(decision, draft=draft)

    def _foreign_on(self, side: Side, conid: ConId) -> int:
        """Return the shares of orders placed elsewhere that trade the same way, signed."""
        foreign = self._rules.foreign.get(conid, ForeignWork())
        return foreign.buying if side is Side.BUY else -foreign.selling

    @property
    def limits(self) -> Limits:
        """The limits that hold: those set by hand, else the configuration's."""
        by_hand = self._situation.limits
        return self._rules.limits if by_hand is None else by_hand

    def breach(self, wish: Wish, conid: ConId, target: int | None = None) -> Refusal | None:
        """Return the refusal of an order beyond a limit, in the worst case.

        Without its `target` attempts are not judged: with one live order per contract there is
        no further one between planning and claiming.
        """
        limits = self.limits
        if limits == UNLIMITED:
            return None
        gross = None if limits.max_gross_notional is None else self._gross_without(conid)
        book = Book(
            gross_notional_of_others=gross,
            orders_last_minute=self._situation.sent_last_minute + len(self._drafted),
            orders_today=self._situation.sent_today + len(self._drafted),
            attempts=0 if target is None else self._situation.attempts.get((conid, target), 0),
        )
        words = judge(limits, wish, book)
        return None if words is None else Refusal(ErrorCode.LIMIT, words)

    def _gross_without(self, conid: ConId) -> Decimal | None:
        """Return what the other contracts are worth at most; None where a price is unknown."""
        total = Decimal(0)
        for other, shares in self._worst_shares().items():
            if other == conid or not shares:
                continue
            price = self._rules.marks.get(other) or self._drafted_price(other)
            if price is None:
                return None
            total += shares * price
        return total

    def _worst_shares(self) -> dict[ConId, int]:
        """Return per contract the largest holding, long or short, that may come of it."""
        worst = {conid: abs(shares) for conid, shares in self._situation.positions.items()}
        moves = [(o.conid, o.signed_leaves) for o in self._situation.working]
        moves += [(conid, d.delta) for conid, d in self._drafted.items()]
        for conid, move in moves:
            after = abs(self._situation.positions.get(conid, 0) + move)
            worst[conid] = max(worst.get(conid, 0), after)
        return worst

    def _drafted_price(self, conid: ConId) -> Decimal | None:
        drafted = self._drafted.get(conid)
        if drafted is not None and drafted.draft is not None:
            return drafted.draft.terms.limit_price or drafted.goal.price(drafted.draft.side)
        working = (o for o in self._situation.working if o.conid == conid)
        prices = (o.terms.limit_price or o.reference_price for o in working)
        return next((price for price in prices if price is not None), None)

    def _warnings(self, goal: Goal, foreign: ForeignWork, foreign_qty: int) -> tuple[str, ...]:
        warnings = list(price_warnings(goal.target))
        if foreign.orders:
            counted = f"; {abs(foreign_qty)} shares counted" if foreign_qty else ""
            warnings.append(f"{foreign.orders} orders placed elsewhere work here{counted}")
        warning = self._rules.warned.get(goal.contract.conid)
        if warning is not None:
            warnings.append(warning)
        before = self._situation.previous.get(goal.target.symbol)
        if (
            before is not None
            and before.client != goal.client
            and self._situation.at - before.set_at <= REPLACING_WARNED_FOR
        ):
            warnings.append(
                f"replaces the target that {before.client} set at {before.set_at.isoformat()}"
            )
        return tuple(warnings)


def _first_rows(goals: Iterable[Goal]) -> Mapping[ConId, int]:
    """Return per contract the first row that names it: two spellings may mean the same."""
    first: dict[ConId, int] = {}
    for goal in goals:
        first[goal.contract.conid] = min(first.get(goal.contract.conid, goal.seq), goal.seq)
    return first


def _refused(decision: Decision, code: ErrorCode, words: str) -> Decision:
    return replace(decision, refusal=Refusal(code, words))


def _refused_twin(decision: Decision, first: int) -> Decision:
    words = f"{decision.goal.target.symbol} is the same contract as orders[{first}]"
    return replace(
        decision,
        draft=None,
        keeps=None,
        replaces=None,
        waits_for=None,
        refusal=Refusal(ErrorCode.REJECTED, words),
    )


def _rank(decision: Decision) -> tuple[bool, bool, int]:
    assert decision.draft is not None
    draft = decision.draft
    return not draft.is_reducing, draft.side is Side.BUY, decision.goal.seq
