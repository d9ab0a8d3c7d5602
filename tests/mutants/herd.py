"""Each mutant in a tree of its own, and its tests against it.

Owns: Herd: copies of the program and its tests, one for each core, each with a keeper. A mutant
is killed by a test that fails, by one that takes too long, or because nothing can be imported.
"""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from mutants.keeper import KILLED, SURVIVED
from mutants.operators import Mutant

COPIED: Final = (
    "src",
    "tests",
    "docs",
    "scripts",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)
UNTESTED: Final = "untested"


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant, and the tests that may notice it: a further round where none of the last did."""

    mutant: Mutant
    rounds: tuple[tuple[str, ...], ...]
    seconds_max: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    status: str
    seconds: float


class Tree:
    """A copy of the program and its tests, and the process that runs them."""

    def __init__(self, root: Path, place: Path, suites: Sequence[str]) -> None:
        self._place = place
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in COPIED:
            if (root / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "clients")
                shutil.copytree(root / name, place / name, ignore=ignored)
            else:
                shutil.copy2(root / name, place / name)
        compileall.compile_dir(place / "src", quiet=2)
        compileall.compile_dir(place / "tests", quiet=2)
        paths = os.pathsep.join(str(place / folder) for folder in ("src", "tests"))
        # pytest compiles the tests its own way: once, not for every mutant.
        collect = [sys.executable, "-m", "pytest", "-q", "--collect-only", *suites]
        environment = {**os.environ, "PYTHONPATH": paths}
        subprocess.run(
            collect, cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        self._environment = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
        self._keeper = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mutants.keeper"],
            cwd=self._place,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def judge(self, trial: Trial) -> str:
        """Plant the mutant, run the tests, and put back what was there, with its time.

        What is compiled is believed by the file's time: the mutant's is now, and differs.
        """
        path = self._place / trial.mutant.module
        source, at = path.read_bytes(), path.stat()
        try:
            path.write_bytes(trial.mutant.apply(source))
            for tests in trial.rounds:
                word = self._ask({"tests": tests, "seconds_max": trial.seconds_max})
                if word != SURVIVED:
                    return word
            return SURVIVED
        finally:
            path.write_bytes(source)
            os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))

    def _ask(self, task: object) -> str:
        """Ask the keeper; where it died, by whatever a mutant did, ask another one once."""
        for _ in range(2):
            with contextlib.suppress(BrokenPipeError):
                if word := self._said(f"{json.dumps(task)}\n"):
                    return word
            self.close()
            self._keeper = self._start()
        raise AssertionError("the keeper has died twice")

    def _said(self, line: str) -> str:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(line)
        self._keeper.stdin.flush()
        return self._keeper.stdout.readline().strip()

    def close(self) -> None:
        """End the keeper."""
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.close()
        self._keeper.wait()


class Herd:
    """As many trees as there are cores; each holds one mutant at a time."""

    def __init__(self, root: Path, cores: int, suites: Sequence[str]) -> None:
        self._cores = cores
        self._trees: SimpleQueue[Tree] = SimpleQueue()
        for number in range(cores):
            self._trees.put(Tree(root, root / f"build/mutants/{number}", suites))

    def run(self, trials: Sequence[Trial], until: float) -> Iterator[Verdict]:
        """Yield what became of each, as soon as it is known, until the time is over."""
        with ThreadPoolExecutor(self._cores) as pool:
            for done in as_completed(
                [pool.submit(self._try, trial, until) for trial in trials]
            ):
                verdict = done.result()
                if verdict is not None:
                    yield verdict

    def _try(self, trial: Trial, until: float) -> Verdict | None:
        if time.monotonic() >= until:
            return None
        if not trial.rounds:
            return Verdict(trial.mutant, UNTESTED, 0.0)
        tree, begun = self._trees.get(), time.monotonic()
        try:
            status = tree.judge(trial)
        finally:
            self._trees.put(tree)
        return Verdict(trial.mutant, status, round(time.monotonic() - begun, 2))

    def check(self, trial: Trial) -> None:
        """Check that in each tree the tests pass where nothing is planted, and fail where all is."""
        for _ in range(self._cores):
            tree = self._trees.get()
            for text, expected in ("", SURVIVED), ("nonsense!", KILLED):
                planted = replace(trial.mutant, start=0, end=0, text=text)
                word = tree.judge(replace(trial, mutant=planted))
                assert word == expected, f"{text!r} planted: {word}"
            self._trees.put(tree)

    def close(self) -> None:
        """End every tree's keeper."""
        for _ in range(self._cores):
            self._trees.get().close()
