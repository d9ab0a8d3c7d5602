"""What the gateway says of accounts by request id: summaries, positions, profit and loss.

Owns: the server's messages of tws-facts §2.3 on summaries, positions of one account,
profit and loss, and families. Does not know who subscribed to any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from twsim.wire.fields import Double, Int, Pairs, Plain, Text
from twsim.wire.layout import Message

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary(Message):
    """One value of an account, as a summary asked for it."""

    ID: ClassVar = 63
    NAME: ClassVar = "accountSummary"
    VERSION: ClassVar = 1

    req_id: Int
    account: Text
    tag: Text
    value: Text
    currency: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummaryEnd(Message):
    """The summary's first picture is complete."""

    ID: ClassVar = 64
    NAME: ClassVar = "accountSummaryEnd"
    VERSION: ClassVar = 1

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMulti(Message):
    """One position of one account, by request id."""

    ID: ClassVar = 71
    NAME: ClassVar = "positionMulti"
    VERSION: ClassVar = 1

    req_id: Int
    account: Text
    con_id: Int
    symbol: Text
    sec_type: Text
    last_trade_date: Text = ""
    strike: Double = _ZERO
    right: Text = ""
    multiplier: Text = ""
    exchange: Text
    currency: Text
    local_symbol: Text
    trading_class: Text
    position: Plain
    average_cost: Double
    model_code: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMultiEnd(Message):
    """The list of one account's positions is complete."""

    ID: ClassVar = 72
    NAME: ClassVar = "positionMultiEnd"
    VERSION: ClassVar = 1

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCodes(Message):
    """The family of each account; a login without one is `*` and nothing."""

    ID: ClassVar = 78
    NAME: ClassVar = "familyCodes"

    families: Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class PnL(Message):
    """The profit and loss of an account: of the day, open, and realised."""

    ID: ClassVar = 94
    NAME: ClassVar = "pnl"

    req_id: Int
    daily: Double
    unrealized: Double
    realized: Double


@dataclass(frozen=True, slots=True, kw_only=True)
class PnLSingle(Message):
    """The profit and loss of one position, and what it is worth."""

    ID: ClassVar = 95
    NAME: ClassVar = "pnlSingle"

    req_id: Int
    position: Plain
    daily: Double
    unrealized: Double
    realized: Double
    value: Double
