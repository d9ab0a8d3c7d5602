"""What the composition root says and makes beside the service itself."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from paperdesk.bootstrap import greet, own_client
from paperdesk.config import load_settings
from paperdesk.domain.vocabulary import AccountId
from paperdesk.runtime import SeededRandom

HOME = Path(".paperdesk")


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
    HOME.mkdir()
    (HOME / "key").write_text("pdk_1\n")

    greet(load_settings(None, {}, host=host), 8000)

    said = capsys.readouterr().out
    assert f"serves on {url} (docs: {url}/docs)" in said
    assert f"curl -s {url}/api/v1/orders" in said


def key_used() -> str:
    """Return the key in the file after a start, which must be the one that is served."""
    settings = own_client(HOME, [AccountId("DU8730189")], SeededRandom(1))
    key = (HOME / "key").read_text().strip()
    assert settings.key_sha256 == hashlib.sha256(key.encode()).hexdigest()
    return key


def test_a_key_is_made_for_this_user_only_and_kept() -> None:
    key = key_used()

    assert key.startswith("pdk_")
    assert stat.S_IMODE((HOME / "key").stat().st_mode) == 0o600
    assert [file.name for file in HOME.iterdir()] == ["key"]
    assert key_used() == key


@pytest.mark.parametrize("left", ["", "\n"])
def test_an_empty_key_file_is_replaced(left: str) -> None:
    """A process that was killed before it had written the key left one."""
    HOME.mkdir()
    (HOME / "key").write_text(left)

    assert key_used().startswith("pdk_")
    assert stat.S_IMODE((HOME / "key").stat().st_mode) == 0o600
    assert [file.name for file in HOME.iterdir()] == ["key"]


def test_a_key_that_another_process_makes_meanwhile_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link = os.link

    def be_second(source: str, target: Path) -> None:
        target.write_text("pdk_of_the_other\n")
        link(source, target)

    monkeypatch.setattr(os, "link", be_second)

    assert key_used() == "pdk_of_the_other"
    assert [file.name for file in HOME.iterdir()] == ["key"]


def test_a_key_is_never_seen_half_written(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(source: str, target: Path) -> None:
        raise Killed

    monkeypatch.setattr(os, "link", die)
    with pytest.raises(Killed):
        key_used()

    assert not (HOME / "key").exists()
