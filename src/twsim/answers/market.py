"""Answers about contracts and their quotes.

Owns: the order of the messages of each answer (tws-facts §2.6), and which quotes may be
asked for. Does not know what anything costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twsim import render, trading
from twsim.answers.table import answer
from twsim.answers.unserved import unknown_ticker
from twsim.exchange.contracts import MARKET_RULE_ID, Contract
from twsim.exchange.refusals import NO_SUCH_CONTRACT, Refusal, invalid
from twsim.exchange.tickets import resolve
from twsim.session import Session
from twsim.subscriptions import QUOTES_MAX
from twsim.ticker import Ticker
from twsim.wire.market import ContractDataEnd, MarketDataType, SymbolSamples, TickSnapshotEnd
from twsim.wire.requests import (
    CancelMktData,
    ReqContractDetails,
    ReqMarketDataType,
    ReqMarketRule,
    ReqMatchingSymbols,
    ReqMktData,
)

_TOO_MANY_QUOTES: Final = Refusal(101, "Max number of tickers has been reached.")
_DUPLICATE_TICKER: Final = Refusal(102, "Duplicate ticker ID.")
# What a login without live data is told with each delayed quote (§4.3).
_SHOWS_DELAYED: Final = Refusal(
    10167, "Requested market data is not subscribed. Displaying delayed market data."
)
_DELAYED: Final = 3
# What is shown for what was asked for: while the market moves, frozen quotes are live and
# delayed frozen ones delayed.
_TOLD_TYPES: Final[Mapping[int, int]] = {1: 1, 2: 1, 3: _DELAYED, 4: _DELAYED}
# As a gateway lists them for stocks: deephaven-ib#47.
GENERIC_TICKS: Final = frozenset({
    "47", "59", "100", "101", "105", "106", "165", "220", "221", "225", "232", "233", "236",
    "258", "293", "294", "295", "318", "375", "411", "456", "460", "576", "577", "578",
    "586", "587", "588", "595", "614", "619", "623",
})  # fmt: skip


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
    if request.market_data_type in _TOLD_TYPES:
        session.market_data_type = request.market_data_type
    else:
        session.refuse(invalid("Invalid market data type"))


@answer.register
def _(request: ReqMktData, session: Session) -> None:
    contract = _contract(session, request)
    refusal = contract if isinstance(contract, Refusal) else _wrong_quote(session, request)
    if refusal is not None:
        session.refuse(refusal, request.req_id)
        return
    assert isinstance(contract, Contract)
    req_id, tickers = request.req_id, session.subscriptions.tickers
    told = _TOLD_TYPES[session.market_data_type]
    if told == _DELAYED:
        session.refuse(_SHOWS_DELAYED, req_id)
    session.say(MarketDataType(req_id=req_id, market_data_type=told))
    session.say(render.tick_parameters(req_id))
    tickers[req_id] = Ticker(contract, delayed=told == _DELAYED, generic=request.generic_ticks)
    session.subscriptions.tell_quote(req_id, session.world.now())
    if request.snapshot or request.regulatory_snapshot:
        del tickers[req_id]
        session.say(TickSnapshotEnd(req_id=req_id))


@answer.register
def _(request: CancelMktData, session: Session) -> None:
    if session.subscriptions.tickers.pop(request.req_id, None) is None:
        session.refuse(unknown_ticker(request.req_id), request.req_id)


def _wrong_quote(session: Session, request: ReqMktData) -> Refusal | None:
    is_snapshot = request.snapshot or request.regulatory_snapshot
    asked = [tick for tick in request.generic_ticks.split(",") if tick]
    if request.req_id in session.subscriptions.tickers:
        return _DUPLICATE_TICKER
    if is_snapshot and asked:
        return invalid("Snapshot market data subscription is not applicable to generic ticks")
    if not set(asked) <= GENERIC_TICKS:
        legal = ",".join(sorted(GENERIC_TICKS, key=int))
        return invalid(
            f"Incorrect generic tick list of {request.generic_ticks}."
            f"  Legal ones for (STK) are: {legal}"
        )
    if not is_snapshot and len(session.subscriptions.tickers) >= QUOTES_MAX:
        return _TOO_MANY_QUOTES
    return None


def _contract(session: Session, request: ReqMktData) -> Contract | Refusal:
    query = trading.query_of(request)
    if isinstance(query, Refusal):
        return query
    return resolve(query, session.world.exchange.contracts)
