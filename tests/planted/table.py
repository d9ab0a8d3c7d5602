"""Plant each bug, play seed after seed until it is caught, and print after how many: `make planted`.

python -m planted.table SEEDS_MAX [BUG ...]; without bugs, all of them.

Owns: the search, and its table. Each seed is played by `proof.seeds` in a process of its own
Python path, with the bug in it. A seed that the source without the bug does not stand either
proves nothing, and ends the search: the source has a bug that nobody planted. Knows nothing of
what a seed does, or of what is asked of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from planted.bugs import ROOT, Bug, all_bugs, source_with
from promises.showing import line_of, say

SEEDS_MAX: Final = 2_000
HUNG_SECONDS: Final = 120.0
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
    """Looks for bugs, as many at a time as there are cores."""

    def __init__(self, clean: Path, seeds_max: int) -> None:
        self._clean = clean
        self._seeds_max = seeds_max
        self._room = asyncio.Semaphore(os.cpu_count() or 1)

    async def look(self, bug: Bug) -> Caught | None:
        """Return how the bug was caught, None where it was not; print its row."""
        async with self._room:
            began = time.monotonic()
            with source_with(bug) as source:
                by, seed = await self._found(bug, source)
            seconds = time.monotonic() - began
        cells = [bug.name, bug.title, by or "nothing", "" if seed is None else str(seed)]
        say(line_of([*cells, f"{seconds:.1f}"]))
        return Caught(by, seed) if by else None

    async def _found(self, bug: Bug, source: Path) -> Found:
        """Return what catches the bug: its own test where it names one, else a seed."""
        if bug.catcher is None:
            return await self._by_seeds(source)
        is_fine = await self._test(bug.catcher, self._clean) == 0
        is_caught = is_fine and await self._test(bug.catcher, source) == 1
        return (bug.catcher if is_caught else "", None)

    async def _test(self, name: str, source: Path) -> int:
        """Return pytest's exit code: 0 passed, 1 failed, more is that it could not be run."""
        options = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", name)
        process = await _python(source, "-m", "pytest", *options)
        await process.communicate()
        return process.returncode or 0

    async def _by_seeds(self, source: Path) -> Found:
        """Return what caught the bug first, and at which seed."""
        async with aclosing(seen(source, 0, self._seeds_max)) as shown:
            async for each in shown:
                if each.names:
                    await self._compare(each.seed)
                    return ", ".join(each.names), each.seed
        return "", None

    async def _compare(self, seed: int) -> None:
        """Raise Unplanted where the source without the bug does not stand the seed either."""
        async with aclosing(seen(self._clean, seed, 1)) as shown:
            async for each in shown:
                if each.names:
                    names = ", ".join(each.names)
                    raise Unplanted(f"without any bug planted, seed {seed} shows {names}")


async def seen(source: Path, first: int, count: int) -> AsyncGenerator[Seen, None]:
    """Play seeds, and tell what each showed. Ends at one that ends the process or hangs."""
    process = await _python(source, "-m", "proof.seeds", str(first), str(count))
    assert process.stdout is not None
    following = first
    try:
        while following < first + count:
            async with asyncio.timeout(HUNG_SECONDS):
                line = await process.stdout.readline()
            if not line:
                break
            told = json.loads(line)
            names = dict.fromkeys(each["name"] for each in told["violations"])
            following = told["seed"] + 1
            yield Seen(told["seed"], tuple(names))
    except TimeoutError:
        pass  # it hangs: what it was at is not told
    finally:
        if process.returncode is None and following < first + count:
            process.kill()
        await process.wait()
    if following < first + count:
        yield Seen(following, (CRASH,))


async def _python(source: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Start Python on a source; the tests and what they import are the repository's own."""
    path = os.pathsep.join([str(source), str(ROOT / "tests")])
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


def verdict_of(found: Sequence[Caught | None]) -> str:
    """Return how many were caught, and after how many seeds."""
    caught = [each for each in found if each is not None]
    seeds = [each.seeds for each in caught if each.seed is not None]
    words = f"{len(caught)} of {len(found)} caught"
    if seeds:
        words += f", median {median(seeds):g} seeds, most {max(seeds)}"
    return words


async def search(bugs: Sequence[Bug], seeds_max: int) -> int:
    """Print the table as it grows; return 1 where a bug was not caught."""
    say(line_of(HEADS))
    say(line_of(["---"] * len(HEADS)))
    async with AsyncExitStack() as stack:
        searching = Search(stack.enter_context(source_with(None)), seeds_max)
        found = await asyncio.gather(*(searching.look(bug) for bug in bugs))
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
    try:
        return asyncio.run(search(bugs, seeds_max))
    except Unplanted as shown:
        say(str(shown))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
