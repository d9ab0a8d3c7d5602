"""Rules: how this exchange and this broker go about it, fixed when a gateway starts.

Owns: Rules and their defaults. Does not know who applies them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Final

from twsim.exchange.commissions import Tariff
from twsim.exchange.hours import Hours
from twsim.exchange.settlement import COMMISSION_DELAY
from twsim.exchange.tape import Tape

# How far a limit may go beyond the market before it is refused: 300.934796 at 292.34, and
# 250.104208 at 257.68 (tws-facts §4.1, price band). Not in force unless asked for.
REAL_PRICE_BAND: Final = Decimal("0.0294")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The choices of whoever starts a gateway."""

    hours: Hours = field(default_factory=Hours)
    tape: Tape = field(default_factory=Tape)
    tariff: Tariff = field(default_factory=Tariff)
    commission_delay: timedelta | None = COMMISSION_DELAY  # None: never reported
    price_band: Decimal | None = None
    # Whether a cancel while closed is confirmed only at the open: both happen (§4.1).
    cancels_wait: bool = False
