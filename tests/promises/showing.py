"""How a proof shows what it found, when it runs as a command.

Owns: the table on standard output, the line of one that may be copied into a page, the silence of
the service's log meanwhile, and which commit it was. Knows nothing of any proof.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

ROOT: Final = Path(__file__).parents[2]


def be_quiet() -> None:
    """Let nothing be logged but what ends the service."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def say(line: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show(title: str, figures: Mapping[str, object]) -> None:
    """Print figures as a table of two columns."""
    wide = max(len(name) for name in figures)
    say(title)
    for name, figure in figures.items():
        say(f"| {name:<{wide}} | {figure!s:>8} |")


def line_of(cells: Sequence[str]) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def commit() -> str:
    """Return the commit that is tested, and whether its source was changed since."""
    head = _git("rev-parse", "HEAD")
    return f"{head}+changes" if _git("status", "--porcelain", "src") else head


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, check=False, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else "unknown"
