"""What is traded, how its name is spelled, and at which prices.

Owns: Contract, the tick ladder, rounding to a tick, and IBKR's spelling of a symbol.
Knows nothing of how a contract is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

from paperdesk.domain.vocabulary import ConId, Side, Symbol

SYMBOL_PATTERN: Final = re.compile(r"^[A-Z0-9 ._-]{1,32}$")


# Far more digits than a price has; what does not fit is rounded against the order.
_DIGITS: Final = 80
AGAINST: Final[Mapping[Side, Context]] = {
    Side.BUY: Context(prec=_DIGITS, rounding=ROUND_FLOOR),
    Side.SELL: Context(prec=_DIGITS, rounding=ROUND_CEILING),
}


_CLASS_DOT: Final = re.compile(r"(?<=[A-Z0-9])\.(?=[A-Z0-9])")


class NoTick(ValueError):
    """No price of the ladder lies on the allowed side of the given one."""


@dataclass(frozen=True, slots=True)
class TickStep:
    """From `low_edge` upwards (inclusive) prices are multiples of `increment`."""

    low_edge: Decimal
    increment: Decimal


TickLadder = tuple[TickStep, ...]

# SEC Rule 612: a cent at and above one dollar, a hundredth of a cent below.
US_STOCK_LADDER: Final[TickLadder] = (
    TickStep(Decimal(0), Decimal("0.0001")),
    TickStep(Decimal(1), Decimal("0.01")),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """A USD stock or ETF at IBKR. `symbol` is spelled IBKR's way (`BRK B`)."""

    conid: ConId
    symbol: Symbol
    primary_exchange: str
    long_name: str
    ladder: TickLadder = US_STOCK_LADDER
    currency: str = "USD"


def normalise_symbol(text: str) -> Symbol | None:
    """Return `text` in IBKR's spelling, or None where it cannot be a symbol.

    IBKR writes a share class behind a blank, most others behind a dot: `brk.b` is `BRK B`.
    """
    # Only blanks are trimmed: a tab or a line end would reach the wire. Only ASCII has
    # capitals here: those of other letters may be ASCII ("ſ" becomes "S").
    upper = text.strip(" ").upper()
    if not text.isascii() or not SYMBOL_PATTERN.fullmatch(upper):
        return None
    return Symbol(" ".join(_CLASS_DOT.sub(" ", upper).split()))


def tick_at(price: Decimal, ladder: TickLadder) -> Decimal:
    """Return the increment that holds at `price`, which must not be negative."""
    return max(
        (step for step in ladder if step.low_edge <= price), key=lambda step: step.low_edge
    ).increment


def round_to_tick(price: Decimal, side: Side, ladder: TickLadder) -> Decimal:
    """Return the tick next to `price` that is no worse for the order: BUY down, SELL up.

    Raises NoTick where rounding down reaches 0.
    """
    context = AGAINST[side]
    increment = tick_at(price, ladder)
    ticks = context.divide(price, increment).to_integral_value(context.rounding)
    if ticks <= 0:
        raise NoTick(f"no valid price at or below {price}")
    return context.multiply(ticks, increment).quantize(increment)
