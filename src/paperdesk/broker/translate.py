"""What a gateway's message says, in our words.

Owns: the decoding of every message that can change an order, an execution, a position or an
account, at server versions 157 to 178, from the raw text fields. Pure, and exact: no number
is ever a float. A message that cannot be decoded is None, never an error and never a guess.
Knows nothing of sockets or of ib_async.

Positions of fields: the recordings in tests/data/wire/real_messages.txt and IBKR's own
decoders, which agree; they are cited per table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from paperdesk.broker.error_codes import effect_of
from paperdesk.broker.scalars import decimal, decimal_or_none, integer, time_or_none
from paperdesk.domain.execution import Execution
from paperdesk.domain.position import whole_shares
from paperdesk.domain.reports import (
    CommissionReport,
    CompletedReport,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    PositionReport,
    Report,
    StatusReport,
    Told,
)
from paperdesk.domain.views import Holding
from paperdesk.domain.vocabulary import (
    AccountId,
    ConId,
    ExecId,
    OrderId,
    OrderRef,
    PermId,
    Side,
    Symbol,
)

# Every status that IBKR documents for openOrder and orderStatus. ApiPending, PendingSubmit
# and PendingCancel say that the order is there, nothing more.
STATUSES: Final[Mapping[str, Told]] = {
    "ApiPending": Told.ACKNOWLEDGED,
    "PendingSubmit": Told.ACKNOWLEDGED,
    "PendingCancel": Told.ACKNOWLEDGED,
    "PreSubmitted": Told.PRE_SUBMITTED,
    "Submitted": Told.SUBMITTED,
    "ApiCancelled": Told.CANCELLED,
    "Cancelled": Told.CANCELLED,
    "Filled": Told.FILLED,
    "Inactive": Told.INACTIVE,
}
_SIDES: Final[Mapping[str, Side]] = {"BOT": Side.BUY, "SLD": Side.SELL}
# The last three are of institutional accounts (IBKR, "Order", action).
_ACTIONS: Final[Mapping[str, Side]] = {
    "BUY": Side.BUY,
    "SELL": Side.SELL,
    "SSHORT": Side.SELL,
    "SSHORTX": Side.SELL,
    "SLONG": Side.SELL,
}
_PEGGED_TO_BENCHMARK: Final = frozenset({"PEG BENCH", "PEGBENCH"})

_GROUP_MAX: Final = 1000  # legs or parameters of one order


@dataclass(frozen=True, slots=True)
class _Message:
    """A message's fields, the version that lays them out, and when it came."""

    fields: Sequence[str]
    version: int
    received_at: datetime


def report_of(
    fields: Sequence[str], server_version: int, received_at: datetime
) -> Report | None:
    """Return what the message reports, None for none or for one that cannot be decoded.

    An execution whose time is not understood happened when it was received: a fill is never
    dropped for the spelling of a time.
    """
    decode = _DECODERS.get(fields[0]) if fields else None
    if decode is None:
        return None
    try:
        return decode(_Message(fields, server_version, received_at))
    except (IndexError, KeyError, ValueError, ArithmeticError):
        return None


class _Cursor:
    """Walks fields whose number depends on other fields."""

    def __init__(self, fields: Sequence[str], at: int) -> None:
        self._fields = fields
        self.at = at

    def take(self) -> str:
        field = self._fields[self.at]
        self.at += 1
        return field

    def skip(self, count: int) -> None:
        self.at += count

    def skip_if_said(self, count: int) -> str:
        """Skip `count` fields more where this one is not empty."""
        field = self.take()
        if field:
            self.skip(count)
        return field

    def skip_each(self, size: int) -> None:
        """Skip as many groups of `size` as this field says."""
        count = integer(self.take())
        if not 0 <= count <= _GROUP_MAX:
            raise ValueError(f"{count} groups")
        self.skip(count * size)


def _skip_to_hedge(cursor: _Cursor) -> None:
    """Skip combo legs, their prices, routing parameters, scale and hedge fields."""
    cursor.skip_each(8)
    cursor.skip_each(1)
    cursor.skip_each(2)
    cursor.skip(2)
    if (decimal_or_none(cursor.take()) or Decimal(0)) > 0:  # scalePriceIncrement
        cursor.skip(7)
    cursor.skip_if_said(1)


def _skip_to_solicited(cursor: _Cursor) -> None:
    """Skip the delta neutral contract and the algorithm."""
    if integer(cursor.take()):
        cursor.skip(3)
    if cursor.take():
        cursor.skip_each(2)


def _version_shift(version: int) -> int:
    """Below 177 there is one field more, faProfile, behind the account group."""
    return 1 if version < 177 else 0  # noqa: PLR2004  IBKR, MIN_SERVER_VER_FA_PROFILE_DESUPPORT


def _open_order(message: _Message) -> OrderReport | None:
    """`openOrder`. Its status stands behind fields that only some orders have."""
    fields = message.fields
    cursor = _Cursor(fields, 61 + _version_shift(message.version))
    is_delta_neutral = bool(cursor.take())
    cursor.skip(1)
    cursor.skip((8 if is_delta_neutral else 0) + 7)
    _skip_to_hedge(cursor)
    cursor.skip(4)
    _skip_to_solicited(cursor)
    cursor.skip(1)
    if integer(cursor.take()):  # whatIf: a question, no order
        return None
    return OrderReport(
        order_ref=OrderRef(fields[23]),
        client_id=integer(fields[24]),
        order_id=OrderId(integer(fields[1])),
        perm_id=PermId(integer(fields[25])),
        account=AccountId(fields[20]),
        conid=ConId(integer(fields[2])),
        quantity=decimal(fields[14]),
        told=STATUSES[cursor.take()],
        symbol=fields[3],
        side=_ACTIONS[fields[13]],
        order_type=fields[15],
        limit_price=decimal_or_none(fields[16]) or None,  # 0.0 is none (seen)
        has_conditions=_has_conditions(cursor, fields[15]),
    )


def _has_conditions(cursor: _Cursor, order_type: str) -> bool:
    """Tell whether conditions follow the margins, the fees and the warning behind the status.

    Where that cannot be read they may: an order is not dropped for its tail.
    """
    cursor.skip(16 + (5 if order_type in _PEGGED_TO_BENCHMARK else 0))
    try:
        return integer(cursor.take()) != 0
    except (IndexError, ValueError, ArithmeticError):
        return True


def _order_status(message: _Message) -> StatusReport:
    fields = message.fields
    return StatusReport(
        client_id=integer(fields[9]),
        order_id=OrderId(integer(fields[1])),
        perm_id=PermId(integer(fields[6])),
        told=STATUSES[fields[2]],
        filled=decimal(fields[3]),
        why_held=fields[10],
    )


def _execution(message: _Message) -> ExecutionReport:
    """`execDetails`. Manual orders have order id 0 or, by a defect of TWS, unset."""
    fields = message.fields
    if not fields[14]:
        raise ValueError("an execution without an id")
    return ExecutionReport(
        Execution(
            exec_id=ExecId(fields[14]),
            account=AccountId(fields[16]),
            conid=ConId(integer(fields[3])),
            symbol=Symbol(fields[4] or fields[12]),
            side=_SIDES[fields[18]],
            quantity=whole_shares(decimal(fields[19])),
            price=decimal(fields[20]),
            executed_at=time_or_none(fields[15]) or message.received_at,
            order_ref=OrderRef(fields[26]) if fields[26] else None,
            order_id=OrderId(integer(fields[2])) or None,
            client_id=integer(fields[22]),
            perm_id=PermId(integer(fields[21])) or None,
            exchange=fields[17],
        )
    )


def _commission(message: _Message) -> CommissionReport:
    """`commissionReport`. Unset is Java's largest double, nothing, or -1 (all were seen)."""
    fields = message.fields
    commission = decimal_or_none(fields[3])
    return CommissionReport(
        exec_id=ExecId(fields[2]),
        commission=None if commission == -1 else commission,
        currency=fields[4],
        realized_pnl=decimal_or_none(fields[5]),
    )


def _completed_order(message: _Message) -> CompletedReport:
    """`completedOrder`. Conditions stand between its status and its end, so both are used."""
    fields = message.fields
    cursor = _Cursor(fields, 52 + _version_shift(message.version))
    is_delta_neutral = bool(cursor.take())
    cursor.skip(1)
    cursor.skip((4 if is_delta_neutral else 0) + 5)
    _skip_to_hedge(cursor)
    cursor.skip(3)
    _skip_to_solicited(cursor)
    cursor.skip(1)
    # From 170 on five fields of pegged orders follow the words at the end.
    words_at = len(fields) - (6 if message.version >= 170 else 1)  # noqa: PLR2004  ..._PEGBEST_PEGMID_OFFSETS
    if words_at - 8 <= cursor.at:
        raise ValueError("too short")
    return CompletedReport(
        order_ref=OrderRef(fields[22]),
        perm_id=PermId(integer(fields[23])),
        account=AccountId(fields[19]),
        conid=ConId(integer(fields[1])),
        told=STATUSES[cursor.take()],
        filled=decimal_or_none(fields[words_at - 8]) or Decimal(0),
        words=fields[words_at],
    )


def _error(message: _Message) -> ErrorReport:
    fields = message.fields
    code = integer(fields[3])
    return ErrorReport(
        request_id=integer(fields[2]),
        code=code,
        words=fields[4],
        effect=effect_of(code).effect,
    )


def _position(message: _Message) -> PositionReport:
    fields = message.fields
    return PositionReport(
        account=AccountId(fields[2]),
        conid=ConId(integer(fields[3])),
        symbol=fields[4],
        sec_type=fields[5],
        currency=fields[11],
        quantity=decimal(fields[14]),
        avg_cost=decimal_or_none(fields[15]) or Decimal(0),
    )


_DECODERS: Final[Mapping[str, Callable[[_Message], Report | None]]] = {
    "3": _order_status,
    "4": _error,
    "5": _open_order,
    "11": _execution,
    "59": _commission,
    "61": _position,
    "101": _completed_order,
}


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """What an account holds of one contract, with the gateway's prices (`portfolioValue`)."""

    account: AccountId
    holding: Holding


@dataclass(frozen=True, slots=True)
class NetLiquidation:
    """An account's net liquidation value, from `accountValue` or `accountUpdateMulti`."""

    account: AccountId
    value: Decimal


@dataclass(frozen=True, slots=True)
class Tick:
    """One price of a snapshot (`tickPrice`), None where there is no quote."""

    kind: int
    price: Decimal | None


def portfolio_row_of(fields: Sequence[str]) -> PortfolioRow | None:
    """Return the row of `portfolioValue`, None where it cannot be decoded."""
    try:
        return PortfolioRow(
            account=AccountId(fields[19]),
            holding=Holding(
                conid=ConId(integer(fields[2])),
                symbol=Symbol(fields[3]),
                quantity=whole_shares(decimal(fields[13])),
                avg_cost=decimal_or_none(fields[16]),
                market_price=decimal_or_none(fields[14]),
                market_value=decimal_or_none(fields[15]),
                unrealized_pnl=decimal_or_none(fields[17]),
            ),
        )
    except (IndexError, ValueError, ArithmeticError):
        return None


# Where account, key and value stand. The multi message has the request id and a model code,
# which is empty for the account itself.
_VALUE_FIELDS: Final[Mapping[str, tuple[int, int, int]]] = {"6": (5, 2, 3), "73": (3, 5, 6)}


def net_liquidation_of(fields: Sequence[str]) -> NetLiquidation | None:
    """Return the net liquidation that `accountValue` or `accountUpdateMulti` tells, if any."""
    try:
        account_at, key_at, value_at = _VALUE_FIELDS[fields[0]]
        if fields[key_at] != "NetLiquidation" or (fields[0] == "73" and fields[4]):
            return None
        return NetLiquidation(AccountId(fields[account_at]), decimal(fields[value_at]))
    except (IndexError, KeyError, ValueError, ArithmeticError):
        return None


def managed_accounts_of(fields: Sequence[str]) -> tuple[str, ...]:
    """Return the accounts that `managedAccounts` names; a list may end in a comma."""
    names = fields[2].split(",") if len(fields) > 2 else []  # noqa: PLR2004  id, version, list
    return tuple(name for name in names if name)


def tick_of(fields: Sequence[str]) -> Tick | None:
    """Return the price of `tickPrice`. No quote is -1 or 0."""
    try:
        price = decimal_or_none(fields[4])
        return Tick(integer(fields[3]), price if price is not None and price > 0 else None)
    except (IndexError, ValueError, ArithmeticError):
        return None
