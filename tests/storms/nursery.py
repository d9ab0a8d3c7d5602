"""Services that are born quickly: forked from a process that has imported everything already.

Owns: that process, and its children as whoever asked for them sees them. Nine tenths of the CPU of
a start are imports (SQLAlchemy, Litestar, ib_async with NumPy), the same in every life; each child
is a process of its own all the same, and runs `paperdesk serve` from its first line on. Knows
nothing of what they do.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from e2e.processes import Running
from paperdesk import cli

# Threads of NumPy's would not live on in a child.
QUIET: Final[Mapping[str, str]] = {"OPENBLAS_NUM_THREADS": "1"}


class Child:
    """One of them. Its exit code is known to its parent only: here it is 0 once it has ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._fd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return 0 once it has ended."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return once it has ended."""
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return 0

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, and nobody else, whoever has its number by then."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._fd, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Forget it."""
        os.close(self._fd)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._fd], [], [], seconds)[0]:
            self.returncode = 0
        return self.returncode


class Nursery:
    """Where they come from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "storms.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | QUIET | {"PYTHONPATH": os.pathsep.join(sys.path)},
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    @contextmanager
    def command(self, *words: str, cwd: Path, output: Path) -> Iterator[Running]:
        """Run `paperdesk` with these words; kill it at the end if it still runs."""
        output.touch()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(cwd), str(output), *words]) + "\n")
        self._process.stdin.flush()
        child = Child(int(self._process.stdout.readline()))
        try:
            yield Running(child, output)
        finally:
            child.kill()
            child.wait()
            child.close()


def main() -> None:
    """Bear a child for each line, until there are no more."""
    importlib.import_module("paperdesk.bootstrap")

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is gone at once
    for line in sys.stdin:
        cwd, output, *words = json.loads(line)
        pid = os.fork()
        if not pid:
            _live(cwd, output, words)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _live(cwd: str, output: str, words: list[str]) -> None:
    """Be what was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.chdir(cwd)
    log = os.open(output, os.O_WRONLY)
    for number, fd in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(fd, number)
    code = 1
    try:
        code = cli.main(words)
        sys.stdout.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
