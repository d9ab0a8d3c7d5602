"""Which tests run which line, and how long each takes.

Owns: Coverage: collected once by one run of a part of the suite, and kept in build/ as long as
neither the program nor its tests change. Knows nothing of mutants.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import coverage

# Whose tests are asked about which package. Processes and killed services are not among them:
# they would take minutes for each mutant.
SUITES: Final = {
    "domain": ("tests/unit/paperdesk",),  # the domain's promises are told without a database
    "desk": (
        "tests/unit/paperdesk/desk",
        "tests/integration/desk",
        "tests/integration/api",  # keys, limits, previews, listeners are asked for there
    ),
}
# What needs a database server, processes, or a minute.
LEFT_OUT: Final = "not postgresql and not postgres and not e2e"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Tests by module and line; seconds by test."""

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def tests_of(self, module: str, line: int) -> list[str]:
        """Return the tests that run a line, the fastest first."""
        found = self.lines.get(module, {}).get(line, [])
        return sorted(found, key=lambda test: (self.seconds.get(test, 1.0), test))

    def tests_of_module(self, module: str) -> list[str]:
        """Return the tests that run any line of it: what runs at import names no test."""
        tests = {test for found in self.lines.get(module, {}).values() for test in found}
        return sorted(tests, key=lambda test: (self.seconds.get(test, 1.0), test))


def digest(root: Path, *folders: str) -> str:
    """Return what changes when a module in one of the folders does."""
    found = hashlib.sha256()
    for path in sorted(p for folder in folders for p in (root / folder).rglob("*.py")):
        found.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return found.hexdigest()[:16]


def cover(root: Path, package: str) -> Coverage:
    """Return who runs what of a package, collected anew where anything has changed."""
    kept = root / f"build/mutants-{package}.json"
    now = digest(root, "src/paperdesk", "tests")
    if kept.exists():
        body = json.loads(kept.read_text(encoding="utf-8"))
        if body["digest"] == now:
            lines = {m: {int(n): t for n, t in of.items()} for m, of in body["lines"].items()}
            return Coverage(lines, body["seconds"])
    collected = _collect(root, package, SUITES[package])
    body = {"digest": now, "lines": collected.lines, "seconds": collected.seconds}
    kept.write_text(json.dumps(body), encoding="utf-8")
    return collected


def _collect(root: Path, package: str, suites: Sequence[str]) -> Coverage:
    data, durations = root / "build/.coverage", root / "build/durations.json"
    for stale in data.parent.glob(".coverage*"):
        stale.unlink()
    environment = {**os.environ, "COVERAGE_FILE": str(data), "DURATIONS": str(durations)}
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(os.cpu_count() or 1)]
    command += ["-p", "mutants.watching", "-p", "no:cacheprovider", "-k", LEFT_OUT]
    command += [f"--cov=paperdesk.{package}", "--cov-context=test", "--cov-report=", *suites]
    done = subprocess.run(
        command, cwd=root, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise SystemExit("the tests fail by themselves: no mutant can be judged by them")
    told: dict[str, float] = json.loads(durations.read_text(encoding="utf-8"))
    return Coverage(_lines(root, data), told)


def _lines(root: Path, path: Path) -> dict[str, dict[int, list[str]]]:
    """Read who runs which line; a context is `test|phase`, and "" is an import."""
    data: Any = coverage.CoverageData(basename=str(path))
    data.read()
    lines = {}
    for name in data.measured_files():
        contexts = data.contexts_by_lineno(name)
        lines[str(Path(name).relative_to(root))] = {
            line: sorted({context.split("|")[0] for context in found if context})
            for line, found in contexts.items()
        }
    return lines
