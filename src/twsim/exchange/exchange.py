"""The exchange: takes tickets and cancels, lets time pass, and says what happened.

Owns: the order of decisions. Does not know clients' messages, the clock or any file: whoever
calls brings the time, keeps `take_changes`, and only then tells the outcomes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from twsim.exchange import refusals
from twsim.exchange.accounts import INITIAL_MARGIN, Account, Position, begin_day
from twsim.exchange.book import Books, Changes, Opening
from twsim.exchange.contracts import Contract, ContractTable
from twsim.exchange.drafts import Drafts
from twsim.exchange.floor import Floor
from twsim.exchange.hours import next_midnight, trading_day
from twsim.exchange.numbers import Numbers
from twsim.exchange.orders import CHILD, Order, Step, finish, move
from twsim.exchange.outcomes import (
    Cancelled,
    Corrected,
    HoldingChanged,
    Outcome,
    Refused,
    Rejected,
)
from twsim.exchange.preview import Preview, preview
from twsim.exchange.prices import Base, Prices
from twsim.exchange.refusals import Refusal
from twsim.exchange.rules import Rules
from twsim.exchange.settlement import Settlement
from twsim.exchange.tickets import Terms, Ticket, judge
from twsim.exchange.view import View
from twsim.exchange.vocabulary import (
    AccountId,
    ClientId,
    ConId,
    ExecId,
    OrderId,
    OrderStatus,
    PermId,
)

LIVE_ORDERS_MAX: Final = 100_000
BY_HAND: Final = ClientId(0)  # whose orders those are that people place


class Exchange(View):
    """The whole simulated world behind a gateway."""

    def __init__(
        self, contracts: ContractTable, opening: Opening, rules: Rules | None = None
    ) -> None:
        rules = rules or Rules()
        prices = Prices(
            seed=opening.seed, opened_at=opening.at, hours=rules.hours, tape=rules.tape
        )
        super().__init__(contracts, Books(Numbers.starting(opening.at)), prices)
        self.opening = opening
        self.hours = rules.hours
        self._tariff = rules.tariff
        self._drafts = Drafts()
        self._settlement = Settlement(self._books, rules.tariff, rules.commission_delay)
        self._floor = Floor(
            contracts,
            rules,
            books=self._books,
            prices=self._prices,
            settlement=self._settlement,
        )
        self._forced: deque[Refusal] = deque(maxlen=LIVE_ORDERS_MAX)
        self._day, self._day_ends = trading_day(opening.at), next_midnight(opening.at)

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
            return [Refused(_refusal_of_reuse(known))]
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
        account = self._books.accounts[order.account]
        price = terms.limit_price or self.quote(terms.contract, now).last
        return preview(order, account, held, price=price, tariff=self._tariff)

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
        return self._floor.cancel(order, now, by=None if order.client_id == client else client)

    def cancel_all(self, now: datetime) -> list[Outcome]:
        """Cancel every working order, whoever placed it, and forget what was held back."""
        self._drafts.clear()
        outcomes: list[Outcome] = []
        for order in list(self._books.live.values()):
            if order.perm_id in self._books.live:  # no child of one cancelled just before
                outcomes += self._floor.cancel(order, now)
        return outcomes

    # What time brings.

    def advance(self, now: datetime) -> list[Outcome]:
        """Let time pass: commissions become known, prices move, working orders trade."""
        outcomes = list(self._settlement.report(now))
        day = trading_day(now)
        if day != self._day:
            self._begin_day(day, now)
        return outcomes + self._floor.wake(now)

    def next_due(self, now: datetime) -> datetime | None:
        """Return when `advance` will next find something to do; None where nothing waits."""
        moments = [self._settlement.next_due(), self._floor.next_due()]
        if self._books.has_of_today():
            moments.append(max(now, self._day_ends))
        return min((moment for moment in moments if moment is not None), default=None)

    def next_step(self, now: datetime) -> datetime:
        """Return when prices move next."""
        return self._prices.next_step(now)

    # What a test does by hand.

    def cancel_by_hand(self, perm_id: PermId, now: datetime) -> list[Outcome]:
        """Cancel any working order as a person does at the gateway; KeyError for no such."""
        return self._floor.cancel(self._books.live[perm_id], now)

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

    def reset_account(self, account: AccountId, cash: Decimal, now: datetime) -> list[Outcome]:
        """Start an account anew, as a paper account can be: no orders, no positions."""
        live = [order for order in self.open_orders() if order.account == account]
        outcomes: list[Outcome] = [
            Cancelled(self._floor.end(order, now, "Cancelled by System")) for order in live
        ]
        self._books.put_account(Account(account, cash))
        for row in self._books.positions_of(account):
            self._books.put_position(Position(account, row.con_id))
            outcomes.append(HoldingChanged(account, row.con_id))
        return outcomes

    def has_account(self, account: str) -> bool:
        """Tell whether there is such an account."""
        return account in self._books.accounts

    def set_position(
        self, account: AccountId, con_id: ConId, quantity: int, cost: Decimal
    ) -> None:
        """Give an account a position, whatever it held before."""
        price = self.quote(self.contracts[con_id], self.opening.at).last
        row = Position(account, con_id, quantity, cost, marked=quantity * price)
        self._books.put_position(row)

    def set_price(self, contract: Contract, price: Decimal, now: datetime) -> list[Outcome]:
        """Move a contract's price; its walk goes on from there."""
        base = Base(contract.con_id, price, now)
        self._books.put_base(base)
        self._prices.set_base(base)
        return self._floor.match_all(now, contract.con_id)

    def set_size(self, contract: Contract, shares: int | None, now: datetime) -> list[Outcome]:
        """Show so many shares at every price level; None returns to the usual sizes."""
        self._prices.set_size(contract.con_id, shares)
        return self._floor.match_all(now, contract.con_id)

    def hold(self, con_id: ConId | None = None) -> None:
        """Let orders rest without trading, for one contract or for all."""
        self._floor.hold(con_id)

    def release(self, now: datetime, con_id: ConId | None = None) -> list[Outcome]:
        """Let held orders trade again."""
        return self._floor.release(con_id, now)

    def set_hard_to_borrow(self, con_id: ConId, takes: timedelta | None) -> None:
        """Let short sales of a contract wait so long for their shares; None for ever."""
        self._floor.locate(con_id, takes)

    def set_easy_to_borrow(self, con_id: ConId, now: datetime) -> list[Outcome]:
        """Let short sales of a contract wait no more, those that do included."""
        return self._floor.located(con_id, now)

    def set_commission_delay(self, delay: timedelta | None) -> None:
        """Report the commissions of later fills after so long; None for never."""
        self._settlement.delay = delay

    def correct(
        self,
        exec_id: str,
        now: datetime,
        *,
        shares: int | None = None,
        price: Decimal | None = None,
    ) -> Corrected:
        """Let an execution of today have been of other shares or at another price.

        KeyError where there is none of this id, in its latest revision.
        """
        found = {each.exec_id: each for each in self.executions()}[ExecId(exec_id)]
        return self._settlement.correct(
            found,
            found.shares if shares is None else shares,
            found.price if price is None else price,
            now,
        )

    def reject_next(self, refusal: Refusal) -> None:
        """Refuse the next ticket, whatever it is."""
        self._forced.append(refusal)

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
        today = trading_day(now)
        self._day, self._day_ends = self._books.day or self._day, next_midnight(now)
        if today != self._day:
            self._begin_day(today, now)
        self._books.forget_before(today)
        self._floor.resume(now)
        self._settlement.resume()

    # Deciding.

    def _open(self, ticket: Ticket, terms: Terms, now: datetime) -> list[Outcome]:
        parent = self._parent(ticket)
        if isinstance(parent, Refusal):
            return [Refused(parent)]
        order = _attach(self._new_order(ticket, terms, now), parent)
        short = None
        if not order.is_attached:
            short = self._margin_refusal(terms, terms.quantity, now)
        if short is not None:
            return [self._reject(order, short, now)]
        return self._floor.accept(order, now)

    def _parent(self, ticket: Ticket) -> Order | Refusal | None:
        if not ticket.parent_id:
            return None
        parent = self._books.find(ticket.client_id, ticket.parent_id)
        if parent is None or (parent.is_final and parent.status is not OrderStatus.FILLED):
            return refusals.NO_PARENT
        return parent

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

    def _margin_refusal(self, terms: Terms, more: int, now: datetime) -> Refusal | None:
        """Judge whether the account carries the order, and all that work already.

        Counted is the most that the working orders of each contract can lead to, long or
        short; an order that does not add to that is never refused.
        """
        con_id = terms.contract.con_id
        before = self._books.worst(terms.account, con_id)
        adds = self._books.worst(terms.account, con_id, terms.side.sign * more) - before
        if adds <= 0:
            return None
        if len(self._books.live) >= LIVE_ORDERS_MAX:
            return refusals.TOO_MANY_ORDERS
        sums = self.figures(terms.account, now)
        price = terms.limit_price or self.quote(terms.contract, now).last
        exposed = self._exposed(terms.account, now) + adds * price
        needed = exposed * INITIAL_MARGIN
        if needed <= sums.net_liquidation:
            return None
        return refusals.margin(sums.net_liquidation, needed)

    def _exposed(self, account: AccountId, now: datetime) -> Decimal:
        """Return the value of the most that an account's working orders can lead to."""
        con_ids = dict.fromkeys(
            [
                *(row.con_id for row in self._books.positions_of(account)),
                *(place[1] for place in self._books.working if place[0] == account),
            ]
        )
        worth = (
            self._books.worst(account, con_id) * self.quote(self.contracts[con_id], now).last
            for con_id in con_ids
        )
        return sum(worth, Decimal(0))

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

    def _modify(self, order: Order, ticket: Ticket, now: datetime) -> list[Outcome]:
        if self._forced:
            return [Refused(self._forced.popleft())]
        terms = judge(ticket, self.contracts, self._books.accounts)
        if isinstance(terms, Refusal):
            return [Refused(terms)]
        changed = self._changed(order, terms, now)
        if isinstance(changed, Refusal):
            return [Refused(changed)]  # and the order works on as it was (§4.3)
        return self._floor.change(changed, now)

    def _changed(self, order: Order, terms: Terms, now: datetime) -> Order | Refusal:
        same = (order.account, order.con_id, order.side)
        if (terms.account, terms.contract.con_id, terms.side) != same:
            return refusals.NOT_THE_SAME_ORDER
        if terms.quantity <= order.filled:  # it is the new total, what filled included
            return refusals.ALREADY_FILLED
        if order.status is OrderStatus.PENDING_CANCEL:
            return refusals.ALREADY_CANCELLED
        more = 0 if order.is_attached else max(0, terms.quantity - order.quantity)
        short = self._margin_refusal(terms, more, now)
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

    def _begin_day(self, day: date, now: datetime) -> None:
        """Forget what was done before today, and begin to count wins and losses anew."""
        self._day, self._day_ends = day, next_midnight(now)
        self._books.begin_day(day)
        for row in self.positions():
            self._books.put_position(begin_day(self.holding(row, now)))


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
