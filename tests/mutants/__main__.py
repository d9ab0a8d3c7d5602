"""Plant small defects in a package and see whether its tests notice: `make mutants`."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mutants.covering import SUITES, Coverage, cover, digest
from mutants.herd import UNTESTED, Herd, Trial, Verdict
from mutants.keeper import SURVIVED
from mutants.operators import Mutant, mutants_of
from promises.showing import say

ROOT: Final = Path(__file__).parents[2]
KEPT: Final = ROOT / "build/mutants.json"
# Of the tests that run a line, the fastest, for so long in sum; a slower one is not asked.
SECONDS_MAX: Final = {"domain": 12.0, "desk": 60.0}
TESTS_MAX: Final = 200
TOO_LONG: Final = 6.0  # times what the tests take by themselves
START_SECONDS: Final = 20.0
LIVED: Final = (SURVIVED, UNTESTED)
NEAR: Final = 3  # lines: of an expression over many only some are counted


def main() -> None:
    """Judge the mutants of a package until the time is over, and print the score."""
    asked = _asked()
    modules = sorted((ROOT / "src/paperdesk" / asked.package).rglob("*.py"))
    names = [str(path.relative_to(ROOT)) for path in modules]
    found = [mutant for name in names for mutant in mutants_of(ROOT, name)]
    KEPT.parent.mkdir(exist_ok=True)
    kept, marks = _kept(), _marks(names)
    known = {m: kept[m.key]["status"] for m in found if _is_known(kept.get(m.key), marks, m)}
    left = [m for m in found if m not in known or not _holds(kept[m.key], marks)]
    random.Random(asked.seed).shuffle(left)
    left.sort(key=lambda mutant: mutant not in known)  # survivors first: they are so until then
    say(f"{asked.package}: {len(found)} mutants, {len(known)} judged before, seed {asked.seed}")
    if left and asked.minutes:
        trials = _trials(left, cover(ROOT, asked.package), SECONDS_MAX[asked.package])
        for verdict in _run(trials, SUITES[asked.package], asked.minutes):
            known[verdict.mutant] = verdict.status
            kept[verdict.mutant.key] = _entry(verdict, marks)
            _keep(kept)
    _show(known, len(found))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("package", choices=sorted(SUITES))
    parser.add_argument("minutes", type=float, help="0 prints what is known")
    parser.add_argument("seed", type=int, nargs="?", default=0, help="in which order")
    return parser.parse_args()


# -- what is remembered ------------------------------------------------------------------------
def _kept() -> dict[str, dict[str, Any]]:
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def _keep(kept: Mapping[str, Any]) -> None:
    beside = KEPT.with_suffix(".new")
    beside.write_text(json.dumps(kept), encoding="utf-8")
    beside.replace(KEPT)


def _marks(names: Sequence[str]) -> dict[str, str]:
    """Return by which text of each module, and of all tests, a verdict holds."""
    marks = {n: hashlib.sha256((ROOT / n).read_bytes()).hexdigest()[:16] for n in names}
    return {**marks, "tests": digest(ROOT, "tests")}


def _entry(verdict: Verdict, marks: Mapping[str, str]) -> dict[str, Any]:
    mutant = verdict.mutant
    return {
        "status": verdict.status,
        "seconds": verdict.seconds,
        "module": marks[mutant.module],
        "tests": marks["tests"],
        "at": f"{mutant.module}:{mutant.line}",
    }


def _is_known(
    entry: Mapping[str, Any] | None, marks: Mapping[str, str], mutant: Mutant
) -> bool:
    return entry is not None and entry["module"] == marks[mutant.module]


def _holds(entry: Mapping[str, Any], marks: Mapping[str, str]) -> bool:
    """Tell whether a verdict is still true: a survivor may be killed by a new test."""
    return entry["status"] not in LIVED or entry["tests"] == marks["tests"]


# -- trials ------------------------------------------------------------------------------------
def _trials(mutants: Sequence[Mutant], coverage: Coverage, seconds_max: float) -> list[Trial]:
    """Give each mutant two rounds: the module's own tests, whole, then others that run the line."""
    trials = []
    for mutant in mutants:
        own = sorted({t.split("::")[0] for t in _tests(mutant, coverage) if _is_own(mutant, t)})
        others = [test for test in _tests(mutant, coverage) if not _is_own(mutant, test)]
        fastest = _fastest(others, coverage, seconds_max)
        of_own = [t for t in coverage.tests_of_module(mutant.module) if _is_own(mutant, t)]
        longest = max(
            sum(coverage.seconds.get(t, 1.0) for t in tests) for tests in (of_own, fastest)
        )
        rounds = tuple(tests for tests in (tuple(own), fastest) if tests)
        trials.append(Trial(mutant, rounds, START_SECONDS + TOO_LONG * longest))
    return trials


def _is_own(mutant: Mutant, test: str) -> bool:
    return Path(test.split("::", maxsplit=1)[0]).name.startswith(
        f"test_{Path(mutant.module).stem}"
    )


def _fastest(tests: Sequence[str], coverage: Coverage, seconds_max: float) -> tuple[str, ...]:
    """Return the tests, the fastest first, for as long as they take no more than so long."""
    found: list[str] = []
    total = 0.0
    for test in tests[:TESTS_MAX]:
        total += coverage.seconds.get(test, 1.0)
        if found and total > seconds_max:
            break
        found.append(test)
    return tuple(found)


def _tests(mutant: Mutant, coverage: Coverage) -> list[str]:
    """Return the tests that run the line; of what runs at import, those of the module."""
    for line in range(mutant.line, mutant.line - NEAR, -1):
        if tests := coverage.tests_of(mutant.module, line):
            return tests
    return coverage.tests_of_module(mutant.module)


def _run(trials: Sequence[Trial], suites: Sequence[str], minutes: float) -> Iterator[Verdict]:
    herd = Herd(ROOT, os.cpu_count() or 1, suites)
    try:
        herd.check(next(trial for trial in trials if trial.rounds))
        yield from herd.run(trials, time.monotonic() + minutes * 60)
    finally:
        herd.close()


# -- what is printed ---------------------------------------------------------------------------
def _show(known: Mapping[Mutant, str], found: int) -> None:
    judged, killed = Counter[str](), Counter[str]()
    for mutant, status in known.items():
        judged[mutant.module] += 1
        killed[mutant.module] += status not in LIVED
    for mutant, status in sorted(known.items(), key=lambda e: (e[0].module, e[0].line)):
        if status in LIVED:
            say(f"\n{status}: {mutant.module}:{mutant.line} ({mutant.kind})")
            say(mutant.diff((ROOT / mutant.module).read_bytes()))
    say("")
    for module in sorted(judged):
        say(f"| {module:<40} | {killed[module]:>4} of {judged[module]:>4} |")
    total, dead = sum(judged.values()), sum(killed.values())
    share = f"{100 * dead / total:.1f} %" if total else "nothing judged"
    say(f"killed {dead} of {total} judged ({share}), {found - total} not judged")


if __name__ == "__main__":
    main()
