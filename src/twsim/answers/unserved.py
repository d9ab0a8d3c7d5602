"""Requests that are known but not served, and what a real gateway says to such.

Owns: the refusal of each message that belongs to no equity order service, and of numbers
that no message has. The line stays open. Does not know the requests that are served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from twsim.exchange.refusals import NO_SUCH_CONTRACT, Refusal, invalid
from twsim.session import NO_REQUEST, Session

ASSUMPTIONS: Final = (
    "Requests outside an equity order service are refused as for a login without permission.",
    "An unknown message number is answered by 320, and the line stays open.",
    "Display groups, verification and scanner parameters: the text of the refusal is ours.",
)


@dataclass(frozen=True, slots=True)
class Unserved:
    """A request that is refused: where its id stands, and with what; None is silence."""

    name: str
    req_id_place: int | None
    refusal: Refusal | None


def unknown_ticker(req_id: int) -> Refusal:
    """Return the refusal of a cancel for which there is nothing to cancel."""
    return Refusal(300, f"Can't find EId with tickerId:{req_id}")


_HISTORY = Refusal(
    162,
    "Historical Market Data Service error message:No market data permissions for NYSE STK",
)
_NO_ADVISOR = invalid("FA data operations ignored for non FA customers.")
_NO_AUTHENTICATION = invalid(
    "Intent to authenticate needs to be expressed during initial connect request."
)
_NO_NEWS = Refusal(10276, "News feed is not allowed.")  # ib_insync#617
_NO_GROUPS = invalid("Display groups are not available")
_NOT_AN_OPTION = invalid("Invalid contract type for option calculation")
_NOTHING = unknown_ticker(NO_REQUEST)

# By message number (tws-facts §2.2 names the served ones; the rest are the numbers and
# layouts that ib_async 2.1.0 and ibapi 10.51 write up to 178). Texts: API message codes.
UNSERVED: Final[Mapping[int, Unserved]] = {
    10: Unserved(
        "reqMktDepth",
        2,
        Refusal(
            10092,
            "Deep market data is not supported for this combination of security type/exchange",
        ),
    ),
    11: Unserved(
        "cancelMktDepth",
        2,
        Refusal(310, "Can't find the subscribed market depth with tickerId:"),
    ),
    12: Unserved("reqNewsBulletins", None, None),
    13: Unserved("cancelNewsBulletins", None, None),
    18: Unserved("requestFA", None, _NO_ADVISOR),
    19: Unserved("replaceFA", 4, _NO_ADVISOR),
    20: Unserved("reqHistoricalData", 1, _HISTORY),
    21: Unserved("exerciseOptions", 2, NO_SUCH_CONTRACT),
    22: Unserved("reqScannerSubscription", 1, _HISTORY),
    23: Unserved(
        "cancelScannerSubscription",
        2,
        Refusal(365, "No scanner subscription found for ticker id:"),
    ),
    24: Unserved("reqScannerParameters", None, invalid("Scanners are not available")),
    25: Unserved(
        "cancelHistoricalData", 2, Refusal(366, "No historical data query found for ticker id:")
    ),
    50: Unserved(
        "reqRealTimeBars",
        2,
        Refusal(420, "Invalid Real-time Query:No market data permissions for NYSE STK"),
    ),
    51: Unserved("cancelRealTimeBars", 2, _NOTHING),
    52: Unserved(
        "reqFundamentalData",
        2,
        Refusal(430, "The fundamentals data for the security specified is not available."),
    ),
    53: Unserved("cancelFundamentalData", 2, _NOTHING),
    54: Unserved("calculateImpliedVolatility", 2, _NOT_AN_OPTION),
    55: Unserved("calculateOptionPrice", 2, _NOT_AN_OPTION),
    56: Unserved("cancelCalculateImpliedVolatility", 2, _NOTHING),
    57: Unserved("cancelCalculateOptionPrice", 2, _NOTHING),
    65: Unserved("verifyRequest", None, _NO_AUTHENTICATION),
    66: Unserved("verifyMessage", None, _NO_AUTHENTICATION),
    67: Unserved("queryDisplayGroups", 2, _NO_GROUPS),
    68: Unserved("subscribeToGroupEvents", 2, _NO_GROUPS),
    69: Unserved("updateDisplayGroup", 2, _NO_GROUPS),
    70: Unserved("unsubscribeFromGroupEvents", 2, _NO_GROUPS),
    72: Unserved("verifyAndAuthRequest", None, _NO_AUTHENTICATION),
    73: Unserved("verifyAndAuthMessage", None, _NO_AUTHENTICATION),
    78: Unserved("reqSecDefOptParams", 1, NO_SUCH_CONTRACT),
    79: Unserved("reqSoftDollarTiers", 1, _NO_ADVISOR),
    82: Unserved("reqMktDepthExchanges", None, invalid("Market depth is not available")),
    83: Unserved("reqSmartComponents", 1, invalid("Smart components are not available")),
    84: Unserved(
        "reqNewsArticle", 1, Refusal(10172, "Failed to request news article:No data available")
    ),
    85: Unserved("reqNewsProviders", None, _NO_NEWS),
    86: Unserved("reqHistoricalNews", 1, _NO_NEWS),
    87: Unserved("reqHeadTimestamp", 1, _HISTORY),
    88: Unserved("reqHistogramData", 1, _HISTORY),
    89: Unserved("cancelHistogramData", 1, _NOTHING),
    90: Unserved("cancelHeadTimestamp", 1, _NOTHING),
    96: Unserved(
        "reqHistoricalTicks",
        1,
        Refusal(
            10187,
            "Failed to request historical ticks:No market data permissions for NYSE STK",
        ),
    ),
    97: Unserved(
        "reqTickByTickData",
        1,
        Refusal(
            10189,
            "Failed to request tick-by-tick data:No market data permissions for NYSE STK",
        ),
    ),
    98: Unserved("cancelTickByTickData", 1, _NOTHING),
    100: Unserved("reqWshMetaData", 1, _NO_NEWS),
    101: Unserved("cancelWshMetaData", 1, _NOTHING),
    102: Unserved("reqWshEventData", 1, _NO_NEWS),
    103: Unserved("cancelWshEventData", 1, _NOTHING),
    104: Unserved("reqUserInfo", 1, invalid("User info is not available")),
}


def refuse_unserved(session: Session, number: int, fields: tuple[str, ...]) -> None:
    """Refuse a message that is not served; the line stays open."""
    unserved = UNSERVED.get(number)
    if unserved is None:
        session.refuse(Refusal(320, f"Error reading request:unknown message id {number}"))
        return
    if unserved.refusal is None:
        return
    place = len(fields) if unserved.req_id_place is None else unserved.req_id_place
    req_id = _read_id(fields[place]) if place < len(fields) else NO_REQUEST
    refusal = unserved.refusal
    if refusal is _NOTHING:
        refusal = unknown_ticker(req_id)
    elif refusal.text.endswith((" id:", "tickerId:")):
        refusal = Refusal(refusal.code, f"{refusal.text}{req_id}")
    session.refuse(refusal, req_id)


def _read_id(text: str) -> int:
    is_id = text.isascii() and text.isdecimal() and len(text) < len("2147483647")
    return int(text) if is_id else NO_REQUEST
