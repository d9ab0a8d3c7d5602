"""The journal: what must outlast the process, one JSON line per change.

Owns: the file, its form, its lock, and starting it anew from whole rows. Does not know
what the rows mean.

A line is written and handed to the operating system before any message leaves that tells
of it, so `kill -9` loses nothing that was told. It is not forced to the disk: a power cut
is not among the things that this simulator promises to survive.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from twsim.exchange.book import Changes

# The file is started anew once it is this long, and twice as long as when it last was.
COMPACT_BYTES_MIN: Final = 16 * 1024 * 1024
_LOCK_TRIES_MAX: Final = 10


class Journal:
    """The file that keeps changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder(decimal_format="string")
        self._everything: Callable[[], Changes] | None = None
        self._bytes = 0
        self._bytes_max = COMPACT_BYTES_MIN

    def lock(self) -> None:
        """Keep every other journal away from the file, until `close` or the process ends.

        Raises ValueError where another one has it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_LOCK_TRIES_MAX):
            file = self._path.open("ab", buffering=0)
            self._take(file)
            if os.path.samestat(os.fstat(file.fileno()), self._path.stat()):
                self._file = file
                return
            file.close()  # it was replaced in between
        raise ValueError(f"{self._path} does not hold still")

    def read(self) -> list[Changes]:
        """Return the changes that were kept, oldest first.

        A last line that was torn by the end of the process was never told to anybody, and
        is dropped. Raises ValueError for any other line that cannot be read.
        """
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().split(b"\n")
        lines.pop()  # what follows the last line's end: nothing, or the torn line
        decoder = msgspec.json.Decoder(Changes)
        try:
            return [decoder.decode(line) for line in lines]
        except msgspec.MsgspecError as error:
            raise ValueError(f"{self._path} is not a journal of twsim: {error}") from None

    def start(self, everything: Callable[[], Changes]) -> None:
        """Replace all lines by one that holds everything, in one step, and stay open.

        The same is done again whenever the file has grown too long. Raises as `lock` does.
        """
        if self._file is None:
            self.lock()
        self._everything = everything
        self._compact()

    def keep(self, changes: Changes) -> None:
        """Append a line."""
        assert self._file is not None
        line = self._encoder.encode(changes) + b"\n"
        written = self._file.write(line)
        assert written == len(line)
        self._bytes += written
        if self._bytes >= self._bytes_max:
            self._compact()

    def close(self) -> None:
        """Close the file, and let others have it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _compact(self) -> None:
        assert self._file is not None
        assert self._everything is not None
        line = self._encoder.encode(self._everything()) + b"\n"
        draft = self._path.with_name(f"{self._path.name}.new")
        # It stays open, and locked: the lock belongs to the file, not to its name.
        file = draft.open("wb", buffering=0)
        self._take(file)
        written = file.write(line)
        assert written == len(line)
        os.fsync(file.fileno())
        draft.replace(self._path)
        self._file.close()
        self._file = file
        self._bytes = len(line)
        self._bytes_max = max(COMPACT_BYTES_MIN, 2 * len(line))

    def _take(self, file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ValueError(f"{self._path} is in use by another gateway") from None
