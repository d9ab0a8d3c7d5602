"""Faults of positions: late, stuck, or moved by somebody else.

Owns: the effects P01 to P06. Does not know the orders of clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from twsim import render, statements
from twsim.exchange.accounts import Position
from twsim.exchange.contracts import Contract, Query
from twsim.exchange.exchange import BY_HAND
from twsim.exchange.orders import Execution
from twsim.exchange.outcomes import HoldingChanged
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import (
    NO_ORDER_ID,
    AccountId,
    ConId,
    OrderId,
    OrderType,
    Side,
)
from twsim.faults.engine import Effect, Faults
from twsim.faults.plan import Fired
from twsim.faults.scene import Scene
from twsim.session import Session
from twsim.wire.accounts import PositionMulti
from twsim.wire.layout import Message
from twsim.wire.market import ContractData
from twsim.wire.orders import CompletedOrder, OpenOrder
from twsim.wire.responses import ExecDetails, PortfolioValue, PositionRow

_OF_BROKER: Final = OrderId(-1)  # the order id of liquidations: Lean.IB#156
_DEFAULT_SYMBOL: Final = "AAPL"
_LIQUIDATION: Final = 2148
# The words that Lean.IB#156 and Lean#5839 quote.
_LIQUIDATION_WORDS: Final = (
    "URGENT: Please note that the qualifying equity within your account (i.e., Equity with Loan"
    " Value) is insufficient to satisfy the margin requirement and, to restore margin"
    " compliance, liquidation of positions may commence without further notice. Account: {}"
)


def before(position: Position, execution: Execution) -> Position:
    """Return what a position was before its latest execution: `book_shares` undone."""
    sign, shares = execution.side.sign, execution.shares
    quantity = position.quantity - sign * shares
    closed = min(shares, max(0, -sign * quantity))
    if not closed:
        spent = sign * shares * execution.price + execution.commission
        return replace(position, quantity=quantity, cost=position.cost - spent)
    realized = execution.realized or Decimal(0)
    fee = execution.commission * closed / shares
    released = -sign * closed * execution.price - fee - realized
    return replace(
        position,
        quantity=quantity,
        cost=released * abs(quantity) / closed,
        realized=position.realized - realized,
    )


def _show_earlier(faults: Faults, fired: Fired, scene: Scene) -> None:
    _freeze(faults, scene, fired.seconds("delay"))


def _show_earlier_for_ever(faults: Faults, fired: Fired, scene: Scene) -> None:
    del fired
    _freeze(faults, scene, timedelta(0))


def _freeze(faults: Faults, scene: Scene, delay: timedelta) -> None:
    execution = scene.execution
    assert execution is not None
    account, con_id = execution.account, execution.con_id
    contract = faults.exchange.contracts[con_id]
    earlier = before(faults.exchange.position(account, con_id), execution)

    def change(_session: Session, message: Message) -> list[Message]:
        if not isinstance(message, PositionRow | PositionMulti | PortfolioValue):
            return [message]
        if (message.account, message.con_id) != (account, con_id):
            return [message]
        if not faults.listing:
            return []
        if isinstance(message, PositionRow):
            return [render.position_row(earlier, contract)]
        if isinstance(message, PositionMulti):
            return [statements.position_multi(earlier, contract, message.req_id)]
        holding = faults.exchange.holding(earlier, faults.now())
        return [render.portfolio_value(holding, contract)]

    rule = faults.rule(change)

    def thaw() -> None:
        rule.remove()
        faults.stage.publish([HoldingChanged(account, con_id)])

    faults.lasting(delay, thaw)


def _account(faults: Faults, fired: Fired, scene: Scene) -> AccountId:
    named = fired.account or scene.target.account
    return AccountId(named) if named else faults.exchange.accounts()[0]


def _contract(faults: Faults, fired: Fired, scene: Scene) -> Contract:
    symbol = fired.symbol or scene.target.symbol or _DEFAULT_SYMBOL
    return faults.exchange.contracts.of_symbol(symbol)


def _ticket(account: AccountId, con_id: ConId, side: Side, shares: int) -> Ticket:
    return Ticket(
        client_id=BY_HAND,
        order_id=NO_ORDER_ID,
        account=account,
        query=Query(con_id=con_id),
        side=side,
        quantity=Decimal(shares),
        order_type=OrderType.MKT,
        id_is_free=True,
    )


def _trade_by_hand(faults: Faults, fired: Fired, scene: Scene) -> None:
    account, con_id = _account(faults, fired, scene), _contract(faults, fired, scene).con_id
    side, shares = Side(fired.word("side")), fired.count("shares")
    faults.stage.place_by_hand(_ticket(account, con_id, side, shares))


def _liquidate(faults: Faults, fired: Fired, scene: Scene) -> None:
    account = _account(faults, fired, scene)
    faults.stage.notify(_LIQUIDATION, _LIQUIDATION_WORDS.format(account))
    rule = faults.rule(_mark_liquidation)
    for row in faults.exchange.positions(account):
        symbol = faults.exchange.contracts[row.con_id].symbol
        if row.quantity and fired.symbol in ("", symbol):
            side = Side.SELL if row.quantity > 0 else Side.BUY
            ticket = _ticket(account, row.con_id, side, abs(row.quantity))
            ticket = replace(ticket, order_id=_OF_BROKER)
            faults.stage.publish(faults.exchange.force(ticket, faults.now()))
    rule.remove()


def _mark_liquidation(_session: Session, message: Message) -> list[Message]:
    if isinstance(message, ExecDetails) and message.order_id < 0:
        return [replace(message, liquidation=1)]
    return [message]


def _reset(faults: Faults, fired: Fired, scene: Scene) -> None:
    account, cash = _account(faults, fired, scene), Decimal(fired.count("cash"))
    faults.stage.publish(faults.exchange.reset_account(account, cash, faults.now()))


def _split(faults: Faults, fired: Fired, scene: Scene) -> None:
    contract, name = _contract(faults, fired, scene), fired.word("rename")
    if name:
        faults.rule(partial(_rename, contract, name))
        return
    exchange, now, ratio = faults.exchange, faults.now(), fired.count("ratio")
    price = exchange.quote(contract, now).last
    held = [row for row in exchange.positions() if row.con_id == contract.con_id]
    for row in held:
        exchange.set_position(row.account, row.con_id, row.quantity * ratio, row.cost)
    faults.stage.publish(exchange.set_price(contract, price / ratio, now))
    faults.stage.publish(HoldingChanged(row.account, row.con_id) for row in held)


_WithContract = (
    OpenOrder | CompletedOrder | ExecDetails | PositionRow | PositionMulti | PortfolioValue
)


def _rename(
    contract: Contract, name: str, _session: Session, message: Message
) -> list[Message]:
    if isinstance(message, ContractData | _WithContract) and message.con_id == contract.con_id:
        return [replace(message, symbol=name, local_symbol=name)]
    return [message]


EFFECTS: Final[Mapping[str, Effect]] = {
    "P01": _show_earlier,
    "P02": _show_earlier_for_ever,
    "P03": _trade_by_hand,
    "P04": _liquidate,
    "P05": _reset,
    "P06": _split,
}
