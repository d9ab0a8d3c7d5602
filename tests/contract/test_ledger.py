"""What every ledger must do, whatever database it is on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makers import (
    AAPL,
    ACCOUNT,
    CLIENT_ID,
    GATEWAY,
    MSFT,
    NOW,
    commission_report,
    error_report,
    execution_report,
    make_contract,
    make_execution,
    make_goal,
    make_head,
    make_target,
    order_report,
    recorded,
    seconds,
    status_report,
)
from paperdesk.clock import ManualClock
from paperdesk.desk.ports import (
    Claim,
    ExecutionFilter,
    Line,
    NewBatch,
    Page,
)
from paperdesk.domain import planning
from paperdesk.domain.batch import Batch, ErrorCode, Outcome, Refusal, Row, Target
from paperdesk.domain.order import Order, OrderState, ShownStatus
from paperdesk.domain.planning import Goal
from paperdesk.domain.position import Adjustment
from paperdesk.domain.reports import CompletedReport, Effect, ExecutionReport, Report, Told
from paperdesk.domain.views import Holding, OtherHolding, Positions
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    OrderId,
    OrderRef,
    PermId,
    Side,
    Symbol,
    TimeInForce,
)
from paperdesk.ledger.schema import raw_messages
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor

FIRST, SECOND = "a1b2c3d4e5f67890", "b1b2c3d4e5f67890"
LINE = Line(GATEWAY, CLIENT_ID, session=1)
ALL = Page(limit=100)
SOON = NOW + seconds(60)


async def accept(
    ledger: SqlLedger,
    *targets: Target,
    batch: str = FIRST,
    key: str | None = None,
    send_before: datetime = SOON,
) -> None:
    await ledger.accept(
        NewBatch(
            head=make_head(batch),
            targets=targets or (make_target(),),
            key=key,
            fingerprint=None if key is None else "f" * 64,
            send_before=send_before,
        )
    )


async def plan(ledger: SqlLedger, *goals: Goal, batch: str = FIRST) -> planning.Plan:
    return await ledger.plan(BatchId(batch), goals or (make_goal(),), planning.plan, NOW)


async def claim(ledger: SqlLedger, *refs: str, first_id: int = 1) -> list[Order]:
    claims = [Claim(OrderRef(ref), OrderId(first_id + index)) for index, ref in enumerate(refs)]
    return await ledger.claim(claims, LINE, NOW)


async def sent(ledger: SqlLedger, *targets: Target) -> None:
    """Accept, plan and claim one batch."""
    wanted = targets or (make_target(),)
    conids = {"AAPL": AAPL, "MSFT": MSFT}
    await accept(ledger, *wanted)
    await plan(
        ledger,
        *(
            make_goal(seq=seq, conid=conids[target.symbol], target=target)
            for seq, target in enumerate(wanted)
        ),
    )
    await claim(ledger, *(f"pd-{FIRST}-{seq}" for seq in range(len(wanted))))


async def learn(ledger: SqlLedger, *reports: Report | None) -> None:
    await ledger.learn([recorded(report) for report in reports])


async def get(ledger: SqlLedger, batch: str = FIRST) -> Batch:
    found = await ledger.batch(BatchId(batch))
    assert found is not None
    return found


async def row(ledger: SqlLedger, seq: int = 0, batch: str = FIRST) -> Row:
    return (await get(ledger, batch)).rows[seq]


async def order(ledger: SqlLedger, seq: int = 0, batch: str = FIRST) -> Order:
    found = (await row(ledger, seq, batch)).order
    assert found is not None
    return found


# -- T0 --------------------------------------------------------------------------------------
async def test_an_accepted_batch_is_read_back_as_it_was_asked(ledger: SqlLedger) -> None:
    target = make_target(
        "BRK B", -5, limit="150.50", expected="149.00000001", tolerance="0.5", outside_rth=True
    )
    target = replace(target, requested_symbol="BRK.B")

    await accept(ledger, make_target(), target)

    batch = await get(ledger)
    assert batch.head == make_head()
    assert [found.target for found in batch.rows] == [make_target(), target]
    assert [found.status for found in batch.rows] == [ShownStatus.PENDING_SUBMIT] * 2


async def test_a_batch_that_does_not_exist_is_none(ledger: SqlLedger) -> None:
    assert await ledger.batch(BatchId("0" * 16)) is None


async def test_a_key_remembers_its_batch_and_only_the_first_answer(ledger: SqlLedger) -> None:
    client = ClientName("client1")
    await accept(ledger, key="k1")

    before = await ledger.key_record(client, "k1")
    await ledger.remember_answer(BatchId(FIRST), b"first")
    await ledger.remember_answer(BatchId(FIRST), b"second")
    after = await ledger.key_record(client, "k1")

    assert before is not None
    assert (before.batch_id, before.answer) == (FIRST, None)
    assert after is not None
    assert after.answer == b"first"
    assert await ledger.key_record(ClientName("client2"), "k1") is None


async def test_batches_are_listed_newest_first_and_page_by_page(ledger: SqlLedger) -> None:
    for number in range(5):
        await accept(ledger, batch=f"{number:016x}")

    first = await ledger.batches([ACCOUNT], None, Page(limit=2))
    rest = await ledger.batches([ACCOUNT], ClientName("client1"), Page(9, first[-1][0]))

    assert [head.batch_id[-1] for _, head in first] == ["4", "3"]
    assert [head.batch_id[-1] for _, head in rest] == ["2", "1", "0"]
    assert await ledger.batches([ACCOUNT], ClientName("client2"), ALL) == []
    assert await ledger.batches([AccountId("DU1")], None, ALL) == []


# -- T1 --------------------------------------------------------------------------------------
async def test_planning_writes_an_intent_with_every_field(ledger: SqlLedger) -> None:
    await accept(ledger, make_target(limit="150.10"))
    await plan(ledger, make_goal(target=make_target(limit="150.10")))

    found = await row(ledger)
    assert (found.current_pos, found.delta, found.working_qty) == (0, 100, 0)
    assert found.order is not None
    assert found.order.ref == f"pd-{FIRST}-0"
    assert found.order.state is OrderState.PLANNED
    assert found.order.terms.limit_price == Decimal("150.10")


async def test_planning_starts_from_the_adopted_position(ledger: SqlLedger) -> None:
    await ledger.adopt(ACCOUNT, [Adjustment(AAPL, 0, 50)], {AAPL: Symbol("AAPL")}, NOW)
    await accept(ledger)
    await plan(ledger)

    found = await row(ledger)
    assert (found.current_pos, found.delta) == (50, 50)


async def test_a_reached_target_ends_without_an_order(ledger: SqlLedger) -> None:
    await ledger.adopt(ACCOUNT, [Adjustment(AAPL, 0, 100)], {AAPL: Symbol("AAPL")}, NOW)
    await accept(ledger)
    await plan(ledger)

    assert (await row(ledger)).status is ShownStatus.NO_CHANGE
    assert await ledger.open_batches() == []


async def test_a_row_is_planned_once(ledger: SqlLedger) -> None:
    await accept(ledger)

    first, second = await plan(ledger), await plan(ledger)

    assert len(first.decisions) == 1
    assert second.decisions == ()


async def test_the_same_target_beside_a_working_order_is_no_change(ledger: SqlLedger) -> None:
    await sent(ledger)
    await learn(ledger, order_report(Told.SUBMITTED))
    await accept(ledger, batch=SECOND)
    await plan(ledger, batch=SECOND)

    found = await row(ledger, batch=SECOND)
    assert found.status is ShownStatus.NO_CHANGE
    assert (found.working_qty, found.delta) == (100, 0)


async def test_another_target_beside_a_working_order_is_locked(ledger: SqlLedger) -> None:
    await sent(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)
    await plan(ledger, make_goal(7), batch=SECOND)

    found = await row(ledger, batch=SECOND)
    assert found.status is ShownStatus.ERROR
    assert found.error_code is ErrorCode.LOCKED


async def test_an_unclaimed_intent_gives_way_to_a_newer_target(ledger: SqlLedger) -> None:
    await accept(ledger)
    await plan(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)
    await plan(ledger, make_goal(7), batch=SECOND)

    assert (await order(ledger)).state is OrderState.DROPPED
    assert (await order(ledger, batch=SECOND)).quantity == 7
    assert [o.batch.head.batch_id for o in await ledger.open_batches()] == [SECOND]


async def test_an_older_target_planned_late_is_dropped(ledger: SqlLedger) -> None:
    await accept(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)

    await plan(ledger)

    found = await row(ledger)
    assert found.outcome is Outcome.WITHDRAWN
    assert "newer target" in (found.error or "")


async def test_a_target_waits_for_an_unknown_order_and_stays_pending(
    ledger: SqlLedger,
) -> None:
    await sent(ledger)
    await ledger.lost([ACCOUNT], NOW, NOW)
    await accept(ledger, make_target(quantity=7), batch=SECOND)
    await plan(ledger, make_goal(7), batch=SECOND)

    found = await row(ledger, batch=SECOND)
    assert found.status is ShownStatus.PENDING_SUBMIT
    assert found.warnings[0].startswith("waits: ")


async def test_a_cancelled_order_blocks_its_contract_for_a_second(
    ledger: SqlLedger,
) -> None:
    await sent(ledger)
    await learn(ledger, status_report(Told.CANCELLED))

    at_once = await ledger.preview(ACCOUNT, [make_goal(7)], planning.plan)
    await accept(ledger, batch=SECOND)
    later = await ledger.plan(BatchId(SECOND), [make_goal(7)], planning.plan, NOW + seconds(1))

    assert at_once.decisions[0].waits_for is not None
    assert later.decisions[0].draft is not None


async def test_a_refusal_ends_pending_rows_and_unclaimed_intents(ledger: SqlLedger) -> None:
    await accept(ledger, make_target(), make_target("MSFT"))
    await plan(ledger, make_goal(seq=0))
    expired = Refusal(ErrorCode.EXPIRED, "too late")

    await ledger.refuse(BatchId(FIRST), {0: expired, 1: expired})

    batch = await get(ledger)
    assert [found.status for found in batch.rows] == [ShownStatus.ERROR] * 2
    assert [found.error_code for found in batch.rows] == [ErrorCode.EXPIRED] * 2
    assert batch.is_final


async def test_a_refusal_does_not_touch_what_was_claimed(ledger: SqlLedger) -> None:
    await sent(ledger)

    await ledger.refuse(BatchId(FIRST), {0: Refusal(ErrorCode.EXPIRED, "too late")})

    assert (await order(ledger)).state is OrderState.SENDING


async def test_a_warning_is_added_once(ledger: SqlLedger) -> None:
    await accept(ledger)

    await ledger.warn(BatchId(FIRST), [0], "closed")
    await ledger.warn(BatchId(FIRST), [0], "closed")

    assert (await row(ledger)).warnings == ("closed",)


# -- T2 --------------------------------------------------------------------------------------
async def test_an_intent_is_claimed_once(ledger: SqlLedger) -> None:
    await accept(ledger)
    await plan(ledger)

    first = await claim(ledger, f"pd-{FIRST}-0", first_id=41)
    second = await claim(ledger, f"pd-{FIRST}-0", first_id=42)

    assert [won.order_id for won in first] == [41]
    assert second == []
    assert (await order(ledger)).state is OrderState.SENDING
    assert await ledger.max_order_id(GATEWAY, CLIENT_ID) == 41
    assert await ledger.max_order_id(GATEWAY, 99) == 0


async def test_an_intent_is_not_claimed_beside_a_newer_target(ledger: SqlLedger) -> None:
    await accept(ledger)
    await plan(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)

    assert await claim(ledger, f"pd-{FIRST}-0") == []
    assert (await order(ledger)).state is OrderState.DROPPED


async def test_a_refused_newer_target_does_not_stop_a_claim(ledger: SqlLedger) -> None:
    await accept(ledger)
    await plan(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND)
    await ledger.refuse(BatchId(SECOND), {0: Refusal(ErrorCode.LOCKED, "no")})

    assert len(await claim(ledger, f"pd-{FIRST}-0")) == 1


async def test_an_intent_is_not_claimed_too_late(ledger: SqlLedger) -> None:
    await accept(ledger, send_before=NOW)
    await plan(ledger)

    assert await claim(ledger, f"pd-{FIRST}-0") == []
    assert (await order(ledger)).state is OrderState.PLANNED


async def test_a_claim_of_an_older_epoch_changes_nothing(ledger: SqlLedger) -> None:
    await accept(ledger)
    await plan(ledger)
    ledger._owned = replace(ledger._owned, epoch=ledger._owned.epoch - 1)

    assert await claim(ledger, f"pd-{FIRST}-0") == []
    assert (await order(ledger)).state is OrderState.PLANNED


async def test_what_never_left_is_known_not_placed(ledger: SqlLedger) -> None:
    await sent(ledger)

    await ledger.not_sent({OrderRef(f"pd-{FIRST}-0"): "the line is down"}, NOW)

    found = await row(ledger)
    assert found.status is ShownStatus.ERROR
    assert found.error_code is ErrorCode.NOT_PLACED
    assert "the line is down" in (found.error or "")


async def test_a_day_order_knows_when_its_time_ends(ledger: SqlLedger) -> None:
    await accept(ledger, make_target(), make_target("MSFT", tif=TimeInForce.GTC))
    goals = (
        make_goal(seq=0),
        make_goal(seq=1, conid=MSFT, target=make_target("MSFT", tif=TimeInForce.GTC)),
    )
    await plan(ledger, *goals)
    claims = [Claim(OrderRef(f"pd-{FIRST}-{seq}"), OrderId(seq + 1)) for seq in range(2)]

    won = await ledger.claim(claims, replace(LINE, day_ends_at=SOON), NOW)

    assert [found.good_until for found in won] == [SOON, None]


async def test_the_unsent_rows_are_those_nobody_claimed(ledger: SqlLedger) -> None:
    await accept(ledger, make_target(), make_target("MSFT"))
    await plan(ledger, make_goal(seq=0), make_goal(seq=1, conid=MSFT))
    await claim(ledger, f"pd-{FIRST}-0")

    assert await ledger.unsent(BatchId(FIRST)) == [1]


# -- T3 --------------------------------------------------------------------------------------
async def test_reports_bring_an_order_to_its_end(ledger: SqlLedger) -> None:
    await sent(ledger)

    await learn(
        ledger,
        order_report(Told.PRE_SUBMITTED),
        status_report(Told.PRE_SUBMITTED),
        execution_report(),
        status_report(Told.FILLED, filled=100),
        commission_report(),
    )

    found = await order(ledger)
    assert found.state is OrderState.FILLED
    assert (found.filled_qty, found.avg_fill_price) == (100, Decimal("150.00"))
    assert found.commission == Decimal("0.35")
    assert found.perm_id == 9001
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 100)}
    assert await ledger.open_batches() == []


LIFE: Sequence[Report] = (
    order_report(Told.PRE_SUBMITTED),
    status_report(Told.SUBMITTED),
    execution_report("x.01.01", quantity=40),
    status_report(Told.SUBMITTED, filled=40),
    execution_report("y.01.01", quantity=60, price="151"),
    execution_report("y.01.02", quantity=50, price="151"),
    commission_report("x.01.01", "0.35"),
    commission_report("y.01.02", None),
    commission_report("y.01.02", "0.10"),
    status_report(Told.CANCELLED, filled=90),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(
    order=st.permutations(range(len(LIFE))), extra=st.lists(st.sampled_from(range(len(LIFE))))
)
async def test_any_permutation_and_duplication_of_messages_gives_the_same_ledger(
    empty_url: Callable[[], str], order: list[int], extra: list[int]
) -> None:
    ledger = await SqlLedger.open(empty_url(), InlineExecutor(), ManualClock(NOW))
    try:
        await sent(ledger)
        await learn(ledger, *(LIFE[index] for index in [*order, *extra]))
        found = (await row(ledger)).order
        assert found is not None

        assert found.state is OrderState.FILLED
        assert (found.filled_qty, found.filled_value) == (90, Decimal("13550.00"))
        assert found.commission == Decimal("0.45")
        assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 90)}
    finally:
        await ledger.close()


async def test_a_status_under_a_reused_order_id_is_not_ours(ledger: SqlLedger) -> None:
    await sent(ledger)
    await learn(ledger, order_report(perm_id=9001))

    await learn(ledger, status_report(Told.CANCELLED, order_id=1, perm_id=7777))

    assert (await order(ledger)).state is OrderState.WORKING


async def test_a_status_of_another_client_is_not_ours(ledger: SqlLedger) -> None:
    await sent(ledger)

    await learn(ledger, status_report(Told.CANCELLED, order_id=1, perm_id=0, client_id=3))

    assert (await order(ledger)).state is OrderState.SENDING


async def test_an_error_finds_its_order_by_the_line_it_was_claimed_on(
    ledger: SqlLedger,
) -> None:
    await sent(ledger)

    await learn(ledger, error_report(201, "Order rejected - reason: margin", request_id=1))
    await learn(ledger, error_report(2104, "farm", effect=Effect.INFORMATION, request_id=-1))

    found = await order(ledger)
    assert found.state is OrderState.REJECTED
    assert (found.broker_code, found.error) == (201, "Order rejected - reason: margin")


async def test_a_completed_order_is_found_by_its_reference(ledger: SqlLedger) -> None:
    await sent(ledger)
    report = CompletedReport(
        order_ref=OrderRef(f"pd-{FIRST}-0"),
        perm_id=PermId(5),
        account=ACCOUNT,
        conid=AAPL,
        told=Told.CANCELLED,
        filled=Decimal(0),
        words="Cancelled by Trader",
    )

    await learn(ledger, report)

    assert (await order(ledger)).state is OrderState.CANCELLED


async def test_an_execution_of_another_client_is_kept_and_not_counted(
    ledger: SqlLedger,
) -> None:
    await learn(ledger, execution_report("f.01", ref="by-hand", perm_id=5), None)
    await learn(ledger, commission_report("f.01"))

    (booked,) = await ledger.executions(ExecutionFilter([ACCOUNT]), ALL)
    assert booked.batch_id is None
    assert booked.commission == Decimal("0.35")
    assert await ledger.positions(ACCOUNT) == {}


async def test_a_commission_may_come_before_its_execution(ledger: SqlLedger) -> None:
    await sent(ledger)

    await learn(ledger, commission_report(), execution_report())

    assert (await order(ledger)).commission == Decimal("0.35")


async def test_silence_makes_a_sent_order_unknown_and_a_report_brings_it_back(
    ledger: SqlLedger,
) -> None:
    await sent(ledger)

    await ledger.lost([ACCOUNT], NOW - seconds(1), NOW)
    too_early = await order(ledger)
    learned = await ledger.lost([ACCOUNT], NOW, NOW)
    lost = await order(ledger)
    await learn(ledger, order_report())

    assert too_early.state is OrderState.SENDING
    assert lost.state is OrderState.UNKNOWN
    assert learned.batches == {FIRST}
    assert (await order(ledger)).state is OrderState.WORKING


async def test_executions_are_listed_newest_first_and_filtered(ledger: SqlLedger) -> None:
    await sent(ledger)
    await learn(
        ledger,
        execution_report("a.01", quantity=40, at=NOW),
        execution_report("b.01", quantity=60, at=NOW + seconds(5)),
        execution_report("c.01", ref=None, conid=MSFT, perm_id=6),
    )

    async def ids(page: Page = ALL, **which: object) -> list[str]:
        where = ExecutionFilter([ACCOUNT], **which)  # type: ignore[arg-type]
        return [b.execution.exec_id for b in await ledger.executions(where, page)]

    assert await ids() == ["c.01", "b.01", "a.01"]
    assert await ids(symbol=Symbol("AAPL")) == ["b.01", "a.01"]
    assert await ids(since=NOW + seconds(1)) == ["b.01"]
    assert await ids(Page(1, before=3)) == ["b.01"]


async def test_whatever_the_gateway_says_has_room(ledger: SqlLedger) -> None:
    long, odd = "x" * 1_000, "no \0 and \ud800"
    foreign = make_execution(
        f"{long}.01",
        ref=long,
        symbol=long,
        exchange=odd,
        quantity=2**40,
        order_id=2**31,
        perm_id=2**62,
    )
    await sent(ledger)

    await learn(ledger, ExecutionReport(foreign), commission_report(f"{long}.01"))
    await learn(ledger, error_report(201, f"{odd} {long}", request_id=1))
    await learn(ledger, error_report(201, "no such order", request_id=2**40))

    (booked,) = await ledger.executions(ExecutionFilter([ACCOUNT]), ALL)
    assert booked.execution == replace(foreign, exchange="no ? and ?")
    assert booked.commission == Decimal("0.35")
    assert (await order(ledger)).error == f"no ? and ? {long}"


async def test_raw_fields_are_kept_character_by_character(ledger: SqlLedger) -> None:
    fields = ("4", "\0", "\ud800", "\U0001f4c8", "\x7f")

    await ledger.learn([replace(recorded(None), fields=fields)])

    kept = ledger._owned.read(lambda c: c.scalar(sa.select(raw_messages.c.fields)))
    assert kept == list(fields)


async def test_a_value_that_cannot_be_stored_is_no_broken_ledger(ledger: SqlLedger) -> None:
    await accept(ledger)

    with pytest.raises(sa.exc.IntegrityError):
        await accept(ledger)
    await accept(ledger, batch=SECOND)


# -- cancelling ------------------------------------------------------------------------------
async def test_a_cancel_withdraws_drops_and_marks(ledger: SqlLedger) -> None:
    await accept(ledger, make_target(), make_target("MSFT"), make_target("SPY"))
    await plan(ledger, make_goal(seq=0), make_goal(seq=1, conid=MSFT))
    await claim(ledger, f"pd-{FIRST}-0")

    working = await ledger.ask_cancel(BatchId(FIRST), NOW)

    batch = await get(ledger)
    assert [found.ref for found in working] == [f"pd-{FIRST}-0"]
    assert [found.status for found in batch.rows] == [
        ShownStatus.PENDING_CANCEL,
        ShownStatus.CANCELLED,
        ShownStatus.CANCELLED,
    ]
    assert [o.ref for o in await ledger.cancels_asked([ACCOUNT])] == [f"pd-{FIRST}-0"]


async def test_orders_keep_their_order_whichever_changed_last(ledger: SqlLedger) -> None:
    targets = [make_target(symbol) for symbol in ("AAPL", "MSFT")]
    await sent(ledger, *targets)
    await learn(ledger, order_report(Told.SUBMITTED), status_report(Told.SUBMITTED))

    working = [found.symbol for found in await ledger.working(ACCOUNT)]
    to_cancel = [found.symbol for found in await ledger.ask_cancel(BatchId(FIRST), NOW)]
    asked = [found.symbol for found in await ledger.cancels_asked([ACCOUNT])]

    assert working == to_cancel == asked == ["AAPL", "MSFT"]


async def test_working_orders_are_those_that_may_still_trade(ledger: SqlLedger) -> None:
    await sent(ledger, make_target(), make_target("MSFT"))
    await learn(ledger, status_report(Told.CANCELLED, order_id=2, perm_id=2))

    assert [o.symbol for o in await ledger.working(ACCOUNT)] == ["AAPL"]


# -- positions, contracts, snapshots ---------------------------------------------------------
async def test_a_contract_is_busy_while_an_order_lives_and_just_after_a_fill(
    ledger: SqlLedger,
) -> None:
    await sent(ledger, make_target(), make_target("MSFT"))
    await learn(ledger, execution_report(at=NOW))

    assert await ledger.busy(ACCOUNT, NOW) == {AAPL, MSFT}
    assert await ledger.busy(ACCOUNT, NOW + seconds(1)) == {MSFT}


async def test_adopted_changes_add_up(ledger: SqlLedger) -> None:
    symbols = {AAPL: Symbol("AAPL")}

    await ledger.adopt(ACCOUNT, [Adjustment(AAPL, 0, 50)], symbols, NOW)
    await ledger.adopt(ACCOUNT, [Adjustment(AAPL, 50, 20)], symbols, NOW)

    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 20)}


async def test_a_sell_lessens_the_position(ledger: SqlLedger) -> None:
    await sent(ledger, make_target(quantity=-100))
    await learn(ledger, execution_report(side=Side.SELL))

    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), -100)}


async def test_a_contract_is_cached_under_its_symbol(ledger: SqlLedger) -> None:
    contract = make_contract()

    await ledger.save_contract(Symbol("AAPL"), contract, NOW)
    await ledger.save_contract(Symbol("AAPL"), contract, NOW)

    known = await ledger.contracts({Symbol("AAPL"), Symbol("MSFT")})
    assert known == {Symbol("AAPL"): contract}


async def test_a_snapshot_comes_back_stale_and_exact(ledger: SqlLedger) -> None:
    positions = Positions(
        account_id=ACCOUNT,
        holdings=(Holding(AAPL, Symbol("AAPL"), 100, Decimal("148.5075"), Decimal(150)),),
        others=(OtherHolding(ConId(9), "ES", "FUT", "USD", Decimal("1.5"), Decimal("20.1")),),
        net_liquidation=Decimal("500000.01"),
        updated_at=NOW,
        warnings=("w",),
    )

    assert await ledger.snapshot(ACCOUNT) is None
    await ledger.save_snapshot(positions)
    await ledger.save_snapshot(positions)

    assert await ledger.snapshot(ACCOUNT) == replace(positions, stale=True)


async def test_a_writable_ledger_says_so(ledger: SqlLedger) -> None:
    await ledger.check_writable()
