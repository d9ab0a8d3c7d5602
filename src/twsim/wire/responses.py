"""What the gateway says, orders aside: one type per message.

Owns: the server's messages of tws-facts §2.3 and, with those of `orders`, the table from
message number to type. Does not know which request any of them answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from twsim.wire.fields import (
    INT,
    TEXT,
    Double,
    Flag,
    Int,
    Kind,
    Pairs,
    Plain,
    Reader,
    Rows,
    SetDoubleMax,
    SetInt,
    Text,
)
from twsim.wire.layout import Before, Message, Since
from twsim.wire.orders import (
    CompletedOrder,
    CompletedOrdersEnd,
    OpenOrder,
    OpenOrderEnd,
    OrderStatus,
)

_ZERO = Decimal(0)
_ISSUER_SINCE: Final = 176


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPrice(Message):
    """A price of a quote, with the size that goes with it."""

    ID: ClassVar = 1
    NAME: ClassVar = "tickPrice"
    VERSION: ClassVar = 6

    req_id: Int
    tick_type: Int
    price: Plain
    size: Plain = _ZERO
    attribute_mask: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSize(Message):
    """A size of a quote."""

    ID: ClassVar = 2
    NAME: ClassVar = "tickSize"
    VERSION: ClassVar = 6

    req_id: Int
    tick_type: Int
    size: Plain


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
class ContractData(Message):
    """All that is known of one contract."""

    ID: ClassVar = 10
    NAME: ClassVar = "contractData"

    version: Annotated[Int, Before(164)] = 8
    req_id: Int
    symbol: Text
    sec_type: Text
    last_trade_date: Text = ""
    strike: Plain = _ZERO
    right: Text = ""
    exchange: Text
    currency: Text
    local_symbol: Text
    market_name: Text
    trading_class: Text
    con_id: Int
    min_tick: Plain
    size_multiplier: Annotated[Int, Before(164)] = 100
    multiplier: Text = ""
    order_types: Text
    valid_exchanges: Text
    price_magnifier: Int = 1
    under_con_id: Int = 0
    long_name: Text
    primary_exchange: Text = ""
    contract_month: Text = ""
    industry: Text = ""
    category: Text = ""
    subcategory: Text = ""
    time_zone_id: Text
    trading_hours: Text
    liquid_hours: Text
    ev_rule: Text = ""
    ev_multiplier: Text = ""
    security_ids: Pairs = ()
    aggregate_group: SetInt = None
    under_symbol: Text = ""
    under_sec_type: Text = ""
    market_rule_ids: Text = ""
    real_expiration_date: Text = ""
    stock_type: Text = ""
    size_min_tick: Annotated[Plain, Since(163), Before(164)] = Decimal("0.0001")
    min_size: Annotated[Plain, Since(164)] = Decimal("0.0001")
    size_increment: Annotated[Plain, Since(164)] = Decimal("0.0001")
    suggested_size_increment: Annotated[Plain, Since(164)] = Decimal(100)


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
class ContractDataEnd(Message):
    """Every contract that fits has been named."""

    ID: ClassVar = 52
    NAME: ClassVar = "contractDataEnd"
    VERSION: ClassVar = 1

    req_id: Int


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
class TickSnapshotEnd(Message):
    """The snapshot of a quote is complete."""

    ID: ClassVar = 57
    NAME: ClassVar = "tickSnapshotEnd"
    VERSION: ClassVar = 1

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataType(Message):
    """Whether the quotes that follow are live, frozen or delayed."""

    ID: ClassVar = 58
    NAME: ClassVar = "marketDataType"
    VERSION: ClassVar = 1

    req_id: Int
    market_data_type: Int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSample:
    """A contract that fits a search."""

    con_id: int
    symbol: str
    sec_type: str
    primary_exchange: str
    currency: str
    derivatives: tuple[str, ...] = ()
    description: str = ""
    issuer_id: str = ""


class SampleKind(Kind[SymbolSample]):
    """A row of symbolSamples; its last two fields exist from 176 on."""

    __slots__ = ()

    def take(self, reader: Reader, server_version: int) -> SymbolSample:
        """Read one row."""
        con_id = INT.take(reader, server_version)
        symbol, sec_type, primary_exchange, currency = (reader.take() for _ in range(4))
        derivatives = _DERIVATIVES.take(reader, server_version)
        described = server_version >= _ISSUER_SINCE
        return SymbolSample(
            con_id=con_id,
            symbol=symbol,
            sec_type=sec_type,
            primary_exchange=primary_exchange,
            currency=currency,
            derivatives=derivatives,
            description=reader.take() if described else "",
            issuer_id=reader.take() if described else "",
        )

    def put(self, value: SymbolSample, out: list[str], server_version: int) -> None:
        """Write one row."""
        INT.put(value.con_id, out, server_version)
        out += (value.symbol, value.sec_type, value.primary_exchange, value.currency)
        _DERIVATIVES.put(value.derivatives, out, server_version)
        if server_version >= _ISSUER_SINCE:
            out += (value.description, value.issuer_id)


_DERIVATIVES: Final = Rows(TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSamples(Message):
    """The contracts that fit a search."""

    ID: ClassVar = 79
    NAME: ClassVar = "symbolSamples"

    req_id: Int
    samples: Annotated[tuple[SymbolSample, ...], Rows(SampleKind())]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReqParams(Message):
    """The price step and exchange map of quotes."""

    ID: ClassVar = 81
    NAME: ClassVar = "tickReqParams"

    req_id: Int
    min_tick: Plain
    bbo_exchange: Text
    snapshot_permissions: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRule(Message):
    """The price steps of a market rule: from which price on, which step."""

    ID: ClassVar = 93
    NAME: ClassVar = "marketRule"

    market_rule_id: Int
    steps: Pairs


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
        AccountUpdateMulti,
        AccountUpdateMultiEnd,
        SymbolSamples,
        TickReqParams,
        MarketRule,
        CompletedOrder,
        CompletedOrdersEnd,
    )
}
