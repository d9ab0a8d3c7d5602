"""The floor: the working orders, and when each of them trades, waits or ends.

Owns: what becomes of an order once it was accepted, whether it may trade now, and when it
is to be looked at next. Does not know tickets, nor who may place or cancel what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from twsim.exchange import refusals
from twsim.exchange.agenda import Agenda
from twsim.exchange.book import Books
from twsim.exchange.contracts import Contract, ContractTable
from twsim.exchange.matching import Print, sweep
from twsim.exchange.orders import Order, Step, finish, move
from twsim.exchange.outcomes import (
    Acknowledged,
    Cancelled,
    CancelPending,
    Executed,
    Killed,
    Outcome,
    Refused,
    Warned,
)
from twsim.exchange.prices import STEP, Prices, is_within
from twsim.exchange.rules import Rules
from twsim.exchange.settlement import GAVE_LIQUIDITY, TOOK_LIQUIDITY, Settlement
from twsim.exchange.vocabulary import (
    ClientId,
    ConId,
    OrderId,
    OrderStatus,
    OrderType,
    PermId,
    Side,
    TimeInForce,
)

ASSUMPTIONS: Final = (
    "Error 399 comes before the first openOrder, 404 after it.",
    "Nobody is warned of OPG orders; they are PreSubmitted until the open.",
    "Where the exchange is always open the day begins, and OPG fills, at midnight in New York.",
    "The attribute outsideRth counts for limit orders only.",
    "IOC, FOK and OPG orders that waited for the open have their one chance there.",
    "What an OPG order did not fill at the open is cancelled as the rest of an IOC order is.",
    "A DAY order that expires is cancelled with orderStatus and 202, as if asked for.",
)
_ONE_CHANCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPG})
_LOCATE = "locate"  # in whyHeld (§4.3, 404)


class Floor:
    """Where orders meet prices."""

    def __init__(
        self,
        contracts: ContractTable,
        rules: Rules,
        *,
        books: Books,
        prices: Prices,
        settlement: Settlement,
    ) -> None:
        self._contracts = contracts
        self._rules = rules
        self._books = books
        self._prices = prices
        self._settlement = settlement
        self._agenda = Agenda()
        self._held: set[ConId] = set()
        self._all_held = False
        self._held_orders: set[tuple[ClientId, OrderId]] = set()
        self._locating: dict[ConId, timedelta | None] = {}

    # What becomes of an order.

    def accept(self, order: Order, now: datetime) -> list[Outcome]:
        """Let an order in: it trades, rests, waits, or is cancelled at once."""
        order = self._timed(order, now)
        if order.is_attached:
            return self._attach(order, now)
        contract = self._contracts[order.con_id]
        beyond = self._beyond_band(order, now)
        if beyond is not None:
            return list(self._turn_away(order, beyond, now))
        if self._needs_locate(order):
            return list(self._locate(order, now))
        prints = self._prints(order, now)
        accepted = _first_status(order, prints, held=not self._can_match(order, now))
        self._books.put_order(accepted)
        outcomes: list[Outcome] = []
        if order.opens_at is not None and order.tif is not TimeInForce.OPG:
            words = f"{order.side} {order.quantity} {_place_of(contract)}"
            warning = refusals.not_until(words, order.opens_at)
            outcomes.append(Warned(accepted, warning))
        outcomes.append(Acknowledged(accepted))
        outcomes += self._trade(accepted, prints, now)
        return outcomes

    def change(self, order: Order, now: datetime) -> list[Outcome]:
        """Let an order go on under other terms."""
        changed = self._timed(order, now)
        self._books.put_order(changed)
        return [Acknowledged(changed), *self._match(changed, now)]

    def _attach(self, order: Order, now: datetime) -> list[Outcome]:
        """Let an order in that waits for another one to fill."""
        self._books.put_order(order)
        self._plan(order, now)
        return [Acknowledged(order)]

    def cancel(
        self, order: Order, now: datetime, *, by: ClientId | None = None
    ) -> list[Outcome]:
        """Cancel an order: at once, or once the exchange is open again (§4.1)."""
        if order.status is OrderStatus.PENDING_CANCEL:
            return [Refused(refusals.not_cancellable(order.perm_id))]
        if self._is_open(order, now) or order.is_attached:
            return list(self._ends(order, now, "Cancelled by Trader", by=by))
        pending = move(order, Step.ASK_CANCEL)
        self._books.put_order(pending)
        outcomes: list[Outcome] = [CancelPending(pending), CancelPending(pending)]
        if self._rules.cancels_wait:
            self._plan(pending, now)
        else:
            outcomes += self._ends(pending, now, "Cancelled by Trader", by=by)
        return outcomes

    def end(self, order: Order, now: datetime, words: str) -> Order:
        """Make an order's end known to the books."""
        ended = finish(move(order, Step.CANCEL), now, words)
        self._books.put_order(ended)
        self._plan(ended, now)
        return ended

    def _ends(
        self,
        order: Order,
        now: datetime,
        words: str,
        *,
        reason: str = "",
        by: ClientId | None = None,
    ) -> Iterator[Outcome]:
        """Cancel an order, and with it what is attached to it."""
        yield Cancelled(self.end(order, now, words), reason, by)
        for child in self._books.live_children(order.perm_id):
            yield from self._ends(child, now, words, by=by)

    # What time and prices bring.

    def next_due(self) -> datetime | None:
        """Return when an order is to be looked at next."""
        return self._agenda.next_due()

    def wake(self, now: datetime) -> list[Outcome]:
        """Look at the orders whose moment has come."""
        return [
            outcome
            for perm_id in self._agenda.take(now)
            for outcome in self._wake(perm_id, now)
        ]

    def match_all(self, now: datetime, con_id: ConId | None = None) -> list[Outcome]:
        """Look at every order of a contract, or at all: something is different."""
        live = [o.perm_id for o in self._books.live.values() if con_id in (None, o.con_id)]
        return [outcome for perm_id in live for outcome in self._look(perm_id, now)]

    def resume(self, now: datetime) -> None:
        """Go on with the orders of the books; those that are over by now end unheard."""
        for order in list(self._books.live.values()):
            is_live = order.perm_id in self._books.live  # its parent may have ended it
            if is_live and not list(self._expire(order, now)):
                self._plan(order, now)

    # What a test does by hand.

    def hold(self, con_id: ConId | None) -> None:
        """Let orders rest without trading, for one contract or for all."""
        if con_id is None:
            self._all_held = True
        else:
            self._held.add(con_id)

    def release(self, con_id: ConId | None, now: datetime) -> list[Outcome]:
        """Let held orders trade again."""
        if con_id is None:
            self._all_held = False
            self._held.clear()
        else:
            self._held.discard(con_id)
        return self.match_all(now, con_id)

    def hold_order(self, key: tuple[ClientId, OrderId]) -> None:
        """Let one order, present or to come, rest without trading."""
        self._held_orders.add(key)

    def release_order(self, key: tuple[ClientId, OrderId]) -> None:
        """Let a held order trade when it is looked at next."""
        self._held_orders.discard(key)

    def fill(self, order: Order, shares: int, now: datetime) -> list[Outcome]:
        """Let shares of an order trade at its limit or the market, even once cancelled."""
        contract = self._contracts[order.con_id]
        quote = self._prices.quote(contract, now)
        best = quote.ask if order.side is Side.BUY else quote.bid
        trade = Print(order.limit_price or best, shares, contract.primary_exchange)
        filled, execution = self._settlement.book(order, trade, now, liquidity=TOOK_LIQUIDITY)
        self._plan(filled, now)
        return [Executed(filled, execution)]

    def look_again(self, order: Order, now: datetime) -> None:
        """Forget when an order was to be looked at, and write down when it is now."""
        self._plan(order, now)

    def locate(self, con_id: ConId, takes: timedelta | None) -> None:
        """Let shares to sell short take so long to be found; None for ever."""
        self._locating[con_id] = takes

    def located(self, con_id: ConId, now: datetime) -> list[Outcome]:
        """Let shares to sell short be at hand, and what waited for them go on."""
        self._locating.pop(con_id, None)
        waiting = [
            replace(order, located_at=now)
            for order in self._books.live.values()
            if order.con_id == con_id and order.why_held == _LOCATE
        ]
        for order in waiting:
            self._books.put_order(order)
        return [outcome for order in waiting for outcome in self._match(order, now)]

    # Waiting.

    def _timed(self, order: Order, now: datetime) -> Order:
        """Return the order with when it may trade first, and when it ends by itself."""
        extended = _is_extended(order)
        hours = self._rules.hours
        opens_at = expires_at = None
        if order.tif is TimeInForce.OPG:
            opens_at = hours.next_open(now)
        elif not hours.is_open(now, extended=extended):
            opens_at = hours.next_open(now, extended=extended)
        if order.tif in (TimeInForce.DAY, TimeInForce.OPG):
            expires_at = hours.next_close(opens_at or now, extended=extended)
        return replace(order, opens_at=opens_at, expires_at=expires_at)

    def _is_open(self, order: Order, now: datetime) -> bool:
        return self._rules.hours.is_open(now, extended=_is_extended(order))

    def _can_match(self, order: Order, now: datetime) -> bool:
        waits = order.opens_at is not None and now < order.opens_at
        held = (
            self._all_held
            or order.con_id in self._held
            or (order.client_id, order.order_id) in self._held_orders
            or bool(order.why_held)
        )
        return not (waits or held) and self._is_open(order, now)

    def _plan(self, order: Order, now: datetime) -> None:
        """Write down when the order is to be looked at next."""
        moments = () if order.is_final else (order.expires_at, self._next_chance(order, now))
        due = min((moment for moment in moments if moment is not None), default=None)
        self._agenda.put(order.perm_id, due)

    def _next_chance(self, order: Order, now: datetime) -> datetime | None:
        extended = _is_extended(order)
        hours = self._rules.hours
        if order.why_held:
            return order.located_at
        if order.opens_at is not None and now < order.opens_at:
            return order.opens_at
        if not hours.is_open(now, extended=extended):
            return hours.next_open(now, extended=extended)
        if not self._can_match(order, now):
            return None
        if order.limit_price is None:
            return now + STEP
        return self._prices.next_reach(
            self._contracts[order.con_id],
            order.side,
            order.limit_price,
            now=now,
            until=hours.next_close(now, extended=extended),
        )

    def _wake(self, perm_id: PermId, now: datetime) -> Iterator[Outcome]:
        order = self._books.live.get(perm_id)
        if order is None:
            return  # another order's end was its own
        expired = list(self._expire(order, now))
        yield from expired or self._match(order, now)

    def _look(self, perm_id: PermId, now: datetime) -> Iterator[Outcome]:
        order = self._books.live.get(perm_id)
        if order is not None:
            yield from self._match(order, now)

    def _expire(self, order: Order, now: datetime) -> Iterator[Outcome]:
        if order.expires_at is not None and order.expires_at <= now:
            yield from self._ends(order, now, "Expired")

    # Refusing.

    def _beyond_band(self, order: Order, now: datetime) -> str | None:
        """Return why the limit is too far beyond the market, where there is a band."""
        band, limit = self._rules.price_band, order.limit_price
        if band is None or limit is None:
            return None
        last = self._prices.quote(self._contracts[order.con_id], now).last
        edge = last * (1 + order.side.sign * band)
        if (limit - edge) * order.side.sign < 0:
            return None
        return refusals.beyond_band(edge, last)

    def _turn_away(self, order: Order, reason: str, now: datetime) -> Iterator[Outcome]:
        self._books.put_order(order)
        yield Acknowledged(order)
        pending = move(order, Step.ASK_CANCEL)
        yield CancelPending(pending)
        yield CancelPending(pending)
        yield from self._ends(pending, now, "Cancelled by System", reason=reason)

    def _needs_locate(self, order: Order) -> bool:
        held = self._books.position(order.account, order.con_id).quantity
        selling = self._books.working.get((order.account, order.con_id, Side.SELL), 0)
        short = order.side is Side.SELL and held < selling + order.quantity
        return short and order.con_id in self._locating

    def _locate(self, order: Order, now: datetime) -> Iterator[Outcome]:
        takes = self._locating[order.con_id]
        located_at = None if takes is None else now + takes
        order = replace(order, why_held=_LOCATE, located_at=located_at)
        self._books.put_order(order)
        yield Acknowledged(order)
        yield Warned(order, refusals.LOCATING)
        self._plan(order, now)

    # Trading.

    def _prints(self, order: Order, now: datetime) -> list[Print]:
        contract = self._contracts[order.con_id]
        quote = self._prices.quote(contract, now)
        if not self._can_match(order, now) or not is_within(
            quote, order.side, order.limit_price
        ):
            return []
        ladder = self._prices.ladder(contract, order.side, now)
        prints = sweep(order.side, order.leaves, ladder, limit=order.limit_price)
        whole = sum(each.shares for each in prints) == order.leaves
        return prints if whole or order.tif is not TimeInForce.FOK else []

    def _match(self, order: Order, now: datetime) -> Iterator[Outcome]:
        if order.why_held and order.located_at is not None and order.located_at <= now:
            order = replace(order, why_held="", located_at=None)
            yield from self._go_on(order, now)
        elif order.status is OrderStatus.PENDING_CANCEL and self._is_open(order, now):
            yield from self._ends(order, now, "Cancelled by Trader")
        elif order.status is OrderStatus.PENDING_CANCEL or not self._can_match(order, now):
            self._plan(order, now)
        elif order.opens_at is not None:
            yield from self._go_on(replace(order, opens_at=None), now)
        else:
            prints = self._prints(order, now)
            yield from self._trade(order, prints, now, liquidity=GAVE_LIQUIDITY)

    def _go_on(self, order: Order, now: datetime) -> Iterator[Outcome]:
        """Let an order that waited for something come to the exchange."""
        prints = self._prints(order, now)
        held = not self._can_match(order, now)
        placed = order if held else _first_status(order, prints, held=False)
        self._books.put_order(placed)
        if placed.status is not OrderStatus.PRE_SUBMITTED or not prints:
            yield Acknowledged(placed)
        yield from self._trade(placed, prints, now)

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
        if order.status is OrderStatus.FILLED:
            yield from self._follow(order, now)
        over = order.tif in _ONE_CHANCE and not order.is_final
        if not over or not self._can_match(order, now):
            self._plan(order, now)
        elif order.tif is TimeInForce.FOK:
            killed = finish(move(order, Step.REJECT), now, "Cancelled by System")
            self._books.put_order(killed)
            self._plan(killed, now)
            yield Killed(killed)
        else:
            order = move(order, Step.ASK_CANCEL)
            yield CancelPending(order)
            yield from self._ends(order, now, "Cancelled by System")

    def _follow(self, order: Order, now: datetime) -> Iterator[Outcome]:
        """Let the children of an order that filled work, and cancel its siblings (§4.1)."""
        for sibling in self._books.live_children(order.parent_perm_id):
            yield from self._ends(sibling, now, "Cancelled by System")
        for child in self._books.live_children(order.perm_id):
            if child.perm_id in self._books.live:  # no sibling filled before it
                yield from self._go_on(replace(child, why_held=""), now)


def _is_extended(order: Order) -> bool:
    return order.outside_rth and order.order_type is OrderType.LMT


def _place_of(contract: Contract) -> str:
    """Return a contract as the warning of code 399 names it: AAPL NASDAQ.NMS."""
    return f"{contract.symbol} {contract.primary_exchange}.{contract.trading_class}"


def _first_status(order: Order, prints: list[Print], *, held: bool) -> Order:
    """Return the order as a gateway first shows it (§4.1).

    A market buy that fills in one go is first PreSubmitted, a sell Submitted; so is
    whatever fills in parts, and a limit order that rests. What waits is PreSubmitted, and
    so is what has to fill whole and does not.
    """
    waits = held and (order.order_type is OrderType.MKT or order.opens_at is not None)
    at_once = len(prints) == 1 and order.side is Side.BUY
    killed = order.tif is TimeInForce.FOK and not prints
    if waits or at_once or killed:
        return order
    return move(order, Step.REST)
