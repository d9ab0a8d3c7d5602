"""The file that a backup is: written whole or not at all, and read whole or refused."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperdesk.errors import BackupRefused
from paperdesk.ledger.backup_file import BackupFile, Head, Row, Summary, write

HEAD = Head("0001", "2026-03-09T14:30:00+00:00", {"numbers": ["id", "name"], "empty": ["id"]})
ROWS: list[Row] = [[1, "one"], [2, None], [3, "drei\n\u20ac\u2028\0"]]
VALUES = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"))
TABLES = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
    st.lists(st.lists(VALUES, max_size=4), max_size=5),
    max_size=4,
)
# Each example makes a file of its own.
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.backup"


def backup(path: Path) -> bytes:
    """Write the backup that the tests damage; return its bytes."""
    write(path, HEAD, [("numbers", iter(ROWS)), ("empty", iter(()))])
    return path.read_bytes()


def content(path: Path) -> tuple[Head, list[tuple[str, Row]], Summary]:
    """Return everything that is in a file."""
    file = BackupFile(path)
    return file.head(), list(file.rows()), file.verify()


@in_one_folder
@given(TABLES)
def test_what_was_written_is_read(path: Path, tables: dict[str, list[Row]]) -> None:
    path.unlink(missing_ok=True)
    written = write(path, HEAD, ((name, iter(rows)) for name, rows in tables.items()))
    head, rows, summary = content(path)

    assert head == HEAD
    assert rows == [(name, row) for name, rows in tables.items() for row in rows]
    assert summary == written
    assert summary.rows == {name: len(rows) for name, rows in tables.items()}


def test_a_file_that_is_cut_anywhere_is_refused(path: Path) -> None:
    whole = backup(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])

        with pytest.raises(BackupRefused, match="no whole backup"):
            BackupFile(path).verify()


def test_a_flipped_bit_is_refused_or_says_nothing(path: Path) -> None:
    """Of the bits around the lines some mean nothing, such as gzip's hint about a system."""
    whole, intact, harmless = backup(path), content(path), 0
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert content(path) == intact, f"bit {bit}"
            harmless += 1
        except BackupRefused:
            pass

    assert harmless < 80  # those of the head of gzip, at the most


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def put(path: Path, lines: list[Any]) -> None:
    path.write_bytes(
        gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    )


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (0, asdict(replace(HEAD, schema="0002"))),
        (2, [1, "two"]),
        (2, [1, "one", 4]),
        (5, "full"),
    ],
)
def test_a_line_that_was_altered_is_refused(path: Path, number: int, line: object) -> None:
    backup(path)
    lines = lines_of(path)
    put(path, [*lines[:number], line, *lines[number + 1 :]])

    with pytest.raises(BackupRefused, match="its sum or its counts"):
        BackupFile(path).verify()


def test_lines_that_are_gone_doubled_or_behind_the_end_are_refused(path: Path) -> None:
    backup(path)
    lines = lines_of(path)
    for wrong in ([*lines[:2], *lines[3:]], [*lines[:2], lines[2], *lines[2:]], [*lines, [9]]):
        put(path, wrong)
        with pytest.raises(BackupRefused):
            BackupFile(path).verify()


def test_two_backups_in_one_file_are_none(path: Path) -> None:
    whole = backup(path)
    path.write_bytes(whole + whole)

    with pytest.raises(BackupRefused, match="something stands behind its end"):
        BackupFile(path).verify()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (b"", "it does not begin like one|something else"),
        (b"SQLite format 3\0" + bytes(100), "it is no gzip file"),
        (gzip.compress(b"", mtime=0), "something else"),
        (gzip.compress(b"-- a dump\nCREATE TABLE x", mtime=0), "something else"),
        (gzip.compress(b'{"name": "package.json"}\n', mtime=0), "it does not begin like one"),
        (gzip.compress(b"[1, 2]\n", mtime=0), "it does not begin like one"),
        (
            gzip.compress(b'{"paperdesk_ledger": 2}\n', mtime=0),
            "its form is 2, and this Paperdesk reads 1",
        ),
        (gzip.compress(b'{"paperdesk_ledger": 1}\n', mtime=0), "its head is not understood"),
        (gzip.compress(b"[" * 100_000, mtime=0), "something else"),
    ],
)
def test_a_file_of_another_kind_is_named_and_refused(
    path: Path, found: bytes, words: str
) -> None:
    path.write_bytes(found)

    with pytest.raises(BackupRefused, match=words) as raised:
        BackupFile(path).head()
    assert str(path) in raised.value.detail


def test_a_file_that_is_not_there_or_a_folder_is_named(path: Path) -> None:
    for wrong, words in ((path, "No such file"), (path.parent, "Is a directory")):
        with pytest.raises(BackupRefused, match=f"{wrong} cannot be read: {words}"):
            BackupFile(wrong).head()


def test_the_file_is_its_owners_alone_and_nothing_else_is_left(path: Path) -> None:
    backup(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_what_is_there_already_is_never_written_over(path: Path) -> None:
    path.write_text("the ledger itself, by mistake")

    with pytest.raises(BackupRefused, match="is there already"):
        backup(path)
    assert path.read_text() == "the ledger itself, by mistake"


def test_what_comes_into_being_meanwhile_is_not_written_over_either(path: Path) -> None:
    def rows() -> Iterator[Row]:
        path.write_text("another backup")
        yield [1]

    with pytest.raises(BackupRefused, match="is there already"):
        write(path, HEAD, [("numbers", rows())])
    assert path.read_text() == "another backup"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_backup_that_breaks_off_leaves_nothing(
    path: Path, error: type[BaseException]
) -> None:
    def rows() -> Iterator[Row]:
        yield [1, "one"]
        raise error

    with pytest.raises(error):
        write(path, HEAD, [("numbers", rows())])
    assert list(path.parent.iterdir()) == []


def test_while_it_is_written_nothing_has_its_name(path: Path) -> None:
    seen = []

    def rows() -> Iterator[Row]:
        seen.append(path.exists())
        yield [1, "one"]

    write(path, HEAD, [("numbers", rows())])

    assert seen == [False]
