"""The script that every client plays, and the one way in which it tells what it saw.

Owns: the words of a step on standard output, and the options of a driver. It runs in the
environments of foreign clients, so it imports the standard library alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

SESSION: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("session.json").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Options:
    """Where to connect, as whom, and whose money to use."""

    host: str
    port: int
    client_id: int
    account: str


def options() -> Options:
    """Read HOST PORT CLIENTID ACCOUNT."""
    host, port, client_id, account = sys.argv[1:]
    return Options(host, int(port), int(client_id), account)


def say(step: str, **saw: object) -> None:
    """Print one step."""
    sys.stdout.write(json.dumps({"step": step, **saw}) + "\n")
    sys.stdout.flush()


def distinct(statuses: Iterable[str]) -> list[str]:
    """Return statuses without repetitions in a row: a gateway says most of them twice."""
    return [status for status, _ in groupby(statuses)]


def ref(step: str) -> str:
    """Return the orderRef of the order of a step."""
    return f"session-{step}"
