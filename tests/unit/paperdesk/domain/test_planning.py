"""From targets to orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import AAPL, ACCOUNT, MSFT, NOW, make_goal, make_order, make_target
from paperdesk.domain.batch import ErrorCode
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.planning import Goal, Plan, intent_of, plan
from paperdesk.domain.position import is_reducing
from paperdesk.domain.vocabulary import BatchId, ConId, Side

conids = st.integers(1, 8).map(ConId)
quantities = st.integers(-500, 500)
books = st.dictionaries(conids, quantities)
goal_lists = st.lists(
    st.tuples(conids, quantities), unique_by=lambda pair: pair[0], max_size=8
).map(
    lambda pairs: [
        make_goal(quantity, seq=seq, conid=conid) for seq, (conid, quantity) in enumerate(pairs)
    ]
)


def orders_of(planned: Plan) -> list[Order]:
    batch = BatchId("a1b2c3d4e5f67890")
    return [
        replace(intent_of(decision, batch, ACCOUNT, at=NOW), state=OrderState.WORKING)
        for decision in planned.to_send
    ]


@given(goal_lists, books)
def test_filling_the_plan_reaches_every_target(
    goals: Sequence[Goal], book: dict[ConId, int]
) -> None:
    after = dict(book)
    for order in orders_of(plan(goals, book, [])):
        after[order.conid] = after.get(order.conid, 0) + order.side.sign * order.quantity

    for goal in goals:
        assert after.get(goal.contract.conid, 0) == goal.target.quantity


@given(goal_lists, books, st.data())
def test_the_same_targets_while_orders_work_plan_nothing(
    goals: Sequence[Goal], book: dict[ConId, int], data: st.DataObject
) -> None:
    working, now_held = [], dict(book)
    for order in orders_of(plan(goals, book, [])):
        filled = data.draw(st.integers(0, order.quantity - 1))
        working.append(replace(order, filled_qty=filled, executed_qty=filled))
        now_held[order.conid] = now_held.get(order.conid, 0) + order.side.sign * filled

    again = plan(goals, now_held, working)

    assert all(decision.delta == 0 for decision in again.decisions)
    assert all(decision.refusal is None for decision in again.decisions)
    assert again.to_send == []


@given(goal_lists, books, st.randoms(use_true_random=False))
def test_the_order_of_the_targets_is_irrelevant(
    goals: list[Goal], book: dict[ConId, int], random: object
) -> None:
    shuffled = list(goals)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def by_seq(planned: Plan) -> dict[int, object]:
        return {decision.goal.seq: decision for decision in planned.decisions}

    assert by_seq(plan(goals, book, [])) == by_seq(plan(shuffled, book, []))
    assert plan(goals, book, []).to_send == plan(shuffled, book, []).to_send


@pytest.mark.parametrize(
    ("position", "target", "side", "quantity"),
    [
        (50, 100, Side.BUY, 50),
        (100, 0, Side.SELL, 100),
        (20, -30, Side.SELL, 50),
        (-30, 20, Side.BUY, 50),
        (0, -10, Side.SELL, 10),
    ],
)
def test_the_difference_is_traded_in_one_order(
    position: int, target: int, side: Side, quantity: int
) -> None:
    (decision,) = plan([make_goal(target)], {AAPL: position}, []).decisions

    assert decision.draft is not None
    assert (decision.draft.side, decision.draft.quantity) == (side, quantity)
    assert decision.delta == target - position


def test_a_reached_target_plans_nothing() -> None:
    (decision,) = plan([make_goal(100)], {AAPL: 100}, []).decisions

    assert decision.delta == 0
    assert decision.draft is None


@pytest.mark.parametrize(
    ("position", "delta", "answer"),
    [
        (10, -10, True),
        (10, -4, True),
        (-5, 5, True),
        (10, -11, False),
        (10, 1, False),
        (0, 3, False),
    ],
)
def test_reducing_is_towards_zero_and_not_through_it(
    position: int,
    delta: int,
    answer: bool,  # noqa: FBT001
) -> None:
    assert is_reducing(position, delta) is answer


def test_reducing_orders_leave_first_then_sells_then_buys() -> None:
    buy, sell, cover, flip = (ConId(n) for n in (1, 2, 3, 4))
    goals = [
        make_goal(10, seq=0, conid=buy),
        make_goal(-10, seq=1, conid=sell),
        make_goal(-5, seq=2, conid=flip),
        make_goal(0, seq=3, conid=cover),
    ]

    planned = plan(goals, {cover: -7, flip: 5}, [])

    assert [decision.goal.seq for decision in planned.to_send] == [3, 1, 2, 0]


def test_a_different_target_beside_a_working_order_is_refused() -> None:
    planned = plan([make_goal(50)], {}, [make_order(quantity=100)])

    assert planned.decisions[0].refusal is not None
    assert planned.decisions[0].working_qty == 100
    assert planned.to_send == []


def test_the_same_quantity_on_other_terms_is_refused() -> None:
    goal = make_goal(target=make_target(limit="151.00"))

    planned = plan([goal], {}, [make_order(limit="150.00")])

    assert planned.decisions[0].refusal is not None


def test_a_target_waits_for_an_unknown_outcome() -> None:
    planned = plan([make_goal(50)], {}, [make_order(state=OrderState.UNKNOWN)])

    assert planned.decisions[0].waits_for is not None
    assert planned.to_send == []


def test_a_target_waits_for_executions_that_are_not_in() -> None:
    ended = make_order(state=OrderState.CANCELLED, broker_filled=10, ended_at=NOW)

    planned = plan([make_goal(50)], {}, [ended])

    assert planned.decisions[0].waits_for is not None


def test_a_working_order_of_another_contract_does_not_matter() -> None:
    planned = plan([make_goal(50)], {}, [make_order(conid=MSFT)])

    assert planned.decisions[0].draft is not None


def test_a_price_that_no_tick_can_hold_is_refused_with_advice() -> None:
    goal = make_goal(target=make_target(expected="0.00005", tolerance="0"))

    planned = plan([goal], {}, [])

    refusal = planned.decisions[0].refusal
    assert refusal is not None
    assert refusal.code is ErrorCode.REJECTED
    assert "expected_price" in refusal.words


def test_two_spellings_of_one_contract_are_one_order() -> None:
    planned = plan([make_goal(50, seq=0), make_goal(70, seq=1)], {}, [])

    assert [decision.goal.seq for decision in planned.to_send] == [0]
    refusal = planned.decisions[1].refusal
    assert refusal is not None
    assert "orders[0]" in refusal.words


def test_terms_that_have_no_price_fit_no_working_order() -> None:
    goal = make_goal(target=make_target(expected="0.00005", tolerance="0"))

    planned = plan([goal], {}, [make_order(limit="0.0001")])

    assert planned.decisions[0].refusal is not None


def test_an_intent_carries_the_reference_of_its_row() -> None:
    (decision,) = plan([make_goal(50, seq=7)], {}, []).decisions

    intent = intent_of(decision, BatchId("a1b2c3d4e5f67890"), ACCOUNT, at=NOW)

    assert intent.ref == "pd-a1b2c3d4e5f67890-7"
    assert len(intent.ref) <= 32
    assert intent.state is OrderState.PLANNED
