"""The planted bugs still fit the source; whether they are caught is for `make planted`."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from planted.bugs import FOLDER, ROOT, Bug, all_bugs, read_bug
from planted.table import CRASH, Caught, Search, Unplanted, verdict_of

BUGS = all_bugs()
IDS = [bug.name for bug in BUGS]


def copied(bug: Bug, folder: Path) -> Path:
    """Copy what the bug changes."""
    for name in bug.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


PLAY = """
import json, os, sys
first, count = map(int, sys.argv[1:])
for seed in range(first, first + count):
    if seed in DIES:
        os._exit(1)
    found = [{"name": "INV-ONE-LIVE", "words": "two"}] * 2 if seed in FINDS else []
    print(json.dumps({"seed": seed, "violations": found, "seconds": 0.0}), flush=True)
"""


def player(folder: Path, finds: Collection[int], dies: Collection[int]) -> Path:
    """Make a source with a `proof.seeds` of its own, which finds or dies at these seeds."""
    (folder / "proof").mkdir(parents=True)
    (folder / "proof/__init__.py").touch()
    given = f"FINDS, DIES = {list(finds)}, {list(dies)}\n"
    (folder / "proof/seeds.py").write_text(given + PLAY)
    return folder


def test_there_are_thirty() -> None:
    assert [f"PB{number:02}" for number in range(1, 31)] == IDS


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_a_bug_says_what_it_is_what_it_costs_and_when_it_shows(bug: Bug) -> None:
    assert bug.title
    assert all(bug.says[mark] for mark in ("Mistake", "Costs", "Shows when"))
    assert ("Caught-by" in bug.says) == ("Why" in bug.says)


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_a_bug_fits_the_source_and_what_it_makes_of_it_compiles(
    bug: Bug, tmp_path: Path
) -> None:
    folder = copied(bug, tmp_path)
    bug.apply(folder)

    assert bug.files
    for name in bug.files:
        assert name.startswith("src/paperdesk/")
        assert (folder / name).read_bytes() != (ROOT / name).read_bytes()
        compile((folder / name).read_text(encoding="utf-8"), name, "exec")


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.catcher], ids=str)
def test_the_test_that_catches_a_bug_exists(bug: Bug) -> None:
    path, _, test = (bug.catcher or "").partition("::")

    assert f"def {test.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")


def test_a_bug_that_does_not_fit_any_more_is_said_so(tmp_path: Path) -> None:
    bug = read_bug(FOLDER / "PB01.diff")
    folder = copied(bug, tmp_path)
    for name in bug.files:
        (folder / name).write_text("")

    with pytest.raises(ValueError, match="PB01 does not fit the source"):
        bug.apply(folder)


@pytest.mark.parametrize(
    ("finds", "dies", "found"),
    [
        ({5, 7}, (), ("INV-ONE-LIVE", 5)),
        ({5}, {3}, (CRASH, 3)),
        ({8}, (), ("INV-ONE-LIVE", 8)),
        ({9}, (), ("", None)),
    ],
)
def test_a_bug_is_caught_at_the_first_seed_that_shows_it(
    tmp_path: Path,
    finds: Collection[int],
    dies: Collection[int],
    found: tuple[str, int | None],
) -> None:
    clean = player(tmp_path / "clean", {4}, ())
    planted = player(tmp_path / "planted", finds, dies)

    assert Search(clean, seeds_max=9)._by_seeds(planted) == found


@pytest.mark.parametrize(
    ("finds", "dies", "shown"), [({2}, (), "INV-ONE-LIVE"), ((), {2}, CRASH)]
)
def test_what_the_source_shows_without_a_bug_is_no_catch(
    tmp_path: Path, finds: Collection[int], dies: Collection[int], shown: str
) -> None:
    clean = player(tmp_path / "clean", finds, dies)
    planted = player(tmp_path / "planted", finds, dies)

    with pytest.raises(Unplanted, match=f"seed 2 shows {shown}"):
        Search(clean, seeds_max=9)._by_seeds(planted)


def test_the_verdict_counts_seeds_and_not_their_numbers() -> None:
    found = [
        Caught("INV-SINGLE-SEND", 0),
        Caught("INV-POS-SUM", 8),
        Caught("a test", None),
        None,
    ]

    assert verdict_of(found) == "3 of 4 caught, median 5 seeds, most 9"
