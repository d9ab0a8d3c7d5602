"""Situations in which a review found a wrong position, a second send, or a wait without an end.

Where two things must happen in one order to come close, the test holds one of them back; what
runs is the service itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from makers import ACCOUNT
from paperdesk.config import Settings
from paperdesk.desk import resolver
from paperdesk.domain.contract import Contract
from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import OrderRef
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.engine import CommitUnknown
from stage import Stage, on_stage


async def evidence(stage: Stage, batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was found out of a batch's first order."""
    answer = await stage.caller.get(f"/api/v1/orders/{batch['batch_id']}/evidence")
    return list(answer.json()["orders"][0]["evidence"])


# -- positions -------------------------------------------------------------------------------
@on_stage()
async def test_what_was_traded_by_hand_before_the_first_start_is_counted_once(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    await stage.world.stop()
    gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 100)
    await asyncio.sleep(86_400 * 1.1)  # executions are of the day: this one is served no more
    gateway.place_by_hand(ACCOUNT, "AAPL", "SELL", 100)
    await asyncio.sleep(5)
    stage.world.forget()
    await stage.world.start()
    await stage.post(100)
    await stage.settled()
    await asyncio.sleep(70)
    gateway.place_by_hand(ACCOUNT, "AAPL", "SELL", 150)
    await asyncio.sleep(5)

    assert await stage.held() == stage.position() == -50


@on_stage()
async def test_a_trade_by_hand_is_not_traded_again_a_moment_later(stage: Stage) -> None:
    await stage.post(1)
    await stage.settled()
    await asyncio.sleep(65)
    stage.world.gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 99)
    await asyncio.sleep(0.05)  # its push is here, the books are not there yet
    batch = await stage.post(100)
    await stage.settled()

    assert (await stage.row(batch))["status"] == "no_change"
    assert stage.position() == 100


@on_stage()
async def test_a_position_is_not_accepted_of_an_account_that_is_not_named(
    stage: Stage,
) -> None:
    await stage.post(100)
    await stage.settled()
    await stage.world.stop()
    stage.world.gateway.set_managed_accounts("DUP203550")
    await stage.world.start(is_up=False)
    await asyncio.sleep(10)
    refused = await stage.operate("accept-position", all=True)
    stage.world.gateway.set_managed_accounts("DUP203550", ACCOUNT)
    await stage.until_up()

    assert refused.status_code == 500
    assert refused.json()["code"] == "broker-unavailable"
    assert await stage.held() == 100


@on_stage()
async def test_a_fill_during_an_acceptance_is_not_taken_back(stage: Stage) -> None:
    gateway, auditor = stage.world.gateway, stage.lane.auditor
    gateway.hold_fills("AAPL")
    order_id = (await stage.post(100))["results"][0]["ibkr_order_id"]
    caught_up = auditor._caught_up

    async def a_fill_first() -> None:
        auditor._caught_up = caught_up
        gateway.fill(order_id, shares=30)
        await asyncio.sleep(0.2)
        await caught_up()

    auditor._caught_up = a_fill_first
    accepted = await stage.operate("accept-position", all=True)

    assert accepted.json()["accepted"] == []
    assert await stage.held() == stage.position() == 30


# -- orders ----------------------------------------------------------------------------------
@on_stage()
async def test_a_cancel_that_is_refused_does_not_end_its_order(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    older = await stage.post(100)
    gateway.inject("A09", on="cancel", times=1)
    await stage.post(40, wait=0)
    await asyncio.sleep(2)
    status = (await stage.row(older))["status"]
    gateway.clear_faults()
    gateway.release_fills("AAPL")
    await stage.settled()

    assert status == "PendingCancel"
    assert stage.position() == 40


@on_stage()
async def test_a_held_order_whose_cancel_is_refused_is_followed_to_its_fill(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.inject("O11", symbol="AAPL", delay=60, then="filled", times=1)
    older = await stage.post(100)
    gateway.inject("A09", on="cancel", times=0)
    await stage.post(40, wait=0)
    await asyncio.sleep(20)
    held = await stage.row(older)
    await stage.settled()
    gateway.clear_faults()
    filled = await stage.row(older)

    assert held["status"] == "PendingCancel"
    assert (filled["status"], filled["filled_qty"]) == ("Filled", 100)
    assert stage.position() == 40


@on_stage()
async def test_an_order_refused_after_its_cancel_was_asked_ends_with_the_brokers_words(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    gateway.inject("O07", symbol="AAPL", delay=10, times=1)
    gateway.inject("C02", symbol="AAPL", delay=600, times=1)  # its cancel is not answered
    older = await stage.post(100)
    await stage.post(40, wait=0)
    await asyncio.sleep(60)
    refused = await stage.row(older)
    gateway.release_fills("AAPL")
    await stage.settled()

    assert refused["status"] == "Inactive"
    assert "Order rejected" in refused["error"]
    assert stage.position() == 40


@on_stage()
async def test_a_fence_that_is_refused_does_not_end_an_unknown_order(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    gateway.inject("O03", symbol="AAPL", delay=120)  # it works, and nothing is heard of it
    for lists in ("open", "completed", "executions"):
        gateway.inject("Q02", of=lists, times=0)
    gateway.inject("A09", on="cancel", times=1)
    lost = await stage.post(100, wait=0)
    await asyncio.sleep(60)
    status = (await stage.row(lost))["status"]
    await stage.post(40, wait=0)
    gateway.clear_faults()
    await asyncio.sleep(60)
    gateway.release_fills("AAPL")
    await stage.settled()

    assert status == "Unknown"
    assert stage.position() == 40


@on_stage()
async def test_an_order_heard_of_before_its_conclusion_is_not_concluded(stage: Stage) -> None:
    gateway, ledger = stage.world.gateway, stage.lane._ledger
    gateway.hold_fills("AAPL")
    older = await stage.post(100)
    for lists in ("open", "completed"):
        gateway.inject("Q02", of=lists, times=0)
    gateway.inject("C03", times=0)
    conclude = ledger.conclude
    seen: list[str] = []

    async def first_heard_of(ref: Any, event: Any, *args: Any, **more: Any) -> Any:
        if event != "vanished" and not seen:
            gateway.clear_faults()
            await stage.lane.broker.open_orders()
            await asyncio.sleep(0.2)
            seen.append((await stage.row(older))["status"])
        return await conclude(ref, event, *args, **more)

    ledger.conclude = first_heard_of  # type: ignore[method-assign]
    stage.lane.resolver.doubt([(await stage.lane._ledger.working(ACCOUNT))[0].ref])
    async with asyncio.timeout(120):
        while not seen:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(1)
    await stage.post(40, wait=0)
    await asyncio.sleep(20)
    gateway.release_fills("AAPL")
    await stage.settled()

    assert seen == ["PendingCancel"]
    assert stage.position() == 40


@on_stage()
async def test_a_database_that_forgets_a_claim_lets_no_order_leave_twice(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("O03", symbol="AAPL", delay=5, times=0)
    sender, ledger = stage.lane.sender, stage.lane._ledger
    send, unsent = sender._send_orders, ledger.unsent

    async def forgetting(*args: Any) -> None:
        sender._send_orders = send  # type: ignore[method-assign]
        await send(*args)
        as_before = "update orders set state = 'planned', order_id = null, sent_at = null"
        ledger._owned.transact(lambda c: c.execute(sa.text(as_before)).rowcount)  # type: ignore[attr-defined]

    async def lost_once(*args: Any) -> Any:
        ledger.unsent = unsent  # type: ignore[method-assign]
        raise LedgerUnavailable("the primary is gone")

    sender._send_orders = forgetting  # type: ignore[method-assign,assignment]
    ledger.unsent = lost_once  # type: ignore[method-assign,assignment]
    await stage.post(100, wait=0)
    await asyncio.sleep(20)

    assert stage.wire() == ["BUY 100"]


@on_stage()
async def test_an_account_is_halted_if_more_orders_left_than_were_written_down(
    stage: Stage,
) -> None:
    broker = stage.lane.broker
    place = broker.place

    def once_too_often(order: Order, contract: Contract) -> None:
        place(order, contract)
        unwritten = replace(
            order, ref=OrderRef(f"{order.ref}x"), order_id=broker.next_order_id()
        )
        place(unwritten, contract)

    broker.place = once_too_often  # type: ignore[method-assign]
    await stage.post(100)
    broker.place = place  # type: ignore[method-assign]
    row = {"symbol": "MSFT", "quantity": 5}
    refused = await stage.caller.post("/api/v1/orders", json={"orders": [row]})

    assert refused.status_code == 409
    assert "halted by paperdesk: more orders left" in refused.json()["detail"]
    assert stage.position("MSFT") == 0


@on_stage()
async def test_a_cancel_that_was_stored_after_all_is_sent(stage: Stage) -> None:
    await stored_after_all(
        stage,
        "ask_cancel",
        lambda batch: stage.caller.delete(f"/api/v1/orders/{batch['batch_id']}"),
    )


@on_stage()
async def test_a_flatten_that_was_stored_after_all_cancels_what_works(stage: Stage) -> None:
    await stored_after_all(
        stage, "flatten", lambda _: stage.operate("flatten", reason="out", confirm=ACCOUNT)
    )


async def stored_after_all(
    stage: Stage,
    method: str,
    ask: Callable[[dict[str, Any]], Awaitable[httpx.Response]],
) -> None:
    """Lose the answer of the ledger behind its commit; the cancel that it stored must leave."""
    stage.world.gateway.hold_fills("AAPL")
    batch = await stage.post(100)
    await asyncio.sleep(15)  # nothing is watched any more
    store = getattr(stage.lane._ledger, method)

    async def lost_behind(*args: Any) -> Any:
        await store(*args)
        raise CommitUnknown("the answer was lost behind the commit")

    setattr(stage.lane._ledger, method, lost_behind)
    answer = await ask(batch)
    await asyncio.sleep(30)

    assert answer.status_code == 503
    assert stage.wire() == ["BUY 100", "cancel"]
    assert (await stage.row(batch))["status"] == "Cancelled"


@on_stage()
async def test_an_order_that_was_planned_and_not_queued_is_sent_after_a_restart(
    stage: Stage,
) -> None:
    await stage.post(1)
    stage.world.crash_at("CP06")
    with pytest.raises(httpx.ReadError):
        await stage.post(100)
    await stage.world.until_crashed()
    await stage.world.start()
    await stage.settled()

    assert stage.wire() == ["BUY 1", "BUY 99"]
    assert stage.position() == await stage.held() == 100


@pytest.mark.parametrize("is_killed", [True, False], ids=["process", "line"])
def test_a_clock_that_was_set_back_hides_no_order_from_what_ended(
    is_killed: bool,  # noqa: FBT001 - a parameter
) -> None:
    @on_stage()
    async def play(stage: Stage) -> None:
        stage.world.gateway.inject("O01", symbol="AAPL")
        batch = await stage.post(100, wait=0)
        await asyncio.sleep(2)
        stage.world.clock._start -= timedelta(seconds=30)
        if is_killed:
            await stage.world.crash()
            await stage.world.start()
        else:
            stage.world.gateway.drop_connections()
            await asyncio.sleep(2)

        assert (await stage.row(batch))["status"] == "Unknown"

    play()


@on_stage()
async def test_an_unsent_order_that_a_newer_batch_keeps_lapses_after_a_restart(
    stage: Stage,
) -> None:
    await stage.post(1)
    await stage.settled()
    stage.lane.pacer.pause(30)
    older = await stage.post(100, wait=0)
    await asyncio.sleep(1)
    newer = await stage.post(100, wait=0)
    await asyncio.sleep(1)
    kept_by = (await stage.row(older))["kept_by"]
    await stage.world.crash()
    await asyncio.sleep(120)
    await stage.world.start()
    await stage.settled()

    assert kept_by == newer["batch_id"]
    assert (await stage.row(older))["error_code"] == "expired"
    await stage.post(100)
    await stage.settled()
    assert stage.position() == 100


# -- what has to end -------------------------------------------------------------------------
def test_a_fence_that_is_never_answered_ends_with_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolver, "NOT_FOUND", -1)  # this gateway has another word for it

    @on_stage()
    async def play(stage: Stage) -> None:
        await stage.post(1, "MSFT")
        stage.world.gateway.inject("O01", symbol="AAPL")
        lost = await stage.post(100, wait=0)
        await asyncio.sleep(300)
        found = await evidence(stage, lost)
        await asyncio.sleep(600)

        refused = await stage.post(50)
        assert refused["results"][0]["error_code"] == "locked"
        assert await evidence(stage, lost) == found
        assert found[-1]["step"] == "conclusion"

    play()


@on_stage(start=datetime(2026, 3, 10, 3, 59, 50, tzinfo=UTC))  # New York's midnight is near
async def test_an_order_for_a_person_is_neither_cancelled_nor_read_for_ever(
    stage: Stage,
) -> None:
    stage.world.gateway.inject("L04", symbol="AAPL")
    lost = await stage.post(100, wait=0)
    await asyncio.sleep(60)
    await stage.withdraw(lost)
    await asyncio.sleep(60)
    before = (len(await evidence(stage, lost)), stage.wire())
    await asyncio.sleep(1_800)

    assert (await stage.row(lost))["status"] == "Unknown"
    assert (len(await evidence(stage, lost)), stage.wire()) == before


@on_stage()
async def test_executions_that_are_never_served_can_be_said_by_a_person(
    stage: Stage,
) -> None:
    gateway = stage.world.gateway
    gateway.hold_fills("AAPL")
    gateway.inject("E04", symbol="AAPL")
    gateway.inject("Q02", of="executions", times=0)
    batch = await stage.post(100)
    gateway.fill(batch["results"][0]["ibkr_order_id"], shares=30)
    await asyncio.sleep(2)
    await stage.withdraw(batch)
    await asyncio.sleep(400)
    locked = (await stage.post(50))["results"][0]
    said = await stage.caller.post(
        f"/api/v1/orders/{batch['batch_id']}/resolve",
        json={"symbol": "AAPL", "as": "filled", "qty": 30, "price": 150},
    )
    await stage.operate("accept-position", symbol="AAPL")
    await asyncio.sleep(120)

    assert locked["error_code"] == "locked"
    assert said.status_code == 200
    assert (await stage.account())["locks"] == []
    assert await stage.held() == stage.position() == 30


@on_stage()
async def test_an_account_is_locked_though_the_ledger_blinks(stage: Stage) -> None:
    ledger = stage.lane._ledger
    lock = ledger.lock
    times = [1, 2, 3]  # what is learnt is tried twice: together, and each on its own

    async def gone(*args: Any) -> None:
        times.pop()
        if not times:
            ledger.lock = lock  # type: ignore[method-assign]
        raise LedgerUnavailable("gone for a moment")

    ledger.lock = gone  # type: ignore[method-assign,assignment]
    stage.world.gateway.notify(2148, "positions may be liquidated")
    await asyncio.sleep(5)

    assert [entry["symbol"] for entry in (await stage.account())["locks"]] == ["*"]


@on_stage()
async def test_a_halt_cancels_though_an_account_has_left_the_configuration(
    stage: Stage,
) -> None:
    stage.world.gateway.hold_fills()
    await stage.post(100)
    other = {"account_id": "DUP203550", "orders": [{"symbol": "MSFT", "quantity": 5}]}
    await stage.caller.post("/api/v1/orders?wait=1", json=other)
    await stage.world.stop()
    before = stage.world._change

    def without(settings: Settings) -> Settings:
        settings = before(settings)
        (only,) = settings.gateways
        (_, kept) = only.accounts
        return replace(
            settings, gateways=(replace(only, accounts=(kept,)),), default_account=kept
        )

    stage.world._change = without
    await stage.world.start(is_up=False)
    await asyncio.sleep(10)
    halted = await stage.caller.post(
        "/api/v1/halt", json={"reason": "stop", "cancel_working": True}
    )

    assert halted.status_code == 200
    assert [row["symbol"] for row in halted.json()["cancelled"]] == ["MSFT"]
    assert [row["symbol"] for row in halted.json()["still_working"]] == ["AAPL"]
