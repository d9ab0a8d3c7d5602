"""Settlement: from a print to cash, shares and, a little later, a commission that is told.

Owns: the one way in which cash and shares change hands, corrections of it, and the queue
of commissions that are not yet known. Does not know why an order traded.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from twsim.exchange.accounts import Trade, book_cash, book_correction, book_shares
from twsim.exchange.book import Books
from twsim.exchange.commissions import Tariff
from twsim.exchange.matching import Print
from twsim.exchange.numbers import corrected_exec_id
from twsim.exchange.orders import Execution, Order, fill, finish
from twsim.exchange.outcomes import CommissionKnown, Corrected, HoldingChanged, Outcome
from twsim.exchange.vocabulary import AccountId, ConId

# A real paper gateway takes 0.1 to 1 s (§4.1); contract.md promises less than 50 ms.
COMMISSION_DELAY: Final = timedelta(milliseconds=20)
TOOK_LIQUIDITY: Final = 2
GAVE_LIQUIDITY: Final = 1
_ZERO: Final = Decimal(0)


class Settlement:
    """What happens to the books when something trades."""

    __slots__ = ("_books", "_due", "_tariff", "_touched", "delay")

    def __init__(self, books: Books, tariff: Tariff, delay: timedelta | None) -> None:
        self._books = books
        self._tariff = tariff
        self.delay = delay  # from a fill to its commission; None for never
        # One entry for each execution of the last moments: they empty as time passes.
        self._due: list[tuple[datetime, str]] = []
        self._touched: list[tuple[datetime, AccountId, ConId]] = []

    def book(
        self, order: Order, trade: Print, now: datetime, *, liquidity: int
    ) -> tuple[Order, Execution]:
        """Make one trade: the only place where cash and shares change hands."""
        commission = self._tariff.fill_commission(
            order.filled,
            order.value,
            side=order.side,
            shares=trade.shares,
            price=trade.price,
        )
        filled = fill(order, trade.shares, trade.price)
        if filled.is_final:
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
        self._queue(execution, now)
        return filled, execution

    def correct(
        self, execution: Execution, shares: int, price: Decimal, now: datetime
    ) -> Corrected:
        """Let an execution have been another one; its commission is told anew (§4.1).

        A finished order stays finished, whatever is missing of it then.
        """
        order = self._books.orders[execution.perm_id]
        assert 0 < shares <= execution.shares + order.remaining, "beyond the order"
        before = _trade(execution, execution.commission)
        if execution.reported:
            order = replace(order, commission=(order.commission or _ZERO) - before.commission)
        filled, value = order.filled - before.shares, order.value - before.shares * before.price
        commission = self._tariff.fill_commission(
            filled, value, side=order.side, shares=shares, price=price
        )
        order = replace(order, filled=filled + shares, value=value + shares * price)
        changed = replace(
            execution,
            exec_id=corrected_exec_id(execution.exec_id),
            shares=shares,
            price=price,
            cumulative=execution.cumulative + shares - before.shares,
            average_price=order.average_price,
            commission=commission,
            reported=False,
        )
        after = _trade(changed, commission)
        held = self._books.position(order.account, order.con_id)
        position = book_correction(held, before, after, opened=execution.realized is None)
        if execution.realized is not None:
            changed = replace(
                changed, realized=execution.realized + position.realized - held.realized
            )
        cash = self._books.accounts[order.account].cash - after.paid + before.paid
        self._books.put_account(replace(self._books.accounts[order.account], cash=cash))
        self._books.put_position(position)
        self._books.put_order(order)
        self._books.put_execution(changed)
        self._queue(changed, now)
        return Corrected(order, changed)

    def next_due(self) -> datetime | None:
        """Return when there is something to report next."""
        return min((queue[0][0] for queue in (self._due, self._touched) if queue), default=None)

    def report(self, now: datetime) -> Iterator[Outcome]:
        """Let the commissions that are due become known, then name what was held anew."""
        while self._due and self._due[0][0] <= now:
            _, base = heapq.heappop(self._due)
            execution = self._books.executions.get(base)
            if execution is None or execution.reported:
                continue  # of yesterday, or corrected and told since
            execution = replace(execution, reported=True)
            self._books.put_execution(execution)
            order = self._books.orders[execution.perm_id]
            told = (order.commission or _ZERO) + execution.commission
            order = replace(order, commission=told)
            self._books.put_order(order)
            yield CommissionKnown(order, execution)
        held: dict[tuple[AccountId, ConId], None] = {}
        while self._touched and self._touched[0][0] <= now:
            _, account, con_id = heapq.heappop(self._touched)
            held[account, con_id] = None
        for account, con_id in held:
            yield HoldingChanged(account, con_id)

    def resume(self) -> None:
        """Queue the commissions that had not been told when the books were kept."""
        for execution in self._books.executions.values():
            if not execution.reported:
                self._queue(execution, execution.at)

    def _queue(self, execution: Execution, now: datetime) -> None:
        touched = (now + COMMISSION_DELAY, execution.account, execution.con_id)
        heapq.heappush(self._touched, touched)
        if self.delay is not None:
            heapq.heappush(self._due, (now + self.delay, execution.base))

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


def _trade(execution: Execution, commission: Decimal) -> Trade:
    return Trade(
        side=execution.side,
        shares=execution.shares,
        price=execution.price,
        commission=commission,
    )
