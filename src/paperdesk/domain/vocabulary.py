"""The words everything else is written in.

Owns: the types of ids, and the closed sets, from Side to Scope. Shares are `int`,
prices and money are `Decimal`; neither is ever a float.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

AccountId = NewType("AccountId", str)
BatchId = NewType("BatchId", str)
ClientName = NewType("ClientName", str)
ConId = NewType("ConId", int)
ExecId = NewType("ExecId", str)
KeyId = NewType("KeyId", str)
OrderId = NewType("OrderId", int)
OrderRef = NewType("OrderRef", str)
PermId = NewType("PermId", int)
Symbol = NewType("Symbol", str)


class Side(StrEnum):
    """Which way an order or an execution moves the position."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @classmethod
    def of(cls, delta: int) -> Side:
        """Return the side that trades `delta` shares, which must not be 0."""
        assert delta != 0
        return cls.BUY if delta > 0 else cls.SELL


class OrderType(StrEnum):
    """The order types that targets become."""

    MKT = "MKT"
    LMT = "LMT"


class TimeInForce(StrEnum):
    """How long an order may work."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"


class Keep(StrEnum):
    """When a working order serves a new target: its price fits the tolerance, or equals."""

    WITHIN_TOLERANCE = "within_tolerance"
    EXACT = "exact"


class ForeignOrders(StrEnum):
    """What an order placed elsewhere in the account does to ours."""

    COUNT = "count"
    IGNORE = "ignore"
    REFUSE = "refuse"


class PositionBreaks(StrEnum):
    """What a broker's position that nothing explains leads to."""

    ADOPT = "adopt"
    LOCK = "lock"


class LinePhase(StrEnum):
    """How far a session with a gateway has come."""

    UP = "up"
    CONNECTING = "connecting"
    READING = "reading"  # the broker's lists, and comparing the books with them
    WAITING = "waiting"  # until it connects again
    DEGRADED = "degraded"  # the gateway has lost its connection to IBKR
    SHUT = "shut"  # for good: the paper guard


class HaltMode(StrEnum):
    """Which orders a halt stops: all, or all that do not reduce a position."""

    ALL = "all"
    REDUCE_ONLY = "reduce_only"


class Scope(StrEnum):
    """What an API key may do. `trade` includes `read`; `admin` includes all."""

    READ = "read"
    TRADE = "trade"
    AUDIT = "audit"
    ADMIN = "admin"
