"""From targets to orders, case by case; what always holds is in test_planning_properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from makers import (
    AAPL,
    ACCOUNT,
    MSFT,
    NOW,
    SEND_BEFORE,
    make_goal,
    make_halt,
    make_order,
    make_situation,
    make_target,
    seconds,
)
from paperdesk.domain.batch import ErrorCode, Refusal
from paperdesk.domain.limits import Limits
from paperdesk.domain.order import Order, OrderState, Terms
from paperdesk.domain.planning import (
    REPLACING_WARNED_FOR,
    Decision,
    ForeignWork,
    Goal,
    Previous,
    Rules,
    Situation,
    intent_of,
    overtaken_at_claim,
    plan,
    refusal_at_claim,
)
from paperdesk.domain.pricing import Reference
from paperdesk.domain.vocabulary import (
    BatchId,
    ClientName,
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
UNSENT = OrderState.PLANNED
SENT = [OrderState.SENDING, OrderState.WORKING]


def decide(goal: Goal, situation: Situation, rules: Rules = PLAIN) -> Decision:
    (decision,) = plan([goal], situation, rules).decisions
    return decision


def beside(order: Order, target: int, position: int = 0, rules: Rules = PLAIN) -> Decision:
    """Decide on a plain target of AAPL where `order` lives."""
    return decide(make_goal(target), make_situation({AAPL: position}, order), rules)


def outcomes(decision: Decision) -> set[str]:
    """Return the names of all that was decided."""
    names = ("draft", "keeps", "replaces", "waits_for", "refusal")
    return {name for name in names if getattr(decision, name) is not None}


def refused(decision: Decision) -> Refusal:
    """Return why, where nothing else was decided."""
    assert decision.refusal is not None
    assert outcomes(decision) == {"refusal"}
    return decision.refusal


# -- the difference ------------------------------------------------------------------------
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
def test_the_difference_is_traded_in_one_order_through_zero_too(
    position: int, target: int, side: Side, quantity: int
) -> None:
    decision = decide(make_goal(target), make_situation({AAPL: position}))

    assert decision.draft is not None
    assert (decision.draft.side, decision.draft.quantity) == (side, quantity)
    assert (decision.current_pos, decision.delta) == (position, target - position)


def test_a_reached_target_plans_nothing() -> None:
    goal = make_goal(100)

    assert decide(goal, make_situation({AAPL: 100})) == Decision(goal, current_pos=100)


def test_frames_leave_reducing_first_then_sells_then_buys() -> None:
    buy, sell, cover, flip = (ConId(n) for n in (1, 2, 3, 4))
    goals = [
        make_goal(10, seq=0, conid=buy),
        make_goal(-10, seq=1, conid=sell),
        make_goal(-5, seq=2, conid=flip),
        make_goal(0, seq=3, conid=cover),
    ]

    planned = plan(goals, make_situation({cover: -7, flip: 5}), PLAIN)

    assert [decision.goal.seq for decision in planned.to_send] == [3, 1, 2, 0]


def test_an_order_of_another_contract_does_not_matter() -> None:
    decision = decide(make_goal(50), make_situation({}, make_order(conid=MSFT)))

    assert decision.draft is not None


def test_a_price_that_no_tick_can_hold_is_refused_with_advice() -> None:
    goal = make_goal(target=make_target(expected="0.00005", tolerance="0"))

    for orders in ((), (make_order(limit="0.0001"),)):
        refusal = refused(decide(goal, make_situation({}, *orders)))
        assert refusal.code is ErrorCode.REJECTED
        assert "raise expected_price or lower tolerance_pct" in refusal.words


# -- keep ----------------------------------------------------------------------------------
@pytest.mark.parametrize("state", [UNSENT, *SENT])
@pytest.mark.parametrize(("side", "target"), [(Side.BUY, 150), (Side.SELL, -50)])
def test_an_order_that_reaches_the_target_is_kept(
    state: OrderState, side: Side, target: int
) -> None:
    order = make_order(side=side, quantity=100, state=state)

    decision = beside(order, target, position=50)

    assert decision.keeps is order
    assert decision.working_qty == side.sign * 100
    assert decision.delta == 0
    assert outcomes(decision) == {"keeps"}


def test_what_an_order_has_filled_counts_as_position_and_the_rest_as_working() -> None:
    order = make_order(quantity=100, filled=40)

    decision = beside(order, 100, position=40)

    assert decision.keeps is order
    assert decision.working_qty == 60


@pytest.mark.parametrize(
    "order",
    [
        make_order(quantity=99),
        make_order(quantity=101),
        make_order(quantity=100, side=Side.SELL),
        make_order(quantity=100, filled=1),
        make_order(quantity=100, cancel_asked=True),
        make_order(quantity=100, limit="150.00"),
    ],
    ids=["less", "more", "other side", "fewer leaves", "cancel asked", "other price"],
)
def test_an_order_that_leads_elsewhere_gives_way(order: Order) -> None:
    decision = beside(order, 100)

    assert decision.keeps is None
    assert decision.replaces is order
    assert decision.working_qty == 0


@pytest.mark.parametrize(
    ("terms", "is_kept"),
    [
        (Terms(OrderType.LMT, Decimal("150.40"), TimeInForce.GTC, outside_rth=True), True),
        (Terms(OrderType.LMT, Decimal("150.76"), TimeInForce.GTC, outside_rth=True), False),
        (Terms(OrderType.LMT, Decimal("150.40"), TimeInForce.DAY, outside_rth=True), False),
        (Terms(OrderType.LMT, Decimal("150.40"), TimeInForce.GTC, outside_rth=False), False),
        (Terms(OrderType.MKT, None, TimeInForce.GTC, outside_rth=True), False),
    ],
)
def test_only_fitting_terms_are_kept(
    terms: Terms,
    is_kept: bool,  # noqa: FBT001
) -> None:
    target = make_target(
        expected="150.00", tolerance="0.5", tif=TimeInForce.GTC, outside_rth=True
    )
    order = replace(make_order(), terms=terms)

    decision = decide(make_goal(target=target), make_situation({}, order))

    assert (decision.keeps is order) is is_kept
    assert (decision.replaces is order) is not is_kept


def test_exact_keeps_no_other_price_within_the_tolerance() -> None:
    goal = make_goal(target=make_target(expected="150.00", tolerance="0.5"))
    near, equal = make_order(limit="150.40"), make_order(limit="150.75")
    exact = Rules(keep=Keep.EXACT)

    assert decide(goal, make_situation({}, near)).keeps is near
    assert decide(goal, make_situation({}, near), exact).keeps is None
    assert decide(goal, make_situation({}, equal), exact).keeps is equal


# -- giving way ----------------------------------------------------------------------------
def test_an_unsent_order_gives_way_at_once() -> None:
    order = make_order(state=UNSENT)

    decision = beside(order, 50)

    assert outcomes(decision) == {"draft", "replaces"}
    assert decision.replaces is order
    assert decision.draft is not None
    assert decision.draft.quantity == 50


@pytest.mark.parametrize("state", SENT)
def test_a_sent_order_is_cancelled_first_and_nothing_goes_beside_it(state: OrderState) -> None:
    order = make_order(state=state, filled=10)

    planned = plan([make_goal(50)], make_situation({AAPL: 10}, order), PLAIN)

    (decision,) = planned.decisions
    assert decision.replaces is order
    assert decision.waits_for == "an earlier AAPL order is being cancelled"
    assert decision.delta == 40, "as if nothing more of it filled"
    assert planned.to_send == []
    assert planned.to_cancel == [order]


def test_a_target_that_is_reached_while_an_order_works_cancels_the_order() -> None:
    sent, unsent = beside(make_order(), 0), beside(make_order(state=UNSENT), 0)

    assert outcomes(sent) == {"replaces", "waits_for"}
    assert outcomes(unsent) == {"replaces"}
    assert (sent.delta, unsent.delta) == (0, 0)


def test_only_what_was_sent_has_to_be_cancelled() -> None:
    sent = make_order(conid=AAPL)
    orders = (sent, make_order(conid=MSFT, state=UNSENT))
    goals = [make_goal(50), make_goal(50, seq=1, conid=MSFT)]

    planned = plan(goals, make_situation({}, *orders), PLAIN)

    assert planned.to_cancel == [sent]
    assert [decision.goal.seq for decision in planned.to_send] == [1]


# -- waiting -------------------------------------------------------------------------------
ENDED = make_order(state=OrderState.CANCELLED, ended_at=NOW)


@pytest.mark.parametrize(
    ("order", "words", "again_at"),
    [
        (
            make_order(state=OrderState.UNKNOWN),
            "the outcome of an earlier AAPL order is unknown",
            None,
        ),
        (
            replace(make_order(cancel_asked=True), is_late=True),
            "an earlier AAPL order arrived late and is being cancelled",
            None,
        ),
        (ENDED, "an earlier AAPL order is not settled", NOW + seconds(1)),
        (replace(ENDED, is_late=True), "an earlier AAPL order is not settled", NOW + seconds(1)),
        (replace(ENDED, broker_filled=10), "an earlier AAPL order is not settled", None),
        (
            make_order(state=OrderState.FILLED, filled=40, broker_filled=41),
            "an earlier AAPL order is not settled",
            None,
        ),
    ],
)  # fmt: skip
def test_a_target_waits_while_the_position_is_not_known(
    order: Order, words: str, again_at: object
) -> None:
    decision = beside(order, 50)

    assert decision.waits_for == words
    assert decision.again_at == again_at
    assert outcomes(decision) == {"waits_for"}


def test_a_target_waits_for_each_of_several_orders() -> None:
    orders = (make_order(state=UNSENT), make_order(seq=1, state=OrderState.UNKNOWN))

    decision = decide(make_goal(50), make_situation({}, *orders))

    assert decision.waits_for is not None
    assert decision.replaces is None


def test_a_target_waits_while_the_position_is_disputed() -> None:
    rules = Rules(disputed={AAPL: "the broker's position is 5, ours is 0"})

    decision = decide(make_goal(50), make_situation(), rules)

    assert decision.waits_for == "the broker's position is 5, ours is 0"
    assert beside(make_order(), 100, rules=rules).keeps is None


# -- locked --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (make_situation({}, locks={AAPL: "a break"}), "a break"),
        (make_situation({}, locks={None: "all of it"}), "all of it"),
        (make_situation({}, locks={AAPL: "a break", None: "all of it"}), "a break"),
        (
            make_situation({}, make_order(state=OrderState.QUARANTINED)),
            "what became of an earlier AAPL order is for a person to say",
        ),
    ],
)
@pytest.mark.parametrize("target", [0, 50])
def test_a_locked_contract_is_refused_at_once(
    situation: Situation, words: str, target: int
) -> None:
    assert refused(decide(make_goal(target), situation)) == Refusal(ErrorCode.LOCKED, words)


@pytest.mark.parametrize("state", [UNSENT, *SENT, OrderState.UNKNOWN])
def test_a_lock_wins_over_a_wait_and_leaves_the_order_alone(state: OrderState) -> None:
    situation = make_situation({}, make_order(state=state), locks={AAPL: "a break"})

    assert refused(decide(make_goal(50), situation)).code is ErrorCode.LOCKED


def test_the_lock_of_another_contract_does_not_matter() -> None:
    assert decide(make_goal(50), make_situation({}, locks={MSFT: "a break"})).draft is not None


# -- orders placed elsewhere ---------------------------------------------------------------
@pytest.mark.parametrize(
    ("position", "target", "work", "foreign_qty", "delta"),
    [
        (0, 100, ForeignWork(buying=30, orders=1), 30, 70),
        (0, 100, ForeignWork(buying=100, orders=1), 100, 0),
        (0, 100, ForeignWork(buying=130, orders=2), 100, 0),
        (0, 100, ForeignWork(selling=30, orders=1), 0, 100),
        (0, 100, ForeignWork(buying=30, selling=50, orders=2), 30, 70),
        (100, 0, ForeignWork(selling=30, orders=1), -30, -70),
        (100, 0, ForeignWork(selling=130, orders=1), -100, 0),
        (100, 0, ForeignWork(buying=30, orders=1), 0, -100),
        (20, -30, ForeignWork(selling=30, orders=1), -30, -20),
        (100, 100, ForeignWork(buying=30, selling=30, orders=2), 0, 0),
        (0, 100, ForeignWork(orders=1), 0, 100),
    ],
)
def test_foreign_orders_lessen_our_trade_on_its_own_side_only(
    position: int, target: int, work: ForeignWork, foreign_qty: int, delta: int
) -> None:
    decision = decide(
        make_goal(target), make_situation({AAPL: position}), Rules(foreign={AAPL: work})
    )

    assert (decision.foreign_qty, decision.delta) == (foreign_qty, delta)
    assert (decision.draft is None) is (delta == 0)
    counted = f"; {abs(foreign_qty)} shares counted" if foreign_qty else ""
    assert decision.warnings == (f"{work.orders} orders placed elsewhere work here{counted}",)


def test_foreign_orders_that_are_ignored_are_warned_of() -> None:
    rules = Rules(
        foreign_orders=ForeignOrders.IGNORE, foreign={AAPL: ForeignWork(buying=30, orders=1)}
    )

    decision = decide(make_goal(100), make_situation(), rules)

    assert (decision.foreign_qty, decision.delta) == (0, 100)
    assert decision.warnings == ("1 orders placed elsewhere work here",)


def test_foreign_orders_may_be_a_reason_to_refuse() -> None:
    refuse = Rules(foreign_orders=ForeignOrders.REFUSE)
    busy = replace(refuse, foreign={AAPL: ForeignWork(orders=2)})

    refusal = refused(decide(make_goal(100), make_situation(), busy))

    assert refusal == Refusal(ErrorCode.LOCKED, "2 orders placed elsewhere work on AAPL")
    assert decide(make_goal(100), make_situation(), refuse).draft is not None


def test_our_order_beside_counted_foreign_ones_is_kept() -> None:
    order = make_order(quantity=70)
    rules = Rules(foreign={AAPL: ForeignWork(buying=30, orders=1)})

    decision = beside(order, 100, rules=rules)

    assert decision.keeps is order
    assert (decision.working_qty, decision.foreign_qty, decision.delta) == (70, 30, 0)


def test_foreign_orders_on_the_orders_side_count_in_the_worst_case_whatever_is_counted() -> (
    None
):
    work = {AAPL: ForeignWork(buying=30, selling=90, orders=2)}
    rules = Rules(
        foreign_orders=ForeignOrders.IGNORE,
        foreign=work,
        limits=Limits(max_position_notional=Decimal(13_000)),
    )
    goal = replace(make_goal(100), reference=Reference(Decimal(100), Decimal(100)))

    assert decide(goal, make_situation(), rules).draft is not None
    tighter = replace(rules, limits=Limits(max_position_notional=Decimal(12_999)))
    assert refused(decide(goal, make_situation(), tighter)).code is ErrorCode.LIMIT
    short = replace(goal, target=make_target(quantity=-40))
    assert decide(short, make_situation(), rules).draft is not None
    assert refused(decide(short, make_situation(), tighter)).code is ErrorCode.LIMIT


# -- halts ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "position", "target", "leaves"),
    [
        (HaltMode.ALL, 0, 50, False),
        (HaltMode.ALL, 100, 0, False),
        (HaltMode.REDUCE_ONLY, 0, 50, False),
        (HaltMode.REDUCE_ONLY, 100, 150, False),
        (HaltMode.REDUCE_ONLY, 100, -1, False),
        (HaltMode.REDUCE_ONLY, 100, 0, True),
        (HaltMode.REDUCE_ONLY, -100, -99, True),
    ],
)
def test_a_halt_stops_what_it_names(
    mode: HaltMode,
    position: int,
    target: int,
    leaves: bool,  # noqa: FBT001
) -> None:
    halt = make_halt(mode)

    decision = decide(make_goal(target), make_situation({AAPL: position}, halt=halt))

    if leaves:
        assert decision.draft is not None
        assert decision.draft.is_reducing
    else:
        assert refused(decision) == Refusal(ErrorCode.HALTED, halt.words)


def test_a_halt_lets_an_order_be_kept_or_cancelled() -> None:
    order = make_order()
    situation = make_situation({}, order, halt=make_halt())

    assert decide(make_goal(100), situation).keeps is order
    assert decide(make_goal(0), situation).replaces is order
    assert refused(decide(make_goal(50), situation)).code is ErrorCode.HALTED


# -- limits --------------------------------------------------------------------------------
@pytest.mark.parametrize("state", [UNSENT, *SENT])
def test_a_target_beyond_a_limit_leaves_the_working_order_alone(state: OrderState) -> None:
    rules = Rules(limits=Limits(max_order_quantity=100))

    decision = beside(make_order(state=state), 101, rules=rules)

    assert refused(decision).code is ErrorCode.LIMIT


def test_earlier_rows_of_a_batch_count_towards_the_whole_accounts_limits() -> None:
    gross = Rules(limits=Limits(max_gross_notional=Decimal(10_000)))
    pace = Rules(limits=Limits(max_orders_per_minute=2))
    goals = [
        replace(make_goal(seq=0), target=make_target("AAPL", 50, limit="100")),
        replace(make_goal(seq=1, conid=MSFT), reference=Reference(Decimal(100), Decimal(100))),
    ]

    assert [d.refusal is None for d in plan(goals, make_situation(), gross).decisions] == [
        True,
        False,
    ]
    sent_one = make_situation(sent_last_minute=1)
    assert [d.refusal is None for d in plan(goals, sent_one, pace).decisions] == [True, False]


@pytest.mark.parametrize(
    ("situation", "marks", "passes"),
    [
        (make_situation({MSFT: 50}), {MSFT: Decimal(100)}, True),
        (make_situation({MSFT: -50}), {MSFT: Decimal(100)}, True),
        (make_situation({MSFT: 51}), {MSFT: Decimal(100)}, False),
        (make_situation({MSFT: 50}), {}, False),
        (make_situation({MSFT: 0}), {}, True),
        (make_situation({}, make_order(conid=MSFT, quantity=50, limit="100")), {}, True),
        (make_situation({}, make_order(conid=MSFT, quantity=51, limit="100")), {}, False),
        (make_situation({}, make_order(conid=MSFT, quantity=50)), {}, False),
        (
            make_situation(
                {},
                replace(make_order(conid=MSFT, quantity=50), reference_price=Decimal(100)),
            ),
            {},
            True,
        ),
        (
            make_situation({MSFT: 50}, make_order(conid=MSFT, side=Side.SELL, quantity=50)),
            {MSFT: Decimal(100)},
            True,
        ),
        (
            make_situation({MSFT: 51}, make_order(conid=MSFT, side=Side.SELL, quantity=51)),
            {MSFT: Decimal(100)},
            False,
        ),
        (
            make_situation({MSFT: 30}, make_order(conid=MSFT, quantity=21)),
            {MSFT: Decimal(100)},
            False,
        ),
    ],
)
def test_the_gross_counts_the_worst_of_every_other_contract(
    situation: Situation,
    marks: dict[ConId, Decimal],
    passes: bool,  # noqa: FBT001
) -> None:
    rules = Rules(limits=Limits(max_gross_notional=Decimal(10_000)), marks=marks)
    goal = make_goal(target=make_target(quantity=50, limit="100"))

    assert (decide(goal, situation, rules).refusal is None) is passes


# -- warnings ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("client", "age", "is_warned"),
    [
        ("other", timedelta(0), True),
        ("other", REPLACING_WARNED_FOR, True),
        ("other", REPLACING_WARNED_FOR + seconds(1), False),
        ("client1", timedelta(0), False),
    ],
)
def test_replacing_another_clients_target_of_the_last_day_is_a_warning(
    client: str,
    age: timedelta,
    is_warned: bool,  # noqa: FBT001
) -> None:
    previous = {Symbol("AAPL"): Previous(ClientName(client), NOW - age)}

    decision = decide(make_goal(50), make_situation(previous=previous))

    words = f"replaces the target that other set at {(NOW - age).isoformat()}"
    assert decision.warnings == ((words,) if is_warned else ())
    assert decision.draft is not None


def test_a_price_without_effect_is_a_warning() -> None:
    decision = decide(make_goal(target=make_target(expected="150")), make_situation())

    assert len(decision.warnings) == 1


# -- twins ---------------------------------------------------------------------------------
@pytest.mark.parametrize("orders", [(), (make_order(quantity=70),), (make_order(quantity=9),)])
def test_two_spellings_of_one_contract_are_one_order(orders: tuple[Order, ...]) -> None:
    goals = [make_goal(50, seq=0), make_goal(70, seq=1)]

    for wanted in (goals, goals[::-1]):
        planned = plan(wanted, make_situation({}, *orders), PLAIN)
        (twin,) = (d for d in planned.decisions if d.goal.seq == 1)
        (first,) = (d for d in planned.decisions if d.goal.seq == 0)

        assert refused(twin).code is ErrorCode.REJECTED
        assert "the same contract as orders[0]" in refused(twin).words
        assert first.refusal is None


# -- intents, and the last judgement -------------------------------------------------------
def test_an_intent_carries_what_was_decided() -> None:
    goal = replace(
        make_goal(-50, seq=7), reference=Reference(buy=Decimal(151), sell=Decimal(150))
    )
    decision = decide(goal, make_situation())

    intent = intent_of(decision, BATCH, ACCOUNT, at=NOW)

    assert intent == Order(
        ref=intent.ref,
        batch_id=BATCH,
        seq=7,
        account=ACCOUNT,
        conid=AAPL,
        symbol=Symbol("AAPL"),
        side=Side.SELL,
        quantity=50,
        terms=Terms(OrderType.MKT),
        planned_at=NOW,
        send_before=SEND_BEFORE,
        reference_price=Decimal(150),
    )
    assert intent.ref == "pd-a1b2c3d4e5f67890-7"
    assert len(intent.ref) <= 32


def test_the_expected_price_is_the_reference_before_any_quote() -> None:
    goal = replace(
        make_goal(target=make_target(expected="149")),
        reference=Reference(Decimal(151), Decimal(150)),
    )

    assert goal.price(Side.BUY) == goal.price(Side.SELL) == Decimal(149)


@pytest.mark.parametrize(
    ("situation", "rules", "code"),
    [
        (make_situation(), PLAIN, None),
        (make_situation({}, locks={AAPL: "a break"}), PLAIN, ErrorCode.LOCKED),
        (make_situation({}, locks={None: "a break"}), PLAIN, ErrorCode.LOCKED),
        (make_situation({}, halt=make_halt()), PLAIN, ErrorCode.HALTED),
        (make_situation({}, halt=make_halt(HaltMode.REDUCE_ONLY)), PLAIN, ErrorCode.HALTED),
        (make_situation({AAPL: -100}, halt=make_halt(HaltMode.REDUCE_ONLY)), PLAIN, None),
        (make_situation(), Rules(limits=Limits(max_order_quantity=99)), ErrorCode.LIMIT),
        (make_situation(), Rules(limits=Limits(max_order_quantity=100)), None),
        (make_situation({AAPL: -100}), Rules(limits=Limits(max_order_quantity=99)), None),
    ],
)
def test_an_intent_is_judged_once_more_when_it_is_claimed(
    situation: Situation, rules: Rules, code: ErrorCode | None
) -> None:
    refusal = refusal_at_claim(make_order(state=UNSENT, quantity=100), situation, rules)

    assert (refusal and refusal.code) == code


def test_an_intent_is_claimed_only_where_it_still_leads_to_its_target() -> None:
    intent = make_order(state=OrderState.PLANNED, side=Side.SELL, quantity=60)
    held, moved = make_situation({AAPL: 100}, intent), make_situation({AAPL: 90}, intent)

    assert overtaken_at_claim(intent, held, 40) is None
    refused = [overtaken_at_claim(intent, moved, 40), overtaken_at_claim(intent, held, 41)]
    assert [None if found is None else found.code for found in refused] == [
        ErrorCode.NOT_PLACED,
        ErrorCode.NOT_PLACED,
    ]


def test_no_intent_is_claimed_beside_another_order_of_its_contract() -> None:
    intent = make_order(state=OrderState.PLANNED, seq=1, quantity=40)
    late, other = make_order(), make_order(conid=MSFT)

    assert overtaken_at_claim(intent, make_situation({}, intent, late), 40) is not None
    assert overtaken_at_claim(intent, make_situation({}, intent, other), 40) is None


@pytest.mark.parametrize(("limit", "is_refused"), [(16_000, True), (17_000, False)])
def test_what_was_drafted_before_counts_for_the_whole_account_at_its_reference_price(
    limit: int,
    is_refused: bool,  # noqa: FBT001
) -> None:
    first = make_goal(target=make_target(quantity=100, expected="150"))
    second = make_goal(
        seq=1, conid=MSFT, target=make_target("MSFT", quantity=10, expected="150")
    )
    limits = Limits(max_gross_notional=Decimal(limit))

    decisions = plan([first, second], make_situation(), Rules(limits=limits)).decisions

    assert decisions[0].refusal is None
    assert (decisions[1].refusal is not None) is is_refused


def test_attempts_at_the_same_target_count_and_at_another_do_not() -> None:
    rules = Rules(limits=Limits(max_attempts_per_target=1))
    tried = replace(make_situation(), attempts={(AAPL, 100): 1})

    refused, passes = (
        plan([make_goal(quantity)], tried, rules).decisions[0].refusal for quantity in (100, 90)
    )
    assert refused is not None
    assert refused.code is ErrorCode.LIMIT
    assert passes is None


def test_a_new_intent_has_traded_nothing() -> None:
    (decision,) = plan([make_goal()], make_situation(), Rules()).decisions
    intent = intent_of(decision, BatchId("b" * 16), ACCOUNT, at=NOW)

    traded = intent.filled_qty, intent.executed_qty, intent.filled_value, intent.broker_filled
    assert traded == (0, 0, Decimal(0), 0)


def test_an_order_that_reaches_a_limit_exactly_may_be_claimed() -> None:
    order = make_order(state=OrderState.PLANNED, limit="150")
    at_most, below = (
        Rules(limits=Limits(max_position_notional=Decimal(n))) for n in (15_000, 14_999)
    )

    assert refusal_at_claim(order, make_situation(), at_most) is None
    assert refusal_at_claim(order, make_situation(), below) is not None


def test_orders_drafted_before_count_against_the_day() -> None:
    rules = Rules(limits=Limits(max_orders_per_day=2))
    goals = [make_goal(seq=n, conid=ConId(n + 1)) for n in range(3)]

    refusals = [decision.refusal for decision in plan(goals, make_situation(), rules).decisions]

    assert [refusal is not None for refusal in refusals] == [False, False, True]


def test_a_contract_that_trades_though_the_broker_holds_another_figure_is_warned_of() -> None:
    rules = Rules(warned={AAPL: "the broker's position is 7"})

    (decision,) = plan([make_goal()], make_situation(), rules).decisions

    assert decision.warnings == ("the broker's position is 7",)
