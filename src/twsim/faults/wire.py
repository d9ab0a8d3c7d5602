"""The bytes of one session, where something is wrong with its line.

Owns: Wire: what is lost, late, cut, in pieces or in heaps, in both directions. Does not
know messages, sockets or the clock's hands: what is late goes through the agenda.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from twsim.faults.agenda import Agenda
from twsim.faults.chance import Chance
from twsim.session import Line
from twsim.wire.framing import frame

KEPT_BYTES_MAX: Final = 4 * 1024 * 1024  # what a stalled line keeps until it is healed
_LENGTH_BYTES: Final = 4
_NOTHING: Final = timedelta(0)

Deliver = Callable[[bytes], None]


class Wire:
    """One line's troubles; with none of them set, bytes pass as they are."""

    def __init__(self, line: Line, agenda: Agenda, deliver: Deliver) -> None:
        self._line = line
        self._agenda = agenda
        self._deliver = deliver
        self.deaf = False  # what comes in is lost
        self.mute = False  # what goes out is lost
        self.stalled = False  # what goes out is kept
        self.cut_at: int | None = None  # so many bytes of the next frame, then the end
        self.version: int | None = None  # what the next frame, the greeting, announces
        self.size = 0  # bytes of a piece
        self.frames_min = 0  # frames that leave as one
        self.delay = self.jitter = _NOTHING
        self.late_in = self.late_out = False
        self._chance = Chance(0)
        self._kept = bytearray()
        self._frames = 0
        self._under_way = 0  # reads of the client that have not arrived
        self._due_in: datetime | None = None
        self._due_out: datetime | None = None

    def read(self, data: bytes, now: datetime) -> None:
        """Take bytes of the client."""
        if self.deaf:
            return
        if self.late_in:
            self._due_in = self._late(self._due_in, now)
            self._under_way += 1
            self._agenda.add(self._due_in, partial(self._arrive, data))
        elif self.size:
            for start in range(0, len(data), self.size):
                self._deliver(data[start : start + self.size])
        else:
            self._deliver(data)

    def end(self, forget: Callable[[], None], now: datetime) -> None:
        """Take the client's end, which comes behind what it has sent."""
        if self._under_way:
            self._agenda.add(self._due_in or now, forget)
        else:
            forget()

    def _arrive(self, data: bytes) -> None:
        self._under_way -= 1
        self._deliver(data)

    def write(self, data: bytes, now: datetime) -> None:
        """Take bytes for the client."""
        if self.version is not None:
            data, self.version = _announce(data, self.version), None
        if self.cut_at is not None:
            self._cut(data)
        elif self.stalled:
            if len(self._kept) + len(data) <= KEPT_BYTES_MAX:
                self._kept += data
        elif self.mute:
            return
        elif self.frames_min:
            self._heap(data)
        else:
            self._leave(data, now)

    def thaw(self) -> None:
        """Let what was kept leave."""
        data, self._kept = bytes(self._kept), bytearray()
        self._frames = 0
        if data:
            self._line.write(data)

    def _heap(self, data: bytes) -> None:
        self._kept += data
        self._frames += _frames_in(data)
        if self._frames >= self.frames_min or len(self._kept) > KEPT_BYTES_MAX:
            self.thaw()

    def _cut(self, data: bytes) -> None:
        first = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
        end = min(self.cut_at or 0, first - 1)
        self.cut_at, self.mute = None, True
        if end:
            self._line.write(data[:end])
        self._line.close()

    def _leave(self, data: bytes, now: datetime) -> None:
        if self.late_out:
            self._due_out = self._late(self._due_out, now)
            self._agenda.add(self._due_out, partial(self._line.write, data))
        elif self.size:
            self._line.write_pieces(data, self.size)
        else:
            self._line.write(data)

    def _late(self, last: datetime | None, now: datetime) -> datetime:
        """Return when bytes arrive: never before those that were sent earlier."""
        jitter = self._chance.between(Decimal(0), Decimal(str(self.jitter.total_seconds())))
        due = now + self.delay + timedelta(milliseconds=int(jitter * 1000))
        return due if last is None else max(last, due)


def _announce(data: bytes, version: int) -> bytes:
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
    _, separator, rest = data[_LENGTH_BYTES:end].partition(b"\0")
    return frame(str(version).encode() + separator + rest) + data[end:]


def _frames_in(data: bytes) -> int:
    count = place = 0
    while place + _LENGTH_BYTES <= len(data):
        place += _LENGTH_BYTES + int.from_bytes(data[place : place + _LENGTH_BYTES], "big")
        count += 1
    return count
