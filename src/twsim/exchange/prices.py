"""Prices: a walk per symbol, a tape of recorded ones, or what a test sets.

Owns: bid, ask, last and sizes at any time, the ladder of levels that an order can take,
and when a limit will next be worth a look. Does not know who trades.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from twsim.exchange import walk
from twsim.exchange.contracts import Contract, stable_hash, tick_at, to_tick
from twsim.exchange.hours import Hours
from twsim.exchange.tape import Tape, TapeRow
from twsim.exchange.vocabulary import ConId, Side

ASSUMPTIONS: Final = (
    "While the exchange is closed prices stand still, and they jump at the open.",
    "A price that a test sets for a symbol on the tape holds until the tape's next row.",
)
STEP: Final = timedelta(seconds=1)  # prices stand still in between
START_PRICES: Final = {"AAPL": Decimal("150.00"), "MSFT": Decimal("420.00")}
_START_CENTS_MIN: Final = 20_00
_START_CENTS_SPAN: Final = 380_00
_MILLION: Final = 1_000_000

_HALF_SPREAD: Final = Decimal("0.00005")
LEVELS: Final = 10
LOT: Final = 100
_LOTS_MIN: Final = 3
_LOTS_SPAN: Final = 10
# Where US stocks print, in the gateway's spelling (tws-facts §2.3, execDetails).
VENUES: Final = ("IEX", "NASDAQ", "ARCA", "NYSE", "DRCTEDGE", "BATS", "IBKRATS")


@dataclass(frozen=True, slots=True)
class Base:
    """Where a symbol's walk starts, and when."""

    con_id: ConId
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """The top of the book, and the last trade."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    bid_size: int
    ask_size: int
    last_size: int


@dataclass(frozen=True, slots=True)
class Level:
    """Shares to be had at one price."""

    price: Decimal
    shares: int
    venue: str


class Prices:
    """The prices of every contract at any time."""

    __slots__ = (
        "_bases", "_hours", "_memo", "_memo_step", "_sizes", "_tape", "opened_at", "seed",
    )  # fmt: skip

    def __init__(
        self,
        *,
        seed: int,
        opened_at: datetime,
        hours: Hours | None = None,
        tape: Tape | None = None,
    ) -> None:
        self.seed = seed
        self.opened_at = opened_at
        self._hours = hours or Hours()
        self._tape = tape or Tape()
        self._bases: dict[ConId, Base] = {}
        self._sizes: dict[ConId, int] = {}
        self._memo: dict[ConId, Quote] = {}
        self._memo_step = -1

    def set_base(self, base: Base) -> None:
        """Let a symbol's walk start anew, from this price at this time."""
        self._bases[base.con_id] = base
        self._memo.pop(base.con_id, None)

    def set_size(self, con_id: ConId, shares: int | None) -> None:
        """Show so many shares at every level; None takes the walk's own sizes again."""
        if shares is None:
            self._sizes.pop(con_id, None)
        else:
            self._sizes[con_id] = shares
        self._memo.pop(con_id, None)

    def step_at(self, now: datetime) -> int:
        """Return the number of the step that a time falls into."""
        return max(0, (now - self.opened_at) // STEP)

    def next_step(self, now: datetime) -> datetime:
        """Return when prices move next."""
        return self.opened_at + (self.step_at(now) + 1) * STEP

    def quote(self, contract: Contract, now: datetime) -> Quote:
        """Return the quote of a contract."""
        if self._tape.has(contract.symbol):
            return self._taped_quote(contract, now)
        step = self._walked_step(now)
        if step != self._memo_step:
            self._memo.clear()
            self._memo_step = step
        quote = self._memo.get(contract.con_id)
        if quote is None:
            last = self._last(contract, step)
            quote = self._memo[contract.con_id] = self._make_quote(contract, last, step)
        return quote

    def next_reach(
        self, contract: Contract, side: Side, limit: Decimal, *, now: datetime, until: datetime
    ) -> datetime:
        """Return when an order's limit is worth a look: never after it is first reached.

        Only the search costs time, and it is short: where it would take long it stops, and
        the moment it got to is returned. Hours are not looked at: `until` is within them.
        """
        if self._tape.has(contract.symbol):
            return min(until, self._next_taped(contract, side, limit, now))
        base = self._base(contract)
        stream = self._stream(contract)
        start = walk.displacement(stream, self._walked_step(base.at))
        # Where the last price has to be for bid or ask to be within the limit; one tick
        # and one millionth are left for what rounding may add.
        edge = (limit + side.sign * tick_at(limit)) * _MILLION / base.price - _MILLION
        bound = start + int(edge) + 2 * side.sign
        last_step = self.step_at(until) + 1
        step = walk.first_within(
            stream, self.step_at(now) + 1, last_step, bound=bound, below=side is Side.BUY
        )
        return min(until, self.opened_at + step * STEP)

    def ladder(self, contract: Contract, side: Side, now: datetime) -> list[Level]:
        """Return what an order of this side can take, best first.

        The last level has no bottom: a market order always finds its end.
        """
        quote = self.quote(contract, now)
        step = self._walked_step(now)
        price, shares = (
            (quote.ask, quote.ask_size) if side is Side.BUY else (quote.bid, quote.bid_size)
        )
        fixed = contract.con_id in self._sizes
        first_venue = walk.mix(self._stream(contract), step, LEVELS) % len(VENUES)
        levels: list[Level] = []
        for depth in range(LEVELS):
            venue = VENUES[(first_venue + depth) % len(VENUES)]
            last = depth == LEVELS - 1
            levels.append(Level(price, _BOTTOMLESS if last else shares, venue))
            price = to_tick(price + side.sign * tick_at(price))
            shares = shares if fixed else shares * 2
        return levels

    def _walked_step(self, now: datetime) -> int:
        return self.step_at(self._hours.last_traded(now))

    def _make_quote(self, contract: Contract, last: Decimal, step: int) -> Quote:
        half = max(to_tick(last * _HALF_SPREAD), tick_at(last))
        bid = to_tick(last - half)
        stream = self._stream(contract)
        sizes = (
            self._sizes.get(contract.con_id)
            or LOT * (_LOTS_MIN + walk.mix(stream, step, part) % _LOTS_SPAN)
            for part in range(3)
        )
        return Quote(bid, to_tick(last + half), last, *sizes)

    def _base(self, contract: Contract) -> Base:
        known = self._bases.get(contract.con_id)
        return known or Base(contract.con_id, start_price(contract.symbol), self.opened_at)

    def _last(self, contract: Contract, step: int) -> Decimal:
        base = self._base(contract)
        stream = self._stream(contract)
        start = self._walked_step(base.at)
        moved = walk.displacement(stream, step) - walk.displacement(stream, start)
        if not moved:
            return base.price
        return to_tick(base.price * (_MILLION + moved) / _MILLION)

    def _taped_quote(self, contract: Contract, now: datetime) -> Quote:
        row = self._tape.at(contract.symbol, now - self.opened_at)
        base = self._bases.get(contract.con_id)
        if base is not None and base.at - self.opened_at >= row.elapsed:
            row = TapeRow(row.elapsed, base.price)
        made = self._make_quote(contract, row.price, self.step_at(now))
        shown = self._sizes.get(contract.con_id) or row.size
        if shown is not None:
            made = replace(made, bid_size=shown, ask_size=shown, last_size=shown)
        return replace(made, bid=row.bid or made.bid, ask=row.ask or made.ask)

    def _next_taped(
        self, contract: Contract, side: Side, limit: Decimal, now: datetime
    ) -> datetime:
        for row in self._tape.after(contract.symbol, now - self.opened_at):
            at = self.opened_at + row.elapsed
            if is_within(self._taped_quote(contract, at), side, limit):
                return at
        return datetime.max.replace(tzinfo=UTC)

    def _stream(self, contract: Contract) -> int:
        return walk.mix(self.seed & walk.MASK, contract.con_id, 0)


_BOTTOMLESS: Final = 10**12


def start_price(symbol: str) -> Decimal:
    """Return where the walk of a symbol begins."""
    known = START_PRICES.get(symbol)
    if known is not None:
        return known
    cents = _START_CENTS_MIN + stable_hash(f"price:{symbol}") % _START_CENTS_SPAN
    return Decimal(cents).scaleb(-2)


def is_within(quote: Quote, side: Side, limit: Decimal | None) -> bool:
    """Tell whether the top of the book is within a limit."""
    best = quote.ask if side is Side.BUY else quote.bid
    return limit is None or (best - limit) * side.sign <= 0
