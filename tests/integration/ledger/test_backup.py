"""Backups of a ledger that is at work: each is of one moment, and whole, and sends nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import House, client_named, open_house
from makers import ACCOUNT, NOW, make_target
from paperdesk.broker.translate import report_of
from paperdesk.clock import ManualClock, SystemClock
from paperdesk.domain.order import OrderState, ShownStatus
from paperdesk.domain.reconcile import LATE
from paperdesk.domain.vocabulary import BatchId, Scope
from paperdesk.ledger.backup import back_up, restore
from paperdesk.ledger.backup_file import Summary
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor
from twsim import Gateway

BACKUPS = 4
SYMBOLS = ("AAPL", "MSFT", "AMZN", "IBM", "KO", "PG")


async def trade_on(house: House) -> None:
    """Post targets until somebody stops it."""
    quantity = 0
    while True:
        quantity = (quantity + 7) % 50
        await house.submit(*(make_target(symbol, quantity) for symbol in SYMBOLS))


async def test_backups_of_a_ledger_at_work_each_hold_one_moment_of_it(
    empty_url: Callable[[], str], tmp_path: Path
) -> None:
    """The history of each says what its tables say: nothing is in one and not in the other."""
    url = empty_url()
    taken: list[tuple[Path, Summary]] = []
    gateway = Gateway(accounts={ACCOUNT: 10_000_000})
    async with (
        gateway,
        open_house(tmp_path, gateway=gateway, ledger_url=url, per_second=1_000) as house,
    ):
        await house.trade(make_target())
        trading = asyncio.create_task(trade_on(house))
        for number in range(BACKUPS):
            await asyncio.sleep(0.4)
            path = tmp_path / f"{number}.backup"
            taken.append((path, await asyncio.to_thread(back_up, url, path, NOW)))
        assert not trading.done()
        trading.cancel()

    for path, summary in taken:
        restored = f"sqlite:///{path}.db"
        restore(restored, path, NOW)
        ledger = await SqlLedger.open(restored, InlineExecutor(), ManualClock(NOW))
        assert await ledger.check_history(report_of) == ()
        await ledger.close()
        assert summary.rows["executions"] > 0
    events = [summary.rows["events"] for _, summary in taken]
    assert events == sorted(set(events))


def references(gateway: Gateway) -> list[str]:
    """Return the reference of every order that the gateway was sent."""
    sent = [frame.fields for frame in gateway.frames("placeOrder")]
    return [field for fields in sent for field in fields if field.startswith("pd-")]


async def back_up_with_an_intent(house: House, url: str, path: Path) -> str:
    """Hold an order back, back it up, and let it leave; return its batch."""
    house.desk._lanes[ACCOUNT].pacer.pause(1.5)
    batch = await house.submit(make_target("AAPL", 100), wait_seconds=0.3)
    (row,) = batch.rows
    assert row.order is not None
    assert row.order.state is OrderState.PLANNED
    before = len(references(house.gateway))
    await asyncio.to_thread(back_up, url, path, SystemClock().now())
    assert len(references(house.gateway)) == before
    async with asyncio.timeout(10):
        while len(references(house.gateway)) == before:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    return batch.head.batch_id


@pytest.mark.parametrize("fills", [True, False], ids=["filled since", "working since"])
async def test_what_was_unsent_in_a_backup_and_left_since_is_adopted_and_never_sent_again(
    empty_url: Callable[[], str],
    tmp_path: Path,
    fills: bool,  # noqa: FBT001
) -> None:
    url, restored, path = empty_url(), empty_url(), tmp_path / "ledger.backup"
    gateway = Gateway(accounts={ACCOUNT: 10_000_000})
    async with gateway:
        async with open_house(tmp_path, gateway=gateway, ledger_url=url) as house:
            await house.trade(make_target("MSFT", 1), make_target("AAPL", 1))
            if not fills:
                gateway.hold_fills("AAPL")
            batch_id = BatchId(await back_up_with_an_intent(house, url, path))
            await asyncio.sleep(0.5)
        sent = references(gateway)
        await asyncio.to_thread(restore, restored, path, SystemClock().now())
        async with open_house(tmp_path, gateway=gateway, ledger_url=restored) as house:
            admin = client_named("admin", Scope.ADMIN)
            batch = await house.desk.batch(house.client, batch_id, wait_seconds=10)
            await house.desk.operator.resume(admin, None, reason="looked")
            await asyncio.sleep(1)
            positions = await house.positions()

    assert references(gateway) == sent
    assert len(set(sent)) == len(sent) == 3
    (row,) = batch.rows
    assert row.order is not None
    assert row.status is (ShownStatus.FILLED if fills else ShownStatus.CANCELLED)
    assert (row.error, row.order.warnings) == (None, (LATE,))
    assert positions["AAPL"] == (100 if fills else 1)
    assert len(gateway.frames("cancelOrder")) == (0 if fills else 1)
    ledger = await SqlLedger.open(restored, InlineExecutor(), SystemClock())
    assert await ledger.check_history(report_of) == ()
    await ledger.close()
