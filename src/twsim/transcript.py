"""The transcript: every frame that went in or out, for people and tests to read.

Owns: Frame, and the bounded list of them. Does not know what a frame caused.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields."""
        return tuple(self.payload.decode().split("\0")[:-1])

    @property
    def name(self) -> str:
        """Return IB's name of the message, or its number where it has none here."""
        number = self.payload.partition(b"\0")[0].decode()
        known = REQUESTS if self.direction is Direction.CLIENT else RESPONSES
        message = known.get(int(number)) if number.isdecimal() else None
        return number if message is None else message.NAME

    def __str__(self) -> str:
        line = "?" if self.client_id is None else str(self.client_id)
        return f"{line} {self.direction} {self.name} {'|'.join(self.fields)}|"


class Transcript:
    """The last frames; what is older than `frames_max` is dropped."""

    __slots__ = ("_frames",)

    def __init__(self, frames_max: int = FRAMES_MAX) -> None:
        self._frames: deque[Frame] = deque(maxlen=frames_max)

    def add(self, direction: Direction, client_id: int | None, payload: bytes) -> None:
        """Note a frame."""
        self._frames.append(Frame(direction, client_id, payload))

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
