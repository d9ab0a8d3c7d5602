"""Reading a batch of 20 orders, against the same framework returning the same bytes.

Owns: the measurement, and a client so plain that it costs neither side much: connections that
stay open, each of which asks again as soon as all have their answer. The orders are filled.
"""

from __future__ import annotations

import re
import socket
import time

from _desk import (
    Service,
    at_market,
    bare,
    paperdesk,
    ratios,
    say,
    spread,
    symbols,
    twsim,
    workshop,
)

ORDERS = 20
CONNECTIONS = 8
SLICE_SECONDS = 1.0
ROUNDS = 9
GOAL = 0.8
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Reader:
    """Asks one URL over some connections."""

    def __init__(self, url: str, path: str, key: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._sockets = [
            socket.create_connection((host, int(port))) for _ in range(CONNECTIONS)
        ]
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\n\r\n".encode()
        )

    def per_second(self) -> float:
        """Return how many answers came in a second."""
        count = 0
        began = time.perf_counter()
        while time.perf_counter() < began + SLICE_SECONDS:
            for each in self._sockets:
                each.sendall(self._request)
            for each in self._sockets:
                self._read(each)
            count += CONNECTIONS
        return count / (time.perf_counter() - began)

    @staticmethod
    def _read(each: socket.socket) -> None:
        got = b""
        while b"\r\n\r\n" not in got:
            got += Reader._some(each)
        assert got.startswith(b"HTTP/1.1 200"), got
        head, _, body = got.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        assert found is not None
        missing = int(found[1]) - len(body)
        while missing > 0:
            missing -= len(Reader._some(each))

    @staticmethod
    def _some(each: socket.socket) -> bytes:
        """Return what has come: without this check a line that was closed is read for ever."""
        got = each.recv(1 << 16)
        assert got, "the server closed the line"
        return got


def final_batch(service: Service) -> str:
    """Return a batch whose orders are filled."""
    answer = service.submit(at_market(symbols(ORDERS), 1))
    assert service.batch(answer["batch_id"], 30)["summary"]["final"]
    return str(answer["batch_id"])


def main() -> None:
    """Measure in turns; the first round warms up both and does not count."""
    ours, theirs = [], []
    with (
        workshop() as folder,
        twsim(folder) as gateway,
        paperdesk(folder, gateway) as service,
    ):
        path = f"/api/v1/orders/{final_batch(service)}"
        body = service.http.get(f"{service.url}{path}").content
        with bare(folder, body=body) as base:
            readers = [Reader(url, path, service.key) for url in (service.url, base.url)]
            for _ in range(ROUNDS + 1):
                ours.append(readers[0].per_second())
                theirs.append(readers[1].per_second())
    ours, theirs = ours[1:], theirs[1:]
    say(f"GET of a batch of {ORDERS}, {len(body)} bytes, {CONNECTIONS} connections")
    say(f"  paperdesk              {spread(ours, 0, ' /s')}")
    say(f"  the framework, bare    {spread(theirs, 0, ' /s')}")
    say(f"  ratio                  {spread(ratios(ours, theirs))}   goal {GOAL} at least")


if __name__ == "__main__":
    main()
