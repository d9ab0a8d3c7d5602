"""What the gateway says of contracts and their quotes.

Owns: contract data, the answer to a search, price steps, and ticks (tws-facts §2.3). Does
not know what anything costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from twsim.wire.fields import (
    INT,
    TEXT,
    Double,
    Int,
    Kind,
    Pairs,
    Plain,
    Reader,
    Rows,
    SetInt,
    Text,
)
from twsim.wire.layout import Before, Message, Since

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
class TickGeneric(Message):
    """A number of a quote that is no price: halted, shortable."""

    ID: ClassVar = 45
    NAME: ClassVar = "tickGeneric"
    VERSION: ClassVar = 6

    req_id: Int
    tick_type: Int
    value: Double


@dataclass(frozen=True, slots=True, kw_only=True)
class TickString(Message):
    """A word of a quote: the time of the last trade."""

    ID: ClassVar = 46
    NAME: ClassVar = "tickString"
    VERSION: ClassVar = 6

    req_id: Int
    tick_type: Int
    value: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDataEnd(Message):
    """Every contract that fits has been named."""

    ID: ClassVar = 52
    NAME: ClassVar = "contractDataEnd"
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
