"""Trading: placeOrder and cancelOrder in, and what becomes of orders out.

Owns: the way from a client's order to a ticket, and the order of messages of each
happening (tws-facts §4.1). Does not know the exchange's rules.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from twsim import render
from twsim.exchange.contracts import STOCK, Contract, Query
from twsim.exchange.orders import Order
from twsim.exchange.outcomes import (
    Acknowledged,
    Cancelled,
    CancelPending,
    CommissionKnown,
    Corrected,
    Executed,
    Killed,
    Outcome,
    Refused,
    Rejected,
    Warned,
)
from twsim.exchange.refusals import Refusal, invalid
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import ClientId, OrderId
from twsim.session import Session
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import CancelOrder, ReqContractDetails, ReqMktData

_CANCELLED: Final = "Order Canceled - reason:"  # as a rule with nothing after it: PF-5
_NO_WHAT_IF: Final = invalid("What-if orders are not simulated")
_NO_SUCH_TYPE: Final = invalid("Please enter a valid security type")
# What a client may ask for; everything but stocks is then unknown.
_SECURITY_TYPES: Final = frozenset({
    "STK", "OPT", "FUT", "CONTFUT", "IND", "FOP", "CASH", "BAG", "WAR", "IOPT", "BOND",
    "CMDTY", "NEWS", "FUND", "CFD", "CRYPTO",
})  # fmt: skip

OrderOutcome = (
    Acknowledged
    | Executed
    | CancelPending
    | Cancelled
    | CommissionKnown
    | Corrected
    | Killed
    | Rejected
    | Warned
)

AboutContract = PlaceOrder | ReqContractDetails | ReqMktData


def query_of(request: AboutContract) -> Query | Refusal:
    """Return the description of a contract that a request carries."""
    if request.sec_type not in _SECURITY_TYPES and not request.con_id:
        return _NO_SUCH_TYPE
    return Query(
        con_id=request.con_id,
        symbol=request.symbol,
        sec_type=request.sec_type or STOCK,
        exchange=request.exchange,
        primary_exchange=request.primary_exchange,
        currency=request.currency,
        local_symbol=request.local_symbol,
        trading_class=request.trading_class,
    )


def place(session: Session, client_id: ClientId, request: PlaceOrder) -> None:
    """Place or change an order."""
    if not request.transmit:
        return  # nothing at all is heard of it (§4.1)
    if request.what_if:
        session.refuse(_NO_WHAT_IF, request.order_id)
        return
    query = query_of(request)
    if isinstance(query, Refusal):
        session.refuse(query, request.order_id)
        return
    world = session.world
    outcomes = world.exchange.place(ticket_of(request, client_id, query), world.now())
    tell_asker(session, request.order_id, outcomes)


def cancel(session: Session, client_id: ClientId, request: CancelOrder) -> None:
    """Cancel an order."""
    world = session.world
    outcomes = world.exchange.cancel(client_id, OrderId(request.order_id), world.now())
    tell_asker(session, request.order_id, outcomes)


def tell_asker(session: Session, order_id: int, outcomes: list[Outcome]) -> None:
    """Tell what became of a request: a refusal to whoever asked, the rest to all."""
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            session.refuse(outcome.refusal, order_id)
        else:
            session.world.publish([outcome])


def ticket_of(request: PlaceOrder, client_id: ClientId, query: Query) -> Ticket:
    """Return the ticket that an order is."""
    limit = request.limit_price
    return Ticket(
        client_id=client_id,
        order_id=OrderId(request.order_id),
        account=request.account,
        query=query,
        side=request.action,
        quantity=request.total_quantity,
        order_type=request.order_type,
        limit_price=None if limit is None else limit.normalize() + Decimal(0),
        tif=request.tif or "DAY",
        outside_rth=request.outside_rth,
        order_ref=request.order_ref,
    )


def tell(session: Session, outcome: OrderOutcome, contract: Contract) -> None:
    """Tell the client of an order what happened to it."""
    match outcome:
        case Acknowledged(order) | CancelPending(order) | Killed(order):
            _pair(session, order, contract)
        case Executed(order, execution) | Corrected(order, execution):
            version = session.connection.server_version
            session.say(
                render.exec_details(execution, contract, render.LIVE, server_version=version)
            )
            _pair(session, order, contract)
        case CommissionKnown(order, execution):
            _pair(session, order, contract)
            session.say(render.commission_report(execution))
        case Cancelled(order, reason):
            session.say(render.order_status(order))
            session.refuse(Refusal(202, _CANCELLED + reason), order.order_id)
        case Warned(order, refusal):
            session.refuse(refusal, order.order_id)
        case Rejected(order, refusal):
            session.refuse(refusal, order.order_id)
            _pair(session, order, contract)


def _pair(session: Session, order: Order, contract: Contract) -> None:
    """Say openOrder and orderStatus, always in this order."""
    session.say(render.open_order(order, contract))
    session.say(render.order_status(order))
