"""The endpoints of reports: slippage, equity, today.

Owns: what a call of these means to the desk. Adds nothing up.
"""

from __future__ import annotations

from typing import Final

from paperdesk.api.endpoint import Call, Endpoint
from paperdesk.desk.ports import Page, SlippageFilter
from paperdesk.domain.vocabulary import ClientName, Scope
from paperdesk.wire.query import before_of
from paperdesk.wire.reports import SLIPPAGE, EquityAnswer, SlippageAnswer, TodayAnswer


async def slippage(call: Call) -> SlippageAnswer:
    """Compare expected price and average fill, per order and in sum.

    Orders that filled and whose target had an `expected_price`; the times are of sending.
    """
    query = call.query
    usable = call.accounts.usable_by(call.client)
    account = query.account_id
    which = SlippageFilter(
        accounts=usable if account is None else [call.accounts.named(call.client, account)],
        client=None if query.client is None else ClientName(query.client),
        symbol=query.symbol,
        batch_id=query.batch_id,
        since=query.since,
        until=query.until,
    )
    page = Page(query.limit, before_of(SLIPPAGE, query.cursor))
    report = await call.desk.reporter.slippage(call.client, which, page)
    return SlippageAnswer.of(report.orders, report.totals, report.before)


async def equity(call: Call) -> EquityAnswer:
    """Return what an account was worth, by the minute; since midnight in New York by default."""
    account = call.accounts.named_or_default(call.client, call.query.account_id)
    points = await call.desk.reporter.equity(account, call.query.since)
    return EquityAnswer.of(account, points)


async def today(call: Call) -> TodayAnswer:
    """Count the orders that an account sent since midnight in New York, by what became of them."""
    account = call.accounts.named_or_default(call.client, call.query.account_id)
    return TodayAnswer.of(account, await call.desk.reporter.today(account))


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/api/v1/reports/slippage", slippage, Scope.READ, SlippageAnswer,
        query=(
            "account_id", "symbol", "client", "batch_id", "since", "until", "limit", "cursor",
        ),
    ),
    Endpoint(
        "GET", "/api/v1/reports/equity", equity, Scope.READ, EquityAnswer,
        query=("account_id", "since"),
    ),
    Endpoint(
        "GET", "/api/v1/reports/today", today, Scope.READ, TodayAnswer, query=("account_id",),
    ),
)  # fmt: skip
