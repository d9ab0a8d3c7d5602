"""Where a call comes from, behind a proxy: what the audit trail says and wrong keys count by."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import httpx

from front import code, open_front
from makers import ACCOUNT
from paperdesk.api.attempts import ATTEMPTS_MAX
from paperdesk.config import ServerSettings

# Whoever calls a test's service comes from 127.0.0.1.
BEHIND = ServerSettings(behind_proxy=True, trusted_proxies=(ip_network("127.0.0.1/32"),))
HALT = f"/api/v1/accounts/{ACCOUNT}/halt"


async def source_of_a_halt(home: Path, server: ServerSettings) -> str:
    """Return where the audit trail says that a halt came from."""
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    async with open_front(home, server=server) as front:
        async with front.caller("trader") as trader:
            await trader.post(HALT, json={"reason": "drill"}, headers=forwarded)
        async with front.caller("auditor") as auditor:
            answer = await auditor.get("/api/v1/audit?action=halt")
    (entry,) = answer.json()["entries"]
    return str(entry["source"])


async def test_the_audit_trail_names_whom_a_trusted_proxy_brought(tmp_path: Path) -> None:
    assert await source_of_a_halt(tmp_path, BEHIND) == "203.0.113.7"


async def test_without_a_trusted_proxy_it_names_the_socket(tmp_path: Path) -> None:
    for number, server in enumerate((ServerSettings(), ServerSettings(behind_proxy=True))):
        home = tmp_path / str(number)
        home.mkdir()

        assert await source_of_a_halt(home, server) == "127.0.0.1"


async def test_wrong_keys_of_one_caller_do_not_count_for_another(tmp_path: Path) -> None:
    async with open_front(tmp_path, server=BEHIND) as front, front.caller() as anyone:

        async def knock(address: str) -> httpx.Response:
            headers = {"X-API-Key": "wrong", "X-Forwarded-For": address}
            return await anyone.get("/api/v1/accounts", headers=headers)

        knocks = [await knock("203.0.113.7") for _ in range(ATTEMPTS_MAX + 1)]
        other = await knock("203.0.113.8")

    assert knocks[-1].status_code == 429
    assert code(other) == (401, "unauthorized")
