"""The protocol's state machine: a connection as a value, with no socket in sight.

Owns: the handshake, the choice of server version, and the way from bytes to events and
from messages to bytes. Does not know what a request means, nor who the client is.

The caller feeds what it reads to `receive_data`, acts on the events in order, writes what
`hello` and `send` return, and closes the line after `Broken`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from twsim.wire.errors import ProtocolError
from twsim.wire.fields import FIELDS_MAX
from twsim.wire.framing import FrameCutter, frame
from twsim.wire.layout import Message, message_id
from twsim.wire.requests import REQUESTS, StartApi

SERVER_VERSION_MIN: Final = 157  # older clients speak layouts that are not written here
SERVER_VERSION_MAX: Final = 178  # why not more: tws-facts §1.2 and §1.3

_PREAMBLE: Final = b"API\0"
_HELLO: Final = re.compile(rb"v([0-9]{1,6})(?:\.\.([0-9]{1,6}))?(?: (.*))?", re.DOTALL)
HELLO_BYTES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Hello:
    """The client named the versions it speaks; answer with `Connection.hello`, alone."""

    version_min: int
    version_max: int
    options: str


@dataclass(frozen=True, slots=True)
class Received:
    """A request arrived and was understood."""

    request: Message
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A well-formed message of an unknown number arrived."""

    number: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """What arrived has no reading; nothing after it will be read. Close the line."""

    reason: str


Event = Hello | Received | Unrecognised | Broken


class State(StrEnum):
    """What the connection waits for."""

    PREAMBLE = "preamble"
    HELLO = "hello"
    START = "start"
    OPEN = "open"
    BROKEN = "broken"


class Connection:
    """One client's line to the gateway."""

    __slots__ = ("_cutter", "_version_max", "server_version", "state")

    def __init__(self, *, server_version_max: int = SERVER_VERSION_MAX) -> None:
        assert SERVER_VERSION_MIN <= server_version_max <= SERVER_VERSION_MAX
        self._cutter = FrameCutter()
        self._version_max = server_version_max
        self.state = State.PREAMBLE
        self.server_version = 0

    def receive_data(self, data: bytes) -> list[Event]:
        """Feed bytes; return the events they complete. Any split of the bytes will do."""
        if self.state is State.BROKEN:
            return []
        self._cutter.feed(data)
        events: list[Event] = []
        try:
            while (event := self._next_event()) is not None:
                events.append(event)
        except ProtocolError as error:
            self.state = State.BROKEN
            self._cutter.clear()
            events.append(Broken(str(error)))
        return events

    def hello(self, time: str) -> bytes:
        """Return the answer to Hello; nothing else may share its segment (tws-facts §1.6)."""
        assert self.server_version
        return _join((str(self.server_version), time))

    def send(self, message: Message) -> bytes:
        """Return the bytes that carry a message to this client."""
        return _join(message.encode(self.server_version))

    def _next_event(self) -> Event | None:
        if self.state is State.PREAMBLE:
            if not self._skip_preamble():
                return None
            self.state = State.HELLO
        payload = self._cutter.next_frame()
        if payload is None:
            return None
        if self.state is State.HELLO:
            return self._greet(payload)
        return self._read(payload)

    def _skip_preamble(self) -> bool:
        preamble = self._cutter.next_raw(len(_PREAMBLE))
        if preamble not in (None, _PREAMBLE):
            raise ProtocolError("no API preamble")
        return preamble is not None

    def _greet(self, payload: bytes) -> Hello:
        match = _HELLO.fullmatch(payload) if len(payload) <= HELLO_BYTES_MAX else None
        if match is None:
            raise ProtocolError("no versions in the greeting")
        lowest = int(match[1])
        highest = int(match[2] or lowest)
        if highest < SERVER_VERSION_MIN:
            raise ProtocolError(f"the client speaks at most version {highest}")
        self.server_version = min(highest, self._version_max)
        self.state = State.START
        return Hello(lowest, highest, (match[3] or b"").decode("latin-1"))

    def _read(self, payload: bytes) -> Received | Unrecognised:
        fields = split(payload)
        number = message_id(fields)
        known = REQUESTS.get(number)
        if self.state is State.START:
            if known is not StartApi:
                raise ProtocolError(f"message {number} before startApi")
            self.state = State.OPEN
        if known is None:
            return Unrecognised(number, fields)
        return Received(known.decode(fields, self.server_version), fields)


def split(payload: bytes) -> tuple[str, ...]:
    """Return a frame's fields; each of them ends with a NUL, the last one too."""
    if not payload.endswith(b"\0"):
        raise ProtocolError("a frame that does not end a field")
    if payload.count(b"\0") > FIELDS_MAX:
        raise ProtocolError(f"more than {FIELDS_MAX} fields")
    try:
        return tuple(payload[:-1].decode().split("\0"))
    except UnicodeDecodeError:
        raise ProtocolError("a field that is not text") from None


def _join(fields: Sequence[str]) -> bytes:
    # Clients read seven bits and undo Python's or Java's escapes (tws-facts §1.6).
    text = "\0".join(fields) + "\0"
    return frame(text.encode("ascii", "backslashreplace"))
