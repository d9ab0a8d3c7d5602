"""Whoever stands between the service and its gateway, and writes down what happens.

Owns: Witness: every frame that the service writes, with what the ledger's file and the broker's
books say at that moment; the broker's own orders, fills and positions as they change; and which
fault struck in which state of an order. Judges nothing.
"""

from __future__ import annotations

import sqlite3
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from proof.record import CancelSent, Fill, Held, Placed, Record, Row, Sent, Struck
from proof.story import ACCOUNTS, SYMBOLS
from sim import Network, Way, World
from sim.net import Segment
from twsim.exchange.book import Changes
from twsim.exchange.vocabulary import AccountId, ConId, Side
from twsim.faults.plan import LOG_MAX, FaultRecord
from twsim.wire.place_order import PlaceOrder

OURS: Final = 17  # the client id of the service
OUTSIDE: Final = frozenset({"P03", "P04", "P05", "P06"})  # somebody else changes positions
CUT_LISTS: Final = frozenset({"Q02", "Q03"})  # what is missing from a list nobody can see
PLACE, CANCEL, START_API, MANAGED_ACCOUNTS = b"3", b"4", b"71", b"15"
HEARD_WITHIN_SECONDS: Final = 0.1  # the way of a frame, and of what was on its way meanwhile
_HEAD: Final = struct.Struct(">I")
_GREETING: Final = b"API\0"
_UNPAID: Final = (
    "SELECT 1 FROM executions e LEFT JOIN commissions c USING (exec_id) "
    "WHERE is_own AND is_newest AND commission IS NULL"
)
_UNSETTLED: Final = (
    "SELECT 1 FROM orders WHERE is_open AND state != 'working'",
    "SELECT 1 FROM orders WHERE is_open AND cancel_asked",
    "SELECT 1 FROM targets WHERE outcome = 'pending'",
    _UNPAID,
)
_HELD: Final = (
    "SELECT symbol, opening + own FROM positions WHERE account_id = ? AND opening + own != 0"
)
_ROW: Final = "SELECT order_id, client_id, state, cancel_asked FROM orders WHERE "


@dataclass(slots=True)
class _Stream:
    """What one client has written so far, and who it is."""

    number: int
    rest: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    client_id: int | None = None
    not_paper_since: float | None = None


class Witness:
    """Writes a Record of one world."""

    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self._record = record
        self._exchange = world.gateway._world.exchange
        self._server_version = 0
        self._streams: dict[int, _Stream] = {}
        self._file = sqlite3.connect(f"file:{world.ledger}?mode=ro", uri=True)
        self._began = world.clock.now()
        record.ours = OURS
        network: Network = world.network
        network.watch = self._hear
        simulator = world.gateway._world
        simulator._keeper = self
        simulator.faults.deck.log = _Log(self._struck)
        self.keep(self._exchange.everything())

    def close(self) -> None:
        """Let go of the ledger."""
        self._file.close()

    def now(self) -> float:
        """Return the virtual seconds since the world began."""
        return self._world.loop.elapsed

    def is_settled(self, truth: Callable[[str], dict[str, int]]) -> bool:
        """Tell whether nothing is on its way, and the books are the broker's (`truth`).

        Only so long is waited: nothing is judged by it.
        """
        if any(self._file.execute(query).fetchone() for query in _UNSETTLED):
            return False
        for account in ACCOUNTS:
            rows = self._file.execute(_HELD, (account,))
            if dict(rows) != truth(account):
                return False
        return True

    # What the service writes.

    def _hear(self, segment: Segment) -> None:
        if not isinstance(segment.item, bytes):
            return
        stream = self._streams.setdefault(segment.connection, _Stream(segment.connection))
        if segment.way is Way.TO_SERVER:
            for payload in _frames(stream.rest, segment.item):
                self._frame(stream, payload)
        else:
            for payload in _frames(stream.heard, segment.item):
                self._told(stream, payload)

    def _told(self, stream: _Stream, payload: bytes) -> None:
        """Take note of a gateway that names an account which is not paper."""
        fields = payload.split(b"\0")
        if fields[0] == MANAGED_ACCOUNTS and stream.not_paper_since is None:
            named = [name for name in fields[2].decode().split(",") if name]
            if not all(name.startswith("D") for name in named):
                stream.not_paper_since = self.now() + HEARD_WITHIN_SECONDS

    def _frame(self, stream: _Stream, payload: bytes) -> None:
        fields = payload.split(b"\0")
        if fields[0] == START_API:
            stream.client_id = int(fields[2])
        if stream.client_id != OURS:
            return
        self._record.writes.append((self.now(), stream.number))
        if stream.not_paper_since is not None and self.now() > stream.not_paper_since:
            self._record.not_paper.append(self.now())
        if fields[0] == PLACE:
            self._placing([text.decode() for text in fields[:-1]])
        elif fields[0] == CANCEL:
            order_id = int(fields[2])  # behind the message's version
            row = self._row("client_id = ? AND order_id = ?", OURS, order_id)
            seen = CancelSent(at=self.now(), client_id=OURS, order_id=order_id, row=row)
            self._record.cancels.append(seen)

    def _placing(self, fields: list[str]) -> None:
        version = self._world.gateway._session_rules.server_version_max
        frame = PlaceOrder.decode(fields, version)
        account, con_id = AccountId(frame.account), ConId(frame.con_id)
        working = [
            order.order_id
            for order in self._exchange.open_orders()
            if (order.account, order.con_id) == (account, con_id)
            and order.client_id == OURS
            and order.order_id != frame.order_id
        ]
        self._record.sent.append(
            Sent(
                at=self.now(),
                client_id=OURS,
                order_id=frame.order_id,
                ref=frame.order_ref,
                account=frame.account,
                symbol=self._symbol(con_id),
                side=_sign(frame.action),
                quantity=int(frame.total_quantity),
                position=self._exchange.position(account, con_id).quantity,
                working=tuple(working),
                row=self._row("ref = ?", frame.order_ref),
            )
        )

    def _row(self, where: str, *values: Any) -> Row | None:
        found = self._file.execute(_ROW + where, values).fetchone()
        if found is None:
            return None
        order_id, client_id, state, cancel_asked = found
        return Row(
            order_id=order_id,
            client_id=client_id,
            state=state,
            cancel_asked=bool(cancel_asked),
        )

    # What the broker does.

    def keep(self, changes: Changes) -> None:
        """Take note of rows of the broker's books that changed (twsim's Keeper)."""
        for position in changes.positions:
            self._record.held.append(
                Held(
                    at=self.now(),
                    account=position.account,
                    symbol=self._symbol(position.con_id),
                    quantity=position.quantity,
                )
            )
        for order in changes.orders:
            self._record.placed[order.perm_id] = Placed(
                perm_id=order.perm_id,
                order_id=order.order_id,
                client_id=order.client_id,
                account=order.account,
                symbol=self._symbol(order.con_id),
                side=_sign(order.side),
                quantity=order.quantity,
                filled=order.filled,
                status=order.status.value,
            )
        for done in changes.executions:
            self._record.fills[done.base] = Fill(
                exec_id=done.exec_id,
                perm_id=done.perm_id,
                order_id=done.order_id,
                client_id=done.client_id,
                account=done.account,
                symbol=self._symbol(done.con_id),
                side=_sign(done.side),
                shares=done.shares,
                price=done.price,
                commission=done.commission,
                at=self._elapsed(done.at),
            )

    def _struck(self, fault: FaultRecord) -> None:
        """Take note of a fault, and of the states of the orders that it may concern."""
        where, values = "is_open", list[Any]()
        if fault.order_id is not None and fault.client in {OURS, None}:
            where, values = "order_id = ?", [fault.order_id]
        elif fault.symbol:
            where, values = "is_open AND symbol = ?", [fault.symbol]
        query = f"SELECT DISTINCT state FROM orders WHERE {where} ORDER BY state"  # noqa: S608 - of the three above
        states = tuple(state for (state,) in self._file.execute(query, values))
        if fault.id in OUTSIDE or (fault.id in CUT_LISTS and not self._is_opened()):
            self._blur()
        self._record.struck.append(
            Struck(
                at=self._elapsed(fault.at),
                fault=fault.id,
                symbol=fault.symbol,
                states=states or ("none",),
            )
        )

    def _is_opened(self) -> bool:
        """Tell whether the service has taken the opening position of every account."""
        query = "SELECT count(DISTINCT account_id) FROM openings"
        return bool(self._file.execute(query).fetchone()[0] == len(ACCOUNTS))

    def _blur(self) -> None:
        """From now on positions are not what the service can know, or not at once."""
        for account in ACCOUNTS:
            for symbol in SYMBOLS:
                self._record.outside.setdefault((account, symbol), self.now())

    def _symbol(self, con_id: ConId) -> str:
        return self._exchange.contracts[con_id].symbol

    def _elapsed(self, at: datetime) -> float:
        return (at - self._began).total_seconds()


class _Log(deque[FaultRecord]):
    """twsim's log of faults, which tells of each."""

    def __init__(self, told: Any) -> None:
        super().__init__(maxlen=LOG_MAX)
        self._told = told

    def append(self, record: FaultRecord) -> None:
        """Note a fault."""
        super().append(record)
        self._told(record)


def _frames(rest: bytearray, data: bytes) -> Iterator[bytes]:
    """Take what was written to `rest`; yield the frames that are whole by now."""
    rest += data
    if rest.startswith(_GREETING):
        del rest[: len(_GREETING)]
    while len(rest) >= _HEAD.size:
        (size,) = _HEAD.unpack_from(rest)
        if len(rest) < _HEAD.size + size:
            return
        payload = bytes(rest[_HEAD.size : _HEAD.size + size])
        del rest[: _HEAD.size + size]
        yield payload


def _sign(side: str) -> int:
    return 1 if side == Side.BUY else -1
