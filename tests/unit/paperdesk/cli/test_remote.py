"""Where a command finds the running service. Nothing is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperdesk.cli.remote import place_of
from paperdesk.whereabouts import KEY_FILE, KEY_VARIABLE, SHORT_KEY_VARIABLE, URL_VARIABLE

PLAIN = "port = 8001"
SECURE = 'host = "::1"\nport = 8001\ntls_certificate = "c.pem"\ntls_key = "k.pem"'


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (URL_VARIABLE, KEY_VARIABLE, SHORT_KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("server", "url"), [(PLAIN, "http://127.0.0.1:8001"), (SECURE, "https://[::1]:8001")]
)
def test_a_service_is_where_its_configuration_says_and_speaks_what_it_says(
    server: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("paperdesk.toml").write_text(f"[server]\n{server}\n")

    assert (place_of(None).url, place_of(None).is_named) == (url, False)
    named = place_of("https://desk.example/")
    assert (named.url, named.is_named) == ("https://desk.example", True)
    monkeypatch.setenv(URL_VARIABLE, "http://elsewhere:1")
    assert place_of(None).url == "http://elsewhere:1"


def test_this_machines_key_is_shown_to_this_machine_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    KEY_FILE.parent.mkdir()
    KEY_FILE.write_text("of-this-machine\n")

    assert place_of(None).key == "of-this-machine"
    assert place_of("http://localhost:1").key == "of-this-machine"
    assert place_of("https://desk.example").key == ""
    monkeypatch.setenv(SHORT_KEY_VARIABLE, "short")
    assert place_of("https://desk.example").key == "short"
    monkeypatch.setenv(KEY_VARIABLE, "long")
    assert place_of(None).key == "long"
    assert "long" not in repr(place_of(None))
