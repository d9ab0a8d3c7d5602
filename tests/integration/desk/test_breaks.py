"""Positions that the books do not explain: adopted, warned of, locked, accepted."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from makers import ACCOUNT
from paperdesk.desk.ports import LineDown
from paperdesk.domain.reports import Reading
from paperdesk.domain.vocabulary import PositionBreaks
from paperdesk.ledger.schema import events, executions
from paperdesk.ledger.store import SqlLedger
from stage import Stage, on_stage
from twsim.exchange.vocabulary import AccountId

LOCK = {"position_breaks": PositionBreaks.LOCK}
SIX = ("AAPL", "MSFT", "AMZN", "GOOGL", "META", "NVDA")


def change(stage: Stage, shares: int, symbol: str = "AAPL") -> None:
    """Let the broker hold another quantity, without an execution: a transfer, say."""
    exchange = stage.world.gateway._world.exchange
    contract = exchange.contracts.of_symbol(symbol)
    cost = 100 * Decimal(shares)
    exchange.set_position(AccountId(ACCOUNT), contract.con_id, shares, cost)


def forget(stage: Stage, symbol: str) -> None:
    """Let the broker list a contract no more, as it does the day after it was closed."""
    exchange = stage.world.gateway._world.exchange
    contract = exchange.contracts.of_symbol(symbol)
    del exchange._books.positions[AccountId(ACCOUNT), contract.con_id]


async def locks(stage: Stage) -> list[dict[str, Any]]:
    return list((await stage.account())["locks"])


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),))
async def test_the_first_complete_read_is_the_opening_position(stage: Stage) -> None:
    batch = await stage.post(80)

    (row,) = batch["results"]
    assert (row["current_pos"], row["qty"]) == (50, 30)


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),))
async def test_an_unexplained_rest_is_adopted_after_three_reads_and_targets_wait(
    stage: Stage,
) -> None:
    change(stage, 70)
    await asyncio.sleep(61)  # the next comparison
    waits = await stage.post(80)
    other = await stage.post(5, "MSFT")
    (early,) = waits["results"]
    done = await stage.row(waits, wait=50)

    assert early["status"] == "PendingSubmit"
    assert any("looked into" in warning for warning in early["warnings"])
    assert other["results"][0]["status"] == "Filled"
    assert (done["status"], done["current_pos"], done["qty"]) == ("Filled", 70, 10)
    assert await locks(stage) == []
    assert stage.position() == await stage.held() == 80


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),))
async def test_a_rest_that_goes_away_is_never_adopted(stage: Stage) -> None:
    change(stage, 70)
    await asyncio.sleep(75)
    change(stage, 50)
    await asyncio.sleep(60)

    assert await stage.held() == 50
    batch = await stage.post(80)
    assert batch["results"][0]["qty"] == 30


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),), desk=LOCK)
async def test_under_lock_it_is_a_warning_and_then_a_lock_that_clears_itself(
    stage: Stage,
) -> None:
    change(stage, 70)
    await asyncio.sleep(170)
    early = await locks(stage)
    await asyncio.sleep(90)
    (late,) = await locks(stage)
    refused = await stage.post(80)
    target_before = (await stage.caller.get("/api/v1/targets")).json()["targets"]
    change(stage, 50)
    await asyncio.sleep(65)
    cleared = await locks(stage)
    taken = await stage.post(80)

    assert early == []
    assert (late["symbol"], late["position"], late["broker_position"]) == ("AAPL", 50, 70)
    assert late["since"]
    assert "70" in late["reason"]
    (row,) = refused["results"]
    assert (row["status"], row["error_code"]) == ("error", "locked")
    assert target_before == []
    assert cleared == []
    assert taken["results"][0]["qty"] == 30


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("asks", [False, True])
def test_a_lock_of_what_is_nowhere_any_more_clears(*, is_restarted: bool, asks: bool) -> None:
    @on_stage(desk=LOCK)
    async def play(stage: Stage) -> None:
        change(stage, 30, "KO")
        await asyncio.sleep(300)
        (locked,) = await locks(stage)
        forget(stage, "KO")
        if is_restarted:
            await stage.world.crash()
            await stage.world.start()
        if asks:
            answer = await stage.operate("accept-position", all=True)
            assert answer.status_code == 200, answer.text
        else:
            await asyncio.sleep(65)
        after = await locks(stage)
        traded = await stage.post(5, "KO")

        assert (locked["symbol"], after) == ("KO", [])
        assert traded["results"][0]["qty"] == 5

    play()


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),), desk=LOCK)
async def test_before_it_is_locked_a_break_is_a_warning_of_who_trades_the_symbol(
    stage: Stage,
) -> None:
    before = await stage.post(51)
    await asyncio.sleep(65)
    change(stage, 71)
    await asyncio.sleep(70)
    seen = await stage.post(52)
    other = await stage.post(1, "MSFT")
    change(stage, 52)
    await asyncio.sleep(70)
    after = await stage.post(53)

    (row,) = seen["results"]
    assert row["status"] == "Filled"
    assert row["warnings"] == [
        "the broker's position is 71, ours is 51: the symbol is locked if it stays so"
    ]
    for batch in (before, other, after):
        assert batch["results"][0].get("warnings", []) == []


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),), desk=LOCK)
async def test_accept_position_of_a_symbol_adopts_and_unlocks(stage: Stage) -> None:
    change(stage, 70)
    await asyncio.sleep(260)
    accepted = await stage.operate("accept-position", symbol="AAPL")
    again = await stage.operate("accept-position", symbol="AAPL")
    batch = await stage.post(80)

    (row,) = accepted.json()["accepted"]
    assert (row["symbol"], row["position"], row["broker_position"]) == ("AAPL", 50, 70)
    assert again.status_code == 400
    assert await locks(stage) == []
    assert batch["results"][0]["qty"] == 10


@on_stage()
async def test_a_break_after_an_own_order_is_not_adopted_but_locks(stage: Stage) -> None:
    await stage.post(100)
    await stage.settled()
    change(stage, 70)  # before both figures agreed
    await asyncio.sleep(170)
    held, early = await stage.held(), await locks(stage)
    await asyncio.sleep(90)
    (late,) = await locks(stage)

    assert (held, early) == (100, [])
    assert (late["position"], late["broker_position"]) == (100, 70)


@on_stage()
async def test_positions_that_lag_a_fill_neither_adopt_nor_double(stage: Stage) -> None:
    stage.world.gateway.inject("P01", symbol="AAPL", delay=50)
    await stage.post(100)
    await stage.settled()
    for _ in range(20):
        await stage.post(100)
        await asyncio.sleep(10)

    assert stage.wire() == ["BUY 100"]
    assert await stage.held() == stage.position() == 100
    assert await locks(stage) == []


@on_stage()
async def test_positions_that_never_show_a_fill_lock_and_are_never_traded_from(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("P02", symbol="AAPL")
    await stage.post(100)
    await stage.settled()
    for _ in range(30):
        await stage.post(100)
        await asyncio.sleep(10)
    (locked,) = await locks(stage)
    stage.world.gateway.clear_faults()
    await asyncio.sleep(65)

    assert (locked["position"], locked["broker_position"]) == (100, 0)
    assert stage.wire() == ["BUY 100"]
    assert await stage.held() == stage.position() == 100
    assert await locks(stage) == []


@on_stage()
async def test_an_outside_trade_beside_stale_positions_does_not_make_them_true(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.inject("P02", symbol="AAPL")
    await stage.post(100)
    await stage.settled()
    gateway.place_by_hand(ACCOUNT, "AAPL", "SELL", 10)
    await asyncio.sleep(150)
    held = await stage.held()
    await stage.post(100)
    await stage.settled()
    gateway.clear_faults()
    await asyncio.sleep(70)

    assert held == 90
    assert stage.wire() == ["BUY 100", "BUY 10"]
    assert stage.position() == await stage.held() == 100


@on_stage()
async def test_when_most_positions_change_at_once_the_account_is_locked(
    stage: Stage,
) -> None:
    for symbol in SIX:
        await stage.post(10, symbol)
    await stage.settled()
    await asyncio.sleep(61)
    stage.world.gateway.reset_account(ACCOUNT)
    await asyncio.sleep(70)
    (locked,) = await locks(stage)
    refused = [await stage.post(20, symbol) for symbol in ("AAPL", "KO")]
    await asyncio.sleep(200)
    still = await locks(stage)
    one = await stage.operate("accept-position", symbol="AAPL")
    everything = await stage.operate("accept-position", all=True)
    after = await locks(stage)
    await stage.post(20)
    await stage.settled()

    assert locked["symbol"] == "*"
    assert [b["results"][0]["error_code"] for b in refused] == ["locked", "locked"]
    assert still == [locked]
    assert [row["symbol"] for row in one.json()["accepted"]] == ["AAPL"]
    assert {row["symbol"] for row in everything.json()["accepted"]} == set(SIX) - {"AAPL"}
    assert after == []
    assert stage.position() == await stage.held() == 20


@on_stage(positions=tuple((ACCOUNT, symbol, 10, 100) for symbol in SIX))
async def test_what_was_closed_today_does_not_hide_that_most_positions_changed(
    stage: Stage,
) -> None:
    for symbol in ("KO", "JPM", "XOM", "SPY", "QQQ", "IWM"):
        await stage.post(1, symbol)
        await stage.post(0, symbol)
    await asyncio.sleep(65)
    for symbol in SIX[:5]:
        change(stage, 12, symbol)
    await asyncio.sleep(120)

    assert [lock["symbol"] for lock in await locks(stage)] == ["*"]


@on_stage(positions=tuple((ACCOUNT, symbol, 10, 100) for symbol in SIX))
async def test_four_positions_that_change_at_once_are_no_mass_change(stage: Stage) -> None:
    for symbol in SIX[:4]:
        change(stage, 12, symbol)
    await asyncio.sleep(120)

    assert await locks(stage) == []
    assert [await stage.held(symbol) for symbol in SIX] == [12, 12, 12, 12, 10, 10]


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),))
async def test_a_break_found_at_a_restart_is_looked_into_first(stage: Stage) -> None:
    await stage.world.crash()
    change(stage, 70)
    await stage.world.start()
    waits = await stage.post(80)
    done = await stage.row(waits, wait=58)

    assert waits["results"][0]["status"] == "PendingSubmit"
    assert (done["status"], done["current_pos"]) == ("Filled", 70)
    assert stage.position() == 80


@on_stage(positions=((ACCOUNT, "AAPL", 50, 100),))
async def test_what_was_traded_elsewhere_while_we_were_away_is_booked_at_once(
    stage: Stage,
) -> None:
    await stage.world.crash()
    stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", "SELL", 20)
    await stage.world.start()
    batch = await stage.post(80)

    (row,) = batch["results"]
    assert (row["status"], row["current_pos"], row["qty"]) == ("Filled", 30, 50)


@on_stage()
async def test_a_split_overnight_is_adopted_and_not_traded_against(stage: Stage) -> None:
    await stage.post(100)
    await stage.settled()
    await asyncio.sleep(65)
    stage.world.gateway.inject("P06", symbol="AAPL", ratio=2)
    await asyncio.sleep(110)

    assert stage.position() == 200
    assert await stage.held() == 200
    assert stage.wire() == ["BUY 100"]


@on_stage()
async def test_what_is_adopted_after_an_order_that_never_filled_has_its_name(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    await stage.withdraw(batch)
    await asyncio.sleep(65)
    change(stage, 20)
    await asyncio.sleep(260)
    await stage.operate("accept-position", all=True)

    assert await stage.held("AAPL") == 20
    assert (await stage.target())["position"] == 20


@on_stage()
async def test_an_order_that_never_filled_does_not_keep_a_later_rest_from_being_adopted(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100, limit_price=149)
    await stage.withdraw(batch)
    await asyncio.sleep(65)  # both figures agree
    change(stage, 20)
    await asyncio.sleep(110)

    assert await stage.held("AAPL") == 20


def asked(stage: Stage, name: str) -> int:
    """Return how often the service asked for a list."""
    return len(stage.world.gateway.frames(name))


def rows_of(stage: Stage, table: sa.Table) -> int:
    """Return how many rows a table of the ledger has."""
    ledger = stage.lane._ledger
    assert isinstance(ledger, SqlLedger)
    count = sa.select(sa.func.count()).select_from(table)
    return ledger._owned.read(lambda c: c.scalar(count) or 0)


def history(stage: Stage) -> int:
    """Return how long the ledger's history is."""
    return rows_of(stage, events)


@on_stage(positions=((ACCOUNT, "MSFT", 50, 100),))
async def test_as_long_as_positions_agree_a_days_executions_are_not_read_each_minute(
    stage: Stage,
) -> None:
    await stage.post(100)
    await stage.post(5, "KO")
    await stage.post(0, "KO")
    await asyncio.sleep(120)
    executions, positions = asked(stage, "reqExecutions"), asked(stage, "reqPositions")
    words = history(stage)
    await asyncio.sleep(1800)

    assert asked(stage, "reqExecutions") == executions
    assert asked(stage, "reqPositions") >= positions + 29
    assert history(stage) == words

    await asyncio.sleep(1800)
    assert asked(stage, "reqExecutions") == executions + 1
    assert history(stage) == words


@on_stage()
async def test_a_commission_that_is_not_told_is_asked_for(stage: Stage) -> None:
    stage.world.gateway.inject("E07", symbol="AAPL", mode="late", delay=600)
    batch = await stage.post(100)
    await asyncio.sleep(50)
    early = (await stage.row(batch))["commission"]
    await asyncio.sleep(80)

    assert early is None
    assert (await stage.row(batch))["commission"] > 0


@on_stage()
async def test_a_commission_that_never_comes_is_not_asked_for_for_ever(stage: Stage) -> None:
    stage.world.gateway.inject("E07", symbol="AAPL", mode="missing")
    await stage.post(100)
    await asyncio.sleep(310)
    before = asked(stage, "reqExecutions")
    await asyncio.sleep(1800)

    assert asked(stage, "reqExecutions") == before


@on_stage()
async def test_a_doubt_stands_until_it_was_looked_into(stage: Stage) -> None:
    await stage.post(1)
    await stage.settled()
    await asyncio.sleep(65)
    broker = stage.lane.broker
    read = broker.read_positions

    async def fail() -> Reading:
        broker.read_positions = read  # type: ignore[method-assign]
        raise LineDown("for once")

    broker.read_positions = fail  # type: ignore[method-assign]
    stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 99)
    await asyncio.sleep(15)
    batch = await stage.post(100)
    await stage.settled()

    assert (await stage.row(batch))["status"] == "no_change"
    assert stage.position() == 100


@on_stage()
async def test_a_list_longer_than_one_transaction_is_learnt_whole(stage: Stage) -> None:
    stage.world.gateway.inject("Q06", of="executions", rows=2500)
    change(stage, 20)
    await asyncio.sleep(62)

    assert rows_of(stage, executions) == 2500
