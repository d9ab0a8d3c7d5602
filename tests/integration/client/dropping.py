"""A line to a service that drops answers.

Owns: a port that passes requests on, reads the answer of some, and closes the line instead of
telling it; what it passed on can be looked at.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 65536


@dataclass
class Line:
    """How many answers to POST are still dropped, and the keys of every POST."""

    url: str
    drops: int = 0
    keys: list[str] = field(default_factory=list)


@contextmanager
def dropping(url: str) -> Iterator[Line]:
    """Listen in front of the service at `url`."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = Line(f"http://127.0.0.1:{listening.getsockname()[1]}")
        accepting = threading.Thread(
            target=_accept, args=(listening, (host, int(port)), line), daemon=True
        )
        accepting.start()
        yield line


def _accept(listening: socket.socket, service: tuple[str, int], line: Line) -> None:
    with suppress(OSError):
        while True:
            caller, _ = listening.accept()
            threading.Thread(target=_pass_on, args=(caller, service, line), daemon=True).start()


def _pass_on(caller: socket.socket, service: tuple[str, int], line: Line) -> None:
    with caller, socket.create_connection(service) as onward, suppress(OSError):
        while request := _message(caller):
            onward.sendall(request)
            answer = _message(onward)
            if request.startswith(b"POST"):
                line.keys += re.findall(r"(?i)idempotency-key: (\S+)", request.decode())
                if line.drops:
                    line.drops -= 1
                    return
            caller.sendall(answer)


def _message(sender: socket.socket) -> bytes:
    """Return one message of HTTP, with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := sender.recv(CHUNK)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += sender.recv(CHUNK)
    return head + b"\r\n\r\n" + body
