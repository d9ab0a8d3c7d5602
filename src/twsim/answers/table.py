"""The table from request to answer, and what several answers need.

Owns: `answer`, to which the modules beside this one add, and the names of accounts and
clients in requests. Does not know any answer.
"""

from __future__ import annotations

from functools import singledispatch

from twsim.exchange.refusals import Refusal, invalid
from twsim.exchange.vocabulary import AccountId, ClientId
from twsim.session import Session
from twsim.wire.layout import Message


@singledispatch
def answer(request: Message, session: Session) -> None:
    """Answer a request."""
    raise NotImplementedError(request.NAME)


def client_of(session: Session) -> ClientId:
    """Return who asks."""
    assert session.client_id is not None  # the protocol reads nothing before startApi
    return session.client_id


def account_of(session: Session, account: str) -> AccountId | Refusal:
    """Return the account that a request means; none is the only one there is."""
    known = session.world.exchange.accounts()
    if not account and len(known) == 1:
        return known[0]
    if account not in known:
        return invalid(f"Invalid account code {account!r}")
    return AccountId(account)
