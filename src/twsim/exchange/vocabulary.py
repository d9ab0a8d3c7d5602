"""The words of the exchange.

Owns: the ids, and the sides, types and states of orders. Knows no rule about any of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType

AccountId = NewType("AccountId", str)
ClientId = NewType("ClientId", int)
ConId = NewType("ConId", int)
ExecId = NewType("ExecId", str)
OrderId = NewType("OrderId", int)
PermId = NewType("PermId", int)
NO_ORDER_ID: Final = OrderId(0)
NO_PERM_ID: Final = PermId(0)


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return 1 where shares come in and -1 where they go out."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """How an order finds its price."""

    MKT = "MKT"
    LMT = "LMT"


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    OPG = "OPG"


class OrderStatus(StrEnum):
    """Where an order stands, in the broker's spelling. How much of it filled is no status."""

    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"
