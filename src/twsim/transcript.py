"""The transcript: every frame that went in or out, for people and tests to read.

Owns: Frame, and the bounded list of them. Does not know what a frame caused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from twsim.wire.layout import Message
from twsim.wire.requests import REQUESTS
from twsim.wire.responses import RESPONSES

FRAMES_MAX: Final = 50_000  # by default; some 20 MB


class Direction(StrEnum):
    """Who speaks."""

    CLIENT = "C>"
    SERVER = "S>"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: who said it, on whose line, and its fields, the message's number first."""

    direction: Direction
    client_id: int | None  # None until the client has said who it is
    payload: bytes
    server_version: int = 0  # what the two agreed on; 0 before they did

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields."""
        return tuple(self.payload.decode().split("\0")[:-1])

    @property
    def name(self) -> str:
        """Return IB's name of the message, or its number where it has none here."""
        kind = self.kind
        return self.payload.partition(b"\0")[0].decode() if kind is None else kind.NAME

    @property
    def kind(self) -> type[Message] | None:
        """Return the type of the message; None where it has none here."""
        number = self.payload.partition(b"\0")[0].decode()
        known = REQUESTS if self.direction is Direction.CLIENT else RESPONSES
        return known.get(int(number)) if number.isdecimal() else None

    def __str__(self) -> str:
        line = "?" if self.client_id is None else str(self.client_id)
        return f"{line} {self.direction} {self.name} {'|'.join(self.fields)}|"


class Transcript:
    """The last frames; what is older than `frames_max` is dropped."""

    __slots__ = ("_frames", "_listener")

    def __init__(
        self, frames_max: int = FRAMES_MAX, listener: Callable[[Frame], None] | None = None
    ) -> None:
        self._frames: deque[Frame] = deque(maxlen=frames_max)
        self._listener = listener

    def add(self, frame: Frame) -> None:
        """Note a frame, and tell whoever listens."""
        self._frames.append(frame)
        if self._listener is not None:
            self._listener(frame)

    def frames(
        self, name: str | None = None, *, direction: Direction | None = None
    ) -> list[Frame]:
        """Return the frames of one name, or all, oldest first."""
        return [
            frame
            for frame in self._frames
            if direction in (None, frame.direction) and name in (None, frame.name)
        ]

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()
