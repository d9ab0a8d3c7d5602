"""The endpoints of accounts: positions, targets, executions, the accounts themselves.

Owns: what a call of these means to the desk. Decides nothing about trading.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import Call, Endpoint
from paperdesk.domain.vocabulary import Scope
from paperdesk.errors import BrokerUnavailable
from paperdesk.wire.bodies import AccountsAnswer
from paperdesk.wire.holdings import EXECUTIONS, ExecutionsAnswer, PositionsAnswer, TargetsAnswer
from paperdesk.wire.query import before_of


async def positions(call: Call) -> PositionsAnswer:
    """Return the positions and the net liquidation value of an account."""
    query = call.query
    account = call.accounts.named_or_default(call.client, query.account_id)
    return PositionsAnswer.of(
        await call.desk.accounts.positions(account, allow_stale=query.allow_stale)
    )


async def targets(call: Call) -> TargetsAnswer:
    """Tell per symbol of an account whether it is on its newest target, and why not."""
    account = call.accounts.named_or_default(call.client, call.query.account_id)
    return TargetsAnswer.of(await call.desk.operator.targets(account), call.client)


async def executions(call: Call) -> ExecutionsAnswer:
    """Return the executions with their commissions, newest first."""
    query = call.query
    account_id = query.account_id
    account = None if account_id is None else call.accounts.named(call.client, account_id)
    booked, before = await call.desk.reporter.executions(
        account,
        accounts=call.accounts.usable_by(call.client),
        symbol=query.symbol,
        since=query.since,
        limit=query.limit,
        before=before_of(EXECUTIONS, query.cursor),
        client=call.client,
    )
    return ExecutionsAnswer.of(booked, before)


async def accounts(call: Call) -> AccountsAnswer:
    """Return the accounts of the key, whether each is connected, halted or locked, and why."""
    return AccountsAnswer.of(await call.desk.accounts.views(call.client))


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/api/v1/positions", positions, Scope.READ, PositionsAnswer,
        query=("account_id", "allow_stale"), errors=(BrokerUnavailable,),
    ),
    Endpoint(
        "GET", "/api/v1/targets", targets, Scope.READ, TargetsAnswer, query=("account_id",),
    ),
    Endpoint(
        "GET", "/api/v1/executions", executions, Scope.READ, ExecutionsAnswer,
        query=("account_id", "symbol", "since", "limit", "cursor"),
    ),
    Endpoint("GET", "/api/v1/accounts", accounts, Scope.READ, AccountsAnswer),
)  # fmt: skip
