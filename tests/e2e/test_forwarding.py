"""`paperdesk events --forward-to`: a real service, and a receiver that trusts no unsigned post."""

from __future__ import annotations

import hmac
import json
import os
import signal
import stat
import subprocess
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import paperdesk
from e2e.processes import COMMANDS, command
from paperdesk.cli.forwarding import signature
from paperdesk.client import Client

TYPES = "batch.*,order.*,fill.*"
WITHIN_SECONDS = 60.0


@dataclass
class Receiver:
    """A web hook as its owner would write it, which may be away, and refuses what it is told to."""

    port: int = 0
    secret: str = ""
    refuse: set[int] = field(default_factory=set)  # which attempts, counted from 1
    status: int = 500
    attempts: int = 0
    taken: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def come(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.judge(dict(self.headers), body))
                self.end_headers()

            def log_request(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def go(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def judge(self, headers: dict[str, str], body: bytes) -> int:
        """Verify as https://www.standardwebhooks.com has it, then take or refuse."""
        self.attempts += 1
        message_id, at = headers["Webhook-Id"], headers["Webhook-Timestamp"]
        key = b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{message_id}.{at}.".encode() + body, "sha256")
        event = json.loads(body)
        is_right = (
            headers["Webhook-Signature"] == f"v1,{b64encode(digest).decode()}"
            and abs(time.time() - int(at)) < 300
            and message_id == f"evt_{event['id']}"
            and {"type", "timestamp", "data"} <= event.keys()
        )
        if not is_right:
            self.wrong.append(f"{headers} {body!r}")
        if self.attempts in self.refuse:
            return self.status
        self.taken.append(event["id"])
        return 204

    def until(self, count: int) -> None:
        deadline = time.monotonic() + WITHIN_SECONDS
        while len(self.taken) < count:
            assert time.monotonic() < deadline, self.taken
            time.sleep(0.02)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with paperdesk.simulator() as client:
        client.submit({"AAPL": 10}).wait(timeout=20).raise_for_exceptions()
        yield client


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.come()
    yield receiver
    receiver.go()
    assert receiver.wrong == []


def environment(client: Client, **more: str) -> dict[str, str]:
    return {"PAPERDESK_URL": client.place.url, "PAPERDESK_API_KEY": client.place.key, **more}


def forward(
    client: Client, cwd: Path, *words: str, types: str = TYPES, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMANDS / "paperdesk", "events", "--types", types, *words],
        cwd=cwd,
        env=os.environ | environment(client, **env),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def told(client: Client, cwd: Path, types: str = TYPES) -> list[int]:
    lines = forward(client, cwd, "--json", types=types).stdout.splitlines()
    return [json.loads(line)["id"] for line in lines]


def secret_of(folder: Path) -> str:
    """Return the folder's secret, which the first command makes where it is forwarded to."""
    file = folder / ".paperdesk/webhook-secret"
    file.parent.mkdir()
    file.write_text("whsec_" + b64encode(b"as long as a secret must be").decode())
    return file.read_text()


def test_each_event_is_posted_signed_in_order_until_it_is_taken_and_never_again(
    client: Client, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.secret = secret_of(tmp_path)
    receiver.refuse = {2, 3}
    done = forward(client, tmp_path, "--forward-to", receiver.url)

    assert done.returncode == 0, done.stderr
    assert receiver.taken == told(client, tmp_path)
    assert receiver.attempts == len(receiver.taken) + 2
    assert "HTTP 500; again in 0.5 s" in done.stderr
    assert receiver.secret not in done.stderr
    again = forward(client, tmp_path, "--forward-to", receiver.url)
    assert (again.returncode, receiver.attempts) == (0, len(receiver.taken) + 2)
    other = forward(client, tmp_path, "--forward-to", f"{receiver.url}/other")
    assert (other.returncode, len(receiver.taken)) == (0, 2 * len(told(client, tmp_path)))


def test_a_follower_outlives_its_receiver_and_its_next_start_goes_on_where_it_was_killed(
    client: Client, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.secret = "whsec_" + b64encode(b"of the environment, 24 bytes").decode()
    words = ("--types", "order.filled", "--follow", "--forward-to", receiver.url)
    env = environment(client, PAPERDESK_WEBHOOK_SECRET=receiver.secret)

    with command("paperdesk", "events", *words, cwd=tmp_path, env=env) as follower:
        place = tmp_path / ".paperdesk/forwarded"
        while not list(place.glob("[!.]*")):
            assert follower.process.poll() is None, follower.text()
        client.submit({"AAPL": 11}).wait(timeout=20)
        receiver.until(1)
        receiver.go()
        client.submit({"AAPL": 12}).wait(timeout=20)
        follower.until(r"order.filled → .*refused.*again in")
        receiver.come()
        receiver.until(2)
        receiver.go()
        client.submit({"AAPL": 13}).wait(timeout=20)
        follower.until(r"(?s)order.filled → .*refused.*order.filled → .*refused")
        follower.end(signal.SIGKILL)
    client.submit({"AAPL": 14}).wait(timeout=20)
    receiver.come()
    with command("paperdesk", "events", *words, cwd=tmp_path, env=env):
        receiver.until(4)

    assert receiver.taken == told(client, tmp_path, "order.filled")[-4:]
    assert not (tmp_path / ".paperdesk/webhook-secret").exists()


def test_a_receiver_that_is_away_or_wants_no_more_ends_the_command(
    client: Client, receiver: Receiver, tmp_path: Path
) -> None:
    away = forward(client, tmp_path, "--forward-to", "http://127.0.0.1:9/hook")
    assert away.returncode == 1
    assert "http://127.0.0.1:9/hook did not take event" in away.stderr
    assert "goes on with it" in away.stderr
    made = tmp_path / ".paperdesk/webhook-secret"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    receiver.secret, receiver.refuse, receiver.status = made.read_text().strip(), {1}, 410
    gone = forward(
        client, tmp_path, "--forward-to", receiver.url, "--follow", "--since-id", "0"
    )
    assert (gone.returncode, receiver.attempts) == (1, 1)
    assert "HTTP 410" in gone.stderr


def test_what_cannot_be_forwarded_to_or_signed_with_is_said_at_once(
    client: Client, tmp_path: Path
) -> None:
    no_address = forward(client, tmp_path, "--forward-to", "localhost:3000/hook")
    assert (no_address.returncode, "http://…" in no_address.stderr) == (2, True)
    for wrong in ("short", "whsec_" + b64encode(b"short").decode(), "whsec_?"):
        done = forward(
            client, tmp_path, "--forward-to", "http://127.0.0.1:9/",
            PAPERDESK_WEBHOOK_SECRET=wrong,
        )  # fmt: skip
        assert (done.returncode, "is no secret" in done.stderr) == (2, True)


def test_a_signature_is_the_one_of_the_standards_own_example() -> None:
    """From its reference libraries, https://github.com/standard-webhooks/standard-webhooks."""
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
