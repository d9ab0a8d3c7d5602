"""`paperdesk events`, against a stream that says what the service's says."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from e2e.processes import COMMANDS

HEAD = 3


def sse(id: int | None, kind: str, **data: object) -> bytes:
    event = {
        "id": id,
        "type": kind,
        "timestamp": "2026-03-09T14:30:00+00:00",
        "account_id": "DU8730189",
        "data": data,
    }
    head = "" if id is None else f"id: {id}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(event)}\n\n".encode()


class Service(BaseHTTPRequestHandler):
    """Tells three events."""

    asked: list[str] = []  # noqa: RUF012 - of the one server of a test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        begin = int(self.headers.get("Last-Event-ID", 0)) + 1
        told = [sse(None, "stream.ready", head_id=HEAD)]
        told += [sse(i, "order.filled", symbol="AAPL", qty=i) for i in range(begin, HEAD + 1)]
        self.answer(200, b"".join([*told, sse(None, "heartbeat", head_id=HEAD)]))

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Service.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def events(url: str, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMANDS / "paperdesk", "events", *words],
        cwd=cwd,
        env=os.environ | {"PAPERDESK_URL": url, "PAPERDESK_API_KEY": "key"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_what_happened_is_printed_and_then_it_ends(url: str, tmp_path: Path) -> None:
    done = events(url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split("\t") == [
        "1", "2026-03-09 14:30:00", "order.filled", "DU8730189", "", "AAPL qty=1",
    ]  # fmt: skip
    assert len(done.stdout.splitlines()) == HEAD

    later = events(url, tmp_path, "--since-id", "2", "--json", "--types", "order.*")
    assert [json.loads(line)["id"] for line in later.stdout.splitlines()] == [3]
    assert Service.asked[-1] == "/api/v1/events?types=order.%2A"
    assert events(url, tmp_path, "--since-id", "3").stdout == ""
