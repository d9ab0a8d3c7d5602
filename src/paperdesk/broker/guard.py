"""What may leave, and for which accounts.

Owns: the paper guard, and the exact frames that an order and a cancel must be, built anew from
the intent: what ib_async encoded is compared with them field by field before a byte of it is
written. Knows nothing of sockets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from paperdesk.desk.ports import NotSent
from paperdesk.domain.contract import Contract
from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import OrderType

# design.md §8. `[0-9]`, for `\d` would take the digits of every script.
PAPER_ACCOUNT: Final = re.compile(r"D[A-Z]{1,2}[0-9]{4,12}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_GREETING: Final = re.compile(rb"API\0\0\0\0.v[0-9]+\.\.[0-9]+", re.DOTALL)
_UNSETS: Final = frozenset({"2147483647", "9223372036854775807"})

ORDER_MESSAGE: Final = "3"
CANCEL_MESSAGE: Final = "4"
ACCOUNT_AT: Final = 23  # in placeOrder, at every version

# Every request that this adapter may send, by its number. Above all, 58 (the global cancel)
# and 21 (exercise options) are not among them.
REQUESTS: Final[Mapping[str, str]] = {
    "1": "reqMktData",
    "2": "cancelMktData",
    ORDER_MESSAGE: "placeOrder",
    CANCEL_MESSAGE: "cancelOrder",
    "5": "reqOpenOrders",
    "6": "reqAccountUpdates",
    "7": "reqExecutions",
    "9": "reqContractDetails",
    "15": "reqAutoOpenOrders",  # ib_async sends it for client id 0
    "16": "reqAllOpenOrders",
    "49": "reqCurrentTime",
    "59": "reqMarketDataType",
    "61": "reqPositions",
    "71": "startApi",
    "76": "reqAccountUpdatesMulti",
    "81": "reqMatchingSymbols",
    "99": "reqCompletedOrders",
}

# placeOrder at version 178, as ib_async 2.1.0 writes a plain order: what is not named here and
# not of the order itself is empty. ib_async, ibapi 10.51 and @stoqey/ib agree on the place of
# every field (compared by running all three).
_PLAIN_LENGTH: Final = 114
_PLAIN: Final[Mapping[int, str]] = {
    0: ORDER_MESSAGE,
    4: "STK",
    6: "0.0",  # strike
    9: "SMART",
    11: "USD",
    24: "O",  # openClose
    27: "1",  # transmit
    36: "0.0",  # discretionaryAmt
    45: "-1",  # exemptCode
    **dict.fromkeys((25, 28, 29, 30, 31, 32, 34, 43, 46, 49, 52, 53, 55, 61, 66, 77), "0"),
    **dict.fromkeys((80, 81, 84, 86, 87, 88, 89, 96, 105, 106, 107, 108, 111), "0"),
}
# Since which version each of the last five fields is written (IBKR, server_versions.py).
_TAIL_SINCE: Final = (158, 160, 162, 166, 169)
_FA_PROFILE_AT: Final = 42
_FA_PROFILE_UNTIL: Final = 177
_CANCEL_TIME_SINCE: Final = 169


class SentIds:
    """The order ids that a session has used: a second placeOrder with one changes its order.

    Only the newest are known one by one; every id below them counts as used.
    """

    _KEPT_MAX: Final = 4096

    def __init__(self) -> None:
        self._floor = 0
        self._sent: set[int] = set()

    def use(self, order_id: int) -> None:
        """Take note of an id that is about to leave. Raises NotSent where it did before."""
        if order_id <= self._floor or order_id in self._sent:
            raise NotSent(f"order id {order_id} was sent before; it would change that order")
        self._sent.add(order_id)
        if len(self._sent) > self._KEPT_MAX:
            self._floor = sorted(self._sent)[len(self._sent) // 2]
            self._sent = {sent for sent in self._sent if sent > self._floor}


def is_paper(account: str) -> bool:
    """Tell whether `account` can only be a paper account."""
    return PAPER_ACCOUNT.fullmatch(account) is not None


def paper_problem(gateway: str, named: Sequence[str]) -> str | None:
    """Say what is wrong with the accounts that a gateway names, None where all are paper."""
    if not named:
        return (
            f"The gateway at {gateway} names no account: the connection was dropped and stays "
            "shut. Log the gateway in to a paper account and restart Paperdesk."
        )
    others = [account for account in named if not is_paper(account)]
    if not others:
        return None
    return (
        f"The gateway at {gateway} names {_masked(others)}, which is no paper account: the "
        "connection was dropped and stays shut. Log the gateway in to a paper account and "
        "restart Paperdesk."
    )


def is_clean(text: str) -> bool:
    """Tell whether `text` can be one field: the wire has no way to escape its separator."""
    return _CONTROL.search(text) is None


def is_greeting(frame: bytes) -> bool:
    """Tell whether these bytes are the first of a connection, and nothing behind them."""
    return _GREETING.fullmatch(frame) is not None


def fields_of(frame: bytes) -> list[str]:
    """Return the fields of an encoded frame.

    Raises NotSent where it is not one whole frame: behind it could be one that nobody checked.
    """
    if int.from_bytes(frame[:4]) != len(frame) - 4 or not frame.endswith(b"\0"):
        raise NotSent("what was to be sent is not one whole frame")
    return frame[4:].decode(errors="replace").split("\0")[:-1]


def order_fields(order: Order, contract: Contract, version: int) -> list[str]:
    """Return what placeOrder must be for this order. Raises NotSent where it must not be."""
    _check_order(order, contract)
    fields = [_PLAIN.get(at, "") for at in range(_PLAIN_LENGTH)]
    fields[1] = str(order.order_id)
    fields[2] = str(contract.conid)
    fields[3] = contract.symbol
    fields[16] = order.side.value
    fields[17] = str(order.quantity)
    fields[18] = order.terms.order_type.value
    fields[19] = limit_price_text(order)
    fields[21] = order.terms.time_in_force.value
    fields[ACCOUNT_AT] = order.account
    fields[26] = order.ref
    fields[33] = "1" if order.terms.outside_rth else "0"
    fields = fields[: _PLAIN_LENGTH - sum(version < since for since in _TAIL_SINCE)]
    if version < _FA_PROFILE_UNTIL:
        fields.insert(_FA_PROFILE_AT, "")
    return fields


def cancel_fields(order: Order, client_id: int, version: int) -> list[str]:
    """Return what cancelOrder must be. Raises NotSent where it could hit another order."""
    if not order.order_id or order.client_id != client_id:
        raise NotSent(
            f"order {order.ref} was sent with client id {order.client_id}; an order id has a "
            f"meaning only there, and this session has client id {client_id}"
        )
    fields = [CANCEL_MESSAGE, "1", str(order.order_id)]
    return [*fields, ""] if version >= _CANCEL_TIME_SINCE else fields


def limit_price_text(order: Order) -> str:
    """Return the limit price in plain digits, exactly; empty for a market order."""
    price = order.terms.limit_price
    return "" if price is None else format(price, "f")


def check_frame(fields: Sequence[str], permitted: Sequence[str] | None) -> None:
    """Raise NotSent where a frame may not leave.

    `permitted` is the one order or cancel that is being sent; any other is refused.
    """
    name = REQUESTS.get(fields[0]) if fields else None
    if name is None:
        raise NotSent(f"a request that Paperdesk never makes: {fields[:1]}")
    if fields[0] not in {ORDER_MESSAGE, CANCEL_MESSAGE}:
        return
    if permitted is None:
        raise NotSent(f"{name} without an order that asked for it")
    if list(fields) != list(permitted):
        raise NotSent(
            f"{name} was encoded otherwise than intended: {_difference(fields, permitted)}"
        )


def _check_order(order: Order, contract: Contract) -> None:
    """Raise NotSent for an order that could not be meant, whatever made it."""
    price, is_limit = order.terms.limit_price, order.terms.order_type is OrderType.LMT
    checks = (
        (bool(order.order_id and order.order_id > 0), "it has no order id"),
        (order.conid == contract.conid > 0, "its contract is another"),
        (contract.currency == "USD", "its contract is not in USD"),
        (order.quantity > 0, "its quantity is not above 0"),
        ((price is not None) == is_limit, "its limit price does not fit its type"),
        (price is None or (price.is_finite() and price > 0), "its limit price is not above 0"),
        (is_limit or not order.terms.outside_rth, "a market order cannot trade outside hours"),
        (is_paper(order.account), "its account is no paper account"),
        (bool(order.ref and contract.symbol), "it has no reference or no symbol"),
        (_all_clean((order.ref, contract.symbol)), "it has a control character"),
        (
            _UNSETS.isdisjoint({str(order.order_id), str(order.quantity), str(order.conid)}),
            "it has a number that means nothing at IBKR",
        ),
    )
    wrong = [words for is_right, words in checks if not is_right]
    if wrong:
        raise NotSent(f"order {order.ref!r} was stopped: {'; '.join(wrong)}")


def _all_clean(texts: Iterable[str]) -> bool:
    return all(is_clean(text) for text in texts)


def _difference(fields: Sequence[str], permitted: Sequence[str]) -> str:
    if len(fields) != len(permitted):
        return f"{len(fields)} fields, not {len(permitted)}"
    at = next(
        n for n, pair in enumerate(zip(fields, permitted, strict=True)) if pair[0] != pair[1]
    )
    return f"field {at} is {fields[at]!r}, not {permitted[at]!r}"


def _masked(accounts: Iterable[str]) -> str:
    """Return account ids of which a stranger learns nothing: the text is shown in /health."""
    return ", ".join(f"{account[:1]}***{account[-2:]}" for account in accounts)
