"""The doors of a gateway that change or judge its world, under the real ib_async."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Order, Stock, Trade

from twsim import Gateway

Connect = Callable[..., Awaitable[IB]]
ACCOUNT = "DU8730189"
AAPL = Stock("AAPL", "SMART", "USD")


def limit(quantity: int = 100, price: float = 100) -> Order:
    return LimitOrder("BUY", quantity, price, account=ACCOUNT, tif="DAY")


async def working(ib: IB, order: Order) -> Trade:
    trade = ib.placeOrder(AAPL, order)
    await asyncio.wait_for(trade.statusEvent, 3)
    return trade


async def test_an_order_fills_by_hand_at_its_limit(connect: Connect, gateway: Gateway) -> None:
    trade = await working(await connect(), limit())
    gateway.fill(trade.order.orderId)
    await asyncio.wait_for(trade.filledEvent, 3)

    assert trade.fills[0].execution.price == 100
    gateway.check_position(ACCOUNT, "AAPL", 100)


async def test_an_order_fills_by_hand_in_parts_and_at_any_price(
    connect: Connect, gateway: Gateway
) -> None:
    trade = await working(await connect(), limit())
    gateway.fill(trade.order.orderId, shares=30, price="99.50")
    gateway.fill(trade.order.orderId, shares=20)
    while len(trade.fills) < 2:
        await trade.fillEvent

    assert [fill.execution.price for fill in trade.fills] == [99.50, 100]
    assert (trade.orderStatus.status, trade.remaining()) == ("Submitted", 50)
    with pytest.raises(AssertionError, match=r"51 shares of order \d+ of client 1: BUY 100"):
        gateway.fill(trade.order.orderId, shares=51)


async def test_a_held_market_order_fills_by_hand_at_the_market(
    connect: Connect, gateway: Gateway
) -> None:
    gateway.set_price("AAPL", "150.00")
    gateway.hold_fills()
    order = MarketOrder("SELL", 10, account=ACCOUNT, tif="DAY")
    trade = await working(await connect(), order)
    gateway.fill(order.orderId)
    await asyncio.wait_for(trade.filledEvent, 3)

    assert trade.fills[0].execution.price == pytest.approx(150, abs=0.05)
    gateway.check_position(ACCOUNT, "AAPL", -10)


async def test_the_order_to_fill_must_be_working_and_one(
    connect: Connect, gateway: Gateway
) -> None:
    one, two = await connect(1), await connect(2)
    with pytest.raises(LookupError, match=r"no working order 9\n  working: none"):
        gateway.fill(9)
    first, second = limit(), limit()
    first.orderId = second.orderId = 40
    await working(one, first)
    other = await working(two, second)
    with pytest.raises(LookupError, match="clients 1, 2 have a working order 40: name one"):
        gateway.fill(40)
    with pytest.raises(LookupError, match=r"order 40 of client 3\n  working:\n    order 40"):
        gateway.fill(40, client_id=3)
    gateway.fill(40, client_id=2)
    await asyncio.wait_for(other.filledEvent, 3)

    gateway.check_position(ACCOUNT, "AAPL", 100)


async def test_one_client_is_disconnected_and_no_other(
    connect: Connect, gateway: Gateway
) -> None:
    one, two = await connect(1), await connect(2)
    gateway.disconnect(2)
    await asyncio.wait_for(two.disconnectedEvent, 3)

    assert one.isConnected()
    with pytest.raises(LookupError, match=r"client 2 is not connected; those that are: 1$"):
        gateway.disconnect(2)
    gateway.disconnect()
    await asyncio.wait_for(one.disconnectedEvent, 3)
    with pytest.raises(LookupError, match="those that are: none"):
        gateway.disconnect(1)


async def test_a_wrong_position_is_explained(connect: Connect, gateway: Gateway) -> None:
    ib = await connect()
    trade = await working(ib, limit(price=100))
    gateway.fill(trade.order.orderId, shares=60)
    await asyncio.wait_for(trade.fillEvent, 3)
    with pytest.raises(AssertionError) as told:
        gateway.check_position(ACCOUNT, "AAPL", 100)

    lines = str(told.value).splitlines()
    assert lines[0] == f"{ACCOUNT} holds 60 AAPL, not 100"
    assert lines[1] == "  executions:"
    assert lines[2].endswith(f"BUY 60 at 100 for order {trade.order.orderId} of client 1")
    assert lines[3] == "  orders:"
    assert lines[4].endswith("BUY 100 AAPL LMT 100 DAY, Submitted, 60 filled")


async def test_only_the_last_of_many_orders_explain_a_position(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    for _ in range(22):
        ib.placeOrder(AAPL, limit(1))
    while len(gateway.frames("orderStatus")) < 22:
        await ib.updateEvent
    with pytest.raises(AssertionError, match="    and 2 before them\n"):
        gateway.check_position(ACCOUNT, "AAPL", 1)
    with pytest.raises(AssertionError, match=r"executions: none\n  orders: none$"):
        gateway.check_position(ACCOUNT, "MSFT", 1)


async def test_a_symbol_that_is_not_listed_is_named(gateway: Gateway) -> None:
    with pytest.raises(LookupError, match="there is no symbol 'NOPE'"):
        gateway.set_price("NOPE", 1)
