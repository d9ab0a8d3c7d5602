"""What the composition root says and makes beside the service itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperdesk.bootstrap import greet, secrets_of
from paperdesk.config import load_settings


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_greeting_names_an_address_that_can_be_opened(
    host: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    greet(load_settings(None, {}, host=host), 8000, "pdk_1")

    said = capsys.readouterr().out
    assert f"serves on {url} (the dashboard; docs: {url}/docs)" in said
    assert f"curl -s {url}/api/v1/orders" in said
    assert "API key (.paperdesk/key): pdk_1" in said


def test_a_service_that_made_no_key_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    greet(load_settings(None, {}), 8000, None)

    assert "API key" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgresql://user@host/db", {""}),
        ("postgresql://user:pass%40word@host/db", {"pass%40word", "pass@word"}),
        ("postgresql://u:a[b@h/db?password=other%20one&sslmode=x", {"a[b", "other one"}),
        ("sqlite:///ledger.db", {""}),
    ],
)
def test_no_line_may_show_the_databases_password_or_a_secret_of_the_environment(
    url: str, secrets: set[str]
) -> None:
    settings = load_settings(None, {"PAPERDESK_LEDGER__URL": url})
    environ = {"PGPASSWORD": "longenough", "SOME_KEY": "true", "HOME": "/nowhere/at/all"}

    assert secrets_of(settings, environ) == secrets | {"longenough"}
