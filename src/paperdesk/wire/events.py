"""The events of the stream: the envelope, what is in it, and how it is framed.

Owns: the body of each type of event, the words for it, and the two ways in which a stream is
written: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) and
JSON lines. Knows nothing of who listens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.batch import BatchHead
from paperdesk.domain.events import Event, EventType
from paperdesk.domain.halt import Halt
from paperdesk.domain.vocabulary import ClientName, HaltMode
from paperdesk.wire.bodies import BatchSummary, LockBody
from paperdesk.wire.encoding import encode, rfc3339
from paperdesk.wire.holdings import ExecutionBody
from paperdesk.wire.interventions import HaltedAccount, StandingHalt
from paperdesk.wire.rows import OrderRow
from paperdesk.wire.values import BatchIdText, Time


class Environment(StrEnum):
    """Whether the gateway is the simulated one that the service brings, or one of its own."""

    SIMULATED = "simulated"
    PAPER = "paper"


class Control(StrEnum):
    """What a stream says of itself. These have no id: they are in no ledger."""

    READY = "stream.ready"
    HEARTBEAT = "heartbeat"
    LAGGED = "stream.lagged"
    RESET = "stream.reset"
    BYE = "stream.bye"


class EventBody(Struct, kw_only=True, frozen=True):
    """One event of the stream. Those of the stream itself have no id."""

    id: Annotated[int | None, Meta(description="The ledger's own number, without gaps.")]
    type: str
    timestamp: Time
    environment: Environment
    account_id: Annotated[str | None, Meta(description="null where it is about all of them.")]
    batch_id: Annotated[str | None, Meta(description="null where it is another client's.")]
    data: msgspec.Raw


# ── What happened ─────────────────────────────────────────────────────────────────────────────


class BatchCounts(Struct, kw_only=True, frozen=True):
    """The rows of a batch, each in one of the first three."""

    filled: Annotated[
        int, Meta(description="Ended on target, be it that nothing was to trade.")
    ]
    working: Annotated[int, Meta(description="Not final.")]
    failed: Annotated[int, Meta(description="Ended short of the target.")]
    total: int


class BatchProgress(Struct, kw_only=True, frozen=True):
    """How far a batch has come."""

    batch_id: BatchIdText
    account_id: str
    client: str
    submitted_at: Time
    summary: BatchSummary
    counts: BatchCounts

    @classmethod
    def of(
        cls, head: BatchHead, *, total: int, working: int, short: tuple[str, ...]
    ) -> BatchProgress:
        """Return the body; `short` are the symbols that ended short of their target."""
        filled = total - working - len(short)
        return cls(
            batch_id=head.batch_id,
            account_id=head.account_id,
            client=head.client,
            submitted_at=rfc3339(head.submitted_at),
            summary=BatchSummary(final=not working, on_target=filled == total, short=short),
            counts=BatchCounts(filled=filled, working=working, failed=len(short), total=total),
        )


class TargetChanged(Struct, kw_only=True, frozen=True):
    """The newest target of a symbol. `batch_id` is null where the batch is another client's."""

    symbol: str
    target: int
    batch_id: str | None
    client: str
    set_at: Time


class PositionChanged(Struct, kw_only=True, frozen=True):
    """A position by our books."""

    symbol: str
    conid: int
    quantity: int


class AccountUpdated(Struct, kw_only=True, frozen=True):
    """What an account is worth, by the broker. Told at most every 30 s."""

    account_id: str
    net_liquidation: Decimal


class ConnectionChanged(Struct, kw_only=True, frozen=True):
    """Whether the broker's session serves an account."""

    account_id: str
    connected: bool
    reason: Annotated[str | None, Meta(description="Why it does not.")]


class HaltChanged(Struct, kw_only=True, frozen=True):
    """A halt that was set, or what stands once one was released.

    As the halt and the resumption answer, but for their orders: each has an event of its own.
    """

    account_id: HaltedAccount
    halted: bool
    mode: HaltMode | UnsetType = UNSET
    by: str | UnsetType = UNSET
    since: Time | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    halt: (
        Annotated[StandingHalt, Meta(description="Another one, which still stands.")]
        | UnsetType
    ) = UNSET

    @classmethod
    def set_by(cls, halt: Halt) -> HaltChanged:
        """Return the body of a halt that was set."""
        return cls(
            account_id=halt.account,
            halted=True,
            mode=halt.mode,
            by=halt.by,
            since=rfc3339(halt.since),
            reason=halt.reason,
        )

    @classmethod
    def released(cls, account: str | None, standing: Halt | None) -> HaltChanged:
        """Return the body of a halt that was released; `standing` holds the account still."""
        return cls(
            account_id=account,
            halted=standing is not None,
            halt=UNSET if standing is None else StandingHalt.of(standing),
        )


# ── What the stream says of itself ────────────────────────────────────────────────────────────


class StreamReady(Struct, kw_only=True, frozen=True):
    """The stream has begun."""

    server_time: Time
    head_id: Annotated[int, Meta(description="The newest event there is, 0 for none.")]
    environment: Environment


class GatewayState(Struct, kw_only=True, frozen=True):
    """A gateway, and those of its accounts that the key may use."""

    gateway: str
    accounts: dict[str, bool]
    is_up: bool


class Heartbeat(Struct, kw_only=True, frozen=True):
    """The stream lives, whether or not anything happens."""

    head_id: int
    gateways: tuple[GatewayState, ...]


class StreamLagged(Struct, kw_only=True, frozen=True, rename={"first": "from", "last": "to"}):
    """The listener did not read for too long: what it was not told, from the ledger's numbers."""

    first: int
    last: int


class StreamReset(Struct, kw_only=True, frozen=True):
    """The id asked for is of another ledger: read everything anew; it goes on from `head_id`."""

    head_id: int


class StreamBye(Struct, kw_only=True, frozen=True):
    """The stream ends."""

    reason: Annotated[
        str, Meta(description="`shutdown`, `unauthorized` or `ledger-unavailable`.")
    ]


_ORDER: Final = "as in `GET /api/v1/orders/{batch_id}`"

# Each type, when it is told, and its `data`: the reference in docs/events.md.
EVENTS: Final[Mapping[EventType, tuple[str, type[Struct]]]] = {
    EventType.BATCH_ACCEPTED: ("A batch was accepted.", BatchProgress),
    EventType.BATCH_PROGRESS: ("Orders of a batch ended, and others have not.", BatchProgress),
    EventType.BATCH_FINAL: (
        "Every order of a batch has ended; told again where one changed after all.",
        BatchProgress,
    ),
    EventType.TARGET_CHANGED: (
        "A symbol has a new newest target: it was planned, and not refused.",
        TargetChanged,
    ),
    EventType.ORDER_SUBMITTED: (
        "An order is on its way to the broker; its frame leaves at once.",
        OrderRow,
    ),
    EventType.ORDER_ACKNOWLEDGED: ("The broker has it.", OrderRow),
    EventType.ORDER_PARTIALLY_FILLED: (
        "More of it was filled, or a correction changed what was; and not the whole is.",
        OrderRow,
    ),
    EventType.ORDER_FILLED: (
        "It was filled; told again where a correction changed its price.",
        OrderRow,
    ),
    EventType.ORDER_CANCELLED: (
        "It ended short of its quantity: cancelled, dropped unsent, or at the end of its time.",
        OrderRow,
    ),
    EventType.ORDER_REJECTED: (
        "It, or a row before it had an order, was refused, by the broker or by us.",
        OrderRow,
    ),
    EventType.ORDER_UNKNOWN: (
        "What became of it is being found out, or for a person to say.",
        OrderRow,
    ),
    EventType.FILL_CREATED: ("A trade, of whichever order of the account.", ExecutionBody),
    EventType.FILL_CORRECTED: (
        "More is known of a trade that was told: its commission, or a newer revision of it.",
        ExecutionBody,
    ),
    EventType.POSITION_CHANGED: ("A position is another.", PositionChanged),
    EventType.ACCOUNT_UPDATED: ("An account is worth something else.", AccountUpdated),
    EventType.CONNECTION_UP: ("The broker's session serves an account.", ConnectionChanged),
    EventType.CONNECTION_DOWN: ("It serves it no more.", ConnectionChanged),
    EventType.HALT_SET: ("An account, or all of them, was halted.", HaltChanged),
    EventType.HALT_RELEASED: ("A halt was ended.", HaltChanged),
    EventType.RECONCILE_MISMATCH: (
        "The broker's position, not ours, was adopted; or a symbol was locked, why ever.",
        LockBody,
    ),
}
CONTROLS: Final[Mapping[Control, tuple[str, type[Struct]]]] = {
    Control.READY: ("The first of each stream.", StreamReady),
    Control.HEARTBEAT: ("Every 5 s.", Heartbeat),
    Control.LAGGED: (
        "The listener did not read for 10 s; the stream ends. Go on with `Last-Event-ID`.",
        StreamLagged,
    ),
    Control.RESET: (
        "The id to go on from is above the newest: the ledger is another, or was restored.",
        StreamReset,
    ),
    Control.BYE: ("The stream ends: the service stops, or the key opens no more.", StreamBye),
}


# ── Framing ───────────────────────────────────────────────────────────────────────────────────


class Form(StrEnum):
    """How a stream is written: the value is its media type."""

    SSE = "text/event-stream"
    LINES = "application/x-ndjson"


def framed(bodies: Iterable[EventBody], form: Form) -> bytes:
    """Return events as they are sent. A body has no line break: JSON escapes it."""
    if form is Form.LINES:
        return b"".join(encode(body) + b"\n" for body in bodies)
    return b"".join(_sse(body) for body in bodies)


def _sse(body: EventBody) -> bytes:
    number = b"" if body.id is None else b"id: %d\n" % body.id
    return b"%bevent: %b\ndata: %b\n\n" % (number, body.type.encode(), encode(body))


def body_of(event: Event, environment: Environment, reader: ClientName | None) -> EventBody:
    """Return an event as `reader` may see it; None sees every batch."""
    is_visible = reader is None or event.client in {None, reader}
    return EventBody(
        id=event.number,
        type=event.kind.value,
        timestamp=rfc3339(event.at),
        environment=environment,
        account_id=event.account,
        batch_id=event.batch_id if is_visible else None,
        data=msgspec.Raw((event.body if is_visible else _private(event.body)).encode()),
    )


def _private(body: str) -> str:
    """Leave out what names another client's batch: its id is in the order's ref too."""
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    hidden = {
        name: msgspec.Raw(b"null") for name in ("batch_id", "order_ref") if name in members
    }
    return encode(members | hidden).decode()
