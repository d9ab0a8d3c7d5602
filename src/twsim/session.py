"""A session: one client's line, who it is, and what it has subscribed to.

Owns: Session, and World, what a session needs from those around it. Does not know how
any request is answered, nor what carries the bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Protocol

from twsim import render
from twsim.exchange.exchange import Exchange
from twsim.exchange.outcomes import Outcome
from twsim.exchange.refusals import Refusal
from twsim.exchange.vocabulary import ClientId
from twsim.rules import SessionRules
from twsim.subscriptions import Subscriptions
from twsim.transcript import Direction, Frame, Transcript
from twsim.wire.layout import Message
from twsim.wire.protocol import Connection
from twsim.wire.responses import ErrorMessage

NO_REQUEST: Final = -1
_SECOND: Final = timedelta(seconds=1)


class Line(Protocol):
    """Whatever carries bytes to a client."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """End the line once what was written is through."""

    def write_pieces(self, data: bytes, size: int) -> None:
        """Send bytes so that the client reads them in pieces of this size."""

    def pause(self, *, paused: bool) -> None:
        """Stop reading, or go on."""

    def reset(self) -> None:
        """End the line at once, so that the client sees a reset."""


class Bytes(Protocol):
    """Whatever stands between a session and its line."""

    def read(self, data: bytes, now: datetime) -> None:
        """Take bytes of the client."""

    def write(self, data: bytes, now: datetime) -> None:
        """Take bytes for the client."""

    def end(self, forget: Callable[[], None], now: datetime) -> None:
        """Take the client's end; forget it behind what it has sent."""


class Censor(Protocol):
    """Whatever changes messages on their way out."""

    is_active: bool

    def outgoing(self, session: Session, message: Message) -> list[Message]:
        """Return what becomes of a message."""


class World(Protocol):
    """What the sessions share."""

    exchange: Exchange
    transcript: Transcript
    rules: SessionRules

    @property
    def faults(self) -> Censor:
        """Return what may change messages."""

    def now(self) -> datetime:
        """Return the present time."""

    def managed_accounts(self) -> list[str]:
        """Return the accounts that clients are told of."""

    def admit(self, session: Session, client_id: ClientId) -> bool:
        """Give a session its client id, unless another has it."""

    def publish(self, outcomes: Iterable[Outcome]) -> None:
        """Tell every session what concerns it."""


class Session:
    """One client."""

    def __init__(self, world: World, line: Line) -> None:
        self.world = world
        self.line = line
        self.wire: Bytes | None = None  # where something is wrong with the line
        self.connection = Connection(server_version_max=world.rules.server_version_max)
        self.client_id: ClientId | None = None
        self.closing = False
        self.subscriptions = Subscriptions(world.exchange, self.say)
        self.market_data_type = 1
        self.binds_by_hand = False  # reqAutoOpenOrders of client 0
        self.log_level = 2  # of setServerLogLevel: error, which is what a gateway starts with
        self._received: deque[datetime] = deque(maxlen=world.rules.messages_per_second_max or 0)
        self._outbox = bytearray()

    # Speaking.

    def say(self, message: Message) -> None:
        """Put a message into the outbox; it leaves once what it tells is kept."""
        faults = self.world.faults
        if faults.is_active:
            for each in faults.outgoing(self, message):
                self.speak(each)
        else:
            self.speak(message)

    def speak(self, message: Message) -> None:
        """Put a message into the outbox as it is, whatever faults there are."""
        data = self.connection.send(message)
        self.note(Direction.SERVER, data[4:])
        self._outbox += data

    def refuse(self, refusal: Refusal, req_id: int = NO_REQUEST) -> None:
        """Say no, or give a notice."""
        self.say(ErrorMessage(req_id=req_id, code=refusal.code, text=refusal.text))

    def greet(self, now: datetime) -> None:
        """Answer the handshake; those bytes leave alone (tws-facts §1.6)."""
        data = self.connection.hello(render.greeting_time(now))
        self.note(Direction.SERVER, data[4:])
        self._write(data)

    def flush(self) -> None:
        """Let the outbox leave."""
        if self._outbox:
            self._write(bytes(self._outbox))
            self._outbox.clear()
        if self.closing:
            self.line.close()

    def cut(self) -> None:
        """Reset the line; what was not flushed never leaves."""
        self._outbox.clear()
        self.closing = True
        self.line.reset()

    def _write(self, data: bytes) -> None:
        if self.wire is None:
            self.line.write(data)
        else:
            self.wire.write(data, self.world.now())

    def note(self, direction: Direction, payload: bytes) -> None:
        """Write a frame into the transcript."""
        version = self.connection.server_version
        self.world.transcript.add(Frame(direction, self.client_id, payload, version))

    # Listening.

    def is_too_fast(self, now: datetime) -> bool:
        """Count a message; tell whether the last second had more than the rules allow."""
        most = self._received.maxlen
        if not most:
            return False
        crowded = len(self._received) == most and now - self._received[0] < _SECOND
        self._received.append(now)
        return crowded
