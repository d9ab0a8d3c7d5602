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
from twsim.exchange.refusals import Refusal, invalid, not_cancellable
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import ClientId, OrderId
from twsim.session import Session
from twsim.wire.orders import OrderBound
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import CancelOrder, ReqContractDetails, ReqMktData

ASSUMPTIONS: Final = (
    "The cancel of an order that was never transmitted is answered by 202 alone.",
    "An order made by hand is heard of by client 0 once it is bound, and by the master client.",
    "An attached order waits until its parent has filled wholly.",
    "A what-if order uses up a perm id, but not its order id; margin is never refused.",
)
_CANCELLED: Final = "Order Canceled - reason:"  # as a rule with nothing after it: PF-5
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
    """Place or change an order, hold it back, or say what it would do."""
    query = query_of(request)
    refusal = query if isinstance(query, Refusal) else _unsupported(request)
    if refusal is not None:
        session.refuse(refusal, request.order_id)
        return
    assert isinstance(query, Query)
    world = session.world
    ticket = ticket_of(request, client_id, query)
    if request.what_if:
        _preview(session, ticket)
    elif not request.transmit:
        refusal = world.exchange.hold_back(ticket)  # and nothing is heard of it (§4.1)
        if refusal is not None:
            session.refuse(refusal, request.order_id)
    else:
        for each in world.exchange.take_family(ticket):
            tell_asker(session, each.order_id, world.exchange.place(each, world.now()))


def _unsupported(request: PlaceOrder) -> Refusal | None:
    """Return the refusal of attributes that gateways take no more (tws-facts §2.1)."""
    if request.electronic_trade_only:
        return Refusal(10268, "The 'EtradeOnly' order attribute is not supported.")
    if request.firm_quote_only:
        return Refusal(10269, "The 'FirmQuoteOnly' order attribute is not supported.")
    return None


def _preview(session: Session, ticket: Ticket) -> None:
    world = session.world
    found = world.exchange.preview(ticket, world.now())
    if isinstance(found, Refusal):
        session.refuse(found, ticket.order_id)
    else:
        session.say(render.what_if(found, world.exchange.contracts[found.order.con_id]))


def cancel(session: Session, client_id: ClientId, request: CancelOrder) -> None:
    """Cancel an order."""
    world, order_id = session.world, OrderId(request.order_id)
    if world.exchange.drop_draft(client_id, order_id):
        session.refuse(Refusal(202, _CANCELLED), order_id)
        return
    across = world.rules.cancels_across_clients
    outcomes = world.exchange.cancel(client_id, order_id, world.now(), across=across)
    tell_asker(session, order_id, outcomes)


def cancel_all(session: Session, client_id: ClientId) -> None:
    """Cancel every working order, and say of the client's finished ones that they are."""
    world = session.world
    finished = [
        order for order in world.exchange.completed_orders() if order.client_id == client_id
    ]
    world.publish(world.exchange.cancel_all(world.now()))
    for order in finished:
        session.refuse(not_cancellable(order.perm_id), order.order_id)


def say_bound(session: Session, order: Order) -> None:
    """Say which order id an order made by hand has now."""
    session.say(
        OrderBound(perm_id=order.perm_id, client_id=order.client_id, order_id=order.order_id)
    )


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
        parent_id=OrderId(request.parent_id),
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
        case Cancelled(order, reason, by):
            session.say(render.order_status(order, cancelled_by=by))
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
