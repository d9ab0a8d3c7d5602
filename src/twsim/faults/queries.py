"""Faults of lists: no end, too few rows, too many, or those of another list between.

Owns: the effects Q01 to Q07. Does not know what the rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal
from itertools import zip_longest
from typing import Final
from zoneinfo import ZoneInfo

from twsim import render
from twsim.exchange.accounts import Position
from twsim.exchange.contracts import SMART, Contract
from twsim.exchange.orders import Execution, Order
from twsim.exchange.vocabulary import (
    AccountId,
    ClientId,
    ExecId,
    OrderId,
    OrderStatus,
    OrderType,
    PermId,
    Side,
    TimeInForce,
)
from twsim.faults.engine import Effect, Faults
from twsim.faults.kinds import Point
from twsim.faults.plan import Fired
from twsim.faults.scene import Scene
from twsim.wire.accounts import AccountSummaryEnd, PositionMultiEnd
from twsim.wire.layout import Message
from twsim.wire.orders import CompletedOrder, CompletedOrdersEnd, OpenOrderEnd
from twsim.wire.responses import (
    AccountDownloadEnd,
    AccountUpdateMultiEnd,
    AccountValue,
    CommissionReport,
    ExecDetails,
    ExecDetailsEnd,
    PositionEnd,
)

_ENDS: Final = (
    OpenOrderEnd,
    CompletedOrdersEnd,
    ExecDetailsEnd,
    PositionEnd,
    AccountDownloadEnd,
    AccountUpdateMultiEnd,
    AccountSummaryEnd,
    PositionMultiEnd,
)
# Where rows of nobody's count from: high enough not to meet a real one.
_FIRST_NUMBER: Final = 1_500_000_000
_NOBODY: Final = ClientId(9999)


def _no_end(faults: Faults, fired: Fired, scene: Scene) -> None:
    del faults, fired
    scene.recasts.append(lambda said: [each for each in said if not isinstance(each, _ENDS)])


def _no_rows(faults: Faults, fired: Fired, scene: Scene) -> None:
    del faults, fired
    scene.recasts.append(lambda said: [each for each in said if isinstance(each, _ENDS)])


def _few_rows(faults: Faults, fired: Fired, scene: Scene) -> None:
    del faults

    def recast(said: list[Message]) -> list[Message]:
        rows = [each for each in said if not isinstance(each, _ENDS)]
        ends = [each for each in said if isinstance(each, _ENDS)]
        return rows[: fired.count("rows")] + ends

    scene.recasts.append(recast)


def last_midnight(now: datetime, zone: str) -> datetime:
    """Return when the present day began in a zone."""
    place = ZoneInfo(zone)
    return datetime.combine(now.astimezone(place).date(), time.min, place)


def _forget_before_midnight(faults: Faults, fired: Fired, scene: Scene) -> None:
    if scene.target.listing not in ("executions", "completed"):
        return
    exchange, horizon = faults.exchange, last_midnight(faults.now(), fired.word("zone"))
    old = {each.exec_id for each in exchange.executions() if each.at < horizon}

    def is_old(message: Message) -> bool:
        if isinstance(message, CompletedOrder):
            order = exchange.order_of(message.perm_id)
            at = None if order is None else order.completed_at
            return at is not None and at < horizon
        return isinstance(message, ExecDetails | CommissionReport) and message.exec_id in old

    scene.recasts.append(lambda said: [each for each in said if not is_old(each)])


def _no_order_ref(faults: Faults, fired: Fired, scene: Scene) -> None:
    del faults, fired

    def recast(said: list[Message]) -> list[Message]:
        return [
            replace(each, order_ref="") if isinstance(each, CompletedOrder) else each
            for each in said
        ]

    scene.recasts.append(recast)


def _many_rows(faults: Faults, fired: Fired, scene: Scene) -> None:
    contracts = faults.exchange.contracts.search("A")
    account, now = faults.exchange.accounts()[0], faults.now()
    req_id = getattr(scene.request, "req_id", 0)
    listing = scene.target.listing

    def row(number: int) -> Message:
        contract = contracts[number % len(contracts)]
        order = _order_of_nobody(contract, account, _FIRST_NUMBER + number, now)
        match listing:
            case "open":
                return render.open_order(order, contract)
            case "completed":
                done = replace(order, status=OrderStatus.CANCELLED, completed_at=now)
                return render.completed_order(done, contract)
            case "executions":
                version = scene.client.connection.server_version
                return render.exec_details(
                    _execution_of_nobody(order), contract, req_id, server_version=version
                )
            case "positions":
                return render.position_row(Position(account, contract.con_id), contract)
            case _:
                return AccountValue(key=f"Key{number}", value="0", account=account)

    def recast(said: list[Message]) -> list[Message]:
        rows = [each for each in said if not isinstance(each, _ENDS)]
        ends = [each for each in said if isinstance(each, _ENDS)]
        return rows + [row(number) for number in range(fired.count("rows"))] + ends

    scene.recasts.append(recast)


def _order_of_nobody(
    contract: Contract, account: AccountId, number: int, at: datetime
) -> Order:
    return Order(
        perm_id=PermId(number),
        order_id=OrderId(number),
        client_id=_NOBODY,
        account=account,
        con_id=contract.con_id,
        exchange=SMART,
        side=Side.BUY,
        quantity=1,
        order_type=OrderType.LMT,
        limit_price=Decimal(1),
        tif=TimeInForce.GTC,
        outside_rth=False,
        order_ref="",
        status=OrderStatus.SUBMITTED,
        placed_at=at,
    )


def _execution_of_nobody(order: Order) -> Execution:
    return Execution(
        exec_id=ExecId(f"0000ffff.{order.perm_id:08x}.01.01"),
        perm_id=order.perm_id,
        order_id=order.order_id,
        client_id=order.client_id,
        account=order.account,
        con_id=order.con_id,
        side=order.side,
        shares=1,
        price=Decimal(1),
        venue="IEX",
        liquidity=1,
        cumulative=1,
        average_price=Decimal(1),
        order_ref="",
        at=order.placed_at,
        commission=Decimal(0),
        realized=None,
    )


def _interleave(faults: Faults, fired: Fired, scene: Scene) -> None:
    session, waiting = scene.client, list[Message]()

    def mix(said: list[Message]) -> list[Message]:
        pairs = zip_longest(waiting, said)
        mixed = [each for pair in pairs for each in pair if each is not None]
        waiting.clear()
        return mixed

    def join(later: Scene) -> None:
        if later.session is session and waiting:
            faults.unwatch(join)
            later.recasts.append(mix)

    def release() -> None:
        faults.unwatch(join)
        for message in waiting:
            session.speak(message)
        waiting.clear()

    def recast(said: list[Message]) -> list[Message]:
        waiting.extend(said)
        faults.watch(Point.QUERY, join)
        faults.later(fired.seconds("delay"), release)
        return []

    scene.recasts.append(recast)


EFFECTS: Final[Mapping[str, Effect]] = {
    "Q01": _no_end,
    "Q02": _no_rows,
    "Q03": _few_rows,
    "Q04": _forget_before_midnight,
    "Q05": _no_order_ref,
    "Q06": _many_rows,
    "Q07": _interleave,
}
