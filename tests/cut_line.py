"""A line to PostgreSQL that can be cut in the middle of a COMMIT.

Owns: a port that passes everything on to the server's socket, until it is told to cut.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

COMMIT = b"COMMIT\0"


class Cut(Enum):
    """Where the line is cut, once."""

    BEFORE = auto()  # the server never hears of the commit
    DURING = auto()  # it hears of it, and nobody hears of the server any more
    AFTER = auto()  # it has committed, and its answer is lost


@dataclass
class CutLine:
    """The line. Whoever connects is passed on, unless `is_refusing`."""

    to: Path
    listening: socket.socket
    cut: Cut | None = None
    cut_after: bytes = b""  # cut the commit of a connection that was heard to say this
    is_refusing: bool = False
    cuts: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    def url(self, of_server: str) -> str:
        """Return the server's URL by way of this line."""
        port = self.listening.getsockname()[1]
        return of_server.replace("@/", f"@127.0.0.1:{port}/").partition("?")[0]

    def accept_all(self) -> None:
        """Take connections until the port is closed."""
        while True:
            try:
                near, _ = self.listening.accept()
            except OSError:
                return
            self._open.append(near)
            if self.is_refusing:
                near.close()
                continue
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self.to))
            self._open.append(far)
            pair = _Pair(self, near, far)
            threading.Thread(target=pair.pass_questions, daemon=True).start()
            threading.Thread(target=pair.pass_answers, daemon=True).start()

    def close(self) -> None:
        """Close everything."""
        self.listening.shutdown(socket.SHUT_RDWR)
        for each in (self.listening, *self._open):
            each.close()


@dataclass
class _Pair:
    line: CutLine
    near: socket.socket
    far: socket.socket
    swallows_answer: bool = False
    heard: bool = False

    def pass_questions(self) -> None:
        with suppress(OSError):
            while data := self.near.recv(65536):
                self.heard |= self.line.cut is not None and self.line.cut_after in data
                cut = self.line.cut if self.heard and COMMIT in data else None
                if cut is not None:
                    self.line.cut = None
                    self.line.cuts += 1
                self.swallows_answer = cut is Cut.AFTER
                if cut is not Cut.BEFORE:
                    self.far.sendall(data)
                if cut in {Cut.BEFORE, Cut.DURING}:
                    break
        self._end()

    def pass_answers(self) -> None:
        with suppress(OSError):
            while data := self.far.recv(65536):
                if self.swallows_answer:
                    break
                self.near.sendall(data)
        self._end()

    def _end(self) -> None:
        for each in (self.near, self.far):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_line(to: Path) -> Iterator[CutLine]:
    """Run a line to the server that listens at a path."""
    line = CutLine(to, socket.create_server(("127.0.0.1", 0)))
    accepting = threading.Thread(target=line.accept_all, daemon=True)
    accepting.start()
    try:
        yield line
    finally:
        line.close()
        accepting.join()
