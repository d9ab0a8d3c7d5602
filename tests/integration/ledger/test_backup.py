"""Backups of a ledger that is being written: each is of one moment, and whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from harness import House, open_house
from makers import ACCOUNT, NOW, make_target
from paperdesk.broker.translate import report_of
from paperdesk.clock import ManualClock
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
