"""Conformance: every message of the TWS protocol up to 178, and how far twsim has it.

Owns: the literal table, which a test compares with the types and answers that exist, and
`docs/twsim.md`, which is made of it and of what the modules say they assume. Run as a
module it writes that page. Does not know how any message is answered.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import twsim
from twsim.transcript import Direction
from twsim.wire.protocol import SERVER_VERSION_MAX, SERVER_VERSION_MIN


class Level(StrEnum):
    """How far a message is there."""

    FULL = "full"
    PARTLY = "partly"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Row:
    """One message: its number, IB's name, how far it is there, and what is missing."""

    number: int
    name: str
    level: Level
    why: str = ""


_FULL, _PARTLY, _NOT = Level.FULL, Level.PARTLY, Level.NOT
_REFUSED: Final = "no message of an equity order service; refused as a gateway refuses it"
_NEVER: Final = "no message of an equity order service; never sent"
_MODELS: Final = "model codes are read and ignored"

# fmt: off
REQUESTS: Final = (
    Row(1, "reqMktData", _PARTLY, "stocks; of the generic ticks only 236 brings a tick"),
    Row(2, "cancelMktData", _FULL),
    Row(3, "placeOrder", _PARTLY, "MKT and LMT orders of stocks, DAY, GTC, IOC, FOK or OPG; conditions, algos, hedges,"
        " scales, trailing and pegged orders are read and not acted on"),
    Row(4, "cancelOrder", _FULL),
    Row(5, "reqOpenOrders", _FULL),
    Row(6, "reqAccountUpdates", _FULL),
    Row(7, "reqExecutions", _FULL),
    Row(8, "reqIds", _FULL),
    Row(9, "reqContractDetails", _PARTLY, "US stocks and ETFs; by no security id"),
    Row(10, "reqMktDepth", _NOT, _REFUSED),
    Row(11, "cancelMktDepth", _NOT, _REFUSED),
    Row(12, "reqNewsBulletins", _PARTLY, "accepted; there never is a bulletin"),
    Row(13, "cancelNewsBulletins", _PARTLY, "accepted; there never is a bulletin"),
    Row(14, "setServerLogLevel", _FULL),
    Row(15, "reqAutoOpenOrders", _FULL),
    Row(16, "reqAllOpenOrders", _FULL),
    Row(17, "reqManagedAccts", _FULL),
    Row(18, "requestFA", _NOT, _REFUSED),
    Row(19, "replaceFA", _NOT, _REFUSED),
    Row(20, "reqHistoricalData", _NOT, _REFUSED),
    Row(21, "exerciseOptions", _NOT, _REFUSED),
    Row(22, "reqScannerSubscription", _NOT, _REFUSED),
    Row(23, "cancelScannerSubscription", _NOT, _REFUSED),
    Row(24, "reqScannerParameters", _NOT, _REFUSED),
    Row(25, "cancelHistoricalData", _NOT, _REFUSED),
    Row(49, "reqCurrentTime", _FULL),
    Row(50, "reqRealTimeBars", _NOT, _REFUSED),
    Row(51, "cancelRealTimeBars", _NOT, _REFUSED),
    Row(52, "reqFundamentalData", _NOT, _REFUSED),
    Row(53, "cancelFundamentalData", _NOT, _REFUSED),
    Row(54, "calculateImpliedVolatility", _NOT, _REFUSED),
    Row(55, "calculateOptionPrice", _NOT, _REFUSED),
    Row(56, "cancelCalculateImpliedVolatility", _NOT, _REFUSED),
    Row(57, "cancelCalculateOptionPrice", _NOT, _REFUSED),
    Row(58, "reqGlobalCancel", _FULL),
    Row(59, "reqMarketDataType", _PARTLY, "delayed quotes are the present ones; nothing freezes"),
    Row(61, "reqPositions", _FULL),
    Row(62, "reqAccountSummary", _PARTLY, "groups are All or one account; tags that the"
        " account has no value for are left out"),
    Row(63, "cancelAccountSummary", _FULL),
    Row(64, "cancelPositions", _FULL),
    Row(65, "verifyRequest", _NOT, _REFUSED),
    Row(66, "verifyMessage", _NOT, _REFUSED),
    Row(67, "queryDisplayGroups", _NOT, _REFUSED),
    Row(68, "subscribeToGroupEvents", _NOT, _REFUSED),
    Row(69, "updateDisplayGroup", _NOT, _REFUSED),
    Row(70, "unsubscribeFromGroupEvents", _NOT, _REFUSED),
    Row(71, "startApi", _FULL),
    Row(72, "verifyAndAuthRequest", _NOT, _REFUSED),
    Row(73, "verifyAndAuthMessage", _NOT, _REFUSED),
    Row(74, "reqPositionsMulti", _PARTLY, _MODELS),
    Row(75, "cancelPositionsMulti", _FULL),
    Row(76, "reqAccountUpdatesMulti", _PARTLY, _MODELS),
    Row(77, "cancelAccountUpdatesMulti", _FULL),
    Row(78, "reqSecDefOptParams", _NOT, _REFUSED),
    Row(79, "reqSoftDollarTiers", _NOT, _REFUSED),
    Row(80, "reqFamilyCodes", _FULL),
    Row(81, "reqMatchingSymbols", _FULL),
    Row(82, "reqMktDepthExchanges", _NOT, _REFUSED),
    Row(83, "reqSmartComponents", _NOT, _REFUSED),
    Row(84, "reqNewsArticle", _NOT, _REFUSED),
    Row(85, "reqNewsProviders", _NOT, _REFUSED),
    Row(86, "reqHistoricalNews", _NOT, _REFUSED),
    Row(87, "reqHeadTimestamp", _NOT, _REFUSED),
    Row(88, "reqHistogramData", _NOT, _REFUSED),
    Row(89, "cancelHistogramData", _NOT, _REFUSED),
    Row(90, "cancelHeadTimestamp", _NOT, _REFUSED),
    Row(91, "reqMarketRule", _PARTLY, "the rule of US stocks, 26"),
    Row(92, "reqPnL", _PARTLY, _MODELS),
    Row(93, "cancelPnL", _FULL),
    Row(94, "reqPnLSingle", _PARTLY, _MODELS),
    Row(95, "cancelPnLSingle", _FULL),
    Row(96, "reqHistoricalTicks", _NOT, _REFUSED),
    Row(97, "reqTickByTickData", _NOT, _REFUSED),
    Row(98, "cancelTickByTickData", _NOT, _REFUSED),
    Row(99, "reqCompletedOrders", _FULL),
    Row(100, "reqWshMetaData", _NOT, _REFUSED),
    Row(101, "cancelWshMetaData", _NOT, _REFUSED),
    Row(102, "reqWshEventData", _NOT, _REFUSED),
    Row(103, "cancelWshEventData", _NOT, _REFUSED),
    Row(104, "reqUserInfo", _NOT, _REFUSED),
)

RESPONSES: Final = (
    Row(1, "tickPrice", _FULL),
    Row(2, "tickSize", _FULL),
    Row(3, "orderStatus", _FULL),
    Row(4, "error", _PARTLY, "no advanced order rejects"),
    Row(5, "openOrder", _FULL),
    Row(6, "accountValue", _PARTLY, "the keys of a US margin account without options"),
    Row(7, "portfolioValue", _FULL),
    Row(8, "accountUpdateTime", _FULL),
    Row(9, "nextValidId", _FULL),
    Row(10, "contractData", _PARTLY, "no security ids, categories or aggregated groups"),
    Row(11, "execDetails", _FULL),
    Row(12, "marketDepth", _NOT, _NEVER),
    Row(13, "marketDepthL2", _NOT, _NEVER),
    Row(14, "newsBulletins", _NOT, _NEVER),
    Row(15, "managedAccounts", _FULL),
    Row(16, "receiveFA", _NOT, _NEVER),
    Row(17, "historicalData", _NOT, _NEVER),
    Row(18, "bondContractData", _NOT, _NEVER),
    Row(19, "scannerParameters", _NOT, _NEVER),
    Row(20, "scannerData", _NOT, _NEVER),
    Row(21, "tickOptionComputation", _NOT, _NEVER),
    Row(45, "tickGeneric", _PARTLY, "halted and shortable"),
    Row(46, "tickString", _PARTLY, "the time of the last trade"),
    Row(47, "tickEFP", _NOT, _NEVER),
    Row(49, "currentTime", _FULL),
    Row(50, "realTimeBars", _NOT, _NEVER),
    Row(51, "fundamentalData", _NOT, _NEVER),
    Row(52, "contractDataEnd", _FULL),
    Row(53, "openOrderEnd", _FULL),
    Row(54, "accountDownloadEnd", _FULL),
    Row(55, "execDetailsEnd", _FULL),
    Row(56, "deltaNeutralValidation", _NOT, _NEVER),
    Row(57, "tickSnapshotEnd", _FULL),
    Row(58, "marketDataType", _FULL),
    Row(59, "commissionReport", _FULL),
    Row(61, "position", _FULL),
    Row(62, "positionEnd", _FULL),
    Row(63, "accountSummary", _FULL),
    Row(64, "accountSummaryEnd", _FULL),
    Row(65, "verifyMessageAPI", _NOT, _NEVER),
    Row(66, "verifyCompleted", _NOT, _NEVER),
    Row(67, "displayGroupList", _NOT, _NEVER),
    Row(68, "displayGroupUpdated", _NOT, _NEVER),
    Row(69, "verifyAndAuthMessageAPI", _NOT, _NEVER),
    Row(70, "verifyAndAuthCompleted", _NOT, _NEVER),
    Row(71, "positionMulti", _FULL),
    Row(72, "positionMultiEnd", _FULL),
    Row(73, "accountUpdateMulti", _FULL),
    Row(74, "accountUpdateMultiEnd", _FULL),
    Row(75, "securityDefinitionOptionParameter", _NOT, _NEVER),
    Row(76, "securityDefinitionOptionParameterEnd", _NOT, _NEVER),
    Row(77, "softDollarTiers", _NOT, _NEVER),
    Row(78, "familyCodes", _FULL),
    Row(79, "symbolSamples", _FULL),
    Row(80, "mktDepthExchanges", _NOT, _NEVER),
    Row(81, "tickReqParams", _FULL),
    Row(82, "smartComponents", _NOT, _NEVER),
    Row(83, "newsArticle", _NOT, _NEVER),
    Row(84, "tickNews", _NOT, _NEVER),
    Row(85, "newsProviders", _NOT, _NEVER),
    Row(86, "historicalNews", _NOT, _NEVER),
    Row(87, "historicalNewsEnd", _NOT, _NEVER),
    Row(88, "headTimestamp", _NOT, _NEVER),
    Row(89, "histogramData", _NOT, _NEVER),
    Row(90, "historicalDataUpdate", _NOT, _NEVER),
    Row(91, "rerouteMktDataReq", _NOT, _NEVER),
    Row(92, "rerouteMktDepthReq", _NOT, _NEVER),
    Row(93, "marketRule", _FULL),
    Row(94, "pnl", _FULL),
    Row(95, "pnlSingle", _FULL),
    Row(96, "historicalTicks", _NOT, _NEVER),
    Row(97, "historicalTicksBidAsk", _NOT, _NEVER),
    Row(98, "historicalTicksLast", _NOT, _NEVER),
    Row(99, "tickByTick", _NOT, _NEVER),
    Row(100, "orderBound", _FULL),
    Row(101, "completedOrder", _FULL),
    Row(102, "completedOrdersEnd", _FULL),
    Row(103, "replaceFAEnd", _NOT, _NEVER),
    Row(104, "wshMetaData", _NOT, _NEVER),
    Row(105, "wshEventData", _NOT, _NEVER),
    Row(106, "historicalSchedule", _NOT, _NEVER),
    Row(107, "userInfo", _NOT, _NEVER),
)
# fmt: on

_HEAD: Final = f"""\
# What twsim speaks

This page is written by `make docs` from the code; a test fails where the two disagree.

twsim announces the smaller of the client's highest server version and its own, {SERVER_VERSION_MAX} unless
`--server-version` says less; clients below {SERVER_VERSION_MIN} are cut. Every message is read and written in the
layout of the version agreed on. From 201 on the real protocol is protobuf, which twsim does not
speak; numbers that exist only above {SERVER_VERSION_MAX} (reqCurrentTimeInMillis, historicalDataEnd, …) are no part of
this list.

*full*: everything that a client of an equity order service can see. *partly*: what is missing is
said. *not*: the request is refused, and the line stays open.
"""
_ASSUMED: Final = re.compile(r"^Assumptions?: (.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


def document() -> str:
    """Return the page about conformance."""
    parts = [_HEAD]
    for title, direction, rows in (
        ("From the client", Direction.CLIENT, REQUESTS),
        ("From the gateway", Direction.SERVER, RESPONSES),
    ):
        counts = Counter(row.level for row in rows)
        sums = ", ".join(f"{counts[level]} {level}" for level in Level)
        parts.append(f"## {title}\n\n{len(rows)} messages (`{direction}`): {sums}.\n")
        parts.append(_table(rows))
    parts.append(
        "## Assumptions\n\nWhat no recording and no document says, and twsim does nevertheless.\n"
    )
    parts.append("".join(f"- {each}\n" for each in assumptions()))
    return "\n".join(parts)


def _table(rows: Iterable[Row]) -> str:
    lines = ["| id | message | conformance | why |", "|---:|---|---|---|"]
    lines += [f"| {row.number} | {row.name} | {row.level} | {row.why} |" for row in rows]
    return "\n".join(lines) + "\n"


def assumptions() -> Iterator[str]:
    """Yield what the modules assume, in `ASSUMPTIONS` or in their docstrings."""
    found = pkgutil.walk_packages(twsim.__path__, "twsim.")
    for name in sorted(each.name for each in found):
        if name == __name__:
            continue
        module = importlib.import_module(name)
        yield from getattr(module, "ASSUMPTIONS", ())
        for match in _ASSUMED.finditer(module.__doc__ or ""):
            words = " ".join(match[1].split()).rstrip(".")
            yield from (_sentence(each) for each in words.split("; "))


def _sentence(words: str) -> str:
    first = words.split(" ", 1)[0]  # a name of IB's, as outsideRth, stays as it is
    return f"{words[0].upper() if first.islower() else words[0]}{words[1:]}."


if __name__ == "__main__":
    sys.stdout.write(document())
