"""How long a command takes to start: `paperdesk positions` against a service that runs.

Prints the milliseconds of a bare Python, of the imports, and of the whole command with its answer,
each the median of some runs, beside the goal.
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
IMPORTS = (
    "from paperdesk.cli import main; from paperdesk.cli.looking import positions; import httpx"
)


def median_ms(*words: str, env: dict[str, str]) -> float:
    """Return the median time of a command that succeeds."""
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(words, env=env, check=True, capture_output=True)  # noqa: S603 - our own
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> None:
    """Measure and print."""
    with paperdesk.simulator() as client:
        env = os.environ | {
            "PAPERDESK_URL": client.place.url,
            "PAPERDESK_API_KEY": client.place.key,
        }
        bare = median_ms(sys.executable, "-c", "pass", env=env)
        whole = median_ms(COMMAND, "positions", env=env)
        say(f"python -c pass          {bare:7.0f} ms")
        say(f"paperdesk positions     {whole:7.0f} ms   goal {GOAL_MS} ms")
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
    for name in ("paperdesk.cli", "paperdesk.client.blocking", "httpx", "cyclopts", "msgspec"):
        if name in times:
            say(f"  import {name:<26} {times[name]:5.0f} ms")


if __name__ == "__main__":
    main()
