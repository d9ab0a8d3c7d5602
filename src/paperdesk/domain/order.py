"""Orders and their one state machine.

Owns: Order, OrderState, the transition table, and the functions below, the only way an order
changes. Knows nothing of Interactive Brokers' numbers, of the ledger, or of the time.

How much is filled is data, not a state. Whether a cancel was asked is data too: the same
order can be asked to cancel before its first answer, while it works, or when it is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ConId,
    OrderId,
    OrderRef,
    OrderType,
    PermId,
    Side,
    Symbol,
    TimeInForce,
)

# After Cancelled a fill may still be on its way; after Filled nothing is left to come.
SETTLE_AFTER_CANCEL: Final = timedelta(seconds=1)
# An order that ends so far in the future ended before somebody set the clock back. Less is a time
# that was read before another one, and committed after it.
CLOCK_SET_BACK: Final = timedelta(minutes=1)


class OrderState(StrEnum):
    """Where an intent is in its life."""

    PLANNED = "planned"  # written down, not sent
    SENDING = "sending"  # claimed: from here nobody may ever send it again
    UNKNOWN = "unknown"  # sent, and the answer was lost
    QUARANTINED = "quarantined"  # unknown, and only a person can say what became of it
    WORKING = "working"  # the broker has it
    FILLED = "filled"  # its executions add up to its quantity
    CANCELLED = "cancelled"  # ended by the broker, by request or not
    REJECTED = "rejected"  # refused by the broker, with its words
    NOT_PLACED = "not_placed"  # claimed, and known never to have reached the broker
    DROPPED = "dropped"  # withdrawn, superseded or halted before it was sent
    LAPSED = "lapsed"  # too old to be sent


class OrderEvent(StrEnum):
    """What can happen to an order."""

    CLAIMED = "claimed"  # by the sender, before the wire sees it
    NOT_SENT = "not_sent"  # no byte was handed to a live connection
    LOST = "lost"  # line lost, restart, or no answer in time
    VANISHED = "vanished"  # no longer in a complete read of what the broker has
    ABSENT = "absent"  # proven, or said by a person: the broker never had it
    QUARANTINED = "quarantined"  # the evidence is contradictory, or too old to be served
    ACKNOWLEDGED = "acknowledged"  # a report that names a working status
    FILLED = "filled"  # executions add up
    CANCELLED = "cancelled"  # it ended, asked for or not
    REJECTED = "rejected"  # an error code or a completed order says that it was refused
    DROPPED = "dropped"  # it is not wanted any more, and nobody claimed it
    LAPSED = "lapsed"  # nobody claimed it in time


_S, _E = OrderState, OrderEvent

# A missing key is an error of ours. Reports fold by rank, Filled > Cancelled > rejected >
# working, so that any order and any repetition of them leads to the same state. The page
# docs/order-lifecycle.md is this table.
TRANSITIONS: Final[Mapping[tuple[OrderState, OrderEvent], OrderState]] = {
    (_S.PLANNED, _E.CLAIMED): _S.SENDING,
    (_S.PLANNED, _E.DROPPED): _S.DROPPED,
    (_S.PLANNED, _E.LAPSED): _S.LAPSED,
    (_S.SENDING, _E.NOT_SENT): _S.NOT_PLACED,
    (_S.SENDING, _E.LOST): _S.UNKNOWN,
    (_S.SENDING, _E.VANISHED): _S.UNKNOWN,
    (_S.SENDING, _E.ACKNOWLEDGED): _S.WORKING,
    (_S.SENDING, _E.FILLED): _S.FILLED,
    (_S.SENDING, _E.CANCELLED): _S.CANCELLED,
    (_S.SENDING, _E.REJECTED): _S.REJECTED,
    (_S.UNKNOWN, _E.NOT_SENT): _S.NOT_PLACED,  # the sender knows; unknown was a guess
    (_S.UNKNOWN, _E.LOST): _S.UNKNOWN,
    (_S.UNKNOWN, _E.VANISHED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.ABSENT): _S.NOT_PLACED,
    (_S.UNKNOWN, _E.QUARANTINED): _S.QUARANTINED,
    (_S.UNKNOWN, _E.ACKNOWLEDGED): _S.WORKING,
    (_S.UNKNOWN, _E.FILLED): _S.FILLED,
    (_S.UNKNOWN, _E.CANCELLED): _S.CANCELLED,
    (_S.UNKNOWN, _E.REJECTED): _S.REJECTED,
    (_S.QUARANTINED, _E.LOST): _S.QUARANTINED,
    (_S.QUARANTINED, _E.VANISHED): _S.QUARANTINED,
    (_S.QUARANTINED, _E.ABSENT): _S.NOT_PLACED,
    (_S.QUARANTINED, _E.QUARANTINED): _S.QUARANTINED,
    (_S.QUARANTINED, _E.ACKNOWLEDGED): _S.WORKING,
    (_S.QUARANTINED, _E.FILLED): _S.FILLED,
    (_S.QUARANTINED, _E.CANCELLED): _S.CANCELLED,
    (_S.QUARANTINED, _E.REJECTED): _S.REJECTED,
    (_S.WORKING, _E.LOST): _S.WORKING,  # what is known stays known without a line
    (_S.WORKING, _E.VANISHED): _S.UNKNOWN,
    (_S.WORKING, _E.ACKNOWLEDGED): _S.WORKING,
    (_S.WORKING, _E.FILLED): _S.FILLED,
    (_S.WORKING, _E.CANCELLED): _S.CANCELLED,
    (_S.WORKING, _E.REJECTED): _S.REJECTED,
    (_S.REJECTED, _E.LOST): _S.REJECTED,
    (_S.REJECTED, _E.VANISHED): _S.REJECTED,
    (_S.REJECTED, _E.ACKNOWLEDGED): _S.REJECTED,
    (_S.REJECTED, _E.FILLED): _S.FILLED,
    (_S.REJECTED, _E.CANCELLED): _S.CANCELLED,
    (_S.REJECTED, _E.REJECTED): _S.REJECTED,
    (_S.CANCELLED, _E.LOST): _S.CANCELLED,
    (_S.CANCELLED, _E.VANISHED): _S.CANCELLED,
    (_S.CANCELLED, _E.ACKNOWLEDGED): _S.CANCELLED,
    (_S.CANCELLED, _E.FILLED): _S.FILLED,  # a fill can be on its way while a cancel lands
    (_S.CANCELLED, _E.CANCELLED): _S.CANCELLED,
    (_S.CANCELLED, _E.REJECTED): _S.CANCELLED,
    (_S.FILLED, _E.LOST): _S.FILLED,
    (_S.FILLED, _E.VANISHED): _S.FILLED,
    (_S.FILLED, _E.ACKNOWLEDGED): _S.FILLED,
    (_S.FILLED, _E.FILLED): _S.FILLED,
    (_S.FILLED, _E.CANCELLED): _S.FILLED,
    (_S.FILLED, _E.REJECTED): _S.FILLED,
    (_S.NOT_PLACED, _E.LOST): _S.NOT_PLACED,
    (_S.NOT_PLACED, _E.VANISHED): _S.NOT_PLACED,
    # A late arrival is adopted: only what the broker never had, as far as we know, reopens.
    (_S.NOT_PLACED, _E.ACKNOWLEDGED): _S.WORKING,
    (_S.NOT_PLACED, _E.FILLED): _S.FILLED,
    (_S.NOT_PLACED, _E.CANCELLED): _S.CANCELLED,
    (_S.NOT_PLACED, _E.REJECTED): _S.REJECTED,
    # Nobody claimed these. Only a restored ledger hears of one: it was sent after the backup.
    (_S.DROPPED, _E.ACKNOWLEDGED): _S.WORKING,
    (_S.DROPPED, _E.FILLED): _S.FILLED,
    (_S.DROPPED, _E.CANCELLED): _S.CANCELLED,
    (_S.DROPPED, _E.REJECTED): _S.REJECTED,
    (_S.LAPSED, _E.ACKNOWLEDGED): _S.WORKING,
    (_S.LAPSED, _E.FILLED): _S.FILLED,
    (_S.LAPSED, _E.CANCELLED): _S.CANCELLED,
    (_S.LAPSED, _E.REJECTED): _S.REJECTED,
}

TERMINAL: Final = frozenset(
    {
        _S.FILLED,
        _S.CANCELLED,
        _S.REJECTED,
        _S.NOT_PLACED,
        _S.DROPPED,
        _S.LAPSED,
    }
)
SENT: Final = frozenset({_S.SENDING, _S.UNKNOWN, _S.QUARANTINED, _S.WORKING})
# The broker never had it, as far as this ledger knows.
UNPLACED: Final = frozenset({_S.NOT_PLACED, _S.DROPPED, _S.LAPSED})
UNRESOLVED: Final = frozenset({_S.UNKNOWN, _S.QUARANTINED})


class WireStatus(StrEnum):
    """The working statuses that a broker tells, weakest first."""

    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"


class ShownStatus(StrEnum):
    """The statuses of the outside contract."""

    PENDING_SUBMIT = "PendingSubmit"
    PENDING_CANCEL = "PendingCancel"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"
    NO_CHANGE = "no_change"
    ERROR = "error"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms an order trades: everything but side and quantity."""

    order_type: OrderType
    limit_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    outside_rth: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An intent and everything that is known of it.

    `quantity` and `filled_qty` are shares, never negative. `filled_qty` and `filled_value`
    (shares × price) are summed over the newest revision of each execution. `executed_qty` is
    summed over the largest: a correction may take shares back, but it does not make the order
    work again. `broker_filled` is the largest filled quantity the broker has named, which may
    run ahead of the executions. `send_before` is when an intent that nobody claimed lapses;
    `reference_price` is what its limits were judged by.
    """

    ref: OrderRef
    batch_id: BatchId
    seq: int
    account: AccountId
    conid: ConId
    symbol: Symbol
    side: Side
    quantity: int
    terms: Terms
    planned_at: datetime
    send_before: datetime
    reference_price: Decimal | None = None
    state: OrderState = OrderState.PLANNED
    order_id: OrderId | None = None
    client_id: int | None = None
    perm_id: PermId | None = None
    wire_status: WireStatus | None = None
    is_held: bool = False  # told Inactive without a reject: it may still trade
    is_refused: bool = False  # a refusal was told that may be of its cancel
    is_expired: bool = False  # ended by the broker at the end of its time, not by a cancel
    good_until: datetime | None = None  # the close that ends a DAY order, where it is known
    is_late: bool = False  # it was thought never to have been placed
    cancel_asked: bool = False
    filled_qty: int = 0
    executed_qty: int = 0
    filled_value: Decimal = Decimal(0)
    commission: Decimal | None = None
    broker_filled: int = 0
    is_said: bool = False  # a person said what it came to: the broker's figure adds nothing
    broker_code: int | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    sent_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_terminal(self) -> bool:
        """Tell whether only a late arrival can still change the order."""
        return self.state in TERMINAL

    @property
    def leaves(self) -> int:
        """Shares that may still trade."""
        return 0 if self.is_terminal else self.quantity - self.executed_qty

    @property
    def signed_leaves(self) -> int:
        """Leaves with the sign of the side."""
        return self.side.sign * self.leaves

    @property
    def avg_fill_price(self) -> Decimal | None:
        """Average price of the executions, None before the first."""
        return self.filled_value / self.filled_qty if self.filled_qty else None

    @property
    def settles_at(self) -> datetime | None:
        """When a cancelled order is settled if nothing more is heard of it; None where never."""
        if self.state is not OrderState.CANCELLED or self.ended_at is None:
            return None
        if self.executed_qty < self.broker_filled:
            return None
        return self.ended_at + SETTLE_AFTER_CANCEL

    def is_silent(self, since: datetime, now: datetime) -> bool:
        """Tell whether nothing was ever heard of the order, and it was claimed by `since`.

        One that was claimed in the future was: the clock was set back after it.
        """
        if self.state is not OrderState.SENDING or self.sent_at is None:
            return False
        return not since < self.sent_at <= now + CLOCK_SET_BACK

    def is_settled(self, now: datetime) -> bool:
        """Tell whether the next order on the contract may be computed from the position.

        Terminal, with executions that add up to what the broker says it filled, and after a
        cancel one second more for a fill on its way. Where the clock was set back since, nobody
        knows how long that is over; but it must not keep the contract locked for as long.
        """
        if self.state is OrderState.CANCELLED:
            settles_at = self.settles_at
            return settles_at is not None and (
                settles_at <= now or settles_at > now + CLOCK_SET_BACK
            )
        return self.is_terminal and self.executed_qty >= self.broker_filled


class InvalidTransition(AssertionError):
    """An event that cannot happen to an order in this state: a defect of ours."""


def advance(order: Order, event: OrderEvent, at: datetime) -> Order:
    """Return `order` after `event`. Raises InvalidTransition and changes nothing otherwise."""
    state = TRANSITIONS.get((order.state, event))
    if state is None:
        raise InvalidTransition(f"{order.ref}: {event} while {order.state}")
    if state is order.state:
        return order
    return replace(order, state=state, ended_at=at if state in TERMINAL else None)


_SHOWN: Final[Mapping[OrderState, ShownStatus]] = {
    _S.PLANNED: ShownStatus.PENDING_SUBMIT,
    _S.SENDING: ShownStatus.PENDING_SUBMIT,
    _S.UNKNOWN: ShownStatus.UNKNOWN,
    _S.QUARANTINED: ShownStatus.UNKNOWN,
    _S.FILLED: ShownStatus.FILLED,
    _S.CANCELLED: ShownStatus.CANCELLED,
    _S.REJECTED: ShownStatus.INACTIVE,
    _S.NOT_PLACED: ShownStatus.ERROR,
    _S.DROPPED: ShownStatus.CANCELLED,
    _S.LAPSED: ShownStatus.ERROR,
}


HELD: Final = "the broker holds the order as Inactive; it may still trade"


def shown_warnings(order: Order) -> tuple[str, ...]:
    """Return what a caller is warned of: what the broker said, and what is true now."""
    if order.is_terminal:
        return (*order.warnings, *_missing(order))
    held = (HELD,) if order.is_held else ()
    refused = (f"{order.error} (IBKR {order.broker_code})",) if order.error else ()
    return (*order.warnings, *held, *refused)


def _missing(order: Order) -> tuple[str, ...]:
    if order.executed_qty >= order.broker_filled:
        return ()
    words = (
        f"the broker filled {order.broker_filled:,} shares of it, "
        f"of which {order.executed_qty:,} are known here by their executions"
    )
    return (words,)


def shown_status(order: Order) -> ShownStatus:
    """Return the status a caller sees (contract.md, the table under Statuses)."""
    if order.state is OrderState.CANCELLED and order.is_expired:
        return ShownStatus.INACTIVE
    if order.cancel_asked and order.state in {OrderState.SENDING, OrderState.WORKING}:
        return ShownStatus.PENDING_CANCEL
    if order.state is OrderState.WORKING:
        return ShownStatus(order.wire_status or WireStatus.PRE_SUBMITTED)
    return _SHOWN[order.state]
