"""The file that a backup is.

Owns: its form, the same for every database, and how a file that is cut, altered or something else
is told from a whole one. Knows nothing of databases: its rows are what a column's type makes of a
value in JSON.

It is gzip, and in it one JSON value per line: a head (an object), the rows (arrays), before each
table's rows its name (a string), and an end (an object) with the number of rows of each table and
the sha256 of every line before it. The sum is against accidents; who can write the file can write
another sum, so keep it where the ledger itself could be kept.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, cast

from paperdesk.errors import BackupRefused

FORMAT: Final = 1
LINE_BYTES_MAX: Final = 64 * 1024 * 1024  # the largest batch with its answer is far below
_LEVEL: Final = 6  # what zlib takes for the best of time and size

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Head:
    """What a backup is of: the version of the schema, when, and the columns of each table."""

    schema: str
    at: str
    tables: Mapping[str, Sequence[str]]
    paperdesk_ledger: int = FORMAT


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole file has in it."""

    rows: Mapping[str, int]
    sha256: str


def write(path: Path, head: Head, tables: Iterable[tuple[str, Iterable[Row]]]) -> Summary:
    """Write a backup; there is nothing at `path` until it is whole and on the disk.

    Raises BackupRefused where something is there already, and OSError.
    """
    refuse_existing(path)
    with _placed(path) as file, gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
        lines = _Lines(packed)
        lines.add(asdict(head))
        counts: dict[str, int] = {}
        for name, rows in tables:
            lines.add(name)
            counts[name] = 0
            for row in rows:
                lines.add(row)
                counts[name] += 1
        summary = Summary(counts, lines.sha256())
        lines.add(asdict(summary))
    return summary


def refuse_existing(path: Path) -> None:
    """Raise BackupRefused where something is at `path`: it may be the only backup, or a ledger."""
    if path.exists():
        raise BackupRefused(f"{path} is there already: name another file, or remove it.")


@contextmanager
def _placed(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file of mode 600 that gets its name when it is whole, and vanishes where it fails."""
    descriptor, name = tempfile.mkstemp(
        prefix=f".{path.name}.", suffix=".part", dir=path.parent
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        refuse_existing(path)
        Path(name).replace(path)
        _sync(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make the new name as durable as what it names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Lines:
    """The lines of a file being written, and the sum of them so far."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._sum = hashlib.sha256()

    def add(self, value: object) -> None:
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        if len(line) > LINE_BYTES_MAX:
            raise BackupRefused("a row of the ledger is larger than a backup can hold")
        self._sum.update(line)
        self._file.write(line)

    def sha256(self) -> str:
        return self._sum.hexdigest()


class BackupFile:
    """A file that is meant to be a backup. Raises BackupRefused wherever it turns out not to be."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def head(self) -> Head:
        """Return what it is a backup of. Reads nothing else."""
        with self._open() as lines:
            return self._head_of(next(lines, b""))

    def verify(self) -> Summary:
        """Read it once from one end to the other; return what is in it."""
        summary: Summary | None = None
        for _, _, end in self._read():
            summary = end
        assert summary is not None  # or it would have been refused
        return summary

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield every row with the name of its table. Only at the end is it known to be whole."""
        for table, row, end in self._read():
            if end is None:
                yield table, row

    def _read(self) -> Iterator[tuple[str, Row, Summary | None]]:
        """Yield the rows, and at last the end, once it is seen to fit them."""
        with self._open() as lines:
            first = next(lines, b"")
            self._head_of(first)
            seen, counts, table = hashlib.sha256(first), dict[str, int](), ""
            for line in lines:
                value = self._value_of(line)
                if isinstance(value, dict):
                    found = Summary(counts, seen.hexdigest())
                    self._judge(found, value, rest=next(lines, None))
                    yield "", [], found
                    return
                seen.update(line)
                if isinstance(value, str):
                    table = value
                    counts[table] = 0
                else:
                    counts[table] = counts.get(table, 0) + 1
                    yield table, cast("Row", value), None
        raise self._refusal("it ends before its end: it was cut off")

    def _judge(self, found: Summary, told: Mapping[str, Any], rest: bytes | None) -> None:
        if rest is not None:
            raise self._refusal("something stands behind its end")
        if told != asdict(found):
            raise self._refusal(
                "it was altered: its sum or its counts are not those of its rows"
            )

    @contextmanager
    def _open(self) -> Iterator[Iterator[bytes]]:
        """Open it for one reading, and tell in our words what gzip says of it."""
        try:
            with self._path.open("rb") as file, gzip.GzipFile(fileobj=file) as packed:
                yield iter(lambda: packed.readline(LINE_BYTES_MAX), b"")
        except EOFError as error:
            raise self._refusal("it ends before its end: it was cut off") from error
        except gzip.BadGzipFile as error:
            raise self._refusal("it is no gzip file, or it was altered") from error
        except zlib.error as error:
            raise self._refusal("it was altered: it cannot be unpacked") from error
        except OSError as error:
            raise BackupRefused(f"{self._path} cannot be read: {error.strerror}.") from error

    def _head_of(self, line: bytes) -> Head:
        value = self._value_of(line)
        form = value.get("paperdesk_ledger") if isinstance(value, dict) else None
        if form is None:
            raise self._refusal("it does not begin like one")
        if form != FORMAT:
            raise self._refusal(f"its form is {form!r}, and this Paperdesk reads {FORMAT}")
        try:
            head = Head(**cast("dict[str, Any]", value))
            datetime.fromisoformat(head.at)
        except (TypeError, ValueError):
            raise self._refusal("its head is not understood") from None
        return head

    def _value_of(self, line: bytes) -> object:
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise self._refusal("it was altered, or is something else") from None

    def _refusal(self, why: str) -> BackupRefused:
        return BackupRefused(f"{self._path} is no whole backup of a Paperdesk ledger: {why}.")
