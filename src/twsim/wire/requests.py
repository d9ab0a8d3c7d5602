"""What a client asks for, except placing an order: one type per message.

Owns: the requests of tws-facts §2.2 and the table from message number to type. Does not
know what the answers are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from twsim.wire.fields import Flag, Int, Rows, Text, Words
from twsim.wire.layout import Lookup, Message, Since, When
from twsim.wire.place_order import PlaceOrder


def _is_combination(value_of: Lookup) -> bool:
    return value_of("sec_type") == "BAG"


def _is_delta_neutral(value_of: Lookup) -> bool:
    return bool(value_of("delta_neutral"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StartApi(Message):
    """The client says who it is; the first message after the handshake."""

    ID: ClassVar = 71
    NAME: ClassVar = "startApi"
    VERSION: ClassVar = 2

    client_id: Int
    optional_capabilities: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMktData(Message):
    """Start quotes of one contract, or take one snapshot."""

    ID: ClassVar = 1
    NAME: ClassVar = "reqMktData"
    VERSION: ClassVar = 11

    req_id: Int
    con_id: Int = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date: Text = ""
    strike: Text = ""
    right: Text = ""
    multiplier: Text = ""
    exchange: Text = ""
    primary_exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    trading_class: Text = ""
    legs: Annotated[tuple[tuple[str, ...], ...], Rows(Words(4)), When(_is_combination)] = ()
    delta_neutral: Flag = False
    delta_neutral_terms: Annotated[tuple[str, ...], Words(3), When(_is_delta_neutral)] = ()
    generic_ticks: Text = ""
    snapshot: Flag = False
    regulatory_snapshot: Flag = False
    options: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelMktData(Message):
    """Stop quotes."""

    ID: ClassVar = 2
    NAME: ClassVar = "cancelMktData"
    VERSION: ClassVar = 2

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Message):
    """Withdraw a working order."""

    ID: ClassVar = 4
    NAME: ClassVar = "cancelOrder"
    VERSION: ClassVar = 1

    order_id: Int
    manual_cancel_time: Annotated[Text, Since(169)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqOpenOrders(Message):
    """List the client's own working orders."""

    ID: ClassVar = 5
    NAME: ClassVar = "reqOpenOrders"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdates(Message):
    """Subscribe to one account's values and portfolio, or end that."""

    ID: ClassVar = 6
    NAME: ClassVar = "reqAccountUpdates"
    VERSION: ClassVar = 2

    subscribe: Flag
    account: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqExecutions(Message):
    """List the day's executions that pass a filter; empty members let all pass."""

    ID: ClassVar = 7
    NAME: ClassVar = "reqExecutions"
    VERSION: ClassVar = 3

    req_id: Int
    client_id: Int = 0
    account: Text = ""
    time: Text = ""
    symbol: Text = ""
    sec_type: Text = ""
    exchange: Text = ""
    side: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqIds(Message):
    """Ask for the next order id."""

    ID: ClassVar = 8
    NAME: ClassVar = "reqIds"
    VERSION: ClassVar = 1

    count: Int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqContractDetails(Message):
    """Ask for every contract that fits a description."""

    ID: ClassVar = 9
    NAME: ClassVar = "reqContractDetails"
    VERSION: ClassVar = 8

    req_id: Int
    con_id: Int = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date: Text = ""
    strike: Text = ""
    right: Text = ""
    multiplier: Text = ""
    exchange: Text = ""
    primary_exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    trading_class: Text = ""
    include_expired: Flag = False
    sec_id_type: Text = ""
    sec_id: Text = ""
    issuer_id: Annotated[Text, Since(176)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetServerLogLevel(Message):
    """Set how much the gateway writes to its own log."""

    ID: ClassVar = 14
    NAME: ClassVar = "setServerLogLevel"
    VERSION: ClassVar = 1

    level: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAutoOpenOrders(Message):
    """Bind orders made by hand to client 0 from now on."""

    ID: ClassVar = 15
    NAME: ClassVar = "reqAutoOpenOrders"
    VERSION: ClassVar = 1

    auto_bind: Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAllOpenOrders(Message):
    """List every client's working orders."""

    ID: ClassVar = 16
    NAME: ClassVar = "reqAllOpenOrders"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqManagedAccts(Message):
    """Ask for the accounts behind this login."""

    ID: ClassVar = 17
    NAME: ClassVar = "reqManagedAccts"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCurrentTime(Message):
    """Ask for the gateway's time."""

    ID: ClassVar = 49
    NAME: ClassVar = "reqCurrentTime"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqGlobalCancel(Message):
    """Cancel every working order, whoever placed it."""

    ID: ClassVar = 58
    NAME: ClassVar = "reqGlobalCancel"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketDataType(Message):
    """Choose live, frozen or delayed quotes."""

    ID: ClassVar = 59
    NAME: ClassVar = "reqMarketDataType"
    VERSION: ClassVar = 1

    market_data_type: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositions(Message):
    """Subscribe to the positions of all accounts."""

    ID: ClassVar = 61
    NAME: ClassVar = "reqPositions"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountSummary(Message):
    """Subscribe to some values of a group of accounts."""

    ID: ClassVar = 62
    NAME: ClassVar = "reqAccountSummary"
    VERSION: ClassVar = 1

    req_id: Int
    group: Text = ""
    tags: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountSummary(Message):
    """End a subscription to a summary."""

    ID: ClassVar = 63
    NAME: ClassVar = "cancelAccountSummary"
    VERSION: ClassVar = 1

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositions(Message):
    """End the subscription to positions."""

    ID: ClassVar = 64
    NAME: ClassVar = "cancelPositions"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositionsMulti(Message):
    """Subscribe to the positions of one account, by request id."""

    ID: ClassVar = 74
    NAME: ClassVar = "reqPositionsMulti"
    VERSION: ClassVar = 1

    req_id: Int
    account: Text = ""
    model_code: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositionsMulti(Message):
    """End a subscription to one account's positions."""

    ID: ClassVar = 75
    NAME: ClassVar = "cancelPositionsMulti"
    VERSION: ClassVar = 1

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdatesMulti(Message):
    """Subscribe to the values of any account, by request id."""

    ID: ClassVar = 76
    NAME: ClassVar = "reqAccountUpdatesMulti"
    VERSION: ClassVar = 1

    req_id: Int
    account: Text = ""
    model_code: Text = ""
    ledger_and_nlv: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountUpdatesMulti(Message):
    """End a subscription to account values."""

    ID: ClassVar = 77
    NAME: ClassVar = "cancelAccountUpdatesMulti"
    VERSION: ClassVar = 1

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqFamilyCodes(Message):
    """Ask which accounts belong to which family."""

    ID: ClassVar = 80
    NAME: ClassVar = "reqFamilyCodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMatchingSymbols(Message):
    """Look for contracts by part of a symbol or name."""

    ID: ClassVar = 81
    NAME: ClassVar = "reqMatchingSymbols"

    req_id: Int
    pattern: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketRule(Message):
    """Ask for the price steps of a market rule."""

    ID: ClassVar = 91
    NAME: ClassVar = "reqMarketRule"

    market_rule_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnL(Message):
    """Subscribe to an account's profit and loss."""

    ID: ClassVar = 92
    NAME: ClassVar = "reqPnL"

    req_id: Int
    account: Text
    model_code: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnL(Message):
    """End a subscription to profit and loss."""

    ID: ClassVar = 93
    NAME: ClassVar = "cancelPnL"

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnLSingle(Message):
    """Subscribe to the profit and loss of one position."""

    ID: ClassVar = 94
    NAME: ClassVar = "reqPnLSingle"

    req_id: Int
    account: Text
    model_code: Text = ""
    con_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnLSingle(Message):
    """End a subscription to one position's profit and loss."""

    ID: ClassVar = 95
    NAME: ClassVar = "cancelPnLSingle"

    req_id: Int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCompletedOrders(Message):
    """List the day's orders that are done."""

    ID: ClassVar = 99
    NAME: ClassVar = "reqCompletedOrders"

    api_only: Flag


REQUESTS: Final[Mapping[int, type[Message]]] = {
    request.ID: request
    for request in (
        ReqMktData,
        CancelMktData,
        PlaceOrder,
        CancelOrder,
        ReqOpenOrders,
        ReqAccountUpdates,
        ReqExecutions,
        ReqIds,
        ReqContractDetails,
        SetServerLogLevel,
        ReqAutoOpenOrders,
        ReqAllOpenOrders,
        ReqManagedAccts,
        ReqCurrentTime,
        ReqGlobalCancel,
        ReqMarketDataType,
        ReqPositions,
        ReqAccountSummary,
        CancelAccountSummary,
        CancelPositions,
        StartApi,
        ReqPositionsMulti,
        CancelPositionsMulti,
        ReqAccountUpdatesMulti,
        CancelAccountUpdatesMulti,
        ReqFamilyCodes,
        ReqMatchingSymbols,
        ReqMarketRule,
        ReqPnL,
        CancelPnL,
        ReqPnLSingle,
        CancelPnLSingle,
        ReqCompletedOrders,
    )
}
