"""`paperdesk keys`, beside a service that runs and where none does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.processes import COMMANDS, api_of, command
from e2e.terminal import on_terminal
from paperdesk.domain.keys import recognised


def keys(
    cwd: Path, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMANDS / "paperdesk", "keys", *words],
        cwd=cwd,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def listed(cwd: Path, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(keys(cwd, "list", "--json", *words).stdout)["keys"]
    return found


def test_a_key_made_beside_a_running_service_opens_and_can_be_turned_and_revoked(
    tmp_path: Path,
) -> None:
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        here = ("--url", api.url)
        made = keys(tmp_path, "create", "bot", "--scope", "read", *here)
        text = made.stdout.strip()
        key_id = recognised(text)
        assert key_id is not None
        assert "shown this once" in made.stderr

        def status(key: str) -> int:
            answer = httpx.get(f"{api.url}/api/v1/orders", headers={"X-API-Key": key})
            return answer.status_code

        assert status(text) == 200
        second = keys(tmp_path, "rotate", key_id, *here).stdout.strip()
        assert (status(text), status(second)) == (200, 200)
        assert keys(tmp_path, "revoke", key_id, *here).returncode == 0
        assert (status(text), status(second)) == (401, 200)
        table = keys(tmp_path, "list", *here).stdout.splitlines()
        assert [line.split("\t")[1:4] for line in table] == [
            ["name", "status", "scopes"],
            ["local", "active", "admin"],
            ["bot", "revoked", "read"],
            ["bot", "active", "read"],
        ]
        assert text not in service.text()
        seen = on_terminal(
            "paperdesk", "keys", "list", *here, cwd=tmp_path, env={}, columns=80
        ).text
        assert "Expires at" not in seen, "a column in which nothing stands"
        assert [line for line in seen.splitlines() if "bot" in line and "revoked" in line]


def test_keys_are_made_in_the_ledger_where_no_service_runs_and_open_once_one_does(
    tmp_path: Path,
) -> None:
    nobody = {"PAPERDESK_SERVER__PORT": "9"}  # discard: nothing answers there
    made = keys(tmp_path, "create", "bot", "--scope", "admin", env=nobody)
    assert made.returncode == 0, made.stderr

    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        url = service.until(r"serves on (\S+)")[1]
        headers = {"X-API-Key": made.stdout.strip()}
        found = httpx.get(f"{url}/api/v1/audit", headers=headers).json()["entries"]
        assert "API key" not in service.text()  # one opens: none is made
    assert [entry["source"] for entry in found if entry["action"] == "create_key"] == [
        "command line"
    ]


@pytest.mark.parametrize(
    ("words", "returncode", "said"),
    [
        (["create", "a b"], 2, "name must be 1 to 64 letters"),
        (["create", "x", "--scope", "root"], 2, "scopes must be one of read, trade"),
        (["revoke", "12345678"], 1, "reaches no key of that id"),
        (["create"], 2, "requires an argument"),
        (["destroy", "x"], 2, "Try: paperdesk --help"),
        (["list", "--url", "http://127.0.0.1:9"], 6, "nothing answers at http://127.0.0.1:9"),
    ],
)
def test_a_wrong_command_says_what_is_right(
    tmp_path: Path, words: list[str], returncode: int, said: str
) -> None:
    done = keys(tmp_path, *words, env={"PAPERDESK_SERVER__PORT": "9"})

    assert (done.returncode, done.stdout) == (returncode, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_somebody_named_is_asked_or_nobody(tmp_path: Path) -> None:
    """Else a key would be made in a ledger of this folder, and open nothing there."""
    for url in ("http://127.0.0.1:9", "https://127.0.0.1:9"):
        done = keys(tmp_path, "create", "bot", env={"PAPERDESK_URL": url})
        assert (done.returncode, done.stdout) == (6, "")
        assert f"nothing answers at {url}" in done.stderr
    assert not list(tmp_path.glob("**/*.db"))


def test_the_commands_of_the_page_on_administration_work(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/administration.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        done = subprocess.run(
            ["/bin/bash", "-euc", "".join(blocks).replace("http://127.0.0.1:8000", api.url)],
            cwd=tmp_path,
            env=os.environ
            | {
                "PATH": f"{COMMANDS}:{os.environ['PATH']}",
                "KEY": api.key,
                "PAPERDESK_URL": api.url,
            },
            capture_output=True,
            text=True,
            check=True,
        )

    printed = done.stdout.splitlines()
    assert [bool(recognised(line)) for line in printed[:3]] == [True] * 3
    assert '"limits_source":"api"' in done.stdout
    assert '"limits_source":"configuration"' in done.stdout
    assert done.stdout.count('"action":"create_key"') == 3


def test_a_key_of_no_administrator_does_not_make_keys(tmp_path: Path) -> None:
    with command("paperdesk", "serve", "--port", "0", cwd=tmp_path) as service:
        api = api_of(service, tmp_path)
        here = ("--url", api.url)
        trader = keys(tmp_path, "create", "bot", *here).stdout.strip()
        refused = keys(tmp_path, "create", "x", *here, env={"PAPERDESK_API_KEY": trader})
        unknown = keys(tmp_path, "create", "x", *here, env={"PAPERDESK_API_KEY": "wrong"})
        assert [entry["name"] for entry in listed(tmp_path, *here)] == ["local", "bot"]

    assert (refused.returncode, unknown.returncode) == (4, 4)
    assert "needs the scope admin" in refused.stderr
    assert "set PAPERDESK_API_KEY to an admin's key" in unknown.stderr
