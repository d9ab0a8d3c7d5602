"""Where a command finds the running service. Nothing is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperdesk.cli.remote import Remote
from paperdesk.config import URL_VARIABLE, ServerSettings, Settings

PLAIN = ServerSettings(port=8001)
SECURE = ServerSettings("::1", 8001, tls_certificate=Path("c.pem"), tls_key=Path("k.pem"))


@pytest.mark.parametrize(
    ("server", "url"), [(PLAIN, "http://127.0.0.1:8001"), (SECURE, "https://[::1]:8001")]
)
def test_a_service_is_where_its_configuration_says_and_speaks_what_it_says(
    server: ServerSettings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    settings = Settings(server=server)

    assert Remote.of(settings, None).url == url
    assert Remote.of(settings, "https://desk.example/").url == "https://desk.example"
    monkeypatch.setenv(URL_VARIABLE, "http://elsewhere:1")
    assert Remote.of(settings, None).url == "http://elsewhere:1"
