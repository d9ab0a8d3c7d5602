"""What holds of every plan, whatever is held, works, is locked or halted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from makers import (
    ACCOUNT,
    NOW,
    make_goal,
    make_halt,
    make_order,
    make_situation,
    make_target,
    seconds,
)
from paperdesk.domain.limits import UNLIMITED, Limits
from paperdesk.domain.order import Order, OrderState, Terms
from paperdesk.domain.planning import (
    Decision,
    ForeignWork,
    Goal,
    Plan,
    Rules,
    Situation,
    intent_of,
    plan,
    refusal_at_claim,
)
from paperdesk.domain.pricing import Reference
from paperdesk.domain.vocabulary import (
    BatchId,
    ConId,
    ForeignOrders,
    HaltMode,
    Keep,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
)

BATCH = BatchId("a1b2c3d4e5f67890")
PLAIN = Rules()
CONIDS = [ConId(n) for n in range(1, 5)]
# Few and close values, so that what works often is what is wanted.
shares = st.integers(-4, 4).map(lambda n: 50 * n)
terms = st.sampled_from(
    [
        Terms(OrderType.MKT),
        Terms(OrderType.LMT, Decimal("150.00")),
        Terms(OrderType.LMT, Decimal("150.40")),
        Terms(OrderType.LMT, Decimal("150.75"), TimeInForce.GTC),
        Terms(OrderType.MKT, None, TimeInForce.IOC),
    ]
)
prices = st.sampled_from(
    [
        {},
        {"expected": "150.00"},
        {"expected": "150.00", "tolerance": "0.5"},
        {"limit": "150.00"},
        {"expected": "0.00005", "tolerance": "0"},
    ]
)
books = st.dictionaries(st.sampled_from(CONIDS), shares)
limit_sets = st.builds(
    Limits,
    max_order_quantity=st.none() | st.sampled_from([50, 100]),
    max_order_notional=st.none() | st.just(Decimal(15_000)),
    max_position_notional=st.none() | st.just(Decimal(15_000)),
    max_gross_notional=st.none() | st.sampled_from([Decimal(30_000), Decimal(45_000)]),
    max_orders_per_minute=st.none() | st.integers(1, 3),
    allow_short=st.booleans(),
    symbols=st.none() | st.just(frozenset({Symbol("S1"), Symbol("S2")})),
)
halts = st.none() | st.sampled_from(HaltMode).map(make_halt)
lock_sets = st.dictionaries(st.sampled_from([*CONIDS, None]), st.just("a break"), max_size=1)
foreign_works = st.dictionaries(
    st.sampled_from(CONIDS),
    st.builds(
        ForeignWork,
        buying=st.integers(0, 120),
        selling=st.integers(0, 120),
        orders=st.integers(1, 3),
    ),
)


def goal_of(seq: int, conid: ConId, quantity: int, price: Mapping[str, str]) -> Goal:
    """Return a goal; all contracts trade at 150."""
    goal = make_goal(quantity, seq=seq, conid=conid)
    return replace(
        goal,
        target=make_target(goal.contract.symbol, quantity, **price),  # type: ignore[arg-type]
        reference=Reference(Decimal(150), Decimal(150)),
    )


@st.composite
def goal_lists(draw: st.DrawFn, *, with_twins: bool = False) -> list[Goal]:
    conids = draw(st.lists(st.sampled_from(CONIDS), unique=not with_twins, max_size=6))
    return [goal_of(seq, conid, draw(shares), draw(prices)) for seq, conid in enumerate(conids)]


@st.composite
def orders_on(draw: st.DrawFn, conid: ConId) -> Order:
    """Return an older order on a contract, in any state."""
    order = make_order(
        batch="b1b2c3d4e5f67890",
        seq=conid,
        conid=conid,
        side=draw(st.sampled_from(Side)),
        quantity=draw(st.sampled_from([50, 100, 150])),
        filled=draw(st.sampled_from([0, 0, 10])),
        state=draw(st.sampled_from(OrderState)),
        broker_filled=draw(st.sampled_from([0, 0, 20])),
        cancel_asked=draw(st.booleans()),
        ended_at=NOW - seconds(draw(st.sampled_from([0.5, 2]))),
    )
    return replace(order, terms=draw(terms), is_late=draw(st.booleans()))


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    busy = draw(st.lists(st.sampled_from(CONIDS), unique=True))
    return make_situation(
        draw(books),
        *(draw(orders_on(conid)) for conid in busy),
        locks=draw(lock_sets),
        halt=draw(halts),
        sent_last_minute=draw(st.integers(0, 2)),
    )


rule_sets = st.builds(
    Rules,
    keep=st.sampled_from(Keep),
    foreign_orders=st.sampled_from(ForeignOrders),
    foreign=foreign_works,
    disputed=st.dictionaries(st.sampled_from(CONIDS), st.just("disputed"), max_size=1),
    limits=limit_sets,
    marks=st.just(dict.fromkeys(CONIDS, Decimal(150))),
)


def intents(planned: Plan) -> list[Order]:
    return [
        intent_of(decision, BATCH, ACCOUNT, at=NOW)
        for decision in planned.decisions
        if decision.draft is not None
    ]


def applied(planned: Plan, situation: Situation) -> Situation:
    """Return the situation once the ledger wrote the plan and the sender sent all of it."""
    orders = {order.ref: order for order in situation.unsettled}
    for decision in planned.decisions:
        if decision.refusal is None and decision.replaces is not None:
            ref = decision.replaces.ref
            if decision.replaces.state is OrderState.PLANNED:
                del orders[ref]
            else:
                orders[ref] = replace(orders[ref], cancel_asked=True)
    sent = [replace(order, state=OrderState.WORKING) for order in intents(planned)]
    unsettled = [*orders.values(), *sent]
    working = [order for order in unsettled if not order.is_terminal]
    return replace(situation, unsettled=unsettled, working=working)


def live(situation: Situation) -> Counter[ConId]:
    return Counter(order.conid for order in situation.unsettled if not order.is_terminal)


@given(goal_lists(), books)
def test_filling_the_plan_reaches_every_target(
    goals: Sequence[Goal], book: dict[ConId, int]
) -> None:
    planned = plan(goals, make_situation(book), PLAIN)
    after = dict(book)
    for order in intents(planned):
        after[order.conid] = after.get(order.conid, 0) + order.side.sign * order.quantity

    for decision in planned.decisions:
        if decision.refusal is None:
            goal = decision.goal
            assert after.get(goal.contract.conid, 0) == goal.target.quantity


@given(goal_lists(with_twins=True), situations(), rule_sets)
def test_the_delta_is_what_is_missing(
    goals: Sequence[Goal], situation: Situation, rules: Rules
) -> None:
    for decision in plan(goals, situation, rules).decisions:
        conid = decision.goal.contract.conid

        assert decision.current_pos == situation.positions.get(conid, 0)
        assert decision.delta == (
            decision.goal.target.quantity
            - decision.current_pos
            - decision.working_qty
            - decision.foreign_qty
        )
        if decision.draft is not None:
            assert decision.draft.side.sign * decision.draft.quantity == decision.delta


@given(goal_lists(with_twins=True), situations(), rule_sets)
def test_every_goal_comes_to_one_thing(
    goals: Sequence[Goal], situation: Situation, rules: Rules
) -> None:
    planned = plan(goals, situation, rules)

    assert [decision.goal for decision in planned.decisions] == goals
    for decision in planned.decisions:
        ways = (decision.draft, decision.keeps, decision.refusal, decision.waits_for)
        come_to = [way for way in ways if way is not None]
        assert len(come_to) == 1 or (come_to == [] and decision.delta == 0)
        if decision.replaces is not None:
            assert decision.refusal is None
            unsent = decision.replaces.state is OrderState.PLANNED
            assert unsent is (decision.waits_for is None)


@given(goal_lists(with_twins=True), situations(), rule_sets)
def test_there_are_never_two_live_orders_on_one_contract(
    goals: Sequence[Goal], situation: Situation, rules: Rules
) -> None:
    after = applied(plan(goals, situation, rules), situation)

    assert all(count == 1 for count in live(after).values())


@given(goal_lists(with_twins=True), situations(), rule_sets)
def test_nothing_is_planned_beside_an_order_that_was_sent(
    goals: Sequence[Goal], situation: Situation, rules: Rules
) -> None:
    stands = {o.conid for o in situation.unsettled if o.state is not OrderState.PLANNED}

    assert not stands & {order.conid for order in intents(plan(goals, situation, rules))}


@given(goal_lists(), situations(), rule_sets)
def test_the_same_targets_again_plan_nothing(
    goals: Sequence[Goal], situation: Situation, rules: Rules
) -> None:
    first = plan(goals, situation, rules)
    after = applied(first, situation)

    again = plan(goals, after, rules)

    assert again.to_send == []
    assert {o.ref for o in again.to_cancel} == {o.ref for o in first.to_cancel}
    for before, now in zip(first.decisions, again.decisions, strict=True):
        if before.draft is not None:
            assert now.keeps is not None
            assert now.delta == 0
            assert now.working_qty == before.delta
        else:
            assert _outcome(now) == _outcome(before)


def _outcome(decision: Decision) -> tuple[object, ...]:
    return (
        decision.delta,
        decision.keeps,
        decision.refusal and decision.refusal.code,
        decision.waits_for,
    )


@given(goal_lists(), books, st.data())
def test_the_same_targets_while_orders_fill_plan_nothing(
    goals: Sequence[Goal], book: dict[ConId, int], data: st.DataObject
) -> None:
    working, now_held = [], dict(book)
    for order in intents(plan(goals, make_situation(book), PLAIN)):
        filled = data.draw(st.integers(0, order.quantity - 1))
        sent = replace(order, state=OrderState.WORKING)
        working.append(replace(sent, filled_qty=filled, executed_qty=filled))
        now_held[order.conid] = now_held.get(order.conid, 0) + order.side.sign * filled

    again = plan(goals, make_situation(now_held, *working), PLAIN)

    kept = [decision for decision in again.decisions if decision.keeps is not None]
    assert len(kept) == len(working)
    assert all(decision.delta == 0 for decision in kept)
    assert again.to_send == []
    assert again.to_cancel == []


@given(goal_lists(with_twins=True), situations(), rule_sets, st.data())
def test_without_limits_the_order_of_the_targets_is_irrelevant(
    goals: list[Goal], situation: Situation, rules: Rules, data: st.DataObject
) -> None:
    free = replace(rules, limits=UNLIMITED)
    shuffled = data.draw(st.permutations(goals))

    one, other = plan(goals, situation, free), plan(shuffled, situation, free)

    assert {d.goal.seq: d for d in one.decisions} == {d.goal.seq: d for d in other.decisions}
    assert one.to_send == other.to_send


@given(goal_lists(), books, rule_sets)
def test_what_leaves_first_reduces_and_sells_before_buys(
    goals: Sequence[Goal], book: dict[ConId, int], rules: Rules
) -> None:
    drafts = [d.draft for d in plan(goals, make_situation(book), rules).to_send]
    ranks = [(not d.is_reducing, d.side is Side.BUY) for d in drafts if d is not None]

    assert ranks == sorted(ranks)


@given(st.sampled_from(CONIDS), shares, prices, books, st.tuples(halts, lock_sets), limit_sets)
def test_the_judgement_at_the_claim_is_the_one_of_the_plan(
    conid: ConId,
    quantity: int,
    price: Mapping[str, str],
    book: dict[ConId, int],
    stops: tuple[object, dict[ConId | None, str]],
    limits: Limits,
) -> None:
    goals = [goal_of(0, conid, quantity, price)]
    wanted = intents(plan(goals, make_situation(book), PLAIN))
    assume(wanted)
    halt, locks = stops
    situation = replace(make_situation(book, locks=locks), halt=halt)  # type: ignore[arg-type]
    rules = Rules(limits=limits, marks=dict.fromkeys(CONIDS, Decimal(150)))

    (decision,) = plan(goals, situation, rules).decisions

    assert refusal_at_claim(wanted[0], situation, rules) == decision.refusal


@given(goal_lists(), books, limit_sets)
def test_what_was_planned_within_limits_is_claimed_within_them(
    goals: Sequence[Goal], book: dict[ConId, int], limits: Limits
) -> None:
    # An order's own price differs from the mark of its contract, and either may value it.
    wanted = [goal_of(g.seq, g.contract.conid, g.target.quantity, {}) for g in goals]
    rules = Rules(limits=limits, marks=dict.fromkeys(CONIDS, Decimal(150)))
    situation = make_situation(book)
    planned = intents(plan(wanted, situation, rules))
    before = replace(situation, unsettled=planned, working=planned)

    for count, order in enumerate(planned):
        now = replace(before, sent_last_minute=count)
        assert refusal_at_claim(order, now, rules) is None
