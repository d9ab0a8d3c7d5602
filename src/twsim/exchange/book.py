"""The books: every account, position, order and execution, and what of it has changed.

Owns: the tables of the exchange's state, their indexes, and the list of changes since it
was last taken. Does not know any rule about what may change, nor where changes are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from twsim.exchange.accounts import Account, Position
from twsim.exchange.hours import trading_day
from twsim.exchange.numbers import Numbers
from twsim.exchange.orders import Execution, Order
from twsim.exchange.prices import Base
from twsim.exchange.vocabulary import AccountId, ClientId, ConId, OrderId, PermId, Side


@dataclass(slots=True, kw_only=True)
class Opening:
    """What prices depend on, fixed when the exchange first opened."""

    seed: int
    at: datetime


@dataclass(slots=True, kw_only=True)
class Changes:
    """Rows that are new or different, whole; applying them in order restores the books."""

    opening: Opening | None = None
    day: date | None = None  # a day began, before anything else of this row
    numbers: Numbers | None = None
    bases: list[Base] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)


class Books:
    """The state of the exchange, row by row."""

    __slots__ = (
        "_changes",
        "accounts",
        "bases",
        "by_order_id",
        "children",
        "day",
        "executions",
        "live",
        "numbers",
        "orders",
        "positions",
        "working",
    )

    def __init__(self, numbers: Numbers) -> None:
        self.accounts: dict[AccountId, Account] = {}
        self.positions: dict[tuple[AccountId, ConId], Position] = {}
        self.orders: dict[PermId, Order] = {}
        self.live: dict[PermId, Order] = {}
        self.by_order_id: dict[tuple[ClientId, OrderId], PermId] = {}
        self.children: dict[PermId, list[PermId]] = {}
        self.working: dict[tuple[AccountId, ConId, Side], int] = {}
        self.executions: dict[str, Execution] = {}  # by what corrections leave alone
        self.day: date | None = None
        self.bases: dict[ConId, Base] = {}
        self.numbers = numbers
        self._changes = Changes()

    def put_account(self, account: Account) -> None:
        """Write an account."""
        self.accounts[account.account] = account
        self._changes.accounts.append(account)

    def put_position(self, position: Position) -> None:
        """Write a position."""
        self.positions[position.account, position.con_id] = position
        self._changes.positions.append(position)

    def put_order(self, order: Order) -> None:
        """Write an order, and keep the indexes of what may still trade."""
        before = self.orders.get(order.perm_id)
        if order.parent_perm_id and before is None:
            self.children.setdefault(order.parent_perm_id, []).append(order.perm_id)
        self.orders[order.perm_id] = order
        if order.order_id:  # what was made by hand and is not bound has none
            self.by_order_id[order.client_id, order.order_id] = order.perm_id
        place = (order.account, order.con_id, order.side)
        leaves = _working(order) - (0 if before is None else _working(before))
        self.working[place] = self.working.get(place, 0) + leaves
        if order.is_final:
            self.live.pop(order.perm_id, None)
        else:
            self.live[order.perm_id] = order
        self._changes.orders.append(order)

    def put_execution(self, execution: Execution) -> None:
        """Write an execution, over the one that it corrects, if any."""
        self.executions[execution.base] = execution
        self._changes.executions.append(execution)

    def put_base(self, base: Base) -> None:
        """Write where a symbol's prices start from."""
        self.bases[base.con_id] = base
        self._changes.bases.append(base)

    def put_numbers(self) -> None:
        """Note that a number was given out."""
        self._changes.numbers = self.numbers

    def find(self, client: ClientId, order_id: OrderId) -> Order | None:
        """Return a client's order of the day."""
        perm_id = self.by_order_id.get((client, order_id))
        return None if perm_id is None else self.orders[perm_id]

    def live_children(self, parent: PermId) -> list[Order]:
        """Return the orders attached to another that are not done."""
        return [
            self.live[child] for child in self.children.get(parent, ()) if child in self.live
        ]

    def position(self, account: AccountId, con_id: ConId) -> Position:
        """Return a position, empty where there never was one."""
        return self.positions.get((account, con_id)) or Position(account, con_id)

    def positions_of(self, account: AccountId) -> list[Position]:
        """Return the positions of an account, closed ones of the day with quantity 0."""
        return [row for row in self.positions.values() if row.account == account]

    def worst(self, account: AccountId, con_id: ConId, more: int = 0) -> int:
        """Return the most shares that working orders can lead to, long or short.

        `more` are those of an order that does not work yet; negative where it sells.
        """
        held = self.position(account, con_id).quantity
        buying = self.working.get((account, con_id, Side.BUY), 0) + max(more, 0)
        selling = self.working.get((account, con_id, Side.SELL), 0) + max(-more, 0)
        return max(abs(held + buying), abs(held - selling))

    def has_of_today(self) -> bool:
        """Tell whether anything is to be forgotten or marked when the day ends."""
        return len(self.orders) > len(self.live) or bool(self.executions or self.positions)

    def begin_day(self, today: date) -> None:
        """Drop what was of earlier days, closed positions as well."""
        self.day = self._changes.day = today
        self.forget_before(today)
        for place in [p for p, row in self.positions.items() if not row.quantity]:
            del self.positions[place]
        for working in [w for w, leaves in self.working.items() if not leaves]:
            del self.working[working]

    def forget_before(self, today: date) -> None:
        """Drop finished orders and executions of earlier days."""
        for order in [o for o in self.orders.values() if _is_old(o.completed_at, today)]:
            del self.orders[order.perm_id]
            self.by_order_id.pop((order.client_id, order.order_id), None)
            self.children.pop(order.perm_id, None)
        for execution in [e for e in self.executions.values() if _is_old(e.at, today)]:
            del self.executions[execution.base]

    def take_changes(self) -> Changes | None:
        """Return what has changed since the last call; None where nothing has."""
        taken, self._changes = self._changes, Changes()
        return taken if taken != self._changes else None

    def everything(self) -> Changes:
        """Return all rows, as if each had just changed."""
        return Changes(
            day=self.day,
            numbers=self.numbers,
            bases=list(self.bases.values()),
            accounts=list(self.accounts.values()),
            positions=list(self.positions.values()),
            orders=list(self.orders.values()),
            executions=list(self.executions.values()),
        )

    def restore(self, changes: Iterable[Changes]) -> None:
        """Apply changes that were taken from other books, in their order."""
        for change in changes:
            if change.day is not None:
                self.begin_day(change.day)
            if change.numbers is not None:
                self.numbers = change.numbers
            for base in change.bases:
                self.put_base(base)
            for account in change.accounts:
                self.put_account(account)
            for position in change.positions:
                self.put_position(position)
            for order in change.orders:
                self.put_order(order)
            for execution in change.executions:
                self.put_execution(execution)
        self._changes = Changes()


def _is_old(at: datetime | None, today: date) -> bool:
    return at is not None and trading_day(at) < today


def _working(order: Order) -> int:
    """Return the shares that an order may trade by itself: none while it waits for another."""
    return 0 if order.is_attached else order.leaves
