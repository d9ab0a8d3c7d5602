"""The exchange: takes tickets and cancels, lets time pass, and says what happened.

Owns: the order of decisions, and which orders trade when. Does not know clients' messages, the clock or any file: whoever
calls brings the time, keeps `take_changes`, and only then tells the outcomes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from twsim.exchange import refusals
from twsim.exchange.accounts import (
    INITIAL_MARGIN,
    Account,
    Figures,
    Holding,
    Position,
    figures,
)
from twsim.exchange.book import Books, Changes, Opening, next_midnight, trading_day
from twsim.exchange.contracts import Contract, ContractTable
from twsim.exchange.matching import Print, sweep
from twsim.exchange.meddling import Meddling
from twsim.exchange.numbers import Numbers
from twsim.exchange.orders import Execution, Order, Step, finish, move
from twsim.exchange.outcomes import (
    Acknowledged,
    Cancelled,
    CancelPending,
    Executed,
    Outcome,
    Refused,
    Rejected,
)
from twsim.exchange.prices import Base, Prices, Quote
from twsim.exchange.refusals import Refusal
from twsim.exchange.settlement import GAVE_LIQUIDITY, TOOK_LIQUIDITY, Settlement
from twsim.exchange.tickets import Terms, Ticket, judge
from twsim.exchange.vocabulary import (
    AccountId,
    ClientId,
    ConId,
    OrderId,
    OrderStatus,
    OrderType,
    PermId,
    Side,
    TimeInForce,
)

LIVE_ORDERS_MAX: Final = 100_000


class Exchange(Meddling):
    """The whole simulated world behind a gateway."""

    def __init__(self, contracts: ContractTable, opening: Opening) -> None:
        self.contracts = contracts
        self.opening = opening
        self._prices = Prices(seed=opening.seed, opened_at=opening.at)
        self._books = Books(Numbers.starting(opening.at))
        self._settlement = Settlement(self._books)
        self._forced: deque[Refusal] = deque(maxlen=LIVE_ORDERS_MAX)
        self._held: set[ConId] = set()
        self._held_orders = set()
        self._all_held = False
        self._step = self._prices.step_at(opening.at)
        self._day = trading_day(opening.at)

    # What a client asks for.

    def place(self, ticket: Ticket, now: datetime) -> list[Outcome]:
        """Judge a ticket; accept it and let it trade, or refuse it.

        The same order id on a working order changes that order.
        """
        if self._forced:
            return self._refuse(ticket, self._forced.popleft(), now)
        known = self._books.find(ticket.client_id, ticket.order_id)
        if known is not None and not known.is_final:
            return self._modify(known, ticket, now)
        if ticket.order_id < self._books.numbers.next_order_id(ticket.client_id):
            return [Refused(_refusal_of_reuse(known))]
        self._use_order_id(ticket)
        terms = judge(ticket, self.contracts, self._books.accounts)
        if isinstance(terms, Refusal):
            return [Refused(terms)]
        order = self._new_order(ticket, terms, now)
        short = self._margin_refusal(terms, now)
        if short is not None:
            return [self._reject(order, short, now)]
        return self._accept(order, now)

    def cancel(self, client: ClientId, order_id: OrderId, now: datetime) -> list[Outcome]:
        """Cancel a client's working order, or say why that cannot be."""
        order = self._books.find(client, order_id)
        if order is None:
            return [Refused(refusals.cancel_unknown(order_id))]
        if order.is_final:
            return [Refused(refusals.cancel_too_late(order_id, order.status))]
        return [Cancelled(self._end(order, now, "Cancelled by Trader"))]

    # What time brings.

    def advance(self, now: datetime) -> list[Outcome]:
        """Let time pass: commissions become known, prices move, working orders trade."""
        outcomes = list(self._settlement.report(now))
        day = trading_day(now)
        if day != self._day:
            outcomes += self._begin_day(day, now)
        step = self._prices.step_at(now)
        if step != self._step:
            self._step = step
            outcomes += self._match_all(now)
        return outcomes

    def next_due(self, now: datetime) -> datetime | None:
        """Return when `advance` will next find something to do; None where nothing waits."""
        due = self._settlement.next_due()
        moments = [] if due is None else [due]
        live = self._books.live.values()
        if any(self._can_match(order) for order in live):
            moments.append(self._prices.next_step(now))
        elif any(order.tif is TimeInForce.DAY for order in live):
            moments.append(next_midnight(now))
        return min(moments, default=None)

    def next_step(self, now: datetime) -> datetime:
        """Return when prices move next."""
        return self._prices.next_step(now)

    # What a test does by hand.

    def open_account(self, account: AccountId, cash: Decimal) -> None:
        """Add an account, unless it exists."""
        if account not in self._books.accounts:
            self._books.put_account(Account(account, cash))

    def has_account(self, account: str) -> bool:
        """Tell whether there is such an account."""
        return account in self._books.accounts

    def set_position(
        self, account: AccountId, con_id: ConId, quantity: int, cost: Decimal
    ) -> None:
        """Give an account a position, whatever it held before."""
        self._books.put_position(Position(account, con_id, quantity, cost))

    def set_price(self, contract: Contract, price: Decimal, now: datetime) -> list[Outcome]:
        """Move a contract's price; its walk goes on from there."""
        base = Base(contract.con_id, price, now)
        self._books.put_base(base)
        self._prices.set_base(base)
        return self._match_all(now)

    def set_size(self, contract: Contract, shares: int | None, now: datetime) -> list[Outcome]:
        """Show so many shares at every price level; None returns to the usual sizes."""
        self._prices.set_size(contract.con_id, shares)
        return self._match_all(now)

    def hold(self, con_id: ConId | None = None) -> None:
        """Let orders rest without trading, for one contract or for all."""
        if con_id is None:
            self._all_held = True
        else:
            self._held.add(con_id)

    def release(self, now: datetime, con_id: ConId | None = None) -> list[Outcome]:
        """Let held orders trade again."""
        if con_id is None:
            self._all_held = False
            self._held.clear()
        else:
            self._held.discard(con_id)
        return self._match_all(now)

    def reject_next(self, refusal: Refusal) -> None:
        """Refuse the next ticket, whatever it is."""
        self._forced.append(refusal)

    # What can be asked.

    def accounts(self) -> list[AccountId]:
        """Return the accounts in the order of their opening."""
        return list(self._books.accounts)

    def quote(self, contract: Contract, now: datetime) -> Quote:
        """Return a contract's quote."""
        return self._prices.quote(contract, now)

    def open_orders(self, client: ClientId | None = None) -> list[Order]:
        """Return the working orders of one client, or of all."""
        live = self._books.live.values()
        return [order for order in live if client is None or order.client_id == client]

    def completed_orders(self) -> list[Order]:
        """Return the day's finished orders."""
        return [order for order in self._books.orders.values() if order.is_final]

    def executions(self) -> list[Execution]:
        """Return the day's executions, oldest first."""
        return list(self._books.executions.values())

    def order(self, perm_id: PermId) -> Order:
        """Return an order of the day."""
        return self._books.orders[perm_id]

    def positions(self, account: AccountId | None = None) -> list[Position]:
        """Return the positions of one account, or of all, closed ones with quantity 0."""
        rows = self._books.positions.values()
        return [row for row in rows if account in (None, row.account)]

    def position(self, account: AccountId, con_id: ConId) -> Position:
        """Return one position, empty where there never was one."""
        return self._books.position(account, con_id)

    def holding(self, position: Position, now: datetime) -> Holding:
        """Return a position with its present price."""
        contract = self.contracts[position.con_id]
        return Holding(position=position, price=self.quote(contract, now).last)

    def figures(self, account: AccountId, now: datetime) -> Figures:
        """Return an account's sums."""
        holdings = (self.holding(row, now) for row in self.positions(account))
        return figures(self._books.accounts[account], holdings)

    def next_order_id(self, client: ClientId) -> OrderId:
        """Return the next order id of a client."""
        return self._books.numbers.next_order_id(client)

    # What lasts.

    def take_changes(self) -> Changes | None:
        """Return the rows that changed since the last call; keep them before telling."""
        return self._books.take_changes()

    def everything(self) -> Changes:
        """Return all rows, and what prices depend on."""
        return replace(self._books.everything(), opening=self.opening)

    def restore(self, changes: Iterable[Changes], now: datetime) -> None:
        """Apply rows that were kept earlier, and forget what is not of today."""
        self._books.restore(changes)
        for base in self._books.bases.values():
            self._prices.set_base(base)
        self._begin_day(trading_day(now), now)
        self._settlement.resume()

    # Deciding.

    def _refuse(self, ticket: Ticket, refusal: Refusal, now: datetime) -> list[Outcome]:
        if ticket.order_id >= self._books.numbers.next_order_id(ticket.client_id):
            self._use_order_id(ticket)
        terms = judge(ticket, self.contracts, self._books.accounts)
        if refusal.code != refusals.REJECTED or isinstance(terms, Refusal):
            return [Refused(refusal)]
        return [self._reject(self._new_order(ticket, terms, now), refusal, now)]

    def _reject(self, order: Order, refusal: Refusal, now: datetime) -> Rejected:
        rejected = finish(move(order, Step.REJECT), now, "Rejected by System")
        self._books.put_order(rejected)
        return Rejected(rejected, refusal)

    def _margin_refusal(self, terms: Terms, now: datetime) -> Refusal | None:
        """Judge whether the account carries the order; one that only reduces always may."""
        held = self.position(terms.account, terms.contract.con_id).quantity
        after = held + terms.side.sign * terms.quantity
        if abs(after) <= abs(held):
            return None
        if len(self._books.live) >= LIVE_ORDERS_MAX:
            return Refusal(refusals.REJECTED, "Order rejected - reason:Too many orders")
        sums = self.figures(terms.account, now)
        price = terms.limit_price or self.quote(terms.contract, now).last
        more = (abs(after) - abs(held)) * price * INITIAL_MARGIN
        needed = sums.initial_margin + more
        if needed <= sums.net_liquidation:
            return None
        return refusals.margin(sums.net_liquidation, needed)

    def _use_order_id(self, ticket: Ticket) -> None:
        self._books.numbers.use_order_id(ticket.client_id, ticket.order_id)
        self._books.put_numbers()

    def _new_order(self, ticket: Ticket, terms: Terms, now: datetime) -> Order:
        self._books.put_numbers()
        return Order(
            perm_id=self._books.numbers.take_perm_id(),
            order_id=ticket.order_id,
            client_id=ticket.client_id,
            account=terms.account,
            con_id=terms.contract.con_id,
            exchange=terms.exchange,
            side=terms.side,
            quantity=terms.quantity,
            order_type=terms.order_type,
            limit_price=terms.limit_price,
            tif=terms.tif,
            outside_rth=terms.outside_rth,
            order_ref=terms.order_ref,
            status=OrderStatus.PRE_SUBMITTED,
            placed_at=now,
        )

    def _accept(self, order: Order, now: datetime) -> list[Outcome]:
        prints = self._prints(order, now)
        accepted = _first_status(order, prints, held=not self._can_match(order))
        self._books.put_order(accepted)
        return [Acknowledged(accepted), *self._trade(accepted, prints, now)]

    def _modify(self, order: Order, ticket: Ticket, now: datetime) -> list[Outcome]:
        terms = judge(ticket, self.contracts, self._books.accounts)
        if isinstance(terms, Refusal):
            return [Refused(terms)]
        same = (order.account, order.con_id, order.side)
        if (terms.account, terms.contract.con_id, terms.side) != same:
            return [Refused(refusals.NOT_THE_SAME_ORDER)]
        if terms.quantity <= order.filled:
            return [Refused(refusals.ALREADY_FILLED)]
        changed = replace(
            order,
            quantity=terms.quantity,
            order_type=terms.order_type,
            limit_price=terms.limit_price,
            tif=terms.tif,
            outside_rth=terms.outside_rth,
            modifications=order.modifications + 1,
        )
        self._books.put_order(changed)
        return [Acknowledged(changed), *self._match(changed, now)]

    def _begin_day(self, day: date, now: datetime) -> list[Outcome]:
        """Forget what was done before today, and end the day orders that are left."""
        self._day = day
        self._books.forget_before(day)
        live = list(self._books.live.values())
        return [
            Cancelled(self._end(order, now, "Expired"))
            for order in live
            if order.tif is TimeInForce.DAY and trading_day(order.placed_at) < day
        ]

    def _end(self, order: Order, now: datetime, words: str) -> Order:
        ended = finish(move(order, Step.CANCEL), now, words)
        self._books.put_order(ended)
        return ended

    # Trading.

    def _can_match(self, order: Order) -> bool:
        return (
            not self._all_held
            and order.con_id not in self._held
            and (order.client_id, order.order_id) not in self._held_orders
        )

    def _prints(self, order: Order, now: datetime) -> list[Print]:
        contract = self.contracts[order.con_id]
        if not self._can_match(order) or not _is_reached(order, self.quote(contract, now)):
            return []
        ladder = self._prices.ladder(contract, order.side, now)
        return sweep(order.side, order.leaves, ladder, limit=order.limit_price)

    def _match_all(self, now: datetime) -> list[Outcome]:
        live = list(self._books.live.values())
        return [outcome for order in live for outcome in self._match(order, now)]

    def _match(self, order: Order, now: datetime) -> Iterator[Outcome]:
        if self._can_match(order):
            prints = self._prints(order, now)
            yield from self._trade(order, prints, now, liquidity=GAVE_LIQUIDITY)

    def _trade(
        self,
        order: Order,
        prints: list[Print],
        now: datetime,
        *,
        liquidity: int = TOOK_LIQUIDITY,
    ) -> Iterator[Outcome]:
        for trade in prints:
            order, execution = self._settlement.book(order, trade, now, liquidity=liquidity)
            yield Executed(order, execution)
        if order.tif is TimeInForce.IOC and not order.is_final and self._can_match(order):
            order = move(order, Step.ASK_CANCEL)
            yield CancelPending(order)
            yield Cancelled(self._end(order, now, "Cancelled by System"))


def _refusal_of_reuse(known: Order | None) -> Refusal:
    if known is None:
        return refusals.DUPLICATE_ORDER_ID
    match known.status:
        case OrderStatus.FILLED:
            return refusals.ALREADY_FILLED
        case OrderStatus.CANCELLED:
            return refusals.ALREADY_CANCELLED
        case _:
            return refusals.DUPLICATE_ORDER_ID


def _is_reached(order: Order, quote: Quote) -> bool:
    """Tell whether the top of the book is within the limit; cheap, for what only rests."""
    best = quote.ask if order.side is Side.BUY else quote.bid
    return order.limit_price is None or (best - order.limit_price) * order.side.sign <= 0


def _first_status(order: Order, prints: list[Print], *, held: bool) -> Order:
    """Return the order as a gateway first shows it (§4.1).

    A market buy that fills in one go is first PreSubmitted, a sell Submitted; so is
    whatever fills in parts, and a limit order that rests. What waits is PreSubmitted.
    """
    waits = held and order.order_type is OrderType.MKT
    at_once = len(prints) == 1 and order.side is Side.BUY
    if waits or at_once:
        return order
    return move(order, Step.REST)
