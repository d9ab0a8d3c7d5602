"""The exchange: takes tickets and cancels, lets time pass, and says what happened.

Owns: the order of decisions, and which orders trade when. Does not know clients' messages,
the clock or any file: whoever calls brings the time, keeps `take_changes`, and only then
tells the outcomes.
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
    Position,
)
from twsim.exchange.book import Books, Changes, Opening, next_midnight, trading_day
from twsim.exchange.contracts import Contract, ContractTable
from twsim.exchange.drafts import Drafts
from twsim.exchange.matching import Print, sweep
from twsim.exchange.numbers import Numbers
from twsim.exchange.orders import Order, Step, finish, move
from twsim.exchange.outcomes import (
    Acknowledged,
    Cancelled,
    CancelPending,
    Executed,
    Outcome,
    Refused,
    Rejected,
)
from twsim.exchange.preview import Preview, preview
from twsim.exchange.prices import Base, Prices, Quote
from twsim.exchange.refusals import Refusal
from twsim.exchange.settlement import GAVE_LIQUIDITY, TOOK_LIQUIDITY, Settlement
from twsim.exchange.tickets import Terms, Ticket, judge
from twsim.exchange.view import View
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
CHILD: Final = "child"  # why an order is held that waits for its parent (§4.1)
BY_HAND: Final = ClientId(0)  # whose orders those are that people place


class Exchange(View):
    """The whole simulated world behind a gateway."""

    def __init__(self, contracts: ContractTable, opening: Opening) -> None:
        super().__init__(
            contracts,
            Books(Numbers.starting(opening.at)),
            Prices(seed=opening.seed, opened_at=opening.at),
        )
        self.opening = opening
        self._settlement = Settlement(self._books)
        self._drafts = Drafts()
        self._forced: deque[Refusal] = deque(maxlen=LIVE_ORDERS_MAX)
        self._held: set[ConId] = set()
        self._all_held = False
        self._step = self._prices.step_at(opening.at)
        self._day = trading_day(opening.at)

    # What a client asks for.

    def place(self, ticket: Ticket, now: datetime) -> list[Outcome]:
        """Judge a ticket; accept it and let it trade, or refuse it.

        The same order id on a working order changes that order.
        """
        known = self._books.find(ticket.client_id, ticket.order_id)
        if known is not None and not known.is_final:
            return self._modify(known, ticket, now)
        if self._forced:
            return self._refuse(ticket, self._forced.popleft(), now)
        is_new = ticket.order_id >= self.next_order_id(ticket.client_id)
        if known is not None or not (is_new or ticket.id_is_free):
            return [Refused(refusals.of_reuse(None if known is None else known.status))]
        self._use_order_id(ticket)
        terms = judge(ticket, self.contracts, self._books.accounts)
        if isinstance(terms, Refusal):
            return [Refused(terms)]
        return self._open(ticket, terms, now)

    def hold_back(self, ticket: Ticket) -> Refusal | None:
        """Keep a ticket that is not to be transmitted yet."""
        refusal = self._drafts.add(ticket, self.next_order_id(ticket.client_id))
        if refusal is None:
            self._use_order_id(ticket)
        return refusal

    def take_family(self, ticket: Ticket) -> list[Ticket]:
        """Return a ticket and those held back for it, in the order to place them in."""
        return self._drafts.take_family(ticket)

    def drop_draft(self, client: ClientId, order_id: OrderId) -> bool:
        """Forget a ticket that was held back; tell whether there was one."""
        return self._drafts.drop(client, order_id)

    def preview(self, ticket: Ticket, now: datetime) -> Preview | Refusal:
        """Return what a ticket would do; nothing of it stays but a perm id that is used."""
        terms = judge(ticket, self.contracts, self._books.accounts)
        if isinstance(terms, Refusal):
            return terms
        order = self._new_order(ticket, terms, now)
        held = [self.holding(row, now) for row in self.positions(order.account)]
        if all(each.position.con_id != order.con_id for each in held):
            held.append(self.holding(self.position(order.account, order.con_id), now))
        price = self.quote(terms.contract, now).last
        return preview(order, self._books.accounts[order.account], held, price=price)

    def cancel(
        self, client: ClientId, order_id: OrderId, now: datetime, *, across: bool = False
    ) -> list[Outcome]:
        """Cancel a working order of the client, or of any with `across`; or say why not."""
        order = self._books.find(client, order_id)
        if order is None and across:
            live = self._books.live.values()
            order = next((each for each in live if each.order_id == order_id), None)
        if order is None:
            return [Refused(refusals.cancel_unknown(order_id))]
        if order.is_final:
            return [Refused(refusals.cancel_too_late(order_id, order.status))]
        by = None if order.client_id == client else client
        return self._cancel(order, now, "Cancelled by Trader", by=by)

    def cancel_all(self, now: datetime) -> list[Outcome]:
        """Cancel every working order, whoever placed it, and forget what was held back."""
        self._drafts.clear()
        outcomes: list[Outcome] = []
        for order in list(self._books.live.values()):
            if order.perm_id in self._books.live:  # no child of one cancelled just before
                outcomes += self._cancel(order, now, "Cancelled by Trader")
        return outcomes

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

    def cancel_by_hand(self, perm_id: PermId, now: datetime) -> list[Outcome]:
        """Cancel any working order as a person does at the gateway; KeyError for no such."""
        return self._cancel(self._books.live[perm_id], now, "Cancelled by Trader")

    def bind(self, perm_id: PermId) -> Order:
        """Give an order that was made by hand an order id, so that client 0 can change it."""
        order = self._books.orders[perm_id]
        assert order.is_by_hand
        if not order.order_id:
            order = replace(order, order_id=self.take_bound_order_id())
            self._books.put_order(order)
        return order

    def take_bound_order_id(self) -> OrderId:
        """Return an order id for an order made by hand."""
        self._books.put_numbers()
        return self._books.numbers.take_bound_order_id()

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
        self._mark(self.position(account, con_id), self.opening.at)

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

    def fill_order(self, order: Order, trade: Print, now: datetime) -> list[Outcome]:
        """Let a working order trade so, whatever the market."""
        return list(self._trade(order, [trade], now))

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

    def _open(self, ticket: Ticket, terms: Terms, now: datetime) -> list[Outcome]:
        parent = self._parent(ticket)
        if isinstance(parent, Refusal):
            return [Refused(parent)]
        order = _attach(self._new_order(ticket, terms, now), parent)
        short = None if order.why_held else self._margin_refusal(terms, now)
        if short is not None:
            return [self._reject(order, short, now)]
        return self._accept(order, now)

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
            return refusals.TOO_MANY_ORDERS
        sums = self.figures(terms.account, now)
        price = terms.limit_price or self.quote(terms.contract, now).last
        more = (abs(after) - abs(held)) * price * INITIAL_MARGIN
        needed = sums.initial_margin + more
        if needed <= sums.net_liquidation:
            return None
        return refusals.margin(sums.net_liquidation, needed)

    def _parent(self, ticket: Ticket) -> Order | Refusal | None:
        if not ticket.parent_id:
            return None
        parent = self._books.find(ticket.client_id, ticket.parent_id)
        if parent is None or (parent.is_final and parent.status is not OrderStatus.FILLED):
            return refusals.NO_PARENT
        return parent

    def _use_order_id(self, ticket: Ticket) -> None:
        if ticket.order_id < self.next_order_id(ticket.client_id):
            return  # it was reserved, or is none
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
        if self._forced:
            return [Refused(self._forced.popleft())]
        terms = judge(ticket, self.contracts, self._books.accounts)
        if isinstance(terms, Refusal):
            return [Refused(terms)]
        changed = self._changed(order, terms, now)
        if isinstance(changed, Refusal):
            return [Refused(changed)]  # and the order works on as it was (§4.3)
        self._books.put_order(changed)
        return [Acknowledged(changed), *self._match(changed, now)]

    def _changed(self, order: Order, terms: Terms, now: datetime) -> Order | Refusal:
        same = (order.account, order.con_id, order.side)
        if (terms.account, terms.contract.con_id, terms.side) != same:
            return refusals.NOT_THE_SAME_ORDER
        if terms.quantity <= order.filled:  # it is the new total, what filled included
            return refusals.ALREADY_FILLED
        rest = replace(terms, quantity=terms.quantity - order.filled)
        short = None if order.why_held else self._margin_refusal(rest, now)
        if short is not None:
            return short
        return replace(
            order,
            quantity=terms.quantity,
            order_type=terms.order_type,
            limit_price=terms.limit_price,
            tif=terms.tif,
            outside_rth=terms.outside_rth,
            modifications=order.modifications + 1,
        )

    def _begin_day(self, day: date, now: datetime) -> list[Outcome]:
        """Forget what was done before today, and end the day orders that are left."""
        self._day = day
        self._books.forget_before(day)
        for row in self.positions():
            self._mark(row, now)
        outcomes: list[Outcome] = []
        for order in list(self._books.live.values()):
            is_old = order.tif is TimeInForce.DAY and trading_day(order.placed_at) < day
            if is_old and order.perm_id in self._books.live:
                outcomes += self._cancel(order, now, "Expired")
        return outcomes

    def _mark(self, position: Position, now: datetime) -> None:
        self._marks.mark(self.holding(position, now))

    def _cancel(
        self, order: Order, now: datetime, words: str, *, by: ClientId | None = None
    ) -> list[Outcome]:
        """End an order, and with it what is attached to it."""
        outcomes: list[Outcome] = [Cancelled(self._end(order, now, words), by)]
        for child in self._books.live_children(order.perm_id):
            outcomes += self._cancel(child, now, words, by=by)
        return outcomes

    def _end(self, order: Order, now: datetime, words: str) -> Order:
        ended = finish(move(order, Step.CANCEL), now, words)
        self._books.put_order(ended)
        return ended

    # Trading.

    def _can_match(self, order: Order) -> bool:
        is_held = self._all_held or order.con_id in self._held or order.why_held
        return not is_held

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
            yield from self._cancel(order, now, "Cancelled by System")
        elif order.status is OrderStatus.FILLED:
            yield from self._follow(order, now)

    def _follow(self, order: Order, now: datetime) -> Iterator[Outcome]:
        """Let the children of an order that filled work, and cancel its siblings (§4.1)."""
        for sibling in self._books.live_children(order.parent_perm_id):
            yield from self._cancel(sibling, now, "Cancelled by System")
        for child in self._books.live_children(order.perm_id):
            if child.perm_id in self._books.live:  # no sibling filled before it
                freed = replace(child, why_held="")
                yield from self._accept(freed, now)


def _attach(order: Order, parent: Order | None) -> Order:
    """Return the order as the child of another, held until that has filled."""
    if parent is None:
        return order
    return replace(
        order,
        parent_id=parent.order_id,
        parent_perm_id=parent.perm_id,
        why_held="" if parent.is_final else CHILD,
    )


def _is_reached(order: Order, quote: Quote) -> bool:
    """Tell whether the top of the book is within the limit; cheap, for what only rests."""
    best = quote.ask if order.side is Side.BUY else quote.bid
    return order.limit_price is None or (best - order.limit_price) * order.side.sign <= 0


def _first_status(order: Order, prints: list[Print], *, held: bool) -> Order:
    """Return the order as a gateway first shows it (§4.1).

    A market buy that fills in one go is first PreSubmitted, a sell Submitted; so is
    whatever fills in parts, and a limit order that rests. What waits is PreSubmitted.
    """
    waits = order.why_held or (held and order.order_type is OrderType.MKT)
    at_once = len(prints) == 1 and order.side is Side.BUY
    if waits or at_once:
        return order
    return move(order, Step.REST)
