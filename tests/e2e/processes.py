"""Our commands as processes.

Owns: how a test starts one, reads what it prints and ends it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

COMMANDS = Path(sys.executable).parent
START_WITHIN_SECONDS = 20.0


class Process(Protocol):
    """What is asked of a process, whoever started it."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended."""

    def kill(self) -> None:
        """Kill it."""


@dataclass
class Running:
    """A process and what it has printed so far, standard output and error together."""

    process: Process
    output: Path

    def text(self) -> str:
        """Return what it printed."""
        return self.output.read_text(encoding="utf-8")

    def until(
        self, pattern: str, *, within_seconds: float = START_WITHIN_SECONDS
    ) -> re.Match[str]:
        """Return the match of what it prints, once it has."""
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            found = re.search(pattern, self.text())
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"never printed {pattern!r}:\n{self.text()}")

    def end(self, number: int = signal.SIGINT) -> float:
        """Send a signal; return how many seconds the process took to end."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        return time.monotonic() - begun


@contextmanager
def command(
    name: str,
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    output: Path | None = None,
    process_group: int | None = None,
) -> Iterator[Running]:
    """Run one of our commands; kill it at the end if it still runs.

    In a `process_group` of its own (0) it does not hear the terminal's Ctrl-C.
    """
    output = output or cwd / f"{name}-{time.monotonic_ns()}.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [str(COMMANDS / name), *arguments],
            cwd=cwd,
            env=os.environ | dict(env or {}),
            stdout=file,
            stderr=subprocess.STDOUT,
            process_group=process_group,
        )
    try:
        yield Running(process, output)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Api:
    """The service over HTTP, with its own key."""

    url: str
    key: str

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request."""
        headers = {"X-API-Key": self.key}
        return httpx.request(
            method, f"{self.url}{path}", headers=headers, timeout=70, trust_env=False, **options
        )

    def get(self, path: str) -> Any:
        """Return the body of a GET that succeeds."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, *orders: Mapping[str, object]) -> Any:
        """Return the body of an accepted batch."""
        answer = self.call("POST", "/api/v1/orders", json={"orders": list(orders)})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def final(self, batch_id: str) -> Any:
        """Return a batch when it is final."""
        body = self.get(f"/api/v1/orders/{batch_id}?wait=20")
        assert body["summary"]["final"], body
        return body


def api_of(service: Running, cwd: Path) -> Api:
    """Return the service once it has greeted."""
    url = service.until(r"serves on (http://\S+)")[1]
    return Api(url, (cwd / ".paperdesk/key").read_text().strip())
