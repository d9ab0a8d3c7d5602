"""The catalogue of faults: every one that this gateway can have, as one literal table.

Owns: the 72 ids of the reliability plan, what each does, where it may strike, and its
parameters with their defaults and ranges. Does not know how any of them is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twsim.faults.kinds import Fault, FaultError, Parameter, Point, choice, count, seconds

_NOW, _CONNECT, _START = Point.NOW, Point.CONNECT, Point.START
_PLACE, _MODIFY, _CANCEL = Point.PLACE, Point.MODIFY, Point.CANCEL
_FILL, _QUERY = Point.FILL, Point.QUERY
_ANY_REQUEST = (_PLACE, _CANCEL, _QUERY, _NOW)
_OF = choice("of", "any", "open", "completed", "executions", "positions", "account")
# How long a link stays bad; 0 is until the faults are cleared.
_LASTS = seconds("lasts", "0", "0", "600")

_LINK: Final = (
    Fault(
        "L01",
        "The port refuses connections for a while; lines that exist go on",
        (_NOW, _PLACE),
        (seconds("delay", "5", "0", "60"),),
    ),
    Fault(
        "L02", "A connection is accepted, then nothing is read or said", (_CONNECT,), (_LASTS,)
    ),
    Fault(
        "L03",
        "The answer to the handshake ends after some bytes, and the line with it",
        (_CONNECT,),
        (count("bytes", 5, 0, 20),),
    ),
    Fault("L04", "The line is reset when an order arrives; the order is lost", (_PLACE,)),
    Fault("L05", "The line is reset when an order arrives; the order is accepted", (_PLACE,)),
    Fault(
        "L06",
        "The line ends in the middle of the next frame",
        (_QUERY, _PLACE, _CANCEL),
        (count("bytes", 10, 1, 100),),
    ),
    Fault(
        "L07",
        "Half open: the socket stays, nothing is read and nothing comes any more",
        _ANY_REQUEST,
        (_LASTS,),
    ),
    Fault(
        "L08",
        "Zero window: the gateway stops reading, but goes on speaking",
        _ANY_REQUEST,
        (_LASTS,),
    ),
    Fault(
        "L09",
        "What the client sends is lost on the way, until the line is cut at the end",
        _ANY_REQUEST,
        (_LASTS,),
    ),
    Fault(
        "L10",
        "What the gateway says is lost on the way, until the line is cut at the end",
        _ANY_REQUEST,
        (_LASTS,),
    ),
    Fault(
        "L11",
        "Latency; what was sent first still arrives first",
        (_NOW, _CONNECT),
        (
            seconds("delay", "0.5", "0", "30"),
            seconds("jitter", "0", "0", "30"),
            choice("way", "out", "in", "both"),
            _LASTS,
        ),
    ),
    Fault(
        "L12",
        "Bytes arrive in pieces, in both directions",
        (_NOW, _CONNECT),
        (count("size", 1, 1, 4096), _LASTS),
    ),
    Fault(
        "L13",
        "Frames are held back until there are many, then leave as one piece",
        (_NOW, _CONNECT),
        (count("frames", 200, 2, 1000), seconds("delay", "1", "0", "30"), _LASTS),
    ),
    Fault(
        "L14",
        "1100, then 1102: orders sent meanwhile and news of orders arrive afterwards",
        (_NOW, _PLACE),
        (seconds("delay", "5", "0.1", "54000"),),
    ),
    Fault(
        "L15",
        "1100, then 1101: orders sent meanwhile, news of orders and quotes are lost",
        (_NOW, _PLACE),
        (seconds("delay", "5", "0.1", "54000"),),
    ),
    Fault(
        "L16",
        "1100, then every line is cut and no 1102 comes",
        (_NOW, _PLACE),
        (seconds("delay", "5", "0.1", "54000"),),
    ),
)

_SESSION: Final = (
    Fault(
        "A01",
        "326: the client id counts as in use for a while, and the line ends",
        (_START,),
        (seconds("delay", "600", "0", "600"),),
    ),
    Fault(
        "A02",
        "The nightly restart: lines reset, what arrived is lost, the port is shut for a while,"
        " and next order ids are lower than before",
        (_PLACE, _CANCEL, _NOW),
        (seconds("delay", "90", "0", "300"), count("rollback", 4, 0, 100)),
    ),
    Fault(
        "A03",
        "The weekly login is due: lines end, and the port stays shut until somebody came",
        (_NOW, _PLACE),
        (seconds("delay", "28800", "0", "86400"),),
    ),
    Fault(
        "A04",
        "Another session takes over: 10197, then the line ends, some times in a row",
        (_START, _NOW),
        (seconds("delay", "1", "0", "60"), count("rounds", 3, 1, 100)),
    ),
    Fault("A05", "nextValidId never comes", (_START,)),
    Fault(
        "A06",
        "nextValidId is a number that it should not be: huge, or lower than used ones",
        (_START,),
        (count("value", 2_548_181_185, 0, 9_223_372_036_854_775_807),),
    ),
    Fault(
        "A07",
        "managedAccounts names a live account, both kinds, none, comes late, or changes",
        (_START,),
        (
            choice("mode", "live", "mixed", "empty", "late", "changed"),
            seconds("delay", "2", "0", "60"),
        ),
    ),
    Fault(
        "A08",
        "The gateway announces a version beyond the client's, or speaks unknown messages",
        (_CONNECT,),
        (choice("mode", "version", "messages"), Parameter("version", 201)),
    ),
    Fault(
        "A09",
        "321: the API is read-only; orders, cancels and lists of orders are refused",
        (_PLACE, _CANCEL, _QUERY),
    ),
    Fault(
        "A10",
        "A new gateway process: every line is cut and may come back at once; orders, positions"
        " and executions are what they were",
        (_NOW, _PLACE),
        (choice("ids", "kept", "reset"),),
    ),
)

_ORDERS: Final = (
    Fault("O01", "The gateway drops the order without a word", (_PLACE,)),
    Fault(
        "O02", "The gateway shows the order as sent; the broker never hears of it", (_PLACE,)
    ),
    Fault(
        "O03",
        "Nothing is heard of the order for a while, though it works and fills",
        (_PLACE,),
        (seconds("delay", "5", "0", "600"),),
    ),
    Fault(
        "O04",
        "The order and its executions are missing from every list for a while",
        (_PLACE,),
        (seconds("delay", "5", "0", "20"),),
    ),
    Fault("O05", "103: the order id counts as used; no order", (_PLACE,)),
    Fault("O06", "201: the order is rejected and Inactive", (_PLACE,)),
    Fault(
        "O07",
        "The order is Submitted first, then rejected with 201",
        (_PLACE,),
        (seconds("delay", "1", "0", "60"),),
    ),
    Fault("O08", "10349 is said of the order, which lives on", (_PLACE,)),
    Fault(
        "O09",
        "399: the order is held PreSubmitted until the exchange opens, here after a while",
        (_PLACE,),
        (seconds("delay", "5", "0", "86400"),),
    ),
    Fault(
        "O10",
        "404: the order is held while shares are located, then works",
        (_PLACE,),
        (seconds("delay", "5", "0", "600"),),
    ),
    Fault(
        "O11",
        "The order is shown Inactive, and after a while it fills or is cancelled",
        (_PLACE,),
        (seconds("delay", "5", "0", "600"), choice("then", "filled", "cancelled")),
    ),
    Fault(
        "O12",
        "Each orderStatus comes again",
        (_PLACE,),
        (count("copies", 2, 1, 5),),
    ),
    Fault("O13", "No orderStatus is pushed for the order", (_PLACE,)),
    Fault(
        "O14",
        "The last orderStatus comes before the earlier ones",
        (_PLACE,),
        (seconds("delay", "5", "0", "60"),),
    ),
    Fault("O15", "A modify becomes a second order with a perm id of its own", (_MODIFY,)),
    Fault(
        "O16",
        "The first messages of the order have perm id 0",
        (_PLACE,),
        (count("messages", 2, 1, 20),),
    ),
    Fault(
        "O17",
        "The orderRef is cut to so many characters",
        (_PLACE,),
        (count("length", 20, 0, 40),),
    ),
    Fault(
        "O18",
        "The order fills in part, then the broker cancels the rest with 202",
        (_PLACE,),
        (count("percent", 40, 1, 99), seconds("delay", "0", "0", "60")),
    ),
)

_CANCELS: Final = (
    Fault(
        "C01",
        "The cancel works at once and is confirmed late",
        (_CANCEL,),
        (seconds("delay", "5", "0", "600"),),
    ),
    Fault(
        "C02",
        "The cancel is answered only when the exchange opens; delay 0 is the next 9:30",
        (_CANCEL,),
        (seconds("delay", "0", "0", "345600"),),
    ),
    Fault("C03", "10147: the order is not found, though it works", (_CANCEL,)),
    Fault("C04", "10148: the order counts as Filled, though it works", (_CANCEL,)),
    Fault("C05", "The order fills before its cancel arrives", (_CANCEL,)),
    Fault(
        "C06",
        "A fill arrives after Cancelled",
        (_CANCEL,),
        (seconds("delay", "1", "0", "10"), count("percent", 100, 1, 100)),
    ),
)

_EXECUTIONS: Final = (
    Fault("E01", "execDetails comes twice", (_FILL,), (count("copies", 1, 1, 5),)),
    Fault(
        "E02",
        "The execution is corrected: the same id with .02, another price or quantity",
        (_FILL,),
        (
            seconds("delay", "1", "0", "600"),
            choice("change", "price", "quantity"),
            Parameter("cents", 5),
            Parameter("shares", -1),
        ),
    ),
    Fault(
        "E03",
        "execDetails comes before openOrder and orderStatus",
        (_PLACE,),
        (seconds("delay", "5", "0", "60"),),
    ),
    Fault(
        "E04", "Executions and commissions are not pushed; only a query shows them", (_PLACE,)
    ),
    Fault(
        "E05",
        "The execution is missing from a query and pushed after its end",
        (_FILL,),
        (seconds("delay", "30", "0", "600"),),
    ),
    Fault("E06", "The order fills in parts", (_PLACE,), (count("parts", 3, 1, 100),)),
    Fault(
        "E07",
        "The commission is late, missing, -1, huge, or no number",
        (_FILL,),
        (
            choice("mode", "late", "missing", "negative", "huge", "none"),
            seconds("delay", "5", "0", "600"),
        ),
    ),
    Fault(
        "E08",
        "A commission of an unknown execution comes, or an execution of another client",
        (_FILL,),
        (choice("mode", "commission", "execution"),),
    ),
    Fault(
        "E09",
        "The execution's time is written in another form",
        (_FILL,),
        (choice("form", "eastern", "met", "fold", "utc", "malformed"),),
    ),
)

_POSITIONS: Final = (
    Fault(
        "P01",
        "Positions show the time before the fill for a while",
        (_FILL,),
        (seconds("delay", "5", "0", "60"),),
    ),
    Fault("P02", "Positions never show the fill, until the faults are cleared", (_FILL,)),
    Fault(
        "P03",
        "Somebody trades by hand: order id 0, client 0, no orderRef",
        (_NOW, _PLACE),
        (choice("side", "BUY", "SELL"), count("shares", 10, 1, 1_000_000)),
    ),
    Fault(
        "P04",
        "2148, then the broker closes positions with order id -1",
        (_NOW, _PLACE),
    ),
    Fault(
        "P05",
        "The paper account is reset: no positions, no orders, the first cash",
        (_NOW, _PLACE),
        (Parameter("cash", 1_000_000),),
    ),
    Fault(
        "P06",
        "A split overnight, or another symbol for the same stock",
        (_NOW, _PLACE),
        (count("ratio", 2, 1, 100), Parameter("rename", "")),
    ),
)

_QUERIES: Final = (
    Fault("Q01", "The end of a list never comes", (_QUERY,), (_OF,)),
    Fault("Q02", "A list is empty, with its end, though there are rows", (_QUERY,), (_OF,)),
    Fault(
        "Q03",
        "A list has only its first rows, with its end",
        (_QUERY,),
        (_OF, count("rows", 1, 0, 1000)),
    ),
    Fault(
        "Q04",
        "Executions and completed orders are forgotten at the midnight of another zone",
        (_QUERY,),
        (_OF, choice("zone", "UTC", "Europe/Berlin", "Asia/Hong_Kong", "America/New_York")),
    ),
    Fault("Q05", "Completed orders have no orderRef", (_QUERY,)),
    Fault(
        "Q06",
        "A list is huge: rows that nobody placed come before its end",
        (_QUERY,),
        (_OF, count("rows", 5000, 1, 20_000)),
    ),
    Fault(
        "Q07",
        "The rows of two lists come in turn; one alone waits for so long",
        (_QUERY,),
        (_OF, seconds("delay", "1", "0", "60")),
    ),
)

CATALOGUE: Final[Mapping[str, Fault]] = {
    fault.id: fault
    for part in (_LINK, _SESSION, _ORDERS, _CANCELS, _EXECUTIONS, _POSITIONS, _QUERIES)
    for fault in part
}


def fault_of(fault_id: str) -> Fault:
    """Return a fault. Raises FaultError where there is none of this id."""
    fault = CATALOGUE.get(fault_id)
    if fault is None:
        raise FaultError(f"there is no fault {fault_id}; `twsim faults` lists them")
    return fault


def lines() -> list[str]:
    """Return the catalogue for people: one line per fault."""
    return [
        f"{fault.id}  {'|'.join(fault.points):<26} {fault.words}"
        + "".join(f"; {parameter}" for parameter in fault.parameters)
        for fault in CATALOGUE.values()
    ]
