"""How a proof shows what it found, when it runs as a command.

Owns: the table on standard output, and the silence of the service's log meanwhile. Knows nothing
of any proof.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

import structlog


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
