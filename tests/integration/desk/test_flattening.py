"""Flattening an account: out of everything, once, whatever works or is in the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import twsim.gateway
from front import code
from makers import AAPL, ACCOUNT, NOW
from paperdesk.domain.position import Adjustment
from paperdesk.domain.reports import PositionReport
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import ConId, HaltMode, Symbol
from races.track import open_track
from sim import simulate
from stage import Stage, on_stage
from twsim.data import listings
from twsim.exchange.contracts import Listing

HELD = ((ACCOUNT, "AAPL", 50, 100), (ACCOUNT, "MSFT", -5, 400))
MANY = [Listing(f"Q{n}", f"Company {n}", "NYSE") for n in range(1_010)]


async def flatten(stage: Stage, *, wait: float = 2, **body: Any) -> Any:
    """Flatten the test account; return the answer."""
    answer = await press(stage, wait=wait, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def press(stage: Stage, *, wait: float = 2, **body: Any) -> Any:
    asked = {"reason": "out", "confirm": ACCOUNT, **body}
    path = f"/api/v1/accounts/{ACCOUNT}/flatten?wait={wait}"
    return await stage.caller.post(path, json=asked)


async def own_halt(stage: Stage) -> tuple[str, str] | None:
    """Return mode and reason of the account's halt."""
    halt = (await stage.account()).get("halt")
    return None if halt is None else (halt["mode"], halt["reason"])


# -- what it does ------------------------------------------------------------------------------
@on_stage(positions=HELD)
async def test_every_position_is_closed_at_market_and_nothing_opens_any_more(
    stage: Stage,
) -> None:
    answer = await flatten(stage)
    opening = await stage.post(5, "KO")

    assert answer["account_id"] == ACCOUNT
    assert [(row["symbol"], row["desired_pos"], row["order_type"], row["status"])
            for row in answer["results"]] == [
        ("AAPL", 0, "MKT", "Filled"), ("MSFT", 0, "MKT", "Filled"),
    ]  # fmt: skip
    assert answer["cancelled"] == answer["still_working"] == []
    assert answer["locked"] == answer["not_flat"] == []
    assert answer["halt"]["mode"] == "reduce_only"
    assert await own_halt(stage) == ("reduce_only", "flatten: out")
    assert sorted(stage.wire()) == ["BUY 5", "SELL 50"]
    assert (stage.position(), stage.position("MSFT")) == (0, 0)
    assert opening["results"][0]["error_code"] == "halted"


@on_stage()
async def test_an_account_that_holds_nothing_is_only_halted(stage: Stage) -> None:
    answer = await flatten(stage)

    assert answer["batch_id"] is None
    assert answer["results"] == []
    assert answer["submitted_at"] == answer["halt"]["since"]
    assert stage.wire() == []


@on_stage(positions=HELD)
async def test_what_works_is_cancelled_and_the_position_it_left_is_closed(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    batch = await stage.post(150, limit_price=149)
    gateway.fill(batch["results"][0]["ibkr_order_id"], shares=30)
    await stage.post(5, "KO", limit_price=10)
    await asyncio.sleep(1)
    gateway.release_fills("AAPL")
    answer = await flatten(stage, wait=5)

    by_symbol = {row["symbol"]: row for row in answer["results"]}
    assert sorted(row["symbol"] for row in answer["cancelled"]) == ["AAPL", "KO"]
    assert (by_symbol["AAPL"]["current_pos"], by_symbol["AAPL"]["qty"]) == (80, 80)
    assert by_symbol["KO"]["status"] == "no_change"
    assert (stage.position(), stage.position("KO")) == (0, 0)
    assert stage.wire().count("cancel") == 2


@on_stage(positions=HELD)
async def test_a_second_call_keeps_the_orders_of_the_first(stage: Stage) -> None:
    stage.world.gateway.hold_fills()
    first = await flatten(stage)
    second = await flatten(stage, reason="again")
    stage.world.gateway.release_fills()
    done = await stage.shown(second, wait=5)

    ids = [row["ibkr_order_id"] for row in first["results"]]
    assert [row["status"] for row in second["results"]] == ["no_change", "no_change"]
    assert [row["kept"]["ibkr_order_id"] for row in second["results"]] == ids
    assert second["cancelled"] == []
    assert done["summary"]["final"]
    assert sorted(stage.wire()) == ["BUY 5", "SELL 50"]
    assert (stage.position(), stage.position("MSFT")) == (0, 0)
    assert await own_halt(stage) == ("reduce_only", "flatten: again")


@on_stage(positions=HELD)
async def test_intents_that_are_not_sent_end_and_closing_ones_are_kept(stage: Stage) -> None:
    await stage.post(51)
    await stage.post(-6, "MSFT")
    stage.lane.pacer.pause(5)
    unsent = await stage.batch_of(
        {"symbol": "AAPL", "quantity": 90}, {"symbol": "MSFT", "quantity": 0}, wait=0.5
    )
    answer = await flatten(stage, wait=0.5)
    done = await stage.shown(unsent, wait=10)
    await asyncio.sleep(10)

    opening, closing = done["orders"]
    assert (opening["status"], opening["error_code"]) == ("Cancelled", "halted")
    assert closing["status"] == "Filled"
    assert closing["kept_by"] == answer["batch_id"]
    assert [row["symbol"] for row in answer["cancelled"]] == ["AAPL"]
    assert sorted(stage.wire()) == ["BUY 1", "BUY 6", "SELL 1", "SELL 51"]


@on_stage(positions=HELD)
async def test_an_order_that_fills_before_its_cancel_arrives_is_closed_too(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills("AAPL")
    await stage.post(150, limit_price=149)
    stage.world.gateway.inject("C05", symbol="AAPL")
    stage.world.gateway.release_fills("AAPL")
    answer = await flatten(stage, wait=10)

    (row,) = (row for row in answer["results"] if row["symbol"] == "AAPL")
    assert (row["current_pos"], row["qty"]) == (150, 150)
    assert answer["cancelled"] == answer["still_working"] == []
    assert stage.position() == 0


@on_stage(positions=HELD)
async def test_a_fill_that_arrives_after_cancelled_is_closed_too(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    await stage.post(150, limit_price=149)
    gateway.inject("C06", symbol="AAPL", delay=0.5, percent=40)
    pressed = asyncio.create_task(flatten(stage, wait=10))
    await asyncio.sleep(0.8)
    gateway.release_fills("AAPL")
    answer = await pressed

    (row,) = (row for row in answer["results"] if row["symbol"] == "AAPL")
    assert (row["current_pos"], row["qty"]) == (90, 90)
    assert stage.position() == 0


# -- what stands in the way -----------------------------------------------------------------
@on_stage(positions=HELD)
async def test_a_halt_of_all_orders_of_the_account_gives_way(stage: Stage) -> None:
    await stage.operate("halt", reason="stop")
    answer = await flatten(stage)

    assert [row["status"] for row in answer["results"]] == ["Filled", "Filled"]
    assert await own_halt(stage) == ("reduce_only", "flatten: out")


@on_stage(positions=HELD)
async def test_under_a_halt_of_all_accounts_nothing_is_done_and_it_says_what_to_lift(
    stage: Stage,
) -> None:
    await stage.caller.post("/api/v1/halt", json={"reason": "storm"})
    refused = await press(stage)
    await stage.caller.post("/api/v1/resume", json={"reason": "over"})

    assert code(refused) == (409, "halted")
    assert "/api/v1/resume" in refused.json()["detail"]
    assert "storm" in refused.json()["detail"]
    assert await own_halt(stage) is None
    assert stage.wire() == []


@on_stage(positions=HELD)
async def test_a_reduce_only_halt_of_all_accounts_lets_it_through(stage: Stage) -> None:
    await stage.caller.post("/api/v1/halt", json={"reason": "storm", "mode": "reduce_only"})
    answer = await flatten(stage)

    assert [row["status"] for row in answer["results"]] == ["Filled", "Filled"]


@on_stage(positions=HELD)
async def test_without_a_session_halt_and_cancels_are_stored_and_nothing_is_closed(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills()
    batch = await stage.post(100, limit_price=149)
    await gateway.stop()
    await stage.until_up(up=False)
    refused = await press(stage)
    await gateway.start()
    await stage.until_up()
    await asyncio.sleep(5)
    ended = await stage.row(batch)
    before = stage.wire()
    gateway.release_fills()
    answer = await flatten(stage)

    assert code(refused) == (500, "broker-unavailable")
    words = refused.json()["detail"]
    assert "The halt stands" in words
    assert "cancels of 1 orders are stored" in words
    assert "No position was closed" in words
    assert ended["status"] == "Cancelled"
    assert before == ["BUY 50", "cancel"]
    assert [row["status"] for row in answer["results"]] == ["Filled", "Filled"]
    assert stage.position() == 0


@on_stage(positions=HELD)
async def test_a_locked_symbol_is_named_and_the_others_are_closed(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    await stage.post(100, limit_price=149)
    lock = Lock(Symbol("AAPL"), "two figures", stage.world.clock.now())
    await stage.lane._ledger.lock(ACCOUNT, AAPL, lock)
    answer = await flatten(stage)

    aapl, msft = answer["results"]
    assert (aapl["status"], aapl["error_code"]) == ("error", "locked")
    assert msft["status"] == "Filled"
    assert answer["locked"] == [{"symbol": "AAPL", "quantity": 50, "reason": "two figures"}]
    assert [row["symbol"] for row in answer["cancelled"]] == ["AAPL"]


@on_stage(positions=HELD)
async def test_what_is_not_traded_here_is_named_with_a_reason(stage: Stage) -> None:
    broker = stage.lane.broker
    told = broker.positions(ACCOUNT)
    bond = PositionReport(ACCOUNT, ConId(1), "T", "BOND", "USD", Decimal(3), Decimal(99))
    euro = PositionReport(ACCOUNT, ConId(2), "SAP", "STK", "EUR", Decimal(7), Decimal(99))
    sold = replace(bond, conid=ConId(3), quantity=Decimal(0))
    odd = replace(bond, conid=ConId(4), symbol="A/B", sec_type="STK")
    part = replace(told[AAPL], quantity=Decimal("50.25"))
    all_told = {1: bond, 2: euro, 3: sold, 4: odd} | {AAPL: part}
    broker.positions = lambda _: all_told  # type: ignore[method-assign,assignment,return-value]
    answer = await flatten(stage)

    rows = {row["symbol"]: row for row in answer["not_flat"]}
    assert set(rows) == {"T", "SAP", "A/B", "AAPL"}
    assert (rows["T"]["quantity"], "BOND" in rows["T"]["reason"]) == (3, True)
    assert (rows["SAP"]["quantity"], "EUR" in rows["SAP"]["reason"]) == (7, True)
    assert (rows["AAPL"]["quantity"], "whole shares" in rows["AAPL"]["reason"]) == (0.25, True)
    assert stage.position() == 0


@on_stage(positions=(*HELD, (ACCOUNT, "TWIN", 10, 10)))
async def test_a_symbol_that_names_several_contracts_is_not_flat(stage: Stage) -> None:
    answer = await flatten(stage)

    (left,) = answer["not_flat"]
    assert (left["symbol"], "ambiguous" in left["reason"]) == ("TWIN", True)
    assert sorted(stage.wire()) == ["BUY 5", "SELL 50"]


@on_stage(positions=HELD)
async def test_a_position_under_a_symbol_that_names_another_contract_is_not_flat(
    stage: Stage,
) -> None:
    old = Adjustment(ConId(77), Symbol("KO"), 0, 9, "renamed", NOW)
    await stage.lane._ledger.adopt(ACCOUNT, [old], stage.world.clock.now())
    answer = await flatten(stage)

    (left,) = answer["not_flat"]
    assert (left["symbol"], left["quantity"]) == ("KO", 9)
    assert "held as contract 77" in left["reason"]


@on_stage(positions=HELD)
async def test_an_order_placed_elsewhere_is_counted_with_a_warning(stage: Stage) -> None:
    stage.world.gateway.hold_fills("AAPL")
    stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", "SELL", 20, limit="200")
    answer = await flatten(stage)
    again = await flatten(stage)

    (row,) = (row for row in answer["results"] if row["symbol"] == "AAPL")
    (kept,) = (row for row in again["results"] if row["symbol"] == "AAPL")
    assert (row["foreign_qty"], row["qty"]) == (-20, 30)
    assert any("elsewhere" in warning for warning in row["warnings"])
    assert [entry["symbol"] for entry in answer["not_flat"]] == ["AAPL"]
    assert "20 shares are left to orders placed elsewhere" in answer["not_flat"][0]["reason"]
    assert kept["kept"]["ibkr_order_id"] == row["ibkr_order_id"]
    assert sorted(stage.wire()) == ["BUY 5", "SELL 30"]


@on_stage(positions=HELD, desk={"resolve_seconds": 5})
async def test_a_symbol_whose_order_is_unknown_waits_and_is_closed_once_it_is_known(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("L04", symbol="AAPL")
    lost = await stage.post(70, wait=0)
    await asyncio.sleep(3)
    await stage.until_up()
    answer = await flatten(stage)
    done = await stage.shown(answer, wait=30)

    (row,) = (row for row in answer["results"] if row["symbol"] == "AAPL")
    assert (row["status"], row["ibkr_order_id"]) == ("PendingSubmit", None)
    assert any("unknown" in warning for warning in row["warnings"])
    assert [row["symbol"] for row in answer["still_working"]] == ["AAPL"]
    assert (await stage.row(lost))["error_code"] == "not-placed"
    assert done["summary"]["final"]
    assert stage.position() == 0


@pytest.mark.timeout(180)
def test_more_positions_than_a_batch_may_have_are_all_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(twsim.gateway, "listings", lambda: [*listings(), *MANY])

    async def scenario() -> None:
        held = tuple((ACCOUNT, listing.symbol, 7, 10) for listing in MANY)
        async with open_track(positions=held, pace=30) as track:  # frames for 67 s, not 60
            stage = Stage(track.world, track.caller)
            answer = await flatten(stage, wait=60)
            async with asyncio.timeout(400):
                while not (done := await stage.shown(answer, wait=30))["summary"]["final"]:
                    pass

            assert len(done["orders"]) == 1_010
            assert {row["status"] for row in done["orders"]} == {"Filled"}
            assert {stage.position(listing.symbol) for listing in MANY} == {0}
            assert stage.sent_twice() == []

    simulate(3, scenario)


# -- who may, and how ------------------------------------------------------------------------
@on_stage(positions=HELD)
async def test_it_wants_an_admin_a_reason_and_the_account_once_more(stage: Stage) -> None:
    path = f"/api/v1/accounts/{ACCOUNT}/flatten"
    body = {"reason": "out", "confirm": ACCOUNT}
    by_trader = await stage.of("trader").caller.post(path, json=body)
    by_another = await stage.of("warden").caller.post(path, json=body)
    wrong = [
        await stage.caller.post(path, json=asked)
        for asked in (
            {"reason": "out"},
            {"confirm": ACCOUNT},
            {"reason": "out", "confirm": "DUP203550"},
            {"reason": "out", "confirm": ACCOUNT.lower()},
            {"reason": "out", "confirm": True},
            body | {"mode": "all"},
        )
    ]

    assert code(by_trader) == (403, "forbidden")
    assert code(by_another) == (404, "not-found")
    assert [code(answer) for answer in wrong] == [(400, "bad-request")] * 6
    assert await own_halt(stage) is None
    assert stage.wire() == []


@on_stage(positions=HELD)
async def test_it_survives_a_crash_as_far_as_it_came(stage: Stage) -> None:
    stage.world.gateway.hold_fills()
    await flatten(stage)
    await stage.world.crash()
    await stage.world.start()
    await flatten(stage)
    stage.world.gateway.release_fills()
    await stage.settled()

    assert sorted(stage.wire()) == ["BUY 5", "SELL 50"]
    assert await own_halt(stage) == (HaltMode.REDUCE_ONLY.value, "flatten: out")
    assert stage.position() == 0
