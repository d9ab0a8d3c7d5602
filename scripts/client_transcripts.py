"""Print the sessions of five TWS clients against one twsim, side by side.

Owns: the table. Wants `make clients` first.
"""

from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from clients.runner import CLIENTS, Step, play_all

CELL_CHARS = 30


def words(value: object) -> str:
    """Show a value as each client's language would not: 10 and 10.0 are the same."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.0f}" if value == int(value) else f"{value:.8g}"
    if isinstance(value, list):
        return " ".join(words(each) for each in value)
    if isinstance(value, dict):
        return " ".join(f"{key}={words(each)}" for key, each in value.items())
    return str(value)


def cells(text: str) -> list[str]:
    """Cut a text into lines that fit a column."""
    return textwrap.wrap(text, CELL_CHARS) or [""]


def rows(told: dict[str, list[Step]]) -> list[list[str]]:
    """Return one row per line of the table: step, what, and a cell per client."""
    table: list[list[str]] = []
    for steps in zip(*(told[client] for client in CLIENTS), strict=True):
        table.append(["", "", *([""] * len(CLIENTS))])
        for key in dict.fromkeys(key for step in steps for key in step if key != "step"):
            columns = [cells(words(step.get(key, "-"))) for step in steps]
            for line in range(max(map(len, columns))):
                head = [str(steps[0]["step"]), key] if line == 0 else ["", ""]
                table.append(head + [c[line] if line < len(c) else "" for c in columns])
    return table


def main() -> None:
    """Run the session and print it."""
    told = asyncio.run(play_all())
    for row in [["step", "what", *CLIENTS], *rows(told)]:
        step, what, *columns = row
        line = f"{step:<11}{what:<17}" + " ".join(f"{c:<{CELL_CHARS}}" for c in columns)
        sys.stdout.write(line.rstrip() + "\n")


if __name__ == "__main__":
    main()
