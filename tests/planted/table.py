"""Plant each bug, play seed after seed until it is caught, and print after how many: `make planted`.

python -m planted.table SEEDS_MAX [BUG ...]; without bugs, all of them.

Owns: the search, and its table. Each seed is played by `proof.seeds` in a process of its own
Python path, with the bug in it. A seed that the source without the bug does not stand either
proves nothing, and ends the search: the source has a bug that nobody planted. Knows nothing of
what a seed does, or of what is asked of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Final

from planted.bugs import ROOT, Bug, all_bugs, source_with
from promises.showing import line_of, say

SEEDS_MAX: Final = 2_000
HUNG_SECONDS: Final = 900.0  # three virtual days take a minute, beside others more
CRASH: Final = "CRASH"
Found = tuple[str, int | None]  # what caught a bug, "" for nothing, and at which seed

HEADS: Final = ("bug", "what it is", "caught by", "seed", "s")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one seed showed: the names of the invariants that did not hold, each once."""

    seed: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Caught:
    """How a bug was caught: by what, and at which seed (None: by a test)."""

    by: str
    seed: int | None

    @property
    def seeds(self) -> int:
        """How many seeds were played until then."""
        return 0 if self.seed is None else self.seed + 1


class Unplanted(Exception):
    """The source shows something as it is."""


class Search:
    """Looks for bugs in as many threads as ask; what ends one of them ends them all."""

    def __init__(self, clean: Path, seeds_max: int) -> None:
        self._clean = clean
        self._seeds_max = seeds_max
        self._is_over = False

    def look(self, bug: Bug) -> Caught | None:
        """Return how the bug was caught, None where it was not; print its row."""
        began = time.monotonic()
        try:
            by, seed = self._find(bug)
        except BaseException:
            self._is_over = True
            raise
        seconds = time.monotonic() - began
        if self._is_over:
            return None
        cells = [bug.name, bug.title, by or "nothing", "" if seed is None else str(seed)]
        say(line_of([*cells, f"{seconds:.1f}"]))
        return Caught(by, seed) if by else None

    def _find(self, bug: Bug) -> Found:
        with source_with(bug) as source:
            return self._by_test(bug.catcher, source) if bug.catcher else self._by_seeds(source)

    def _by_test(self, test: str, source: Path) -> Found:
        """Return whether the test that a bug names catches it."""
        if _fails(self._clean, test):
            raise Unplanted(f"without any bug planted, {test} fails")
        return (test if _fails(source, test) else "", None)

    def _by_seeds(self, source: Path) -> Found:
        """Return what caught the bug first, and at which seed."""
        with closing(seen(source, 0, self._seeds_max)) as shown:
            for each in shown:
                if self._is_over:
                    break
                if each.names:
                    self._compare(each.seed)
                    return ", ".join(each.names), each.seed
        return "", None

    def _compare(self, seed: int) -> None:
        """Raise Unplanted where the source without the bug does not stand the seed either."""
        for each in seen(self._clean, seed, 1):
            if each.names:
                names = ", ".join(each.names)
                raise Unplanted(f"without any bug planted, seed {seed} shows {names}")


def seen(source: Path, first: int, count: int) -> Generator[Seen, None, None]:
    """Play seeds, and tell what each showed. Ends at one that ends the process or hangs."""
    process = _python(source, "-m", "proof.seeds", str(first), str(count))
    assert process.stdout is not None
    following = first
    try:
        while following < first + count:
            hung = Timer(HUNG_SECONDS, process.kill)
            hung.start()
            line = process.stdout.readline()
            hung.cancel()
            if not line:
                break
            told = json.loads(line)
            names = dict.fromkeys(each["name"] for each in told["violations"])
            following = told["seed"] + 1
            yield Seen(told["seed"], tuple(names))
    finally:
        process.kill()
        process.communicate()
    if following < first + count:
        yield Seen(following, (CRASH,))


def _fails(source: Path, test: str) -> bool:
    """Tell whether a test fails on a source. Raises RuntimeError where it could not be run."""
    process = _python(source, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
    process.communicate()
    if process.returncode not in {0, 1}:
        raise RuntimeError(f"pytest ended with {process.returncode} for {test}")
    return process.returncode == 1


def _python(source: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start Python on a source; the tests and what they import are the repository's own."""
    path = os.pathsep.join([str(source), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def verdict_of(found: Sequence[Caught | None]) -> str:
    """Return how many were caught, and after how many seeds."""
    caught = [each for each in found if each is not None]
    seeds = [each.seeds for each in caught if each.seed is not None]
    words = f"{len(caught)} of {len(found)} caught"
    if seeds:
        words += f", median {median(seeds):g} seeds, most {max(seeds)}"
    return words


def search(bugs: Sequence[Bug], seeds_max: int) -> int:
    """Print the table as it grows, as many bugs at a time as there are cores.

    Returns 1 where one was not caught, or the source shows something by itself.
    """
    say(line_of(HEADS))
    say(line_of(["---"] * len(HEADS)))
    with ExitStack() as stack:
        searching = Search(stack.enter_context(source_with(None)), seeds_max)
        pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count() or 1))
        stack.callback(pool.shutdown, cancel_futures=True)
        try:
            found = list(pool.map(searching.look, bugs))
        except Unplanted as shown:
            say(str(shown))
            return 1
    say(f"\n{verdict_of(found)}")
    return int(None in found)


def main(arguments: Sequence[str]) -> int:
    """Search for the bugs that are named, or for all."""
    seeds_max = int(arguments[0]) if arguments else SEEDS_MAX
    wanted = set(arguments[1:])
    bugs = [bug for bug in all_bugs() if not wanted or bug.name in wanted]
    missing = wanted - {bug.name for bug in bugs}
    if missing:
        say(f"there is no bug {', '.join(sorted(missing))}")
        return 2
    return search(bugs, seeds_max)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
