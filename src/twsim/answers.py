"""Answers: what each request of a client gets.

Owns: the table from request to answer, trading aside, and the order of the messages of
each answer (tws-facts §2.6). Does not know how the answers look on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import singledispatch
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twsim import render, trading
from twsim.exchange.contracts import MARKET_RULE_ID, SMART, STOCK, Contract
from twsim.exchange.hours import NEW_YORK
from twsim.exchange.orders import Execution, Order
from twsim.exchange.refusals import NO_SUCH_CONTRACT, Refusal, invalid
from twsim.exchange.tickets import resolve
from twsim.exchange.vocabulary import AccountId, ClientId, Side
from twsim.session import NO_REQUEST, QUOTES_MAX, SUBSCRIPTIONS_MAX, Session
from twsim.wire.layout import Message
from twsim.wire.market import ContractDataEnd, MarketDataType, SymbolSamples, TickSnapshotEnd
from twsim.wire.orders import CompletedOrdersEnd, OpenOrderEnd
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import (
    CancelAccountUpdatesMulti,
    CancelMktData,
    CancelOrder,
    CancelPositions,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqCurrentTime,
    ReqExecutions,
    ReqIds,
    ReqManagedAccts,
    ReqMarketDataType,
    ReqMarketRule,
    ReqMatchingSymbols,
    ReqMktData,
    ReqOpenOrders,
    ReqPositions,
    SetServerLogLevel,
    StartApi,
)
from twsim.wire.responses import (
    AccountDownloadEnd,
    AccountUpdateMultiEnd,
    CurrentTime,
    ExecDetailsEnd,
    ManagedAccounts,
    NextValidId,
    PositionEnd,
)

_ID_IN_USE: Final = Refusal(
    326,
    "Unable to connect as the client id is already in use. Retry with a unique client id.",
)
_TOO_MANY_QUOTES: Final = Refusal(101, "Max number of tickers has been reached.")
# The notices of a healthy gateway: PF-1, RS-1.
_FARMS: Final = (
    Refusal(2104, "Market data farm connection is OK:usfarm"),
    Refusal(2106, "HMDS data farm connection is OK:ushmds"),
    Refusal(2158, "Sec-def data farm connection is OK:secdefil"),
)
# Where the request id stands in requests that are not simulated, so that their refusal
# finds its way: summary, positionsMulti, pnl, history, depth, bars, head time stamp.
_REQ_ID_PLACES: Final[Mapping[int, int]] = {
    62: 2, 63: 2, 74: 2, 75: 2, 92: 1, 93: 1, 94: 1, 95: 1, 20: 1, 10: 2, 50: 2, 87: 1,
}  # fmt: skip
_TIME: Final = re.compile(r"(\d{8})(-| +)(\d\d:\d\d:\d\d)(?: (\S+))?", re.ASCII)


@singledispatch
def answer(request: Message, session: Session) -> None:
    """Answer a request."""
    raise NotImplementedError(request.NAME)


def refuse_unknown(session: Session, number: int, fields: tuple[str, ...]) -> None:
    """Refuse a message that is not simulated; the line stays open."""
    place = _REQ_ID_PLACES.get(number, len(fields))
    req_id = fields[place] if place < len(fields) else ""
    refusal = invalid(f"Message {number} is not simulated")
    session.refuse(refusal, int(req_id) if _is_id(req_id) else NO_REQUEST)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < len("2147483647")


@answer.register
def _(request: StartApi, session: Session) -> None:
    if session.client_id is not None:
        session.refuse(invalid("The API is already started"))
        return
    client_id = ClientId(request.client_id)
    if not session.world.admit(session, client_id):
        session.refuse(_ID_IN_USE)
        session.closing = True
        return
    _say_accounts(session)
    session.say(NextValidId(order_id=session.world.exchange.next_order_id(client_id)))
    for farm in _FARMS:
        session.refuse(farm)


# Orders.


@answer.register
def _(request: PlaceOrder, session: Session) -> None:
    trading.place(session, _client(session), request)


@answer.register
def _(request: CancelOrder, session: Session) -> None:
    trading.cancel(session, _client(session), request)


@answer.register
def _(_request: ReqOpenOrders, session: Session) -> None:
    _say_open_orders(session, session.world.exchange.open_orders(_client(session)))


@answer.register
def _(_request: ReqAllOpenOrders, session: Session) -> None:
    _say_open_orders(session, session.world.exchange.open_orders())


@answer.register
def _(_request: ReqAutoOpenOrders, session: Session) -> None:
    """Accept: there is nobody here who places orders by hand."""


@answer.register
def _(_request: ReqCompletedOrders, session: Session) -> None:
    exchange = session.world.exchange
    for order in exchange.completed_orders():
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


# Accounts.


@answer.register
def _(_request: ReqManagedAccts, session: Session) -> None:
    _say_accounts(session)


@answer.register
def _(request: ReqIds, session: Session) -> None:
    del request  # the count has no effect
    next_id = session.world.exchange.next_order_id(_client(session))
    session.say(NextValidId(order_id=next_id))


@answer.register
def _(_request: ReqPositions, session: Session) -> None:
    exchange = session.world.exchange
    session.wants_positions = True
    for position in exchange.positions():
        session.say(render.position_row(position, exchange.contracts[position.con_id]))
    session.say(PositionEnd())


@answer.register
def _(_request: CancelPositions, session: Session) -> None:
    session.wants_positions = False


@answer.register
def _(request: ReqAccountUpdates, session: Session) -> None:
    session.forget_told(None)
    session.account = None
    if not request.subscribe:
        return
    account = _account(session, request.account)
    if isinstance(account, Refusal):
        session.refuse(account)
        return
    session.account = account
    exchange, now = session.world.exchange, session.world.now()
    rows = list(render.account_values(account, exchange.figures(account, now)))
    session.tell_values(account, rows)
    for position in exchange.positions(account):
        holding = exchange.holding(position, now)
        contract = exchange.contracts[position.con_id]
        session.say(render.portfolio_value(holding, contract))
    session.say(render.account_time(now))
    session.say(AccountDownloadEnd(account=account))


@answer.register
def _(request: ReqAccountUpdatesMulti, session: Session) -> None:
    account = _account(session, request.account)
    if isinstance(account, Refusal):
        session.refuse(account, request.req_id)
        return
    if len(session.accounts) >= SUBSCRIPTIONS_MAX:
        session.refuse(invalid("Too many subscriptions"), request.req_id)
        return
    session.forget_told(request.req_id)
    session.accounts[request.req_id] = account
    figures = session.world.exchange.figures(account, session.world.now())
    rows = list(render.account_values(account, figures))
    session.tell_values_multi(request.req_id, account, rows)
    session.say(AccountUpdateMultiEnd(req_id=request.req_id))


@answer.register
def _(request: CancelAccountUpdatesMulti, session: Session) -> None:
    session.accounts.pop(request.req_id, None)
    session.forget_told(request.req_id)


def _account(session: Session, account: str) -> AccountId | Refusal:
    known = session.world.exchange.accounts()
    if not account and len(known) == 1:
        return known[0]
    if account not in known:
        return invalid(f"Invalid account code {account!r}")
    return AccountId(account)


# Contracts and quotes.


@answer.register
def _(request: ReqContractDetails, session: Session) -> None:
    query = trading.query_of(request)
    if isinstance(query, Refusal):
        session.refuse(query, request.req_id)
        return
    found = session.world.exchange.contracts.matching(query)
    if not found:
        session.refuse(NO_SUCH_CONTRACT, request.req_id)  # and no end (§2.6)
        return
    now, hours = session.world.now(), session.world.exchange.hours
    for contract in found:
        session.say(render.contract_data(contract, request.req_id, now, hours=hours))
    session.say(ContractDataEnd(req_id=request.req_id))


@answer.register
def _(request: ReqMatchingSymbols, session: Session) -> None:
    found = session.world.exchange.contracts.search(request.pattern)
    samples = tuple(render.symbol_sample(contract) for contract in found)
    session.say(SymbolSamples(req_id=request.req_id, samples=samples))


@answer.register
def _(request: ReqMarketRule, session: Session) -> None:
    if request.market_rule_id == MARKET_RULE_ID:
        session.say(render.market_rule())
    else:
        session.refuse(invalid(f"No market rule {request.market_rule_id}"))


@answer.register
def _(request: ReqMarketDataType, session: Session) -> None:
    session.market_data_type = request.market_data_type


@answer.register
def _(request: ReqMktData, session: Session) -> None:
    contract = _contract(session, request)
    if isinstance(contract, Refusal):
        session.refuse(contract, request.req_id)
        return
    if not request.snapshot and len(session.quotes) >= QUOTES_MAX:
        session.refuse(_TOO_MANY_QUOTES, request.req_id)
        return
    req_id = request.req_id
    quote = session.world.exchange.quote(contract, session.world.now())
    session.say(MarketDataType(req_id=req_id, market_data_type=1))
    session.say(render.tick_parameters(req_id))
    session.tell_quote(req_id, quote)
    if request.snapshot:
        session.say(TickSnapshotEnd(req_id=req_id))
    else:
        session.quotes[req_id] = (contract, quote)


@answer.register
def _(request: CancelMktData, session: Session) -> None:
    session.quotes.pop(request.req_id, None)


def _contract(session: Session, request: ReqMktData) -> Contract | Refusal:
    query = trading.query_of(request)
    if isinstance(query, Refusal):
        return query
    return resolve(query, session.world.exchange.contracts)


# The gateway itself.


@answer.register
def _(_request: ReqCurrentTime, session: Session) -> None:
    session.say(CurrentTime(time=int(session.world.now().timestamp())))


@answer.register
def _(_request: SetServerLogLevel, session: Session) -> None:
    """Accept: there is no log."""


def _say_accounts(session: Session) -> None:
    session.say(ManagedAccounts(accounts=",".join(session.world.managed_accounts())))


def _say_open_orders(session: Session, orders: list[Order]) -> None:
    contracts = session.world.exchange.contracts
    for order in orders:
        session.say(render.open_order(order, contracts[order.con_id]))
        session.say(render.order_status(order))
    session.say(OpenOrderEnd())


def _client(session: Session) -> ClientId:
    assert session.client_id is not None  # the protocol reads nothing before startApi
    return session.client_id
