"""Settlement: from a print to cash, shares and, a little later, a commission that is told.

Owns: the one way in which cash and shares change hands, and the queue of commissions that
are not yet known. Does not know why an order traded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from twsim.exchange.accounts import Trade, book_cash, book_shares
from twsim.exchange.book import Books
from twsim.exchange.commissions import fill_commission
from twsim.exchange.matching import Print
from twsim.exchange.orders import Execution, Order, fill, finish
from twsim.exchange.outcomes import CommissionKnown, Corrected, HoldingChanged, Outcome
from twsim.exchange.vocabulary import AccountId, ConId, ExecId

# A real paper gateway takes 0.1 to 1 s (§4.1); contract.md promises less than 50 ms.
COMMISSION_DELAY: Final = timedelta(milliseconds=20)
TOOK_LIQUIDITY: Final = 2
GAVE_LIQUIDITY: Final = 1


class Settlement:
    """What happens to the books when something trades."""

    __slots__ = ("_books", "_due")

    def __init__(self, books: Books) -> None:
        self._books = books
        # One entry for each execution of the last moments: it empties as time passes.
        self._due: deque[tuple[datetime, ExecId]] = deque()

    def book(
        self, order: Order, trade: Print, now: datetime, *, liquidity: int
    ) -> tuple[Order, Execution]:
        """Make one trade: the only place where cash and shares change hands."""
        commission = fill_commission(
            order.filled, order.value, shares=trade.shares, price=trade.price
        )
        filled = fill(order, trade.shares, trade.price)
        if filled.is_final and not order.is_final:
            filled = finish(filled, now, f"Filled Size: {filled.filled}")
        booked = Trade(
            side=order.side, shares=trade.shares, price=trade.price, commission=commission
        )
        held = self._books.position(order.account, order.con_id)
        position, realized = book_shares(held, booked)
        execution = self._execution(filled, trade, now, liquidity=liquidity)
        execution = replace(execution, commission=commission, realized=realized)
        self._books.put_account(book_cash(self._books.accounts[order.account], booked))
        self._books.put_position(position)
        self._books.put_order(filled)
        self._books.put_execution(execution)
        self._due.append((now + COMMISSION_DELAY, execution.exec_id))
        return filled, execution

    def correct(
        self, found: Execution, shares: int, price: Decimal, now: datetime
    ) -> Corrected:
        """Put another execution in the place of one: the last part of the id rises."""
        del now
        base, _, revision = found.exec_id.rpartition(".")
        changed = replace(
            found,
            exec_id=ExecId(f"{base}.{int(revision) + 1:02d}"),
            shares=shares,
            price=price,
        )
        more = found.side.sign * (shares - found.shares)
        paid = found.side.sign * (shares * price - found.shares * found.price)
        account = self._books.accounts[found.account]
        position = self._books.position(found.account, found.con_id)
        self._books.put_account(replace(account, cash=account.cash - paid))
        self._books.put_position(
            replace(position, quantity=position.quantity + more, cost=position.cost + paid)
        )
        self._books.put_execution(changed)
        return Corrected(self._books.orders[found.perm_id], changed)

    def next_due(self) -> datetime | None:
        """Return when the next commission becomes known."""
        return self._due[0][0] if self._due else None

    def report(self, now: datetime) -> Iterator[Outcome]:
        """Let the commissions that are due become known, then name what was held anew."""
        touched: dict[tuple[AccountId, ConId], None] = {}
        while self._due and self._due[0][0] <= now:
            _, exec_id = self._due.popleft()
            execution = self._books.executions.get(exec_id)
            if execution is None:
                continue  # of yesterday
            execution = replace(execution, reported=True)
            self._books.put_execution(execution)
            order = self._books.orders[execution.perm_id]
            told = (order.commission or Decimal(0)) + execution.commission
            order = replace(order, commission=told)
            self._books.put_order(order)
            touched[execution.account, execution.con_id] = None
            yield CommissionKnown(order, execution)
        for account, con_id in touched:
            yield HoldingChanged(account, con_id)

    def resume(self) -> None:
        """Queue the commissions that had not been told when the books were kept."""
        for execution in self._books.executions.values():
            if not execution.reported:
                self._due.append((execution.at + COMMISSION_DELAY, execution.exec_id))

    def _execution(
        self, order: Order, trade: Print, now: datetime, *, liquidity: int
    ) -> Execution:
        self._books.put_numbers()
        return Execution(
            exec_id=self._books.numbers.take_exec_id(now),
            perm_id=order.perm_id,
            order_id=order.order_id,
            client_id=order.client_id,
            account=order.account,
            con_id=order.con_id,
            side=order.side,
            shares=trade.shares,
            price=trade.price,
            venue=trade.venue,
            liquidity=liquidity,
            cumulative=order.filled,
            average_price=order.average_price,
            order_ref=order.order_ref,
            at=now,
            commission=Decimal(0),
            realized=None,
        )
