"""The ticker: one subscription to quotes, and the ticks that tell what is different.

Owns: Ticker, the numbers of the tick types, live and delayed (tws-facts §2.3), and the
figures of the day as they grow while somebody watches. Does not know sessions or sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from twsim.exchange.contracts import Contract
from twsim.exchange.prices import Quote
from twsim.wire.layout import Message
from twsim.wire.market import TickGeneric, TickPrice, TickSize, TickString

ASSUMPTIONS: Final = (
    "Open, high, low, close and volume of a quote begin with its subscription.",
    "Delayed quotes are the present ones under the tick types of delayed ones.",
    "Every stock is easy to borrow in the shortable tick (3.0), and never halted.",
)

_BID_SIZE, _BID, _ASK, _ASK_SIZE, _LAST, _LAST_SIZE = 0, 1, 2, 3, 4, 5
_HIGH, _LOW, _VOLUME, _CLOSE, _OPEN, _TIME = 6, 7, 8, 9, 14, 45
_SHORTABLE, _HALTED = 46, 49
_SHORTABLE_ASKED_BY: Final = "236"
_EASY: Final = Decimal(3)
_DELAYED: Final = {
    _BID: 66, _ASK: 67, _LAST: 68, _BID_SIZE: 69, _ASK_SIZE: 70, _LAST_SIZE: 71,
    _HIGH: 72, _LOW: 73, _VOLUME: 74, _CLOSE: 75, _OPEN: 76, _TIME: 88,
}  # fmt: skip
# Bit 0: the price is good for automatic execution.
_MASKS: Final = {_BID: 1, _ASK: 1}


class Ticker:
    """One subscription to the quotes of a contract."""

    __slots__ = ("_delayed", "_generic", "_told", "contract", "high", "low", "open", "volume")

    def __init__(self, contract: Contract, *, delayed: bool, generic: str = "") -> None:
        self.contract = contract
        self._delayed = delayed
        self._generic = generic.split(",")
        self._told: dict[int, tuple[Decimal, int]] = {}
        self.open = self.high = self.low = Decimal(0)
        self.volume = 0

    def ticks(self, req_id: int, quote: Quote, now: datetime) -> Iterator[Message]:
        """Yield what is different since the last time; all of it the first time."""
        is_first = not self._told
        traded = self._told.get(_LAST) != (quote.last, quote.last_size)
        self._count(quote, traded=traded, is_first=is_first)
        sides = (
            (_BID, _BID_SIZE, quote.bid, quote.bid_size),
            (_ASK, _ASK_SIZE, quote.ask, quote.ask_size),
            (_LAST, _LAST_SIZE, quote.last, quote.last_size),
        )
        for kind, size_kind, price, size in sides:
            if self._is_news(kind, price, size):
                yield self._price(req_id, kind, price, size)
                yield self._size(req_id, size_kind, size)
        if traded:
            yield self._time(req_id, now)
        yield from self._day(req_id)
        if is_first:
            yield from self._generics(req_id)

    def _count(self, quote: Quote, *, traded: bool, is_first: bool) -> None:
        if is_first:
            self.open = self.high = self.low = quote.last
        self.high = max(self.high, quote.last)
        self.low = min(self.low, quote.last)
        if traded:
            self.volume += quote.last_size

    def _is_news(self, kind: int, price: Decimal, size: int) -> bool:
        known = self._told.get(kind)
        self._told[kind] = price, size
        return known != (price, size)

    def _kind(self, kind: int) -> int:
        return _DELAYED[kind] if self._delayed else kind

    def _price(self, req_id: int, kind: int, price: Decimal, size: int = 0) -> TickPrice:
        return TickPrice(
            req_id=req_id,
            tick_type=self._kind(kind),
            price=price,
            size=Decimal(size),
            attribute_mask=_MASKS.get(kind, 0),
        )

    def _size(self, req_id: int, kind: int, size: int) -> TickSize:
        return TickSize(req_id=req_id, tick_type=self._kind(kind), size=Decimal(size))

    def _time(self, req_id: int, now: datetime) -> TickString:
        seconds = int(now.timestamp())
        return TickString(req_id=req_id, tick_type=self._kind(_TIME), value=str(seconds))

    def _day(self, req_id: int) -> Iterator[Message]:
        if self._is_news(_VOLUME, Decimal(0), self.volume):
            yield self._size(req_id, _VOLUME, self.volume)
        figures = (
            (_HIGH, self.high),
            (_LOW, self.low),
            (_CLOSE, self.open),
            (_OPEN, self.open),
        )
        for kind, price in figures:
            if self._is_news(kind, price, 0):
                yield self._price(req_id, kind, price)

    def _generics(self, req_id: int) -> Iterator[Message]:
        if self._delayed:
            return
        yield TickGeneric(req_id=req_id, tick_type=_HALTED, value=Decimal(0))
        if _SHORTABLE_ASKED_BY in self._generic:
            yield TickGeneric(req_id=req_id, tick_type=_SHORTABLE, value=_EASY)
