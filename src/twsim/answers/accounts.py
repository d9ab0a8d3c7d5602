"""Answers about accounts: values, summaries, positions, profit and loss.

Owns: the first picture of each subscription, its end, and how many there may be. Does not
know when a subscription speaks again.
"""

from __future__ import annotations

from typing import Final

from twsim import render, statements
from twsim.answers.table import account_of, answer
from twsim.exchange.refusals import Refusal, invalid
from twsim.exchange.vocabulary import AccountId, ConId
from twsim.session import Session
from twsim.subscriptions import SUBSCRIPTIONS_MAX, SUMMARIES_MAX, ProfitLine, Summary
from twsim.wire.accounts import AccountSummaryEnd, PositionMultiEnd
from twsim.wire.requests import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelPnL,
    CancelPnLSingle,
    CancelPositions,
    CancelPositionsMulti,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqPnL,
    ReqPnLSingle,
    ReqPositions,
    ReqPositionsMulti,
)
from twsim.wire.responses import AccountDownloadEnd, AccountUpdateMultiEnd, PositionEnd

_TOO_MANY: Final = invalid("Too many subscriptions")
# The text of a real gateway, met in the logs of several programs.
_TOO_MANY_SUMMARIES: Final = Refusal(
    322,
    "Error processing request.-'b1' : cause - Maximum number of account summary requests"
    " exceeded; desubscribe to previous request first",
)
_ALL: Final = "All"


@answer.register
def _(_request: ReqPositions, session: Session) -> None:
    exchange = session.world.exchange
    session.subscriptions.wants_positions = True
    for position in exchange.positions():
        session.say(render.position_row(position, exchange.contracts[position.con_id]))
    session.say(PositionEnd())


@answer.register
def _(_request: CancelPositions, session: Session) -> None:
    session.subscriptions.wants_positions = False


@answer.register
def _(request: ReqAccountUpdates, session: Session) -> None:
    subscriptions = session.subscriptions
    subscriptions.forget_told(None)
    subscriptions.account = None
    if not request.subscribe:
        return
    account = account_of(session, request.account)
    if isinstance(account, Refusal):
        session.refuse(account)
        return
    subscriptions.account = account
    exchange, now = session.world.exchange, session.world.now()
    subscriptions.tell_values(account, now)
    subscriptions.refresh_later(now)
    for position in exchange.positions(account):
        holding = exchange.holding(position, now)
        contract = exchange.contracts[position.con_id]
        session.say(render.portfolio_value(holding, contract))
    session.say(render.account_time(now))
    session.say(AccountDownloadEnd(account=account))


@answer.register
def _(request: ReqAccountUpdatesMulti, session: Session) -> None:
    account = account_of(session, request.account)
    subscriptions, now = session.subscriptions, session.world.now()
    if isinstance(account, Refusal):
        session.refuse(account, request.req_id)
        return
    if len(subscriptions.accounts) >= SUBSCRIPTIONS_MAX:
        session.refuse(_TOO_MANY, request.req_id)
        return
    subscriptions.forget_told(request.req_id)
    subscriptions.accounts[request.req_id] = account
    subscriptions.tell_values_multi(request.req_id, account, now)
    subscriptions.refresh_later(now)
    session.say(AccountUpdateMultiEnd(req_id=request.req_id))


@answer.register
def _(request: CancelAccountUpdatesMulti, session: Session) -> None:
    session.subscriptions.accounts.pop(request.req_id, None)
    session.subscriptions.forget_told(request.req_id)


@answer.register
def _(request: ReqAccountSummary, session: Session) -> None:
    subscriptions, now = session.subscriptions, session.world.now()
    accounts = _group(session, request.group)
    if isinstance(accounts, Refusal):
        session.refuse(accounts, request.req_id)
        return
    subscriptions.forget_told(request.req_id)
    others = set(subscriptions.summaries) - {request.req_id}
    if len(others) >= SUMMARIES_MAX:
        session.refuse(_TOO_MANY_SUMMARIES, request.req_id)
        return
    tags = tuple(tag.strip() for tag in request.tags.split(","))
    subscriptions.summaries[request.req_id] = Summary(accounts, tags)
    subscriptions.tell_summary(request.req_id, now)
    subscriptions.refresh_later(now)
    session.say(AccountSummaryEnd(req_id=request.req_id))


@answer.register
def _(request: CancelAccountSummary, session: Session) -> None:
    session.subscriptions.summaries.pop(request.req_id, None)
    session.subscriptions.forget_told(request.req_id)


@answer.register
def _(request: ReqPositionsMulti, session: Session) -> None:
    subscriptions, exchange = session.subscriptions, session.world.exchange
    accounts = _group(session, request.account or _ALL)
    if isinstance(accounts, Refusal):
        session.refuse(accounts, request.req_id)
        return
    if len(subscriptions.positions) >= SUBSCRIPTIONS_MAX:
        session.refuse(_TOO_MANY, request.req_id)
        return
    subscriptions.positions[request.req_id] = accounts
    for account in accounts:
        for position in exchange.positions(account):
            contract = exchange.contracts[position.con_id]
            session.say(statements.position_multi(position, contract, request.req_id))
    session.say(PositionMultiEnd(req_id=request.req_id))


@answer.register
def _(request: CancelPositionsMulti, session: Session) -> None:
    session.subscriptions.positions.pop(request.req_id, None)


@answer.register
def _(request: ReqPnL, session: Session) -> None:
    account = account_of(session, request.account)
    if isinstance(account, Refusal):
        session.refuse(account, request.req_id)
    else:
        _follow(session, request.req_id, ProfitLine(account))


@answer.register
def _(request: ReqPnLSingle, session: Session) -> None:
    account, con_id = account_of(session, request.account), ConId(request.con_id)
    if isinstance(account, Refusal):
        session.refuse(account, request.req_id)
    elif con_id not in session.world.exchange.contracts:
        session.refuse(invalid(f"Invalid contract id {con_id}"), request.req_id)
    else:
        _follow(session, request.req_id, ProfitLine(account, con_id))


@answer.register
def _(request: CancelPnL, session: Session) -> None:
    _leave(session, request.req_id)


@answer.register
def _(request: CancelPnLSingle, session: Session) -> None:
    _leave(session, request.req_id)


def _follow(session: Session, req_id: int, line: ProfitLine) -> None:
    subscriptions = session.subscriptions
    if len(subscriptions.profits) >= SUBSCRIPTIONS_MAX:
        session.refuse(_TOO_MANY, req_id)
        return
    subscriptions.forget_told(req_id)
    subscriptions.profits[req_id] = line
    subscriptions.tell_profit(req_id, session.world.now())


def _leave(session: Session, req_id: int) -> None:
    session.subscriptions.profits.pop(req_id, None)
    session.subscriptions.forget_told(req_id)


def _group(session: Session, group: str) -> tuple[AccountId, ...] | Refusal:
    """Return the accounts of a group: all of them, or a single one by its id."""
    known = session.world.exchange.accounts()
    if group == _ALL:
        return tuple(known)
    if group in known:
        return (AccountId(group),)
    return invalid(f"Invalid account group {group!r}")
