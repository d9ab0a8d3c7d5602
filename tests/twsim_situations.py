"""The situations of the recordings, played by twsim: what it says where a gateway said that."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from twsim.exchange.vocabulary import AccountId
from twsim.wire.requests import (
    CancelOrder,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqExecutions,
    ReqOpenOrders,
    ReqPnL,
    ReqPositions,
    ReqPositionsMulti,
)
from twsim_makers import contract, recordings
from twsim_world import Client, World

MASKED: Final = AccountId("DU1234567")
Frames = list[list[str]]


def start(*, client_id: int, version: int) -> Client:
    world = World()
    world.simulator.exchange.open_account(MASKED, Decimal(1_000_000))
    world.simulator.set_managed_accounts([MASKED])
    return Client(world, client_id=client_id, version=version)


def place(client: Client, order_id: int, **terms: object) -> Frames:
    return client.place(order_id, **{"account": MASKED, **terms})


def bought(client: Client, order_id: int, **terms: object) -> Frames:
    placed = place(client, order_id, **terms)
    client.world.later(1)
    return placed + client.wire.heard()


RESTING: Final = {"order_type": "LMT", "limit_price": Decimal("100.00"), "tif": "GTC"}


def bootstrap_and_summary() -> Frames:
    tags = next(each for each in recordings() if each.direction == "C").fields[4]
    client = start(client_id=1, version=176)
    return client.started + client.ask(ReqAccountSummary(req_id=-10, group=MASKED, tags=tags))


def market_order() -> Frames:
    client = start(client_id=1, version=176)
    return bought(client, 3, total_quantity=Decimal(1), tif="GTC")


def resting_limit_then_cancel() -> Frames:
    client = start(client_id=1, version=176)
    told = place(client, 36, total_quantity=Decimal(1), order_ref="36", **RESTING)
    return told + client.ask(CancelOrder(order_id=36))


def open_orders() -> Frames:
    client = start(client_id=1, version=176)
    client.world.simulator.exchange.hold()
    place(client, 3, total_quantity=Decimal(1), order_ref="first", **RESTING)
    place(client, 4, total_quantity=Decimal(1), order_ref="second")
    return client.ask(ReqOpenOrders())


def handshake() -> Frames:
    return start(client_id=28, version=173).started


def buy_100_aapl() -> Frames:
    return place(start(client_id=100, version=173), 5)


def buy_100_tsla() -> Frames:
    return bought(start(client_id=100, version=165), 13, symbol="TSLA")


def completed_order() -> Frames:
    client = start(client_id=100, version=169)
    bought(client, 1)
    return client.ask(ReqCompletedOrders(api_only=True))


def contract_details() -> Frames:
    client = start(client_id=28, version=173)
    wanted = ReqContractDetails(req_id=9000, symbol="AAPL", sec_type="STK", exchange="SMART")
    return client.ask(wanted)


def assorted() -> Frames:
    """SPY with IOC, an execution asked for, its status and cost, two positions, a contract."""
    client = start(client_id=2, version=176)
    exchange, now = client.world.simulator.exchange, client.world.clock.now()
    exchange.set_position(MASKED, contract("MSFT").con_id, 1, Decimal(400))
    exchange.set_size(contract(), 3000, now)
    pending = place(
        client, 190, symbol="SPY", total_quantity=Decimal(1000), order_ref="O-1",
        order_type="LMT", limit_price=Decimal("1.00"), tif="IOC",
    )  # fmt: skip
    bought(client, 215, total_quantity=Decimal(1000), order_ref="O-2")
    asked = client.ask(ReqExecutions(req_id=-1))
    filled = bought(client, 216, action="SELL", total_quantity=Decimal(3000))
    bought(client, 217, total_quantity=Decimal(2000))
    positions = client.ask(ReqPositions())
    summary = client.ask(ReqAccountSummary(req_id=10001, group=MASKED, tags="NetLiquidation"))
    details = ReqContractDetails(req_id=10000, symbol="AAPL", sec_type="STK", exchange="SMART")
    statuses = [fields for fields in filled if fields[0] == "3"]
    commission = next(fields for fields in asked if fields[0] == "59")
    return [
        pending[2], asked[0], statuses[-1], commission,
        *(fields for fields in reversed(positions) if fields[0] == "61"),
        summary[0], client.ask(details)[0],
    ]  # fmt: skip


def account_stream() -> Frames:
    client = start(client_id=1, version=178)
    exchange = client.world.simulator.exchange
    exchange.set_position(MASKED, contract().con_id, -100, Decimal("-29126.60812"))
    told = client.ask(ReqAccountUpdates(subscribe=True, account=MASKED))
    multi = client.ask(ReqAccountUpdatesMulti(req_id=1001, account=MASKED))
    summary = client.ask(ReqAccountSummary(req_id=1001, group=MASKED, tags="BuyingPower"))
    exchange.set_position(MASKED, contract().con_id, 0, Decimal(0))
    exchange.set_position(MASKED, contract("AMZN").con_id, 15, Decimal("3003.75"))
    rows = [fields for fields in client.ask(ReqPositions()) if "AAPL" not in fields]
    ends = client.ask(ReqPositionsMulti(req_id=1001, account=MASKED))[-1:]
    currency = [fields for fields in multi if fields[5:6] == ["Currency"]][-1:]
    profit = client.ask(ReqPnL(req_id=4, account=MASKED))
    return [*told, *currency, *multi[-1:], *summary, *rows, *ends, *profit]


def buy_100_aapl_with_commission() -> Frames:
    return bought(start(client_id=1, version=178), 371, order_ref="ref")


SITUATIONS: Final[dict[str, Callable[[], Frames]]] = {
    "PF-1": bootstrap_and_summary,
    "PF-4": market_order,
    "PF-5": resting_limit_then_cancel,
    "PF-7": open_orders,
    "RS-1": handshake,
    "RS-2": buy_100_aapl,
    "RS-3": buy_100_tsla,
    "RS-5": completed_order,
    "RS-7": contract_details,
    "NT-1": assorted,
    "GO-2": account_stream,
    "GO-5": buy_100_aapl_with_commission,
}
