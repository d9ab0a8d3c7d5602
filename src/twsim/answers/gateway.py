"""Answers of the gateway itself: who starts, what time it is, which accounts there are.

Owns: the start of a session, and what is told of the login. Does not know orders.
"""

from __future__ import annotations

from typing import Final

from twsim import statements
from twsim.answers.table import answer, client_of
from twsim.exchange.refusals import Refusal, invalid
from twsim.exchange.vocabulary import ClientId
from twsim.notices import HEALTHY
from twsim.session import Session
from twsim.wire.requests import (
    ReqCurrentTime,
    ReqFamilyCodes,
    ReqIds,
    ReqManagedAccts,
    SetServerLogLevel,
    StartApi,
)
from twsim.wire.responses import CurrentTime, ManagedAccounts, NextValidId

_ID_IN_USE: Final = Refusal(
    326,
    "Unable to connect as the client id is already in use. Retry with a unique client id.",
)
_LOG_LEVELS: Final = range(1, 6)  # system, error, warning, information, detail


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
    for notice in HEALTHY:
        session.refuse(notice)


@answer.register
def _(_request: ReqManagedAccts, session: Session) -> None:
    _say_accounts(session)


@answer.register
def _(request: ReqIds, session: Session) -> None:
    del request  # the count has no effect
    next_id = session.world.exchange.next_order_id(client_of(session))
    session.say(NextValidId(order_id=next_id))


@answer.register
def _(_request: ReqFamilyCodes, session: Session) -> None:
    session.say(statements.families(session.world.managed_accounts()))


@answer.register
def _(_request: ReqCurrentTime, session: Session) -> None:
    session.say(CurrentTime(time=int(session.world.now().timestamp())))


@answer.register
def _(request: SetServerLogLevel, session: Session) -> None:
    """Take it as a gateway does, without a word: there is no log to grow."""
    if request.level in _LOG_LEVELS:
        session.log_level = request.level
    else:
        session.refuse(invalid("Invalid log level"))


def _say_accounts(session: Session) -> None:
    session.say(ManagedAccounts(accounts=",".join(session.world.managed_accounts())))
