"""The doors of Gateway to its exchange, with ib_async on the other side of the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Order, Stock, Trade

from twsim import Gateway, ManualClock

ACCOUNT = "DU8730189"
AAPL = Stock("AAPL", "SMART", "USD")
THANKSGIVING = datetime(2026, 11, 26, 17, tzinfo=UTC)


@asynccontextmanager
async def client_of(gateway: Gateway) -> AsyncIterator[IB]:
    ib = IB()
    await ib.connectAsync(gateway.host, gateway.port, clientId=1, raiseSyncErrors=True)
    try:
        yield ib
    finally:
        ib.disconnect()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the loop must turn
            await asyncio.sleep(0.001)


async def filled(ib: IB, order: Order) -> Trade:
    trade = ib.placeOrder(AAPL, order)
    await until(lambda: trade.orderStatus.status == "Filled")
    return trade


def market(side: str, quantity: int) -> Order:
    return MarketOrder(side, quantity, account=ACCOUNT, tif="DAY")


async def test_real_hours_know_holidays_half_days_and_the_open() -> None:
    clock = ManualClock(THANKSGIVING)
    async with Gateway(hours="real", clock=clock) as gateway, client_of(gateway) as ib:
        (details,) = await ib.reqContractDetailsAsync(AAPL)
        trade = ib.placeOrder(AAPL, market("BUY", 10))
        await until(lambda: gateway.frames("openOrder"))

        assert details.liquidHours.split(";")[:3] == [
            "20261126:CLOSED", "20261127:0930-20261127:1300", "20261128:CLOSED",
        ]  # fmt: skip
        assert details.tradingHours.split(";")[1] == "20261127:0400-20261127:1700"
        warning = next(f for f in gateway.frames("error") if f.fields[3] == "399")
        assert warning.fields[4].endswith("until 2026-11-27 09:30:00 US/Eastern.")

        gateway.advance(24 * 3600)
        await until(lambda: trade.orderStatus.status == "Filled")

        assert gateway.position(ACCOUNT, "AAPL") == 10


async def test_a_cancel_while_closed_may_wait_for_the_open() -> None:
    clock = ManualClock(THANKSGIVING)
    gateway = Gateway(hours="real", clock=clock, cancels_wait=True)
    async with gateway, client_of(gateway) as ib:
        trade = ib.placeOrder(AAPL, market("BUY", 10))
        await until(lambda: gateway.frames("openOrder"))
        ib.cancelOrder(trade.order)
        await until(lambda: len(gateway.frames("openOrder")) == 3)

        assert gateway.frames("orderStatus")[-1].fields[2] == "PendingCancel"

        gateway.advance(24 * 3600)

        assert gateway.frames("orderStatus")[-1].fields[2] == "Cancelled"
        assert gateway.position(ACCOUNT, "AAPL") == 0


async def test_prices_are_replayed_from_a_file(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "time,symbol,price,bid,ask,size\n"
        "2020-01-02T14:30:00Z,AAPL,100.00,99.95,100.05,40\n"
        "2020-01-02T14:30:05Z,AAPL,90.00,,,\n"
    )
    async with (
        Gateway(prices=prices, clock=ManualClock()) as gateway,
        client_of(gateway) as ib,
    ):
        trade = await filled(ib, market("BUY", 50))
        resting = ib.placeOrder(AAPL, LimitOrder("BUY", 5, 95, account=ACCOUNT, tif="DAY"))
        await until(lambda: resting.orderStatus.status == "Submitted")

        assert [fill.execution.price for fill in trade.fills] == [100.05, 100.06]

        gateway.advance(4.9)
        assert gateway.position(ACCOUNT, "AAPL") == 50
        gateway.advance(0.2)
        assert gateway.position(ACCOUNT, "AAPL") == 55


async def test_a_tape_of_an_unknown_symbol_stops_the_start(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("time,symbol,price\n2020-01-02T14:30:00Z,NOPE,100\n")

    with pytest.raises(ValueError, match="there is no symbol NOPE"):
        await Gateway(prices=prices).start()
    with pytest.raises(FileNotFoundError):
        await Gateway(prices=tmp_path / "none.csv").start()


async def test_commissions_may_be_fixed_late_or_never() -> None:
    clock = ManualClock()
    gateway = Gateway(commissions="fixed", commission_delay=2, clock=clock)
    async with gateway, client_of(gateway) as ib:
        trade = await filled(ib, market("BUY", 100))
        gateway.advance(1.9)

        assert gateway.frames("commissionReport") == []

        gateway.advance(0.1)
        await until(lambda: trade.fills[0].commissionReport.commission)

        assert trade.fills[0].commissionReport.commission == 1.0003

        gateway.set_commission_delay(None)
        await filled(ib, market("BUY", 100))
        gateway.advance(1000)

        assert len(gateway.frames("commissionReport")) == 1


async def test_a_limit_beyond_the_band_is_cancelled() -> None:
    async with Gateway(price_band="0.0294") as gateway, client_of(gateway) as ib:
        trade = ib.placeOrder(AAPL, LimitOrder("BUY", 1, 160, account=ACCOUNT, tif="DAY"))
        await until(trade.isDone)

        assert trade.orderStatus.status == "Cancelled"
        assert gateway.position(ACCOUNT, "AAPL") == 0


async def test_short_sales_wait_for_their_shares() -> None:
    clock = ManualClock()
    async with Gateway(clock=clock) as gateway, client_of(gateway) as ib:
        gateway.set_hard_to_borrow("AAPL")
        ib.placeOrder(AAPL, market("SELL", 10))
        await until(lambda: gateway.frames("openOrder"))
        gateway.advance(3600)

        assert gateway.position(ACCOUNT, "AAPL") == 0

        gateway.set_easy_to_borrow("AAPL")

        assert gateway.position(ACCOUNT, "AAPL") == -10

        gateway.set_hard_to_borrow("AAPL", seconds=5)
        ib.placeOrder(AAPL, market("SELL", 10))
        await until(lambda: "404" in {f.fields[3] for f in gateway.frames("error")[4:]})
        gateway.advance(5)

        assert gateway.position(ACCOUNT, "AAPL") == -20


async def test_an_execution_is_corrected_and_an_account_reset(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    async with Gateway(state=state) as gateway, client_of(gateway) as ib:
        trade = await filled(ib, market("BUY", 100))
        exec_id = trade.fills[0].execution.execId
        await until(lambda: gateway.frames("commissionReport"))
        corrected = gateway.correct_execution(exec_id, shares=90, price="149.00")
        await until(lambda: len(gateway.frames("commissionReport")) == 2)

        assert corrected == f"{exec_id[:-3]}.02"
        assert gateway.position(ACCOUNT, "AAPL") == 90

        gateway.reset_account(ACCOUNT, 250_000)
        await until(lambda: ib.positions() == [])

        assert gateway.cash(ACCOUNT) == Decimal(250_000)
    async with Gateway(state=state) as gateway, client_of(gateway) as ib:
        assert gateway.cash(ACCOUNT) == Decimal(250_000)
        assert [fill.execution.execId for fill in ib.fills()] == [corrected]


async def test_two_gateways_cannot_share_a_journal(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    async with Gateway(state=state):
        with pytest.raises(ValueError, match="in use by another gateway"):
            await Gateway(state=state).start()
    async with Gateway(state=state) as gateway:
        assert gateway.port
