"""What a storm counted: on the screen while it goes on, as a table at its end, and in a file.

Owns: the counts, and `build/storm-LEDGER.json`, in which the runs of one commit add up. Its keys:

- `commit`, with `+changes` behind it where `src` was changed since; `ledger`; `runs`; `seeds` of
  the runs; `seconds` that they took; `worlds`, each a fresh ledger and a fresh gateway; `judged`,
  how often everything was compared.
- `kills` by SIGKILL, `kills_during_start` of them; `restarts`, starts on a ledger that was there.
- `calls`, `calls_cut` before a whole answer came; `batches_acknowledged`, `batches_withdrawn`,
  `replays` of an idempotency key.
- `orders_sent` and `cancels_sent`, frames on the gateway's wire; `executions` of the gateway;
  `rows`, how the rows of all batches ended.
- what must be 0: `orders_doubled`, `executions_lost`, `batches_lost` (acknowledged ones),
  `differences` of any kind, lost executions and batches among them; `what_differed` has the first.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from promises.showing import commit, say, show
from storms.judging import Verdict
from storms.world import World

ROW: Final = "row "  # before the name of an end, in the counts
DIFFERENCES_KEPT: Final = 50
MUST_BE_ZERO: Final = ("orders_doubled", "executions_lost", "batches_lost", "differences")
COUNTED: Final = (
    "worlds", "judged", "kills", "kills_during_start", "restarts", "calls", "calls_cut",
    "batches_acknowledged", "batches_withdrawn", "replays", "orders_sent", "cancels_sent",
    "executions", *MUST_BE_ZERO,
)  # fmt: skip


@dataclass
class Tally:
    """What one run counted."""

    ledger: str
    seed: int
    commit: str = field(default_factory=commit)  # as the run begins: it may take hours
    began: float = field(default_factory=time.monotonic)
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    starts: list[float] = field(
        default_factory=list
    )  # seconds until up, since it was said last
    _world: Counter[str] = field(default_factory=Counter)  # the one that goes on

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self.began

    @property
    def totals(self) -> Counter[str]:
        """Return every count, the world that goes on included."""
        return self.counts + self._world

    @property
    def is_fine(self) -> bool:
        """Tell whether nothing differs."""
        return not any(self.totals[name] for name in MUST_BE_ZERO)

    def judged(self, world: World, verdict: Verdict) -> None:
        """Take what is true of a world until now, in the place of what was before."""
        calls, wire = world.crowd.counts, world.gateway.wire
        self.counts["judged"] += 1
        self._world = Counter(
            {
                "calls": calls["calls"],
                "calls_cut": calls["calls cut"],
                "batches_acknowledged": calls["batches acknowledged"],
                "batches_withdrawn": calls["batches withdrawn"],
                "replays": calls["replays"],
                "orders_sent": wire.orders,
                "cancels_sent": wire.cancels,
                "executions": verdict.executions,
                "orders_doubled": verdict.doubled,
                "executions_lost": verdict.executions_lost,
                "batches_lost": verdict.batches_lost,
                "differences": len(verdict.differences),
            }
        )
        self._world.update({f"{ROW}{end}": rows for end, rows in verdict.rows.items()})
        self._say_new(verdict.differences)
        self.say_progress()

    def failed(self, words: str) -> None:
        """Take what ended a world before it could be judged."""
        self.counts["differences"] += 1
        self._say_new([words])

    def world_ended(self) -> None:
        """Add a world to those before it."""
        self.counts += self._world
        self.counts["worlds"] += 1
        self._world = Counter()

    def _say_new(self, differences: list[str] | tuple[str, ...]) -> None:
        for words in differences:
            if words not in self.differences:
                self.differences.append(words)
                say(words)

    def say_progress(self) -> None:
        """Say how far it is."""
        totals, starts = self.totals, self.starts or [0.0]
        say(
            f"{self.seconds:6.0f} s: {totals['kills']} kills, "
            f"{totals['batches_acknowledged']} batches, {totals['orders_sent']} orders, "
            f"{totals['executions']} executions; "
            f"{60 * totals['kills'] / self.seconds:.1f} kills/min; up after "
            f"{sum(starts) / len(starts):.1f} s; {totals['differences']} differences"
        )
        self.starts.clear()

    def table(self) -> None:
        """Print everything."""
        totals = self.totals
        ends = sorted(name for name in totals if name.startswith(ROW))
        figures: dict[str, object] = {
            name.replace("_", " "): totals[name] for name in (*COUNTED, *ends)
        }
        figures["kills a minute"] = f"{60 * totals['kills'] / self.seconds:.1f}"
        show(f"Storm on {self.ledger}, seed {self.seed}, {self.seconds:.0f} s", figures)

    def write(self, folder: Path) -> Path:
        """Add this run to those of the same commit in the folder; return the file."""
        folder.mkdir(exist_ok=True)
        path = folder / f"storm-{self.ledger}.json"
        before = _read(path)
        body = self._body(before if before.get("commit") == self.commit else {})
        path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
        return path

    def _body(self, before: Mapping[str, Any]) -> dict[str, Any]:
        totals = self.totals
        rows = Counter(before.get("rows", {}))
        rows.update({n.removeprefix(ROW): c for n, c in totals.items() if n.startswith(ROW)})
        differed = [*before.get("what_differed", []), *self.differences]
        return {
            "commit": self.commit,
            "ledger": self.ledger,
            "runs": before.get("runs", 0) + 1,
            "seeds": [*before.get("seeds", []), self.seed],
            "seconds": round(before.get("seconds", 0) + self.seconds),
            **{name: before.get(name, 0) + totals[name] for name in COUNTED},
            "rows": dict(sorted(rows.items())),
            "what_differed": differed[:DIFFERENCES_KEPT],
        }


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
