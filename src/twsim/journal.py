"""The journal: what must outlast the process, one JSON line per change.

Owns: the file, its form, and starting it anew from whole rows. Does not know what the
rows mean.

A line is written and handed to the operating system before any message leaves that tells
of it, so `kill -9` loses nothing that was told. It is not forced to the disk: a power cut
is not among the things that this simulator promises to survive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from twsim.exchange.book import Changes


class Journal:
    """The file that keeps changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder(decimal_format="string")

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

    def start(self, everything: Changes) -> None:
        """Replace all lines by one that holds everything, in one step, and stay open."""
        assert self._file is None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.new")
        with draft.open("wb") as file:
            file.write(self._encoder.encode(everything) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._file = self._path.open("ab", buffering=0)

    def keep(self, changes: Changes) -> None:
        """Append a line."""
        assert self._file is not None
        line = self._encoder.encode(changes) + b"\n"
        written = self._file.write(line)
        assert written == len(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
