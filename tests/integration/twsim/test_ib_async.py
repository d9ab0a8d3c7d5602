"""twsim under the real, unmodified ib_async, over TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest
from ib_async import IB, Contract, LimitOrder, MarketOrder, Order, Stock, Trade

from twsim import Direction, Gateway

Connect = Callable[..., Awaitable[IB]]
ACCOUNT = "DU8730189"
AAPL = Stock("AAPL", "SMART", "USD")


async def until(condition: Callable[[], object], *, seconds: float = 3) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - conditions of a foreign library
            await asyncio.sleep(0.005)


def market(side: str, quantity: int, **more: object) -> Order:
    return MarketOrder(side, quantity, account=ACCOUNT, tif="DAY", **more)


def limit(side: str, quantity: int, price: float, *, tif: str = "GTC") -> Order:
    return LimitOrder(side, quantity, price, account=ACCOUNT, tif=tif, orderRef="pd-1")


async def contract(ib: IB, symbol: str = "AAPL") -> Contract:
    (found,) = await ib.qualifyContractsAsync(Stock(symbol, "SMART", "USD"))
    assert isinstance(found, Contract)
    return found


def errors(ib: IB) -> list[tuple[int, int, str]]:
    seen: list[tuple[int, int, str]] = []
    ib.errorEvent += lambda req_id, code, text, _contract: seen.append((req_id, code, text))
    return seen


def words(trade: Trade) -> list[str]:
    return [status for status, _ in groupby(entry.status for entry in trade.log)]


async def test_it_connects_with_every_sync_request_answered(connect: Connect) -> None:
    ib = await connect()

    assert ib.client.serverVersion() == 178
    assert ib.managedAccounts() == [ACCOUNT, "DUP203550"]
    net = [row for row in ib.accountValues() if row.tag == "NetLiquidation"]
    assert {(row.account, row.value, row.currency) for row in net} == {
        (ACCOUNT, "1000000.00", "USD"),
        ("DUP203550", "1000000.00", "USD"),
    }
    assert [*ib.positions(), *ib.trades(), *ib.fills()] == []


async def test_a_contract_has_its_details(connect: Connect) -> None:
    ib = await connect()
    (details,) = await ib.reqContractDetailsAsync(AAPL)

    assert details.contract is not None
    assert details.contract.conId == 265598
    assert details.contract.primaryExchange == "NASDAQ"
    assert (details.minTick, details.stockType) == (0.01, "COMMON")
    assert details.longName == "Apple Inc."
    session = details.liquidSessions()[0]
    assert (session.end - session.start).total_seconds() == 86_400


async def test_class_shares_have_a_space_and_names_survive_the_wire(connect: Connect) -> None:
    ib = await connect()
    (berkshire,) = await ib.reqContractDetailsAsync(Stock("BRK B", "SMART", "USD"))
    (estee,) = await ib.reqContractDetailsAsync(Stock("EL", "SMART", "USD"))

    assert berkshire.longName == "Berkshire Hathaway"
    assert estee.longName.startswith("Est\xe9e Lauder")


async def test_unknown_contracts_are_error_200_and_twins_are_two(connect: Connect) -> None:
    ib = await connect()
    seen = errors(ib)

    assert await ib.reqContractDetailsAsync(Stock("NOPE", "SMART", "USD")) == []
    assert seen[0][1:] == (200, "No security definition has been found for the request")
    twins = await ib.reqContractDetailsAsync(Stock("TWIN", "SMART", "USD"))
    assert len({each.contract.conId for each in twins if each.contract}) == 2


async def test_a_market_order_fills_and_costs_35_cents(connect: Connect) -> None:
    ib = await connect()
    trade = ib.placeOrder(await contract(ib), market("BUY", 50, orderRef="pd-7"))
    await until(lambda: trade.fills and trade.fills[0].commissionReport.commission)
    await until(ib.positions)

    assert words(trade) == ["PendingSubmit", "PreSubmitted", "Filled"]
    assert trade.orderStatus.filled == 50
    fill = trade.fills[0]
    assert fill.commissionReport.commission == 0.35
    assert (fill.execution.orderRef, fill.execution.side) == ("pd-7", "BOT")
    (position,) = ib.positions()
    assert (position.account, position.position) == (ACCOUNT, 50)
    assert position.avgCost == pytest.approx(fill.execution.price + 0.007)


async def test_a_round_trip_realises_its_result(connect: Connect, gateway: Gateway) -> None:
    ib = await connect()
    aapl = await contract(ib)
    gateway.set_price("AAPL", "100.00")
    buy = ib.placeOrder(aapl, market("BUY", 100))
    await until(buy.isDone)
    gateway.set_price("AAPL", "110.00")
    sell = ib.placeOrder(aapl, market("SELL", 100))
    await until(lambda: sell.fills and sell.fills[0].commissionReport.commission)

    assert sell.fills[0].commissionReport.realizedPNL == pytest.approx(998 - 0.70)
    await until(lambda: gateway.position(ACCOUNT, "AAPL") == 0)
    await until(
        lambda: (
            [v.value for v in ib.accountValues(ACCOUNT) if v.tag == "NetLiquidation"]
            == ["1000997.30"]
        )
    )


async def test_a_limit_order_rests_changes_and_is_cancelled(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    seen = errors(ib)
    order = limit("BUY", 10, 100)
    aapl = await contract(ib)
    trade = ib.placeOrder(aapl, order)
    await until(lambda: trade.orderStatus.status == "Submitted")
    perm_id = trade.order.permId
    order.lmtPrice = 101
    ib.placeOrder(aapl, order)
    await until(lambda: len(gateway.frames("openOrder")) == 2)
    changed = gateway.frames("openOrder")[1].fields
    assert {"101.0", "102.0", f"{perm_id}.1/{ACCOUNT}/100"} <= set(changed)
    ib.cancelOrder(order)
    await until(lambda: trade.orderStatus.status == "Cancelled" and seen)

    assert seen == [(order.orderId, 202, "Order Canceled - reason:")]


async def test_a_large_order_fills_in_parts(connect: Connect, gateway: Gateway) -> None:
    ib = await connect()
    gateway.set_size("AAPL", 40)
    trade = ib.placeOrder(await contract(ib), market("BUY", 100))
    await until(lambda: len(trade.fills) == 3 and trade.isDone())
    await until(lambda: trade.fills[0].commissionReport.commission)

    assert [fill.execution.shares for fill in trade.fills] == [40, 40, 20]
    assert [fill.execution.cumQty for fill in trade.fills] == [40, 80, 100]
    assert sum(fill.commissionReport.commission for fill in trade.fills) == 0.35
    assert "Submitted" in words(trade)


async def test_a_resting_order_fills_when_the_price_comes(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    trade = ib.placeOrder(await contract(ib), limit("BUY", 10, 140))
    await until(lambda: trade.orderStatus.status == "Submitted")
    gateway.set_price("AAPL", "139.00")
    await until(trade.isDone)

    assert trade.orderStatus.status == "Filled"
    assert trade.orderStatus.avgFillPrice <= 140


async def test_immediate_or_cancel_is_cancelled_where_nothing_is_there(
    connect: Connect,
) -> None:
    ib = await connect()
    trade = ib.placeOrder(await contract(ib), limit("BUY", 10, 100, tif="IOC"))
    await until(lambda: trade.orderStatus.status == "Cancelled")

    assert trade.filled() == 0


async def test_a_held_order_works_until_it_is_released(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    gateway.hold_fills("AAPL")
    trade = ib.placeOrder(await contract(ib), market("BUY", 10))
    await until(lambda: trade.orderStatus.status == "PreSubmitted")
    gateway.release_fills("AAPL")
    await until(lambda: trade.orderStatus.status == "Filled")

    assert gateway.position(ACCOUNT, "AAPL") == 10


@pytest.mark.parametrize(
    ("symbol", "order", "code"),
    [
        ("TWIN", market("BUY", 10), 200),
        ("NOPE", market("BUY", 10), 200),
        ("AAPL", limit("BUY", 10, 100.005), 110),
        ("AAPL", Order(action="BUY", totalQuantity=1, orderType="XYZ", account=ACCOUNT), 321),
        ("AAPL", MarketOrder("BUY", 1, tif="DAY"), 435),
        ("AAPL", market("BUY", 10_000_000), 201),
    ],
)
async def test_a_bad_order_is_refused_and_leaves_no_position(
    connect: Connect, gateway: Gateway, symbol: str, order: Order, code: int
) -> None:
    ib = await connect()
    seen = errors(ib)
    ib.placeOrder(Stock(symbol, "SMART", "USD"), order)
    await until(lambda: seen)

    assert [(each[0], each[1]) for each in seen] == [(order.orderId, code)]
    assert gateway.frames("execDetails") == []
    await until(lambda: (code == 201) == bool(gateway.frames("openOrder")))


async def test_a_forced_refusal_meets_the_next_order_only(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    seen = errors(ib)
    gateway.reject_next(460, "No trading permissions.")
    aapl = await contract(ib)
    first, second = ib.placeOrder(aapl, market("BUY", 1)), ib.placeOrder(aapl, market("BUY", 1))
    await until(lambda: second.orderStatus.status == "Filled")

    assert seen == [(first.order.orderId, 460, "No trading permissions.")]


async def test_cancelling_what_is_not_there_or_done_is_told_apart(connect: Connect) -> None:
    ib = await connect()
    seen = errors(ib)
    trade = ib.placeOrder(await contract(ib), market("BUY", 1))
    await until(trade.isDone)
    done = trade.order.orderId
    ib.client.cancelOrder(999_999_999, "")
    ib.client.cancelOrder(done, "")
    await until(lambda: len(seen) == 2)

    assert seen == [
        (999_999_999, 10147, "OrderId 999999999 that needs to be cancelled is not found."),
        (
            done,
            10148,
            f"OrderId {done} that needs to be cancelled cannot be cancelled, state: Filled.",
        ),
    ]


async def test_a_client_id_in_use_is_refused_and_free_again_later(
    connect: Connect, gateway: Gateway
) -> None:
    first = await connect(7)
    second = IB()
    seen = errors(second)
    with pytest.raises((ConnectionError, TimeoutError)):
        await second.connectAsync(gateway.host, gateway.port, clientId=7, timeout=0.3)

    assert [each[:2] for each in seen] == [(-1, 326)]
    first.disconnect()
    await until(lambda: not gateway._running.lines)
    assert (await connect(7)).isConnected()


async def test_clients_see_their_own_orders_and_everybodys_positions(
    connect: Connect, gateway: Gateway
) -> None:
    one, two = await connect(1), await connect(2)
    resting = one.placeOrder(await contract(one), limit("BUY", 10, 100))
    filled = one.placeOrder(await contract(one), market("BUY", 30))
    await until(filled.isDone)
    await until(two.positions)

    assert resting.orderStatus.status == "Submitted"
    assert two.trades() == []
    assert two.positions()[0].position == 30
    assert await two.reqOpenOrdersAsync() == []
    assert len(await two.reqAllOpenOrdersAsync()) == 1
    seen = errors(two)
    two.client.cancelOrder(resting.order.orderId, "")
    await until(lambda: seen)
    assert seen[0][1] == 10147
    assert {f.execution.clientId for f in await two.reqExecutionsAsync()} == {1}
    assert gateway.frames("placeOrder", direction=Direction.CLIENT)[0].client_id == 1


async def test_a_reconnect_finds_orders_executions_and_positions(
    connect: Connect, gateway: Gateway
) -> None:
    first = await connect()
    aapl = await contract(first)
    resting = first.placeOrder(aapl, limit("BUY", 10, 100))
    filled = first.placeOrder(aapl, market("BUY", 30))
    await until(lambda: filled.fills and filled.fills[0].commissionReport.commission)
    gateway.drop_connections()
    await until(lambda: not first.isConnected() and not gateway._running.lines)
    second = await connect()

    assert [t.order.permId for t in second.openTrades()] == [resting.order.permId]
    (fill,) = second.fills()
    assert fill.execution.execId == filled.fills[0].execution.execId
    assert fill.execution.time == filled.fills[0].execution.time
    assert fill.commissionReport.commission == 0.35
    assert second.positions()[0].position == 30
    assert second.client.getReqId() > filled.order.orderId
    (completed,) = [t for t in second.trades() if t.orderStatus.status == "Filled"]
    assert completed.order.permId == filled.order.permId


async def test_a_gateway_stops_and_starts_on_its_port(
    connect: Connect, gateway: Gateway
) -> None:
    ib, port = await connect(), gateway.port
    trade = ib.placeOrder(await contract(ib), market("BUY", 5))
    await until(trade.isDone)
    await gateway.stop()
    await until(lambda: not ib.isConnected())
    with pytest.raises(OSError, match="Connect call failed"):
        await IB().connectAsync(gateway.host, port, timeout=1)
    await gateway.start()

    assert gateway.port == port
    assert (await connect()).positions()[0].position == 5


async def test_the_state_survives_a_new_gateway(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "twsim.jsonl"
    accounts = {ACCOUNT: Decimal(50_000)}
    ib = IB()
    async with Gateway(
        accounts=accounts, state=state, positions=[(ACCOUNT, "MSFT", -7, "400")]
    ) as one:
        await ib.connectAsync(one.host, one.port, clientId=3)
        aapl = await contract(ib)
        filled = ib.placeOrder(aapl, market("BUY", 30))
        resting = ib.placeOrder(aapl, limit("BUY", 10, 100))
        await until(lambda: filled.isDone() and resting.orderStatus.status == "Submitted")
        cash = one.cash(ACCOUNT)
    ib.disconnect()
    again = IB()
    async with Gateway(
        accounts=accounts, state=state, positions=[(ACCOUNT, "MSFT", -7, "400")]
    ) as two:
        await again.connectAsync(two.host, two.port, clientId=3, raiseSyncErrors=True)

        assert two.cash(ACCOUNT) == cash
        assert two.position(ACCOUNT, "AAPL") == 30
        assert two.position(ACCOUNT, "MSFT") == -7
        assert [t.order.permId for t in again.openTrades()] == [resting.order.permId]
        assert len(again.fills()) == 1
        assert again.client.getReqId() > resting.order.orderId
    again.disconnect()


async def test_a_silent_gateway_answers_once_it_speaks_again(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    gateway.silence()
    asked = asyncio.ensure_future(ib.reqCurrentTimeAsync())
    late = IB()
    with pytest.raises(TimeoutError):
        await late.connectAsync(gateway.host, gateway.port, clientId=2, timeout=0.2)

    assert not asked.done()
    gateway.resume()
    assert await asyncio.wait_for(asked, 1)


async def test_other_accounts_may_be_named_at_any_time(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    gateway.set_managed_accounts(ACCOUNT, "U1234567")
    await until(lambda: ib.managedAccounts() == [ACCOUNT, "U1234567"])

    assert (await connect(2)).managedAccounts() == [ACCOUNT, "U1234567"]


async def test_quotes_come_as_a_snapshot_or_a_stream(
    connect: Connect, gateway: Gateway
) -> None:
    ib = await connect()
    gateway.set_price("AAPL", "155.00")
    aapl = await contract(ib)
    ib.reqMarketDataType(3)
    (snapshot,) = await ib.reqTickersAsync(aapl)

    assert (snapshot.bid, snapshot.last, snapshot.ask) == (154.99, 155.00, 155.01)
    stream = ib.reqMktData(aapl)
    await until(lambda: stream.last == 155.00)
    gateway.set_price("AAPL", "156.00")
    await until(lambda: stream.last > 155.5)
    ib.cancelMktData(aapl)


async def test_small_questions_have_answers(connect: Connect) -> None:
    ib = await connect(0)
    found = await ib.reqMatchingSymbolsAsync("BRK")

    assert [each.contract.symbol for each in found or [] if each.contract] == ["BRK B"]
    rule = await ib.reqMarketRuleAsync(26)
    assert [(step.lowEdge, step.increment) for step in rule or []] == [(0, 0.0001), (1, 0.01)]
    assert (await ib.reqCurrentTimeAsync()).year >= 2026


async def test_what_is_not_simulated_is_refused_and_the_line_stays(
    connect: Connect,
) -> None:
    ib = await connect()
    seen = errors(ib)
    ib.client.reqHeadTimeStamp(77, AAPL, "TRADES", 1, 1)
    ib.client.reqScannerParameters()
    await until(lambda: len(seen) == 2)

    assert [(each[0], each[1]) for each in seen] == [(77, 162), (-1, 321)]
    assert ib.isConnected()
