"""What the gateway says, orders and contracts aside: one type per message.

Owns: the server's messages of tws-facts §2.3 on errors, accounts and executions and, with
those of `orders`, `market` and `accounts`, the table from message number to type. Does not know which
request any of them answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from twsim.wire.accounts import (
    AccountSummary,
    AccountSummaryEnd,
    FamilyCodes,
    PnL,
    PnLSingle,
    PositionMulti,
    PositionMultiEnd,
)
from twsim.wire.fields import Double, Flag, Int, Plain, SetDoubleMax, Text
from twsim.wire.layout import Message, Since
from twsim.wire.market import (
    ContractData,
    ContractDataEnd,
    MarketDataType,
    MarketRule,
    SymbolSamples,
    TickGeneric,
    TickPrice,
    TickReqParams,
    TickSize,
    TickSnapshotEnd,
    TickString,
)
from twsim.wire.orders import (
    CompletedOrder,
    CompletedOrdersEnd,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
)

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage(Message):
    """An error, a warning or a notice; -1 where it belongs to no request."""

    ID: ClassVar = 4
    NAME: ClassVar = "error"
    VERSION: ClassVar = 2

    req_id: Int = -1
    code: Int
    text: Text
    advanced_order_reject: Annotated[Text, Since(166)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue(Message):
    """One value of an account."""

    ID: ClassVar = 6
    NAME: ClassVar = "accountValue"
    VERSION: ClassVar = 2

    key: Text
    value: Text
    currency: Text = ""
    account: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioValue(Message):
    """One row of an account's portfolio. Stocks have strike and right 0: GO-2."""

    ID: ClassVar = 7
    NAME: ClassVar = "portfolioValue"
    VERSION: ClassVar = 8

    con_id: Int
    symbol: Text
    sec_type: Text
    last_trade_date: Text = ""
    strike: Plain = _ZERO
    right: Text = "0"
    multiplier: Text = ""
    primary_exchange: Text
    currency: Text
    local_symbol: Text
    trading_class: Text
    position: Plain
    market_price: Plain
    market_value: Plain
    average_cost: Plain
    unrealized_pnl: Plain
    realized_pnl: Plain
    account: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateTime(Message):
    """When the account's values were computed."""

    ID: ClassVar = 8
    NAME: ClassVar = "accountUpdateTime"
    VERSION: ClassVar = 1

    time: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class NextValidId(Message):
    """The next order id of this client."""

    ID: ClassVar = 9
    NAME: ClassVar = "nextValidId"
    VERSION: ClassVar = 1

    order_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetails(Message):
    """One execution; request id -1 where it is news and not an answer."""

    ID: ClassVar = 11
    NAME: ClassVar = "execDetails"

    req_id: Int
    order_id: Int
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
    exec_id: Text
    time: Text
    account: Text
    venue: Text
    side: Text
    shares: Plain
    price: Plain
    perm_id: Int
    client_id: Int
    liquidation: Int = 0
    cumulative_quantity: Plain
    average_price: Plain
    order_ref: Text = ""
    ev_rule: Text = ""
    ev_multiplier: Text = ""
    model_code: Text = ""
    last_liquidity: Int
    pending_price_revision: Annotated[Flag, Since(178)] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedAccounts(Message):
    """The accounts behind this login, with commas between."""

    ID: ClassVar = 15
    NAME: ClassVar = "managedAccounts"
    VERSION: ClassVar = 1

    accounts: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTime(Message):
    """The gateway's time, in seconds of the epoch."""

    ID: ClassVar = 49
    NAME: ClassVar = "currentTime"
    VERSION: ClassVar = 1

    time: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDownloadEnd(Message):
    """The account's first picture is complete."""

    ID: ClassVar = 54
    NAME: ClassVar = "accountDownloadEnd"
    VERSION: ClassVar = 1

    account: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetailsEnd(Message):
    """The list of executions is complete."""

    ID: ClassVar = 55
    NAME: ClassVar = "execDetailsEnd"
    VERSION: ClassVar = 1

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReport(Message):
    """What one execution cost, and what it realised; DMAX where it opened."""

    ID: ClassVar = 59
    NAME: ClassVar = "commissionReport"
    VERSION: ClassVar = 1

    exec_id: Text
    commission: Double
    currency: Text
    realized_pnl: SetDoubleMax = None
    yield_: SetDoubleMax = None
    yield_redemption_date: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow(Message):
    """One position of one account."""

    ID: ClassVar = 61
    NAME: ClassVar = "position"
    VERSION: ClassVar = 3

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEnd(Message):
    """The list of positions is complete."""

    ID: ClassVar = 62
    NAME: ClassVar = "positionEnd"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMulti(Message):
    """One value of an account, by request id."""

    ID: ClassVar = 73
    NAME: ClassVar = "accountUpdateMulti"
    VERSION: ClassVar = 1

    req_id: Int
    account: Text
    model_code: Text = ""
    key: Text
    value: Text
    currency: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMultiEnd(Message):
    """The account's first picture is complete, by request id."""

    ID: ClassVar = 74
    NAME: ClassVar = "accountUpdateMultiEnd"
    VERSION: ClassVar = 1

    req_id: Int


RESPONSES: Final[Mapping[int, type[Message]]] = {
    response.ID: response
    for response in (
        TickPrice,
        TickSize,
        OrderStatus,
        ErrorMessage,
        OpenOrder,
        AccountValue,
        PortfolioValue,
        AccountUpdateTime,
        NextValidId,
        ContractData,
        ExecDetails,
        ManagedAccounts,
        TickGeneric,
        TickString,
        CurrentTime,
        ContractDataEnd,
        OpenOrderEnd,
        AccountDownloadEnd,
        ExecDetailsEnd,
        TickSnapshotEnd,
        MarketDataType,
        CommissionReport,
        PositionRow,
        PositionEnd,
        AccountSummary,
        AccountSummaryEnd,
        PositionMulti,
        PositionMultiEnd,
        AccountUpdateMulti,
        AccountUpdateMultiEnd,
        FamilyCodes,
        SymbolSamples,
        TickReqParams,
        MarketRule,
        PnL,
        PnLSingle,
        OrderBound,
        CompletedOrder,
        CompletedOrdersEnd,
    )
}
