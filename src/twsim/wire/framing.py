"""Frames: a length of four bytes, most significant first, then that many bytes.

Owns: the frame's limits, cutting a stream into frames, and making one. Does not know what
is inside a frame (tws-facts §1.1).
"""

from __future__ import annotations

import struct
from typing import Final

from twsim.wire.errors import ProtocolError

FRAME_BYTES_MAX: Final = 0xFFFFFF  # what ibapi itself accepts (tws-facts §1.1)
_LENGTH: Final = struct.Struct(">I")


def frame(payload: bytes) -> bytes:
    """Return the payload with its length in front."""
    assert 0 < len(payload) <= FRAME_BYTES_MAX
    return _LENGTH.pack(len(payload)) + payload


class FrameCutter:
    """A buffer that gives back whole frames, and never holds more than one unfinished."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes; ask `next_frame` until it has none."""
        self._buffer += data

    def next_raw(self, count: int) -> bytes | None:
        """Take exactly `count` bytes that stand outside any frame, once they are here."""
        if len(self._buffer) < count:
            return None
        return self._cut(0, count)

    def next_frame(self) -> bytes | None:
        """Take the next whole frame's payload; None until it is complete.

        Raises ProtocolError for a length of nothing or beyond FRAME_BYTES_MAX, as soon as
        the length itself is known: nobody can make the buffer grow by announcing much.
        """
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if not 0 < length <= FRAME_BYTES_MAX:
            raise ProtocolError(f"a frame of {length} bytes")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        return self._cut(_LENGTH.size, end)

    def _cut(self, start: int, end: int) -> bytes:
        taken = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return taken

    def clear(self) -> None:
        """Forget everything unread."""
        self._buffer.clear()

    def __len__(self) -> int:
        return len(self._buffer)
