"""Faults of positions: late, stuck, or moved by somebody else.

Owns: the effects P01 to P06. Does not know the orders of clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from twsim import render
from twsim.exchange.accounts import Position
from twsim.exchange.contracts import Contract, Query
from twsim.exchange.orders import Execution
from twsim.exchange.outcomes import HoldingChanged
from twsim.exchange.tickets import Ticket
from twsim.exchange.vocabulary import AccountId, ClientId, ConId, OrderId, OrderType, Side
from twsim.faults.engine import Effect, Faults
from twsim.faults.plan import Fired
from twsim.faults.scene import Scene
from twsim.session import Session
from twsim.wire.layout import Message
from twsim.wire.market import ContractData
from twsim.wire.orders import CompletedOrder, OpenOrder
from twsim.wire.responses import ExecDetails, PortfolioValue, PositionRow

_BY_HAND: Final = ClientId(0)
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
        if not isinstance(message, PositionRow | PortfolioValue):
            return [message]
        if (message.account, message.con_id) != (account, con_id):
            return [message]
        if not faults.listing:
            return []
        if isinstance(message, PositionRow):
            return [render.position_row(earlier, contract)]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trade:
    account: AccountId
    con_id: ConId
    side: Side
    shares: int
    order_id: int


def _trade(faults: Faults, wanted: _Trade) -> None:
    """Trade beside all clients: such orders have client 0 and an odd order id (§2.4)."""
    ticket = Ticket(
        client_id=_BY_HAND,
        order_id=OrderId(wanted.order_id),
        account=wanted.account,
        query=Query(con_id=wanted.con_id),
        side=wanted.side,
        quantity=Decimal(wanted.shares),
        order_type=OrderType.MKT,
    )
    faults.stage.publish(faults.exchange.force(ticket, faults.now()))


def _trade_by_hand(faults: Faults, fired: Fired, scene: Scene) -> None:
    wanted = _Trade(
        account=_account(faults, fired, scene),
        con_id=_contract(faults, fired, scene).con_id,
        side=Side(fired.word("side")),
        shares=fired.count("shares"),
        order_id=0,
    )
    _trade(faults, wanted)


def _liquidate(faults: Faults, fired: Fired, scene: Scene) -> None:
    account = _account(faults, fired, scene)
    faults.stage.notify(_LIQUIDATION, _LIQUIDATION_WORDS.format(account))
    rule = faults.rule(_mark_liquidation)
    for row in faults.exchange.positions(account):
        symbol = faults.exchange.contracts[row.con_id].symbol
        if row.quantity and fired.symbol in ("", symbol):
            side = Side.SELL if row.quantity > 0 else Side.BUY
            shares = abs(row.quantity)
            wanted = _Trade(
                account=account, con_id=row.con_id, side=side, shares=shares, order_id=-1
            )
            _trade(faults, wanted)
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


_WithContract = OpenOrder | CompletedOrder | ExecDetails | PositionRow | PortfolioValue


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
