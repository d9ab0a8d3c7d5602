"""A scene: one opportunity for faults, and what they made of it.

Owns: Scene, and how a request says whom and what it is about. Does not know which fault
strikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from twsim.exchange.contracts import Query
from twsim.exchange.exchange import Exchange
from twsim.exchange.orders import Execution
from twsim.exchange.vocabulary import ClientId, ConId, OrderId
from twsim.faults.kinds import Point
from twsim.faults.plan import Target
from twsim.session import Session
from twsim.wire.layout import Message
from twsim.wire.place_order import PlaceOrder
from twsim.wire.requests import (
    CancelOrder,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqOpenOrders,
    ReqPositions,
    ReqPositionsMulti,
    StartApi,
)

OrderKey = tuple[ClientId, OrderId]
Recast = Callable[[list[Message]], list[Message]]

# Requests that are answered by a list, by the kind of it.
LISTINGS: Final[Mapping[type[Message], str]] = {
    ReqOpenOrders: "open",
    ReqAllOpenOrders: "open",
    ReqCompletedOrders: "completed",
    ReqExecutions: "executions",
    ReqPositions: "positions",
    ReqPositionsMulti: "positions",
    ReqAccountUpdates: "account",
    ReqAccountSummary: "account",
    ReqAccountUpdatesMulti: "account",
}


@dataclass(slots=True, kw_only=True)
class Scene:
    """What happens at one point; a request of None will not be answered."""

    point: Point
    target: Target = field(default_factory=Target)
    session: Session | None = None
    request: Message | None = None
    execution: Execution | None = None
    after: list[Callable[[], None]] = field(default_factory=list)
    recasts: list[Recast] = field(default_factory=list)
    over: bool = False

    @property
    def key(self) -> OrderKey:
        """Return whose order it is about."""
        assert self.target.client is not None
        assert self.target.order_id is not None
        return ClientId(self.target.client), OrderId(self.target.order_id)

    @property
    def place(self) -> PlaceOrder:
        """Return the order that arrived."""
        assert isinstance(self.request, PlaceOrder)
        return self.request

    @property
    def client(self) -> Session:
        """Return the session that it happens to."""
        assert self.session is not None
        return self.session

    def swallow(self) -> None:
        """Let the request be answered by nobody, and no other fault strike."""
        self.request = None
        self.over = True


def read_scene(request: Message, session: Session, exchange: Exchange) -> Scene | None:
    """Return the scene that a request opens; None where no fault cares for it."""
    client = session.client_id
    match request:
        case StartApi():
            target = Target(client=request.client_id)
            return Scene(point=Point.START, target=target, session=session, request=request)
        case PlaceOrder() if client is not None and request.transmit and not request.what_if:
            return _order_scene(request, session, exchange)
        case CancelOrder() if client is not None:
            target = _of_order(client, OrderId(request.order_id), exchange)
            return Scene(point=Point.CANCEL, target=target, session=session, request=request)
        case _ if type(request) in LISTINGS:
            target = Target(client=client, listing=LISTINGS[type(request)])
            return Scene(point=Point.QUERY, target=target, session=session, request=request)
        case _:
            return None


def _order_scene(request: PlaceOrder, session: Session, exchange: Exchange) -> Scene:
    assert session.client_id is not None
    order_id = OrderId(request.order_id)
    known = exchange.find(session.client_id, order_id)
    works = known is not None and not known.is_final
    symbol = request.symbol
    if not symbol and request.con_id:
        symbol = symbol_of(ConId(request.con_id), exchange)
    target = Target(
        client=session.client_id, account=request.account, symbol=symbol, order_id=order_id
    )
    point = Point.MODIFY if works else Point.PLACE
    return Scene(point=point, target=target, session=session, request=request)


def _of_order(client: ClientId, order_id: OrderId, exchange: Exchange) -> Target:
    order = exchange.find(client, order_id)
    if order is None:
        return Target(client=client, order_id=order_id)
    symbol = exchange.contracts[order.con_id].symbol
    return Target(client=client, account=order.account, symbol=symbol, order_id=order_id)


def of_execution(execution: Execution, exchange: Exchange) -> Scene:
    """Return the scene that a trade opens."""
    target = Target(
        client=execution.client_id,
        account=execution.account,
        symbol=exchange.contracts[execution.con_id].symbol,
        order_id=execution.order_id,
    )
    return Scene(point=Point.FILL, target=target, execution=execution)


def symbol_of(con_id: ConId, exchange: Exchange) -> str:
    """Return the symbol of a contract, empty where there is none."""
    found = exchange.contracts.matching(Query(con_id=con_id))
    return found[0].symbol if found else ""
