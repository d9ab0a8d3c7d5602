"""What every ledger must keep of positions, executions and commissions, and of locks."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from ledger_support import ALL, FIRST, accept, hold, learn, order, planned, ref, sent
from makers import (
    AAPL,
    ACCOUNT,
    MSFT,
    NOW,
    commission_report,
    execution_report,
    make_contract,
    make_target,
    seconds,
    status_report,
)
from paperdesk.desk.ports import ExecutionFilter, Ledger, Page
from paperdesk.domain.execution import BookedExecution
from paperdesk.domain.position import Adjustment, Booked
from paperdesk.domain.reports import CommissionReport, Told
from paperdesk.domain.views import Holding, Lock, OtherHolding, Positions
from paperdesk.domain.vocabulary import AccountId, ConId, ExecId, Side, Symbol

HERE = ExecutionFilter([ACCOUNT])
BREAK = Lock(Symbol("AAPL"), "a break", NOW, ours=100, broker=90)
LATER = NOW + seconds(30)


async def executions(ledger: Ledger) -> list[BookedExecution]:
    return await ledger.executions(HERE, ALL)


async def booked(ledger: Ledger) -> dict[ConId, Booked]:
    found = await ledger.booked(ACCOUNT)
    assert found is not None
    return found


# -- opening positions -----------------------------------------------------------------------
async def test_books_that_were_never_opened_are_none(ledger: Ledger) -> None:
    assert await ledger.booked(ACCOUNT) is None
    assert await ledger.positions(ACCOUNT) == {}


async def test_books_may_be_opened_with_nothing_held(ledger: Ledger) -> None:
    nothing = Adjustment(ConId(0), Symbol("*"), 0, 0, "nothing is held", NOW)
    await ledger.adopt(ACCOUNT, [nothing], NOW)

    assert await ledger.booked(ACCOUNT) == {}
    assert await ledger.booked(AccountId("DUP203550")) is None


async def test_adopted_changes_add_up(ledger: Ledger) -> None:
    await hold(ledger, 50)
    await hold(ledger, 20, before=50)

    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 20)}


async def test_adopting_adds_to_what_was_executed(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, execution_report())
    await hold(ledger, 110, before=100)

    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 110)}


async def test_agreement_is_remembered_with_its_time(ledger: Ledger) -> None:
    await hold(ledger, 50)
    before = await booked(ledger)
    await ledger.agree(ACCOUNT, {AAPL: Symbol("AAPL"), MSFT: Symbol("MSFT")}, LATER)

    assert before == {AAPL: Booked(Symbol("AAPL"), 50)}
    assert await booked(ledger) == {
        AAPL: Booked(Symbol("AAPL"), 50, agreed_at=LATER),
        MSFT: Booked(Symbol("MSFT"), 0, agreed_at=LATER),  # never held, by both
    }


async def test_an_own_order_on_a_contract_is_known_while_it_lives_and_after(
    ledger: Ledger,
) -> None:
    await hold(ledger, 0)
    await sent(ledger, make_target(), make_target("MSFT"))
    live = await booked(ledger)
    await learn(ledger, execution_report(), at=NOW + seconds(1))
    await learn(
        ledger, status_report(Told.CANCELLED, order_id=2, perm_id=2), at=NOW + seconds(2)
    )
    over = await booked(ledger)

    assert (live[AAPL].is_live, live[AAPL].own_at) == (True, NOW)
    assert (live[MSFT].symbol, live[MSFT].quantity, live[MSFT].is_live) == ("MSFT", 0, True)
    assert (over[AAPL].is_live, over[AAPL].own_at) == (False, NOW + seconds(1))
    assert (over[MSFT].is_live, over[MSFT].own_at) == (False, NOW + seconds(2))
    assert not over[AAPL].is_calm


async def test_an_intent_that_never_left_is_not_heard_of(ledger: Ledger) -> None:
    await hold(ledger, 0)
    await planned(ledger)
    await accept(ledger, make_target(quantity=0), batch="b1b2c3d4e5f67890")
    before = (await booked(ledger))[AAPL]

    assert before.is_live
    assert before.own_at is None


# -- executed elsewhere ----------------------------------------------------------------------
async def test_an_execution_of_another_client_is_kept_and_not_counted(
    ledger: Ledger,
) -> None:
    await learn(ledger, execution_report("f.01", ref="by-hand", perm_id=5), None)
    await learn(ledger, commission_report("f.01"))

    (found,) = await executions(ledger)
    assert (found.batch_id, found.client) == (None, None)
    assert found.commission == Decimal("0.35")
    assert await ledger.positions(ACCOUNT) == {}


async def test_executions_elsewhere_stand_beside_the_books_until_they_are_adopted(
    ledger: Ledger,
) -> None:
    await hold(ledger, 50)
    await learn(
        ledger,
        execution_report("f.01", ref="by-hand", perm_id=5, quantity=30),
        execution_report("g.01", ref=None, perm_id=6, quantity=10, side=Side.SELL),
        execution_report("h.01", ref=None, perm_id=7, quantity=4, conid=MSFT),
    )
    before = await booked(ledger)
    await hold(ledger, 70, before=50)
    after = await booked(ledger)

    assert (before[AAPL].quantity, before[AAPL].outside) == (50, 20)
    assert (before[MSFT].quantity, before[MSFT].outside) == (0, 4)
    assert (after[AAPL].quantity, after[AAPL].outside) == (70, 0)
    assert after[MSFT].outside == 4


async def test_a_correction_of_an_execution_elsewhere_counts_in_its_place(
    ledger: Ledger,
) -> None:
    await hold(ledger, 50)
    await learn(
        ledger,
        execution_report("f.01.01", ref=None, perm_id=5, quantity=30),
        execution_report("f.01.02", ref=None, perm_id=5, quantity=20),
    )

    assert (await booked(ledger))[AAPL].outside == 20


# -- locks -----------------------------------------------------------------------------------
async def test_a_lock_stands_once_until_it_is_cleared(ledger: Ledger) -> None:
    await ledger.lock(ACCOUNT, AAPL, BREAK)
    await ledger.lock(ACCOUNT, AAPL, replace(BREAK, reason="another", since=LATER))
    standing = await ledger.locks(ACCOUNT)
    await ledger.unlock(ACCOUNT, [AAPL, MSFT], LATER, breaks_only=False)

    assert standing == {AAPL: BREAK}
    assert await ledger.locks(ACCOUNT) == {}


async def test_a_cleared_lock_may_be_set_again(ledger: Ledger) -> None:
    again = replace(BREAK, since=LATER)
    await ledger.lock(ACCOUNT, AAPL, BREAK)
    await ledger.unlock(ACCOUNT, [AAPL], LATER, breaks_only=False)
    await ledger.lock(ACCOUNT, AAPL, again)

    assert await ledger.locks(ACCOUNT) == {AAPL: again}


async def test_the_account_is_locked_apart_from_its_contracts(ledger: Ledger) -> None:
    whole = Lock(Symbol("*"), "a mass break", NOW)
    await ledger.lock(ACCOUNT, None, whole)
    await ledger.lock(ACCOUNT, AAPL, BREAK)
    both = await ledger.locks(ACCOUNT)
    await ledger.unlock(ACCOUNT, [None], LATER, breaks_only=False)

    assert both == {None: whole, AAPL: BREAK}
    assert await ledger.locks(ACCOUNT) == {AAPL: BREAK}
    assert await ledger.locks(AccountId("DUP203550")) == {}


# -- executions ------------------------------------------------------------------------------
async def test_executions_are_listed_newest_first_and_filtered(ledger: Ledger) -> None:
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


async def test_an_own_execution_names_its_batch_and_client(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(ledger, execution_report())

    (found,) = await executions(ledger)
    assert (found.batch_id, found.client) == (FIRST, "client1")
    assert found.execution == execution_report().execution


async def test_the_newest_revision_counts_whichever_came_last(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(
        ledger,
        execution_report("x.01.02", quantity=50),
        execution_report("x.01.01", quantity=60),
        execution_report("x.01.03", quantity=55, price="149"),
        execution_report("x.01.02", quantity=50),
    )

    (found,) = await executions(ledger)
    assert found.execution.exec_id == "x.01.03"
    assert await ledger.positions(ACCOUNT) == {AAPL: (Symbol("AAPL"), 55)}
    after = await order(ledger)
    assert (after.filled_qty, after.executed_qty) == (55, 60)
    assert after.avg_fill_price == Decimal(149)


async def test_an_execution_without_our_reference_is_ours_by_its_perm_id(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(ledger, status_report(), execution_report(ref=None, quantity=30))

    (found,) = await executions(ledger)
    assert found.batch_id == FIRST
    assert found.execution.order_ref == ref()


# -- commissions -----------------------------------------------------------------------------
async def test_a_commission_may_come_before_its_execution(ledger: Ledger) -> None:
    await sent(ledger)

    await learn(ledger, commission_report(), execution_report())

    assert (await order(ledger)).commission == Decimal("0.35")


async def test_the_commission_is_unknown_until_every_execution_has_one(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(
        ledger,
        execution_report("a.01", quantity=40),
        execution_report("b.01", quantity=60),
        commission_report("a.01", "0.35"),
    )
    before = await order(ledger)
    learned = await learn(ledger, commission_report("b.01", "0.10"))

    assert before.commission is None
    assert (await order(ledger)).commission == Decimal("0.45")
    assert learned.batches == {FIRST}


async def test_an_unset_commission_is_unknown_and_never_replaces_a_known_one(
    ledger: Ledger,
) -> None:
    unset = CommissionReport(ExecId("a.01"), None, "", None)
    await sent(ledger)
    await learn(ledger, execution_report("a.01"), unset)
    before = await order(ledger)
    await learn(ledger, commission_report("a.01", "0.35"), unset)

    (found,) = await executions(ledger)
    assert before.commission is None
    assert (await order(ledger)).commission == Decimal("0.35")
    assert (found.commission, found.currency) == (Decimal("0.35"), "USD")


async def test_the_commission_of_a_correction_stands_in_the_olds_place(
    ledger: Ledger,
) -> None:
    await sent(ledger)
    await learn(
        ledger,
        execution_report("x.01.01", quantity=60),
        commission_report("x.01.01", "0.60"),
        execution_report("x.01.02", quantity=50),
    )
    before = await order(ledger)
    await learn(ledger, commission_report("x.01.02", "0.50"))

    assert before.commission is None
    assert (await order(ledger)).commission == Decimal("0.50")


async def test_a_commission_told_anew_is_believed(ledger: Ledger) -> None:
    await sent(ledger)
    await learn(
        ledger,
        execution_report("a.01"),
        commission_report("a.01", "0.35"),
        commission_report("a.01", "0.30"),
    )

    assert (await order(ledger)).commission == Decimal("0.30")


async def test_a_realised_profit_is_kept_with_its_execution(ledger: Ledger) -> None:
    report = CommissionReport(ExecId("a.01"), Decimal("0.35"), "USD", Decimal("-12.50"))
    await sent(ledger)
    await learn(ledger, execution_report("a.01"), report)

    (found,) = await executions(ledger)
    assert found.realized_pnl == Decimal("-12.50")


# -- contracts and snapshots -----------------------------------------------------------------
async def test_a_contract_is_cached_under_its_symbol(ledger: Ledger) -> None:
    contract = make_contract()

    await ledger.save_contract(Symbol("AAPL"), contract, NOW)
    await ledger.save_contract(Symbol("AAPL"), contract, NOW)

    known = await ledger.contracts({Symbol("AAPL"), Symbol("MSFT")})
    assert known == {Symbol("AAPL"): contract}


async def test_a_snapshot_comes_back_stale_and_exact(ledger: Ledger) -> None:
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


async def test_a_lock_of_a_break_clears_itself_and_leaves_what_a_person_must_clear(
    ledger: Ledger,
) -> None:
    broken = Lock(Symbol("AAPL"), "the broker has 7", NOW, 5, 7, is_break=True)
    echoed = Lock(Symbol("AAPL"), "the reference came back cut", NOW)
    for lock in (broken, broken, echoed, broken):
        await ledger.lock(ACCOUNT, AAPL, lock)

    await ledger.unlock(ACCOUNT, [AAPL], NOW, breaks_only=True)
    assert await ledger.locks(ACCOUNT) == {AAPL: echoed}
    await ledger.unlock(ACCOUNT, [AAPL], NOW, breaks_only=False)
    assert await ledger.locks(ACCOUNT) == {}
