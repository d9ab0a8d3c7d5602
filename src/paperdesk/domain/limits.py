"""Pre-trade limits: what an order must keep to before it is written down, and when sent.

Owns: Limits, and `judge`, which holds one order against them. The worst case counts: the whole
order fills, and whatever others have working on its side fills too. Decimal arithmetic, exact.
Knows nothing of where a price comes from, or of who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Final

from paperdesk.domain.position import is_reducing
from paperdesk.domain.vocabulary import Side, Symbol

# What a limit may be at most: more is a mistake.
SHARES_MAX: Final = 1_000_000_000  # what a target may be
USD_MAX: Final = 10**15
ORDERS_MAX: Final = 1_000_000
COLLAR_PCT_MAX: Final = 100  # beyond it no price would be too low

# Any price times any quantity in full: a limit that is rounded is another limit.
_EXACT: Final = Context(prec=80)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the orders of one account keep to. None is no limit; money is in USD."""

    max_order_quantity: int | None = None
    max_order_notional: Decimal | None = None
    max_position_notional: Decimal | None = None
    max_gross_notional: Decimal | None = None
    max_orders_per_minute: int | None = None
    max_orders_per_day: int | None = None
    max_attempts_per_target: int | None = None
    price_collar_pct: Decimal | None = None
    allow_short: bool = True
    symbols: frozenset[Symbol] | None = None
    restricted_symbols: frozenset[Symbol] | None = None

    @property
    def needs_price(self) -> bool:
        """Tell whether one of them cannot be judged without a price."""
        priced = (
            self.max_order_notional,
            self.max_position_notional,
            self.max_gross_notional,
            self.price_collar_pct,
        )
        return any(limit is not None for limit in priced)


UNLIMITED: Final = Limits()


@dataclass(frozen=True, slots=True)
class Wish:
    """An order to be judged, and what is known of its symbol.

    `position` is the settled one: no other order of ours works on the symbol. `also_working`
    are the shares that orders of others may still trade on it, signed; they count where they
    are on the order's side, so the two sides must not be netted. `reference` is the price that
    does not come from the order's limit: expected price, fresh quote or portfolio price, above
    0; None where there is none. `reference_is` says in words which of them, and how old.
    """

    symbol: Symbol
    side: Side
    quantity: int
    limit_price: Decimal | None
    position: int
    reference: Decimal | None
    also_working: int = 0
    reference_is: str = "when it was planned"

    @property
    def is_reducing(self) -> bool:
        """Tell whether it trades towards zero without crossing it."""
        return is_reducing(self.position, self.side.sign * self.quantity)

    @property
    def price(self) -> Decimal | None:
        """The price that values it: its limit, else the reference."""
        return self.reference if self.limit_price is None else self.limit_price

    @property
    def worst_position(self) -> int:
        """The position in shares once it and what works beside it on its side have filled."""
        return self.position + self.side.sign * (self.quantity + self.beside)

    @property
    def beside(self) -> int:
        """How many shares of others work on its side."""
        return max(self.side.sign * self.also_working, 0)


@dataclass(frozen=True, slots=True)
class Book:
    """What else is true of the account when an order is judged.

    `gross_notional_of_others` is what all other symbols come to in the worst case, longs and
    shorts added up; None where one of them has no known price. `orders_last_minute` counts the
    orders sent in the last 60 s and those that are on their way, `orders_today` those since
    midnight in New York. `attempts` counts the orders of the last ten minutes for the same
    target that the broker refused or ended short of it.
    """

    gross_notional_of_others: Decimal | None
    orders_last_minute: int
    orders_today: int = 0
    attempts: int = 0


def judge(limits: Limits, wish: Wish, book: Book) -> str | None:
    """Return None where the order may pass, else one sentence: limit, value, what would pass.

    An order that reduces the position is held against the collar only: whoever is beyond a
    limit must always be able to come back.
    """
    with localcontext(_EXACT):
        refusal = _judge_collar(limits, wish)
        if refusal is not None or wish.is_reducing:
            return refusal
        return (
            _judge_symbol(limits, wish)
            or _judge_restricted(limits, wish)
            or _judge_short(limits, wish)
            or _judge_quantity(limits, wish)
            or _judge_pace(limits, book)
            or _judge_day(limits, book)
            or _judge_attempts(limits, wish, book)
            or _judge_order(limits, wish)
            or _judge_position(limits, wish)
            or _judge_gross(limits, wish, book)
        )


def _judge_collar(limits: Limits, wish: Wish) -> str | None:
    """Refuse a limit price far off, on the harmless side too: there it is a mistake as well."""
    if limits.price_collar_pct is None or wish.limit_price is None:
        return None
    name = f"price_collar_pct is {_words(limits.price_collar_pct)}"
    if wish.reference is None:
        return (
            f"{name}: no price known to hold the limit price of {wish.symbol} against; "
            "give expected_price as well"
        )
    span = (wish.reference * limits.price_collar_pct).scaleb(-2)
    low, high = wish.reference - span, wish.reference + span
    if low <= wish.limit_price <= high:
        return None
    return (
        f"{name}: the limit price {_words(wish.limit_price)} is further from the reference "
        f"price {_words(wish.reference)} ({wish.reference_is}); a limit price from "
        f"{_words(low)} to {_words(high)} passes"
    )


def _judge_symbol(limits: Limits, wish: Wish) -> str | None:
    if limits.symbols is None or wish.symbol in limits.symbols:
        return None
    return f"symbols does not name {wish.symbol}: {_only_reducing(wish)}"


def _judge_restricted(limits: Limits, wish: Wish) -> str | None:
    if limits.restricted_symbols is None or wish.symbol not in limits.restricted_symbols:
        return None
    return f"restricted_symbols names {wish.symbol}: {_only_reducing(wish)}"


def _only_reducing(wish: Wish) -> str:
    low, high = sorted((0, wish.position))
    passes = "only a target of 0" if low == high else f"only a target from {low:,} to {high:,}"
    return f"with {wish.position:,} held {passes} passes"


def _judge_short(limits: Limits, wish: Wish) -> str | None:
    if limits.allow_short or wish.worst_position >= 0:
        return None
    return (
        f"allow_short is false: the position would be {wish.worst_position:,}; post 0 to close "
        "what is held, or a target above"
    )


def _judge_quantity(limits: Limits, wish: Wish) -> str | None:
    most = limits.max_order_quantity
    if most is None or wish.quantity <= most:
        return None
    return (
        f"max_order_quantity is {most:,}: this order is for {wish.quantity:,}; "
        f"{_trade_at_most(most)}"
    )


def _judge_pace(limits: Limits, book: Book) -> str | None:
    most, sent = limits.max_orders_per_minute, book.orders_last_minute
    if most is None or sent < most:
        return None
    return (
        f"max_orders_per_minute is {most:,}: this one would be number {sent + 1:,}; "
        "post the target again in a minute"
    )


def _judge_day(limits: Limits, book: Book) -> str | None:
    most, sent = limits.max_orders_per_day, book.orders_today
    if most is None or sent < most:
        return None
    return (
        f"max_orders_per_day is {most:,}: this one would be number {sent + 1:,}; post the "
        "target again after midnight in New York"
    )


def _judge_attempts(limits: Limits, wish: Wish, book: Book) -> str | None:
    most = limits.max_attempts_per_target
    if most is None or book.attempts < most:
        return None
    return (
        f"max_attempts_per_target is {most:,}: the broker has refused or ended "
        f"{book.attempts:,} of the last ten minutes' orders of {wish.symbol} for this target; "
        "find out why, post another target, or this one later"
    )


def _judge_order(limits: Limits, wish: Wish) -> str | None:
    most = limits.max_order_notional
    if most is None:
        return None
    name = f"max_order_notional is {_words(most)}"
    if wish.price is None:
        return _without_price(name, wish)
    notional = wish.price * wish.quantity
    if notional <= most:
        return None
    return (
        f"{name}: this order is for {_words(notional)} ({wish.quantity:,} at "
        f"{_words(wish.price)}); {_trade_at_most(int(most // wish.price))}"
    )


def _judge_position(limits: Limits, wish: Wish) -> str | None:
    most = limits.max_position_notional
    if most is None:
        return None
    name = f"max_position_notional is {_words(most)}"
    if wish.price is None:
        return _without_price(name, wish)
    worth = wish.price * abs(wish.worst_position)
    if worth <= most:
        return None
    return (
        f"{name}: the position would be worth {_words(worth)} ({wish.worst_position:,} at "
        f"{_words(wish.price)}); {_post_within(wish, most, wish.price)}"
    )


def _judge_gross(limits: Limits, wish: Wish, book: Book) -> str | None:
    most, others = limits.max_gross_notional, book.gross_notional_of_others
    if most is None:
        return None
    name = f"max_gross_notional is {_words(most)}"
    if wish.price is None:
        return _without_price(name, wish)
    if others is None:
        return (
            f"{name}: no price known for another holding; until there is one only what reduces "
            "a position passes"
        )
    gross = others + wish.price * abs(wish.worst_position)
    if gross <= most:
        return None
    return (
        f"{name}: all positions would be worth {_words(gross)}; "
        f"{_post_within(wish, most - others, wish.price)}"
    )


def _without_price(name: str, wish: Wish) -> str:
    return f"{name}: no price known for {wish.symbol}; give limit_price or expected_price"


def _trade_at_most(shares: int) -> str:
    return f"post a target that trades at most {shares:,} at once"


def _post_within(wish: Wish, money: Decimal, price: Decimal) -> str:
    """Name the furthest target on the order's side that `money` pays for at `price`."""
    shares = max(int(money // price) - wish.beside, 0)
    if wish.side is Side.BUY:
        return f"post a target of at most {shares:,}"
    return f"post a target of at least {-shares:,}"


def _words(value: Decimal) -> str:
    """Return a price or an amount for a person: 250,000 and 150.5, never 2.5E+5."""
    return f"{value.normalize():,f}"
