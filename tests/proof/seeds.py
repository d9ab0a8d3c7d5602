"""Seeds, one after the other: what became of each.

Owns: Outcome, what is left of a seed once it is judged, and the command that plays some:
`python -m proof.seeds FIRST COUNT` prints a line of JSON for each, in their order.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from proof.oracle import Violation, judge
from proof.play import play
from proof.story import Story, draw
from twsim.faults.catalogue import CATALOGUE

FAULTS: Final = tuple(sorted(CATALOGUE))
WORDS_MAX: Final = 20  # violations kept of one seed


@dataclass(slots=True)
class Outcome:
    """What one seed came to. `cells` counts faults by the state of the order they struck."""

    seed: int
    digest: str
    violations: list[Violation]
    seconds: float
    virtual_seconds: float
    calls: int
    orders: int
    fills: int
    crashes: int
    gateway_restarts: int
    cells: dict[str, int] = field(default_factory=dict)  # no Counter: asdict breaks one

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def judged(story: Story) -> Outcome:
    """Play a story and judge it."""
    began = time.perf_counter()
    record, digest = play(story)
    violations = judge(record)
    cells = Counter(f"{each.fault} {state}" for each in record.struck for state in each.states)
    return Outcome(
        seed=story.seed,
        digest=digest,
        violations=violations[:WORDS_MAX],
        seconds=round(time.perf_counter() - began, 3),
        virtual_seconds=record.ended_at,
        calls=len(record.calls),
        orders=len(record.sent),
        fills=len(record.fills),
        crashes=record.crashes,
        gateway_restarts=record.gateway_restarts,
        cells=dict(cells),
    )


def run(seed: int) -> Outcome:
    """Draw the story of a seed, play it, and judge it."""
    return judged(draw(seed, FAULTS))


def main(first: int, count: int) -> int:
    """Play seeds; print what became of each."""
    for seed in range(first, first + count):
        sys.stdout.write(f"{json.dumps(run(seed).as_json())}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
