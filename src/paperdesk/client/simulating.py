"""A service of one's own, for a notebook or a test.

Owns: `simulator`, which runs `paperdesk serve` with its simulated gateway as a child process, on a
free port, in a folder that goes with it, and when that ends. Knows nothing of what is asked of the
service.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final

from paperdesk.client.blocking import Client
from paperdesk.errors import Unreachable
from paperdesk.whereabouts import KEY_FILE, key_in

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
OUTPUT: Final = "service.log"
_GREETING: Final = re.compile(r"serves on (http://\S+)")


class Simulator(Client):
    """The client of a service of one's own, which ends with it.

    That is: with `close`, with the block, when nobody refers to it any more, with the program.
    """

    def __init__(self, client: Client, service: ExitStack) -> None:
        super().__init__(client.place.url, client.place.key)
        self._end = weakref.finalize(self, service.close)

    def close(self) -> None:
        """End the service and forget what it kept."""
        super().close()
        self._end()


def simulator() -> Simulator:
    """Start a service on a simulated gateway; return its client, which may be used in a `with`.

    Two paper accounts of $1,000,000, a market that is always open, no configuration.
    """
    with ExitStack() as service:
        folder = service.enter_context(TemporaryDirectory(prefix="paperdesk-"))
        client = service.enter_context(serving(Path(folder)))
        return Simulator(client, service.pop_all())


@contextmanager
def serving(folder: Path, *, port: int = 0) -> Iterator[Client]:
    """Run a service in a folder until the end of the block; what it keeps stays there."""
    output = folder / OUTPUT
    with output.open("wb") as file:
        service = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "paperdesk", "serve", "--port", str(port)],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for whoever started it
        )
    try:
        url = _greeted(service, output)
        with Client(url, key_in(folder / KEY_FILE)) as client:
            yield client
    finally:
        _end(service)


def _environment() -> dict[str, str]:
    """Return the environment without what would configure another service."""
    return {
        name: text for name, text in os.environ.items() if not name.startswith("PAPERDESK_")
    }


def _greeted(service: subprocess.Popen[bytes], output: Path) -> str:
    """Return where the service is, once it says so. Raises Unreachable with its last words."""
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and service.poll() is None:
        found = _GREETING.search(output.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found[1]
        sleep(0.02)
    words = output.read_text(encoding="utf-8", errors="replace").strip()[-1000:]
    raise Unreachable(f"the simulated service did not start: {words or 'it said nothing'}")


def _end(service: subprocess.Popen[bytes]) -> None:
    service.send_signal(signal.SIGINT)
    try:
        service.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()
