"""How long a command takes to start: `paperdesk positions` against a service that runs.

Prints the milliseconds of a bare Python, and of the whole command with its answer beside the goal:
on the clock, and of the processor, which other work on the machine makes no longer. Each is the
median of some runs. Then what the longest imports take.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from _desk import say

import paperdesk

RUNS = 11
FIELDS = 3  # of a line of -X importtime: self, cumulative, name
GOAL_MS = 300
COMMAND = str(Path(sys.executable).parent / "paperdesk")


def median_ms(*words: str, env: dict[str, str]) -> str:
    """Return the median times of a command that succeeds, on the clock and of the processor."""
    took, used = [], []
    for _ in range(RUNS):
        began, before = time.perf_counter(), os.times()
        subprocess.run(words, env=env, check=True, capture_output=True)  # noqa: S603 - our own
        after = os.times()
        took.append((time.perf_counter() - began) * 1000)
        user = after.children_user - before.children_user
        used.append((user + after.children_system - before.children_system) * 1000)
    return f"{statistics.median(took):7.0f} ms   processor {statistics.median(used):4.0f} ms"


def main() -> None:
    """Measure and print."""
    with paperdesk.simulator() as client:
        env = os.environ | {
            "PAPERDESK_URL": client.place.url,
            "PAPERDESK_API_KEY": client.place.key,
        }
        bare = median_ms(sys.executable, "-c", "pass", env=env)
        whole = median_ms(COMMAND, "positions", env=env)
        say(f"python -c pass          {bare}")
        say(f"paperdesk positions     {whole}   goal {GOAL_MS} ms")
        traced = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-X", "importtime", COMMAND, "positions"],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        ).stderr
    rows = [line.split("|") for line in traced.splitlines() if line.count("|") == FIELDS - 1]
    times = {
        name.strip(): int(total) / 1000 for _, total, name in rows if total.strip().isdigit()
    }
    for name in (
        "cyclopts",
        "paperdesk.cli",
        "paperdesk.client.blocking",
        "httpx._client",
        "httpcore",
    ):
        if name in times:
            say(f"  import {name:<26} {times[name]:5.0f} ms")


if __name__ == "__main__":
    main()
