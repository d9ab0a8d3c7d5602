"""A command of ours with a terminal around it.

Owns: how a test gives a command a terminal, answers what it asks, and reads what is seen there.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.processes import COMMANDS

ROWS, COLUMNS = 40, 120
SECONDS_MAX = 40.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass(frozen=True)
class Seen:
    """What was on the terminal, and how the command ended."""

    text: str
    raw: str
    returncode: int


def on_terminal(
    *words: str,
    cwd: Path,
    env: Mapping[str, str],
    answer: str = "",
    after: str = "",
    interrupt_after: str = "",
    columns: int = COLUMNS,
) -> Seen:
    """Run a command; type `answer` once it shows `after`, or Ctrl-C after something else."""
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite in the background ignores it
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        os.chdir(cwd)
        size = {"COLUMNS": str(columns), "LINES": str(ROWS)}  # a runner of tests may set others
        env = {**os.environ, "TERM": "xterm", **size, **env}
        os.execve(COMMANDS / words[0], list(words), env)  # noqa: S606 - our own
    seen, deadline = b"", time.monotonic() + SECONDS_MAX
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([terminal], [], [], 0.1)
            try:
                data = os.read(terminal, 65536) if ready else None
            except OSError:  # the other end is closed
                break
            if data == b"":
                break
            seen += data or b""
            if after and after.encode() in seen:
                os.write(terminal, answer.encode())
                after = ""
            if interrupt_after and interrupt_after.encode() in seen:
                os.kill(child, signal.SIGINT)
                interrupt_after = ""
        else:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(terminal)
    raw = seen.decode()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Seen(_ESCAPES.sub("", raw).replace("\r\n", "\n"), raw, code)
