"""The service as a process: out of the box, killed, interrupted, misconfigured."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from e2e.processes import Api, api_of, command

ROOT = Path(__file__).parents[2]
CONFIG = """
default_account = "DU8730189"

[ledger]
url = "sqlite:///ledger.db"

[[gateways]]
port = {port}
accounts = ["DU8730189"]
"""


@pytest.mark.timed
def test_the_greeting_names_address_key_and_a_line_that_works(tmp_path: Path) -> None:
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        line = service.until(r"(?s)(curl .*?\}')")[1]
        answered = subprocess.run(
            ["/bin/bash", "-c", line], capture_output=True, text=True, check=True
        )
        took = service.end()

    key_file = tmp_path / ".paperdesk/key"
    assert api.key in line
    assert '"batch_id"' in answered.stdout
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert took < 2
    assert service.process.returncode == 0
    assert "Traceback" not in service.text()


@pytest.mark.timed
def test_ctrl_c_answers_a_waiting_request_and_ends_within_two_seconds(tmp_path: Path) -> None:
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        batch = api.submit({"symbol": "AAPL", "quantity": 5, "limit_price": 90})
        answers: list[httpx.Response] = []
        path = f"/api/v1/orders/{batch['batch_id']}?wait=60"
        waiting = threading.Thread(target=lambda: answers.append(api.call("GET", path)))
        waiting.start()
        time.sleep(0.3)
        took = service.end()
        waiting.join()

    assert took < 2
    assert service.process.returncode == 0
    assert [answer.status_code for answer in answers] == [200]
    assert "Traceback" not in service.text()


@pytest.mark.timed
def test_ctrl_c_says_goodbye_to_listeners_and_waits_for_none(tmp_path: Path) -> None:
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        batch = api.submit({"symbol": "AAPL", "quantity": 5})
        api.final(batch["batch_id"])
        head = (
            f"GET /api/v1/events?since_id=0 HTTP/1.1\r\nHost: x\r\nX-API-Key: {api.key}\r\n\r\n"
        )
        address = ("127.0.0.1", int(api.url.rpartition(":")[2]))
        with socket.create_connection(address) as reading, socket.socket() as silent:
            reading.settimeout(10)
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.connect(address)
            for listener in (reading, silent):
                listener.sendall(head.encode())
            heard = b""
            while b"event: batch.final" not in heard:
                heard += reading.recv(65536)
            took = service.end()
            while part := reading.recv(65536):
                heard += part

    assert took < 2
    assert service.process.returncode == 0
    assert b'event: stream.bye\ndata: {"id":null' in heard
    assert heard.endswith(b"0\r\n\r\n")
    assert "Traceback" not in service.text()


def test_what_the_server_says_is_json_and_a_cut_off_request_has_no_traceback(
    tmp_path: Path,
) -> None:
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        address = ("127.0.0.1", int(api.url.rpartition(":")[2]))
        service.until(r"Ctrl-C stops\.\n")
        with socket.create_connection(address) as nonsense:
            nonsense.sendall(b"NONSENSE\r\n\r\n")
            assert nonsense.recv(12) == b"HTTP/1.1 400"
        with socket.create_connection(address) as half:
            head = f"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {api.key}\r\n"
            half.sendall(f"{head}Content-Length: 50\r\n\r\n{{".encode())
            time.sleep(0.3)
            service.end()

    logged = service.text().partition("Ctrl-C stops.\n")[2].splitlines()
    events = [json.loads(line)["event"] for line in logged]
    assert service.process.returncode == 0
    assert events.count("Invalid HTTP request received.") == 1
    assert events.count("request.cancelled") == 1
    assert api.key not in "".join(logged)


def test_a_killed_service_answers_as_before_when_it_is_started_again(tmp_path: Path) -> None:
    def answers(api: Api) -> list[object]:
        listed = api.get("/api/v1/orders")
        batches = [api.get(f"/api/v1/orders/{b['batch_id']}") for b in listed["batches"]]
        positions = api.get("/api/v1/positions")["positions"]
        held = [(row["symbol"], row["quantity"]) for row in positions]
        return [listed, batches, api.get("/api/v1/executions"), held]

    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        api.final(api.submit({"symbol": "AAPL", "quantity": 100})["batch_id"])
        key = {"Idempotency-Key": "once"}
        body = {"orders": [{"symbol": "MSFT", "quantity": 5}]}
        first = httpx.post(
            f"{api.url}/api/v1/orders", json=body, headers={"X-API-Key": api.key} | key
        )
        api.final(first.json()["batch_id"])
        before = answers(api)
        service.end(signal.SIGKILL)

    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        again = api_of(service, tmp_path)
        replayed = httpx.post(
            f"{again.url}/api/v1/orders", json=body, headers={"X-API-Key": again.key} | key
        )

        assert again.key == api.key
        assert answers(again) == before
        assert replayed.content == first.content
        assert replayed.headers["Idempotency-Replayed"] == "true"


def test_a_gateway_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    options = ("--state", "sim.jsonl", "--account", "DU8730189=1000000")
    with command("twsim", "--port", "0", *options, cwd=tmp_path) as gateway:
        port = gateway.until(r"listening on \S+:(\d+)")[1]
        (tmp_path / "paperdesk.toml").write_text(CONFIG.format(port=port))
        with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
            api = api_of(service, tmp_path)
            _until_health(api, up=True, within_seconds=20)
            api.final(api.submit({"symbol": "AAPL", "quantity": 40})["batch_id"])
            gateway.end(signal.SIGKILL)
            _until_health(api, up=False, within_seconds=5)
            refused = api.call(
                "POST", "/api/v1/orders", json={"orders": [{"symbol": "MSFT", "quantity": 1}]}
            )
            listed = api.get("/api/v1/orders")["batches"]
            with command("twsim", "--port", port, *options, cwd=tmp_path):
                _until_health(api, up=True, within_seconds=10)
                positions = api.get("/api/v1/positions")["positions"]

    assert refused.status_code == 500
    assert refused.headers["Retry-After"]
    assert refused.json()["code"] == "broker-unavailable"
    assert len(listed) == 1
    assert [(row["symbol"], row["quantity"]) for row in positions] == [("AAPL", 40)]


def _until_health(api: Api, *, up: bool, within_seconds: float) -> None:
    deadline = time.monotonic() + within_seconds
    while api.get("/health")["accounts"] != {"DU8730189": up}:
        assert time.monotonic() < deadline, f"/health did not say {up} in time"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('default_acount = "DU1"', "default_account"),
        ("[server]\nprot = 1", "port"),
        ('[[gateways]]\naccounts = ["U1234567"]', "paper"),
        ('[server]\nhost = "0.0.0.0"', "can be reached from other machines"),
        ('[server]\ntls_certificate = "no.pem"\ntls_key = "no.pem"', "no.pem cannot be read"),
    ],
)
def test_a_bad_configuration_stops_the_start_with_advice(
    tmp_path: Path, toml: str, words: str
) -> None:
    (tmp_path / "paperdesk.toml").write_text(toml)
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        service.process.wait(timeout=20)

    assert service.process.returncode == 2
    assert words in service.text()
    assert "Traceback" not in service.text()
    assert not (tmp_path / ".paperdesk").exists()


def test_with_a_certificate_the_service_speaks_tls(tmp_path: Path) -> None:
    tls = ROOT / "tests/data/tls"
    env = {
        "PAPERDESK_SERVER__TLS_CERTIFICATE": str(tls / "certificate.pem"),
        "PAPERDESK_SERVER__TLS_KEY": str(tls / "key.pem"),
    }
    trusted = ssl.create_default_context(cafile=str(tls / "certificate.pem"))
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path, env=env) as service:
        url = service.until(r"serves on (https://127\.0\.0\.1:\d+) ")[1]
        answer = httpx.get(f"{url}/health", verify=trusted, trust_env=False)
        service.end()

    assert answer.json()["status"] == "ok"
    assert service.process.returncode == 0


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with command("paperdesk", "serve", "--port", port, cwd=tmp_path) as service:
            service.process.wait(timeout=20)

    assert service.process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in service.text()
    assert "Traceback" not in service.text()


def test_a_second_service_on_the_same_ledger_refuses_to_start(tmp_path: Path) -> None:
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as first:
        api_of(first, tmp_path)
        with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as second:
            second.process.wait(timeout=20)

    assert second.process.returncode == 1
    assert "another process owns the ledger" in second.text()
    assert "Traceback" not in second.text()


@pytest.mark.timed
def test_ctrl_c_works_while_the_gateway_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    (tmp_path / "paperdesk.toml").write_text(CONFIG.format(port=port))
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        health = api.get("/health")
        (account,) = api.get("/api/v1/accounts")["accounts"]
        took = service.end(signal.SIGTERM)

    assert health == {"status": "ok", "accounts": {"DU8730189": False}}
    assert "refused" in account["reason"]
    assert took < 2
    assert service.process.returncode == 0
