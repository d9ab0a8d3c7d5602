"""What a real run wrote is what its history says."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from harness import House, open_house
from makers import ACCOUNT, NOW, make_target
from paperdesk.broker.translate import report_of
from paperdesk.clock import ManualClock
from paperdesk.domain.batch import Batch
from paperdesk.domain.vocabulary import HaltMode
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor
from twsim import Gateway

AAPL_50 = (ACCOUNT, "AAPL", 50, Decimal(150))


async def differences(home: Path) -> tuple[str, ...]:
    """Return what a rebuild of the ledger in `home` has otherwise."""
    ledger = await SqlLedger.open(
        f"sqlite:///{home}/ledger.db", InlineExecutor(), ManualClock(NOW)
    )
    try:
        return await ledger.check_history(report_of)
    finally:
        await ledger.close()


async def test_a_day_of_trading_is_rebuilt_from_its_history(tmp_path: Path) -> None:
    gateway = Gateway(accounts={ACCOUNT: 1_000_000}, positions=(AAPL_50,))
    async with gateway, open_house(tmp_path, gateway=gateway) as house:
        await in_parts_and_corrected(house)
        await replaced_and_cancelled(house)
        await by_hand_and_over_a_lost_line(house)
        await refused_and_halted(house)

    assert await differences(tmp_path) == ()


async def in_parts_and_corrected(house: House) -> None:
    house.gateway.set_commission_delay(0.5)
    house.gateway.hold_fills("AAPL")
    batch = await house.submit(make_target(quantity=100, expected="150", tolerance="5"))
    order_id = order_id_of(batch)
    for shares in (20, 10):
        house.gateway.fill(order_id, shares=shares)
    house.gateway.release_fills("AAPL")
    await house.final(batch)
    first = house.gateway.frames("execDetails")[0]
    house.gateway.correct_execution(first.fields[14], price="149.5")
    house.gateway.set_commission_delay(0.05)


def order_id_of(batch: Batch) -> int:
    order = batch.rows[0].order
    assert order is not None
    assert order.order_id is not None
    return order.order_id


async def replaced_and_cancelled(house: House) -> None:
    house.gateway.hold_fills("MSFT")
    older = await house.submit(make_target("MSFT", 10))
    await house.submit(make_target("MSFT", 10))
    newer = await house.submit(make_target("MSFT", 20))
    house.gateway.release_fills("MSFT")
    await house.final(older)
    await house.final(newer)
    resting = await house.submit(make_target("AMZN", 5, limit="1"))
    await house.desk.cancel(house.client, resting.head.batch_id)
    await house.final(resting)


async def by_hand_and_over_a_lost_line(house: House) -> None:
    house.gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 3)
    house.gateway.hold_fills("IBM")
    batch = await house.submit(make_target("IBM", 7))
    house.gateway.drop_connections()
    house.gateway.release_fills("IBM")
    await house.until_down()
    assert await house.desk.until_up(10)
    await house.final(batch)


async def refused_and_halted(house: House) -> None:
    house.gateway.reject_next(201, "Order rejected - reason: drill")
    await house.trade(make_target("KO", 1), make_target("APPL", 1))
    await house.submit(make_target("PG", 1, limit="1"))
    await house.desk.operator.halt(
        house.client, ACCOUNT, mode=HaltMode.ALL, reason="drill", cancel_working=True
    )
    await asyncio.sleep(0.5)
