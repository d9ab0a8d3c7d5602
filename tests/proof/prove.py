"""Seeds for as long as one likes: `make prove MINUTES=60`.

Owns: the budget, the pool over all cores, what is kept in build/proof between one run and the
next, the line of progress, and what is printed of a seed that failed: its seed and commit, the
smallest story that still fails, and its trace. Ctrl-C ends it; the next run goes on behind the
last seed of the same commit.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from promises.showing import be_quiet, commit, say, show
from proof.play import play
from proof.report import write_report
from proof.seeds import FAULTS, Outcome, judged, run
from proof.shrink import shrink
from proof.story import Story, draw
from proof.trace import trace

MINUTES: Final = 10.0
HOME: Final = Path("build/proof")
PROGRESS_SECONDS: Final = 10.0
SMALLER_SECONDS: Final = 300.0  # a story of days takes a minute each time it is played
SEEDS_PER_TASK: Final = 4
SEEDS_MAX: Final = 10_000_000  # more than anybody plays


@dataclass(slots=True)
class Sum:
    """What many seeds came to."""

    commit: str
    seeds: int = 0
    next_seed: int = 0
    seconds: float = 0.0  # of one core
    virtual_seconds: float = 0.0
    calls: int = 0
    orders: int = 0
    fills: int = 0
    crashes: int = 0
    gateway_restarts: int = 0
    cells: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count a seed."""
        self.seeds += 1
        self.next_seed = max(self.next_seed, outcome.seed + 1)
        for name in ("seconds", "virtual_seconds", "calls", "orders", "fills", "crashes"):
            setattr(self, name, getattr(self, name) + getattr(outcome, name))
        self.gateway_restarts += outcome.gateway_restarts
        self.cells.update(outcome.cells)
        if outcome.violations:
            names = sorted({violation.name for violation in outcome.violations})
            self.failed[str(outcome.seed)] = names

    @property
    def faults(self) -> Counter[str]:
        """How often each fault struck an order in some state."""
        struck: Counter[str] = Counter()
        for cell, count in self.cells.items():
            struck[cell.split()[0]] += count
        return struck

    def save(self) -> None:
        """Keep it for the next run, and for the report."""
        HOME.mkdir(parents=True, exist_ok=True)
        told: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        path = HOME / "seeds.json"
        path.with_suffix(".new").write_text(json.dumps(told, indent=1, sort_keys=True))
        path.with_suffix(".new").replace(path)

    @classmethod
    def kept(cls, commit: str) -> Sum:
        """Return what earlier runs of this commit came to."""
        path = HOME / "seeds.json"
        told = json.loads(path.read_text()) if path.exists() else {}
        if told.get("commit") != commit:
            return cls(commit)
        return cls(**told | {"cells": Counter(told["cells"])})


def main(minutes: float = MINUTES) -> int:
    """Play seeds for so long; return 0 where nothing was broken, by earlier runs neither."""
    total = Sum.kept(commit())
    if total.seeds:
        say(
            f"{total.seeds} seeds of {total.commit} were played before; on from {total.next_seed}"
        )
    try:
        _play(total, minutes)
    except KeyboardInterrupt:
        say("stopped; run it again to go on")
    finally:
        total.save()
        write_report()
    _show(total)
    return 1 if total.failed else 0


def _play(total: Sum, minutes: float) -> None:
    began, told = time.monotonic(), 0.0
    for outcome in _outcomes(total.next_seed):
        total.add(outcome)
        if outcome.violations:
            _tell(outcome, total.commit)
        passed = time.monotonic() - began
        if passed - told > PROGRESS_SECONDS:
            told = passed
            total.save()
            rate = total.seeds / max(total.seconds, 0.001)
            say(
                f"{passed / 60:6.1f} min  {total.seeds} seeds, {rate:.2f} a second a core, "
                f"{len(total.faults)} faults fired, {len(total.cells)} cells, "
                f"{total.crashes} crashes, {len(total.failed)} seeds with violations"
            )
        if passed > minutes * 60:
            return


def _outcomes(first: int) -> Iterator[Outcome]:
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), be_quiet) as pool:
        seeds = range(first, first + SEEDS_MAX)
        yield from pool.imap_unordered(run, seeds, chunksize=SEEDS_PER_TASK)


def _tell(outcome: Outcome, commit: str) -> None:
    """Print what failed, make it smaller, and keep the smallest story."""
    say(f"seed {outcome.seed} of {commit}:")
    for violation in outcome.violations:
        say(f"  {violation.name}: {violation.words}")
    story = smallest(draw(outcome.seed, FAULTS), outcome.violations[0].name)
    record, _ = play(story)
    path = HOME / f"seed-{outcome.seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(story.as_json(), indent=1))
    path.with_suffix(".trace").write_text(trace(story, record))
    say(f"  smallest: {story.faults or 'no fault'}, {len(story.steps)} steps; {path}")
    say("  to keep it as a test, move it to tests/proof/stories/; its trace is beside it")


def smallest(story: Story, name: str) -> Story:
    """Return the smallest story found in time that breaks the same invariant."""
    until = time.monotonic() + SMALLER_SECONDS

    def fails(smaller: Story) -> bool:
        return time.monotonic() < until and any(
            violation.name == name for violation in judged(smaller).violations
        )

    return shrink(story, fails)


def _show(total: Sum) -> None:
    rate = total.seeds / max(total.seconds, 0.001)
    show(
        f"{total.commit}: the whole service against twsim, in virtual time",
        {
            "seeds": total.seeds,
            "seeds a second a core": f"{rate:.2f}",
            "virtual days": f"{total.virtual_seconds / 86_400:.1f}",
            "calls": total.calls,
            "orders sent": total.orders,
            "fills": total.fills,
            "crashes of the service": total.crashes,
            "restarts of the gateway": total.gateway_restarts,
            "faults that fired, of 72": len(total.faults),
            "faults by state of an order": len(total.cells),
            "seeds with violations": len(total.failed),
        },
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else MINUTES))
