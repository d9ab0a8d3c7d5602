"""Prices: a walk per symbol that depends on the seed, the symbol and the time alone.

Owns: the walk, bid, ask, last and sizes, what a test set instead, and the ladder of
levels that an order can take. Does not know who trades.

The walk is a sum of noises, each twice as slow and a root of two as strong as the one
before. That moves like a random walk, and yet any moment can be asked for directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from twsim.exchange.contracts import Contract, stable_hash, tick_at, to_tick
from twsim.exchange.vocabulary import ConId, Side

STEP: Final = timedelta(seconds=1)  # prices stand still in between
START_PRICES: Final = {"AAPL": Decimal("150.00"), "MSFT": Decimal("420.00")}
_START_CENTS_MIN: Final = 20_00
_START_CENTS_SPAN: Final = 380_00

_OCTAVES: Final = 16  # the slowest noise takes 2^15 s, some nine hours, from turn to turn
# Half a basis point in a second, in millionths: about 1.2 % in a session.
_AMPLITUDES: Final = tuple(int(50 * 2 ** (octave / 2)) for octave in range(_OCTAVES))
_NOISE_MAX: Final = 1 << 16
_MILLION: Final = 1_000_000
_MASK: Final = (1 << 64) - 1

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

    __slots__ = ("_bases", "_memo", "_memo_step", "_sizes", "opened_at", "seed")

    def __init__(self, *, seed: int, opened_at: datetime) -> None:
        self.seed = seed
        self.opened_at = opened_at
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
        step = self.step_at(now)
        if step != self._memo_step:
            self._memo.clear()
            self._memo_step = step
        quote = self._memo.get(contract.con_id)
        if quote is None:
            quote = self._memo[contract.con_id] = self._make_quote(contract, step)
        return quote

    def ladder(self, contract: Contract, side: Side, now: datetime) -> list[Level]:
        """Return what an order of this side can take, best first.

        The last level has no bottom: a market order always finds its end.
        """
        quote = self.quote(contract, now)
        step = self.step_at(now)
        price, shares = (
            (quote.ask, quote.ask_size) if side is Side.BUY else (quote.bid, quote.bid_size)
        )
        fixed = contract.con_id in self._sizes
        first_venue = _mix(self._stream(contract), step, LEVELS) % len(VENUES)
        levels: list[Level] = []
        for depth in range(LEVELS):
            venue = VENUES[(first_venue + depth) % len(VENUES)]
            last = depth == LEVELS - 1
            levels.append(Level(price, _BOTTOMLESS if last else shares, venue))
            price = to_tick(price + side.sign * tick_at(price))
            shares = shares if fixed else shares * 2
        return levels

    def _make_quote(self, contract: Contract, step: int) -> Quote:
        last = self._last(contract, step)
        half = max(to_tick(last * _HALF_SPREAD), tick_at(last))
        bid = to_tick(last - half)
        stream = self._stream(contract)
        sizes = (
            self._sizes.get(contract.con_id)
            or LOT * (_LOTS_MIN + _mix(stream, step, part) % _LOTS_SPAN)
            for part in range(3)
        )
        return Quote(bid, to_tick(last + half), last, *sizes)

    def _last(self, contract: Contract, step: int) -> Decimal:
        base = self._bases.get(contract.con_id)
        start = 0 if base is None else self.step_at(base.at)
        price = start_price(contract.symbol) if base is None else base.price
        stream = self._stream(contract)
        moved = _displacement(stream, step) - _displacement(stream, start)
        if not moved:
            return price
        return to_tick(price * (_MILLION + moved) / _MILLION)

    def _stream(self, contract: Contract) -> int:
        return _mix(self.seed & _MASK, contract.con_id, 0)


_BOTTOMLESS: Final = 10**12


def start_price(symbol: str) -> Decimal:
    """Return where the walk of a symbol begins."""
    known = START_PRICES.get(symbol)
    if known is not None:
        return known
    cents = _START_CENTS_MIN + stable_hash(f"price:{symbol}") % _START_CENTS_SPAN
    return Decimal(cents).scaleb(-2)


def _displacement(stream: int, step: int) -> int:
    """Return how far the walk is from its middle at a step, in millionths."""
    total = 0
    for octave, amplitude in enumerate(_AMPLITUDES):
        index, rest = divmod(step, 1 << octave)
        here = _noise(stream, octave, index)
        there = _noise(stream, octave, index + 1) if rest else 0
        total += amplitude * ((here * ((1 << octave) - rest) + there * rest) >> octave)
    return total // _NOISE_MAX


def _noise(stream: int, octave: int, index: int) -> int:
    return _mix(stream, octave, index) % (2 * _NOISE_MAX) - _NOISE_MAX


def _mix(stream: int, first: int, second: int) -> int:
    """Return 64 well mixed bits of three numbers: the finaliser of splitmix64."""
    word = (stream + first * 0x9E3779B97F4A7C15 + second * 0xD1B54A32D192ED03) & _MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return word ^ (word >> 31)
