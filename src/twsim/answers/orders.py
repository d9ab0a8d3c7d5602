"""Answers about orders: placing, cancelling, and the lists of orders and executions.

Owns: which orders and executions a client is shown, and the order of the messages of each
list (tws-facts §2.6, §4.2). Does not know what the exchange does with an order.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twsim import render, trading
from twsim.answers.table import answer, client_of
from twsim.exchange.contracts import SMART, STOCK, Contract
from twsim.exchange.exchange import BY_HAND
from twsim.exchange.hours import NEW_YORK
from twsim.exchange.orders import Execution, Order
from twsim.exchange.refusals import Refusal, invalid
from twsim.exchange.vocabulary import NO_ORDER_ID, Side
from twsim.session import Session
from twsim.wire.orders import CompletedOrdersEnd, OpenOrderEnd
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import (
    CancelOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqGlobalCancel,
    ReqOpenOrders,
)
from twsim.wire.responses import ExecDetailsEnd

_ONLY_CLIENT_0: Final = Refusal(
    327,
    "Only API connections with clientId set to 0 can set the auto bind TWS orders property.",
)
_TIME: Final = re.compile(r"(\d{8})(-| +)(\d\d:\d\d:\d\d)(?: (\S+))?", re.ASCII)


@answer.register
def _(request: PlaceOrder, session: Session) -> None:
    trading.place(session, client_of(session), request)


@answer.register
def _(request: CancelOrder, session: Session) -> None:
    trading.cancel(session, client_of(session), request)


@answer.register
def _(_request: ReqGlobalCancel, session: Session) -> None:
    trading.cancel_all(session, client_of(session))


@answer.register
def _(_request: ReqOpenOrders, session: Session) -> None:
    client_id, exchange = client_of(session), session.world.exchange
    if client_id == BY_HAND:
        for order in exchange.open_orders(BY_HAND):
            if order.order_id == NO_ORDER_ID:
                trading.say_bound(session, exchange.bind(order.perm_id))
    _say_open_orders(session, exchange.open_orders(client_id))


@answer.register
def _(_request: ReqAllOpenOrders, session: Session) -> None:
    _say_open_orders(session, session.world.exchange.open_orders())


@answer.register
def _(request: ReqAutoOpenOrders, session: Session) -> None:
    if client_of(session) == BY_HAND:
        session.binds_by_hand = request.auto_bind
    else:
        session.refuse(_ONLY_CLIENT_0)


@answer.register
def _(request: ReqCompletedOrders, session: Session) -> None:
    exchange = session.world.exchange
    for order in exchange.completed_orders():
        if request.api_only and order.is_by_hand:
            continue
        session.say(render.completed_order(order, exchange.contracts[order.con_id]))
    session.say(CompletedOrdersEnd())


@answer.register
def _(request: ReqExecutions, session: Session) -> None:
    since = _moment(request.time)
    if isinstance(since, Refusal):
        session.refuse(since, request.req_id)
        return
    exchange = session.world.exchange
    version = session.connection.server_version
    rows = [
        (execution, contract)
        for execution in exchange.executions()
        if _passes(request, execution, contract := exchange.contracts[execution.con_id])
        and execution.at >= since
    ]
    for execution, contract in rows:
        session.say(
            render.exec_details(execution, contract, request.req_id, server_version=version)
        )
    for execution, _ in rows:
        if execution.reported:
            session.say(render.commission_report(execution))
    session.say(ExecDetailsEnd(req_id=request.req_id))


def _passes(wanted: ReqExecutions, execution: Execution, contract: Contract) -> bool:
    sides = {"BUY": Side.BUY, "BOT": Side.BUY, "SELL": Side.SELL, "SLD": Side.SELL}
    return (
        wanted.client_id in (0, execution.client_id)
        and wanted.account in ("", execution.account)
        and wanted.symbol in ("", contract.symbol)
        and wanted.sec_type in ("", STOCK)
        and wanted.exchange in ("", SMART, execution.venue)
        and (not wanted.side or sides.get(wanted.side.upper()) is execution.side)
    )


def _moment(text: str) -> datetime | Refusal:
    """Read a filter's time: UTC with a hyphen, else in its zone or New York's."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    match = _TIME.fullmatch(text)
    if match is None:
        return invalid("Invalid time")
    day, separator, time, zone = match.groups()
    try:
        place = ZoneInfo(zone) if zone else UTC if separator == "-" else NEW_YORK
        return datetime.strptime(f"{day} {time}", "%Y%m%d %H:%M:%S").replace(tzinfo=place)
    except (ValueError, ZoneInfoNotFoundError):
        return invalid("Invalid time")


def _say_open_orders(session: Session, orders: list[Order]) -> None:
    contracts = session.world.exchange.contracts
    for order in orders:
        session.say(render.open_order(order, contracts[order.con_id]))
        session.say(render.order_status(order))
    session.say(OpenOrderEnd())
