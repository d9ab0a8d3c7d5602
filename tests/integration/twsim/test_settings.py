"""The settings of a gateway and its doors for notices and orders made by hand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock, Trade

from twsim import Gateway
from twsim.server import reserve_port

ACCOUNT = "DU8730189"
AAPL = Stock("AAPL", "SMART", "USD", conId=265598)
Connect = Callable[..., Awaitable[IB]]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - conditions of a foreign library
            await asyncio.sleep(0.005)


def errors(ib: IB) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    ib.errorEvent += lambda req_id, code, _text, _contract: seen.append((req_id, code))
    return seen


def resting(price: float = 100.0) -> LimitOrder:
    return LimitOrder("BUY", 10, price, account=ACCOUNT, tif="DAY")


@pytest.mark.parametrize("version", [157, 176, 178])
async def test_a_lower_server_version_serves_ib_async_as_well(version: int) -> None:
    async with Gateway(server_version=version) as gateway:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1, raiseSyncErrors=True)
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 10, account=ACCOUNT, tif="DAY"))
        await until(trade.isDone)

        assert ib.client.serverVersion() == version
        assert trade.orderStatus.status == "Filled"
        ib.disconnect()


async def test_too_many_messages_a_second_end_the_line() -> None:
    async with Gateway(messages_per_second_max=50) as gateway:
        ib = IB()
        ib.client.setConnectOptions("")
        ib.client.MaxRequests = 0
        await ib.connectAsync(gateway.host, gateway.port, clientId=1)
        seen = errors(ib)
        for _ in range(60):
            ib.client.reqCurrentTime()
        await until(lambda: not ib.isConnected())

        assert (-1, 100) in seen


async def test_the_trace_has_a_line_for_each_frame() -> None:
    lines: list[str] = []
    async with Gateway(trace=lines.append) as gateway:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1)
        ib.disconnect()

        assert len(lines) == len(gateway.transcript())
        assert any("-> startApi client_id=1" in each for each in lines)


async def test_notices_reach_every_client(connect: Connect, gateway: Gateway) -> None:
    clients = [await connect(1), await connect(2)]
    heard = [errors(ib) for ib in clients]
    for code in (1100, 1102, 2103):
        gateway.notify(code)
    gateway.notify(2104, "Market data farm connection is OK:usfarm.nj")
    await until(lambda: all(len(each) == 4 for each in heard))

    assert heard == [[(-1, 1100), (-1, 1102), (-1, 2103), (-1, 2104)]] * 2
    with pytest.raises(KeyError):
        gateway.notify(1)


async def test_client_0_controls_what_is_placed_by_hand(
    connect: Connect, gateway: Gateway
) -> None:
    zero, other = await connect(0), await connect(1)
    perm_id = gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 10, limit="100.00")
    await until(zero.openTrades)
    (trade,) = zero.openTrades()

    assert (trade.order.permId, trade.order.orderId) == (perm_id, -1)
    assert other.openTrades() == []
    assert [each.order.permId for each in await other.reqAllOpenOrdersAsync()] == [perm_id]

    zero.cancelOrder(trade.order)
    await until(trade.isDone)

    assert trade.orderStatus.status == "Cancelled"


async def test_what_is_placed_by_hand_moves_positions_for_everybody(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect(1)
    gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 10)
    await until(ib.positions)

    assert gateway.position(ACCOUNT, "AAPL") == 10
    assert ib.fills() == []
    with pytest.raises(ValueError, match="434"):
        gateway.place_by_hand(ACCOUNT, "AAPL", "BUY", 0)


async def test_a_person_can_cancel_any_order(connect: Connect, gateway: Gateway) -> None:
    ib = await connect(1)
    trade = ib.placeOrder(AAPL, resting())
    await until(lambda: trade.order.permId)
    gateway.cancel_by_hand(trade.order.permId)
    await until(trade.isDone)

    assert trade.orderStatus.status == "Cancelled"
    with pytest.raises(KeyError):
        gateway.cancel_by_hand(trade.order.permId)


async def test_ib_async_reads_every_subscription(connect: Connect) -> None:
    ib = await connect(1)
    summary = {row.tag: row.value for row in await ib.accountSummaryAsync()}
    ib.reqPnL(ACCOUNT)
    ib.reqPnLSingle(ACCOUNT, "", 265598)
    ib.client.reqPositionsMulti(900, ACCOUNT, "")
    ticker = ib.reqMktData(AAPL, "236")
    await until(lambda: ticker.hasBidAsk() and ib.pnl()[0].dailyPnL == 0 and ib.pnlSingle())

    assert summary["NetLiquidation"] == "1000000.00"
    assert ib.pnlSingle()[0].position == 0
    assert (ticker.halted, ticker.shortable) == (0.0, 3.0)
    assert ticker.high >= ticker.last >= ticker.low


async def test_delayed_quotes_fill_ib_asyncs_ticker(connect: Connect) -> None:
    ib = await connect(1)
    seen = errors(ib)
    ib.reqMarketDataType(3)
    (ticker,) = await ib.reqTickersAsync(AAPL)

    assert ticker.bid < ticker.ask
    assert ticker.marketDataType == 3
    assert 10167 in {code for _, code in seen}


async def test_ib_async_asks_what_an_order_would_do(connect: Connect) -> None:
    ib = await connect(1)
    state = await ib.whatIfOrderAsync(AAPL, resting())

    assert float(state.initMarginChange) > 0
    assert state.commission == 0.35
    assert await ib.reqAllOpenOrdersAsync() == []


async def test_a_bracket_of_ib_async_lives_and_dies_together(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect(1)
    gateway.set_price("AAPL", "150.00")
    parent = LimitOrder("BUY", 10, 160.0, account=ACCOUNT, tif="GTC", transmit=False)
    parent.orderId = ib.client.getReqId()
    children = [
        LimitOrder("SELL", 10, price, account=ACCOUNT, tif="GTC", parentId=parent.orderId)
        for price in (200.0, 300.0)
    ]
    children[0].transmit = False
    trades: list[Trade] = [ib.placeOrder(AAPL, each) for each in (parent, *children)]
    await until(lambda: trades[2].orderStatus.status == "Submitted")

    assert trades[0].orderStatus.status == "Filled"

    gateway.set_price("AAPL", "250.00")
    await until(lambda: all(trade.isDone() for trade in trades))

    assert [t.orderStatus.status for t in trades] == ["Filled", "Filled", "Cancelled"]
    assert gateway.position(ACCOUNT, "AAPL") == 0


async def test_the_global_cancel_of_ib_async_ends_everything(connect: Connect) -> None:
    ib, other = await connect(1), await connect(2)
    trades = [each.placeOrder(AAPL, resting()) for each in (ib, other)]
    await until(lambda: all(trade.orderStatus.status == "Submitted" for trade in trades))
    ib.reqGlobalCancel()
    await until(lambda: all(trade.isDone() for trade in trades))

    assert [trade.orderStatus.status for trade in trades] == ["Cancelled"] * 2


async def test_a_shut_port_is_kept_by_whoever_reserves_ports() -> None:
    asked: list[tuple[str, int]] = []

    def reserve(host: str, port: int) -> socket.socket:
        asked.append((host, port))
        return reserve_port(host, port)

    async with Gateway(reserve=reserve) as gateway:
        gateway.inject("L01", on="now", delay=60)

        assert asked == [(gateway.host, gateway.port)]


async def test_a_gateway_that_stops_while_its_port_opens_again_lets_the_port_go() -> None:
    async with Gateway() as gateway:
        gateway.inject("L01", on="now", delay=60)
        gateway.clear_faults()

    socket.create_server((gateway.host, gateway.port)).close()
