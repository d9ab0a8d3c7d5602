"""What is counted, in the desk's words.

Owns: the protocol Meter, to which is told what happened, once for each thing and after its
commit; and Gauges, what is true at the moment it is asked. Knows nothing of how a figure is
named or kept.

Whoever implements Meter must neither raise nor wait: counting never stops an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from paperdesk.domain.batch import Batch, ErrorCode
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import Order, OrderState
from paperdesk.domain.reports import ErrorReport
from paperdesk.domain.views import TargetState
from paperdesk.domain.vocabulary import AccountId


@dataclass(frozen=True, slots=True)
class Moved:
    """An order that went from one state to another in a commit.

    `code` is why, where it was refused before it was sent.
    """

    before: Order
    after: Order
    at: datetime
    code: ErrorCode | None = None


class Meter(Protocol):
    """Whoever counts."""

    def orders_moved(self, moved: Sequence[Moved]) -> None:
        """Take note of orders that changed their state."""

    def rows_refused(self, codes: Sequence[ErrorCode]) -> None:
        """Take note of rows that ended without an order, each by why."""

    def batch_ended(self, batch: Batch) -> None:
        """Take note of a batch of which nothing may trade any more."""

    def frame_sent(self) -> None:
        """Take note that one frame left for a gateway, whatever it was."""

    def message_heard(self) -> None:
        """Take note that one message came from a gateway, whatever it was."""

    def error_told(self, error: ErrorReport) -> None:
        """Take note of an error or a notice of a gateway."""

    def session_renewed(self, gateway: str) -> None:
        """Take note that a gateway's session is up again, after an earlier one."""

    def break_found(self) -> None:
        """Take note of a position that is another than the broker's, when it is first seen."""

    def request_served(self, method: str, template: str, status: int, seconds: float) -> None:
        """Take note of an answered request; `template` is its path with names for ids."""

    def auth_failed(self) -> None:
        """Take note of a request without a valid key."""

    def rate_limited(self) -> None:
        """Take note of a request that came too fast."""


class Unmetered:  # each method anew: what a Protocol leaves empty is abstract
    """Counts nothing."""

    def orders_moved(self, moved: Sequence[Moved]) -> None:
        """Leave it at that."""

    def rows_refused(self, codes: Sequence[ErrorCode]) -> None:
        """Leave it at that."""

    def batch_ended(self, batch: Batch) -> None:
        """Leave it at that."""

    def frame_sent(self) -> None:
        """Leave it at that."""

    def message_heard(self) -> None:
        """Leave it at that."""

    def error_told(self, error: ErrorReport) -> None:
        """Leave it at that."""

    def session_renewed(self, gateway: str) -> None:
        """Leave it at that."""

    def break_found(self) -> None:
        """Leave it at that."""

    def request_served(self, method: str, template: str, status: int, seconds: float) -> None:
        """Leave it at that."""

    def auth_failed(self) -> None:
        """Leave it at that."""

    def rate_limited(self) -> None:
        """Leave it at that."""


UNMETERED: Final[Meter] = Unmetered()


@dataclass(frozen=True, slots=True)
class GatewayNow:
    """A gateway's session. What is not known is None.

    `room` is how many frames may leave at once; the others are ages: of the last message, and
    of the last whole comparison of positions.
    """

    is_up: bool
    room: int
    heard_seconds: float | None
    compared_seconds: float | None


@dataclass(frozen=True, slots=True)
class AccountNow:
    """An account: its newest targets and its orders that may still trade, by state.

    `drift` is what its targets are away from its positions, in USD at market; None where a
    price of that is not known.
    """

    targets: Mapping[TargetState, int]
    orders: Mapping[OrderState, int]
    drift: Decimal | None


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is true now. `halts` is None, and an account is missing, where it is not known."""

    gateways: Mapping[str, GatewayNow]
    is_writable: bool
    halts: Sequence[Halt] | None = None
    accounts: Mapping[AccountId, AccountNow] = field(default_factory=dict)
    configured: Sequence[AccountId] = ()
