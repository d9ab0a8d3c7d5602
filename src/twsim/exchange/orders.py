"""Orders, their one state machine, and the executions they make.

Owns: Order, Execution, the transition table, and the few ways in which an order changes.
Knows nothing of prices, accounts or clients' messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from twsim.exchange.vocabulary import (
    NO_ORDER_ID,
    NO_PERM_ID,
    AccountId,
    ClientId,
    ConId,
    ExecId,
    OrderId,
    OrderStatus,
    OrderType,
    PermId,
    Side,
    TimeInForce,
)

_ZERO: Final = Decimal(0)
CHILD: Final = "child"  # why an order is held that waits for its parent (§4.1)


class Step(StrEnum):
    """What can happen to an order."""

    REST = "rest"
    FILL_PART = "fill-part"
    FILL_REST = "fill-rest"
    ASK_CANCEL = "ask-cancel"
    CANCEL = "cancel"
    REJECT = "reject"


_PRE, _SUB, _PENDING = (
    OrderStatus.PRE_SUBMITTED,
    OrderStatus.SUBMITTED,
    OrderStatus.PENDING_CANCEL,
)
# The states of tws-facts §4.1; a pair that is not here cannot happen.
TRANSITIONS: Final[Mapping[tuple[OrderStatus, Step], OrderStatus]] = {
    (_PRE, Step.REST): _SUB,
    (_SUB, Step.REST): _SUB,
    (_PRE, Step.FILL_PART): _SUB,
    (_SUB, Step.FILL_PART): _SUB,
    (_PRE, Step.FILL_REST): OrderStatus.FILLED,
    (_SUB, Step.FILL_REST): OrderStatus.FILLED,
    (_PRE, Step.ASK_CANCEL): _PENDING,
    (_SUB, Step.ASK_CANCEL): _PENDING,
    (_PRE, Step.CANCEL): OrderStatus.CANCELLED,
    (_SUB, Step.CANCEL): OrderStatus.CANCELLED,
    (_PENDING, Step.CANCEL): OrderStatus.CANCELLED,
    (_PENDING, Step.ASK_CANCEL): _PENDING,
    (_PRE, Step.REJECT): OrderStatus.INACTIVE,
    (_SUB, Step.REJECT): OrderStatus.INACTIVE,
}
FINAL: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.INACTIVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order, from its acceptance to its end."""

    perm_id: PermId
    order_id: OrderId
    client_id: ClientId
    account: AccountId
    con_id: ConId
    exchange: str
    side: Side
    quantity: int
    order_type: OrderType
    limit_price: Decimal | None
    tif: TimeInForce
    outside_rth: bool
    order_ref: str
    status: OrderStatus
    placed_at: datetime
    filled: int = 0
    value: Decimal = _ZERO
    last_price: Decimal = _ZERO
    commission: Decimal | None = None  # what has been reported so far
    modifications: int = 0
    parent_id: OrderId = NO_ORDER_ID
    parent_perm_id: PermId = NO_PERM_ID
    opens_at: datetime | None = None  # it waits for this opening, and then no more
    expires_at: datetime | None = None
    why_held: str = ""  # in the words of orderStatus; an order that is held does not trade
    located_at: datetime | None = None  # when shares to sell short will have been found
    completed_at: datetime | None = None
    completed_words: str = ""

    @property
    def leaves(self) -> int:
        """Return the shares that may still trade."""
        return 0 if self.is_final else self.quantity - self.filled

    @property
    def remaining(self) -> int:
        """Return the shares that did not trade, as a gateway counts them to the end."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal:
        """Return the average price of what traded; 0 where nothing did."""
        return self.value / self.filled if self.filled else _ZERO

    @property
    def is_attached(self) -> bool:
        """Tell whether the order waits for its parent to fill."""
        return self.why_held == CHILD

    @property
    def oca_group(self) -> str:
        """Return the group of which one fill cancels the rest: its parent's perm id (§4.1)."""
        return str(self.parent_perm_id) if self.parent_perm_id else ""

    @property
    def is_by_hand(self) -> bool:
        """Tell whether a person placed the order: it has no order id, or a negative one."""
        return self.order_id <= 0

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more can happen to the order."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One trade of one order."""

    exec_id: ExecId
    perm_id: PermId
    order_id: OrderId
    client_id: ClientId
    account: AccountId
    con_id: ConId
    side: Side
    shares: int
    price: Decimal
    venue: str
    liquidity: int  # 1 where it gave liquidity, 2 where it took it
    cumulative: int
    average_price: Decimal
    order_ref: str
    at: datetime
    commission: Decimal
    realized: Decimal | None
    reported: bool = False  # whether the commission has been told

    @property
    def base(self) -> str:
        """Return what all corrections of an execution have in common (§4.1)."""
        return self.exec_id.rpartition(".")[0]


def move(order: Order, step: Step) -> Order:
    """Return the order after a step that fills nothing."""
    return replace(order, status=TRANSITIONS[order.status, step])


def fill(order: Order, shares: int, price: Decimal) -> Order:
    """Return the order after some of its shares traded."""
    assert 0 < shares <= order.leaves
    step = Step.FILL_REST if shares == order.leaves else Step.FILL_PART
    return replace(
        move(order, step),
        filled=order.filled + shares,
        value=order.value + shares * price,
        last_price=price,
    )


def finish(order: Order, at: datetime, words: str) -> Order:
    """Return the finished order with when and how it ended, in completedOrder's words."""
    assert order.is_final
    return replace(order, completed_at=at, completed_words=words)
