"""The service as a process with its ledger on PostgreSQL."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from e2e.processes import Api, api_of, command
from embedded import PASSWORD, PASSWORD_IN_URL, Server, running_server


def answers(api: Api) -> list[object]:
    listed = api.get("/api/v1/orders")
    batches = [api.get(f"/api/v1/orders/{b['batch_id']}") for b in listed["batches"]]
    positions = api.get("/api/v1/positions")["positions"]
    held = [(row["symbol"], row["quantity"]) for row in positions]
    return [listed, batches, api.get("/api/v1/executions"), held]


@pytest.mark.timed
def test_a_killed_service_goes_on_and_a_second_one_is_refused(
    tmp_path: Path, postgres_url: str
) -> None:
    env = {"PAPERDESK_LEDGER__URL": postgres_url}
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path, env=env) as service:
        api = api_of(service, tmp_path)
        api.final(api.submit({"symbol": "AAPL", "quantity": 100})["batch_id"])
        before = answers(api)
        with command("paperdesk", "serve", "--port", "0", cwd=tmp_path, env=env) as second:
            second.process.wait(timeout=20)
        service.end(signal.SIGKILL)

    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path, env=env) as again:
        assert answers(api_of(again, tmp_path)) == before
        assert again.end() < 2

    printed = service.text() + second.text() + again.text()
    assert second.process.returncode == 1
    assert "another process owns the ledger" in second.text()
    assert "Traceback" not in printed
    assert PASSWORD not in printed
    assert PASSWORD_IN_URL not in printed
    assert not list(tmp_path.rglob("*.db"))


def test_a_service_outlives_its_database(tmp_path: Path) -> None:
    with running_server(fsync=True) as server, server.database() as name:
        env = {"PAPERDESK_LEDGER__URL": server.url(name)}
        with command("paperdesk", "serve", "--port", "0", cwd=tmp_path, env=env) as service:
            api = api_of(service, tmp_path)
            api.final(api.submit({"symbol": "AAPL", "quantity": 100})["batch_id"])
            _outage(server, api)
            api.final(api.submit({"symbol": "AAPL", "quantity": 30})["batch_id"])
            held = [
                (row["symbol"], row["quantity"])
                for row in api.get("/api/v1/positions")["positions"]
            ]
            batches = len(api.get("/api/v1/orders")["batches"])
            service.end()

    assert held == [("AAPL", 30)]
    assert batches == 2
    assert "Traceback" not in service.text()
    assert PASSWORD not in service.text()


def _outage(server: Server, api: Api) -> None:
    """Crash the database, see what is answered meanwhile, and bring it back."""
    server.stop(signal.SIGQUIT)
    refused = api.call(
        "POST", "/api/v1/orders", json={"orders": [{"symbol": "MSFT", "quantity": 1}]}
    )
    ready = api.call("GET", "/readyz")
    health = api.call("GET", "/health")
    server.start()
    deadline = time.monotonic() + 10
    while api.call("GET", "/readyz").status_code != 200:
        assert time.monotonic() < deadline, "never ready again"
        time.sleep(0.05)

    assert (refused.status_code, refused.json()["code"]) == (503, "ledger-unavailable")
    assert ready.status_code == 503
    assert health.status_code == 200
