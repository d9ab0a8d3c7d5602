"""What was said and done in a story, as plain values that the oracle judges.

Owns: the forms of a call, a frame, an order, a fill and a change of a position, and Record, all
of one seed. Knows neither the service nor the gateway.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(slots=True, kw_only=True)
class Call:
    """A call of a program: what it asked from when until when, and what it heard.

    No `status`: the line was cut, or nobody served. `given` is the answer byte for byte.
    """

    at: float
    until: float = 0.0
    program: str
    kind: str
    method: str
    path: str
    key: str | None = None
    body: dict[str, Any] | None = None
    status: int | None = None
    given: bytes = b""

    @property
    def is_ok(self) -> bool:
        """Tell whether it was answered with success."""
        return self.status == 200

    @property
    def answer(self) -> Any:
        """Return the answer, parsed."""
        return json.loads(self.given, parse_float=Decimal) if self.given else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the ledger's file said of an order when its frame was written, committed only."""

    order_id: int | None
    client_id: int | None
    state: str
    cancel_asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A placeOrder that the service wrote, and what was true at that moment.

    `position` is the broker's, `working` are the ids of the service's other orders on the symbol
    there.
    """

    at: float
    client_id: int
    order_id: int
    ref: str
    account: str
    symbol: str
    side: int
    quantity: int
    position: int
    working: tuple[int, ...]
    row: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSent:
    """A cancelOrder that the service wrote, and what the ledger said."""

    at: float
    client_id: int
    order_id: int
    row: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position at the broker, from a moment on."""

    at: float
    account: str
    symbol: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order as the broker has it in the end."""

    perm_id: int
    order_id: int
    client_id: int
    account: str
    symbol: str
    side: int
    quantity: int
    filled: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An execution of the broker, in its newest revision."""

    exec_id: str
    perm_id: int
    order_id: int
    client_id: int
    account: str
    symbol: str
    side: int
    shares: int
    price: Decimal
    commission: Decimal
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A fault that struck, and in which state the order was that it struck."""

    at: float
    fault: str
    symbol: str
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A position as the service showed it before a person did anything, and what was held."""

    account: str
    symbol: str
    shown: int
    held: int
    is_locked: bool


@dataclass(slots=True)
class Record:
    """All of a seed. What is final was asked or read when everything was calm again.

    `ours` is the client id of the service: with an order's id it is the identity that no fault
    can touch. `writes` are the moments of its frames, each with its line. A reference may come back from the broker cut. `not_paper` are the moments at which
    a frame left although the gateway had named an account on this line that is not paper.
    """

    began: datetime
    healed_at: float = 0.0
    ended_at: float = 0.0
    pace: int = 0
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    cancels: list[CancelSent] = field(default_factory=list)
    writes: list[tuple[float, int]] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    placed: dict[int, Placed] = field(default_factory=dict)
    fills: dict[str, Fill] = field(default_factory=dict)
    outside: dict[tuple[str, str], float] = field(default_factory=dict)
    crashes: int = 0
    ups: list[float] = field(default_factory=list)
    gateway_restarts: int = 0
    batches: list[dict[str, Any]] = field(default_factory=list)
    executions: list[dict[str, Any]] = field(default_factory=list)
    positions: dict[str, dict[str, int]] = field(default_factory=dict)
    truth: dict[str, dict[str, int]] = field(default_factory=dict)
    targets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    wanted: dict[tuple[str, str], int] = field(default_factory=dict)
    ours: int = 0
    seen: list[Seen] = field(default_factory=list)
    not_paper: list[float] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    evidence: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    trail: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[tuple[str, str]] = field(default_factory=list)

    def fills_by_id(self) -> dict[str, Fill]:
        """Return the fills by their ids."""
        return {fill.exec_id: fill for fill in self.fills.values()}

    def digest(self) -> str:
        """Return a hash of everything that was said to or by the service."""
        said = json.dumps(
            [[asdict(call) for call in self.calls], [asdict(sent) for sent in self.sent]],
            default=str,
            sort_keys=True,
        )
        return hashlib.sha256(said.encode()).hexdigest()
