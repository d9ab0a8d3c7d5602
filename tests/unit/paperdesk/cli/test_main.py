from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import paperdesk
from makers import NOW
from paperdesk import __version__
from paperdesk.cli import main
from paperdesk.config import Settings
from paperdesk.errors import LedgerUnavailable
from paperdesk.ledger.opening import open_owned


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start_with(monkeypatch: pytest.MonkeyPatch, serve: Callable[[Settings], int]) -> None:
    """Let `serve` stand for the service itself."""
    bootstrap = ModuleType("paperdesk.bootstrap")
    bootstrap.serve = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "paperdesk.bootstrap", bootstrap)
    monkeypatch.setattr(paperdesk, "bootstrap", bootstrap, raising=False)


def test_serve_starts_the_service_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Settings] = []

    def start(settings: Settings) -> int:
        started.append(settings)
        return 3

    start_with(monkeypatch, start)
    Path("mine.toml").write_text("[server]\nport = 8001\n")
    monkeypatch.setenv("PAPERDESK_DESK__ACK_TIMEOUT", "2")

    code = main(["serve", "--config", "mine.toml", "--port", "0", "--host", "localhost"])

    assert code == 3
    assert (started[0].server.host, started[0].server.port) == ("localhost", 0)
    assert started[0].desk.ack_timeout == 2.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["srve"], 'Did you mean "serve"?'),
        (["serve", "--prot", "3"], "Did you mean --port?"),
        (["serve", "--port", "x"], "Invalid value for --port"),
        (["serve", "--port"], "--port requires an argument"),
        (["serve", "extra"], "extra"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


def test_a_wrong_configuration_is_one_block_and_exits_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("paperdesk.toml").write_text("[server]\nprot = 1\n")

    assert main(["serve"]) == 2
    assert capsys.readouterr().err == (
        "paperdesk: The configuration cannot be used:\n"
        "  - server.prot (paperdesk.toml): unknown key prot; did you mean port?\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (LedgerUnavailable("The ledger is locked."), 1, "paperdesk: The ledger is locked.\n"),
        (OSError(98, "Address in use"), 1, "paperdesk: [Errno 98] Address in use\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_start_that_fails_says_why_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(_: Settings) -> int:
        raise error

    start_with(monkeypatch, fail)

    assert main(["serve"]) == code
    assert capsys.readouterr().err == said


def test_a_ledger_is_backed_up_and_restored_into_an_empty_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine.toml").write_text('[ledger]\nurl = "sqlite:///first.db"\n')
    open_owned("sqlite:///first.db", NOW).close()

    assert main(["backup", "ledger.backup", "--config", "mine.toml"]) == 0
    assert re.fullmatch(r"ledger.backup: 1 rows of \d+ tables\.\n", capsys.readouterr().out)
    monkeypatch.setenv("PAPERDESK_LEDGER__URL", "sqlite:///second.db")
    assert main(["restore", "ledger.backup", "--config", "mine.toml"]) == 0
    assert "1 rows of" in capsys.readouterr().out
    assert Path("second.db").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["backup", "new"], "paperdesk: there is no ledger at .paperdesk/paperdesk.db\n"),
        (
            ["backup", "there"],
            "paperdesk: there is there already: name another file, or remove",
        ),
        (
            ["restore", "there"],
            "paperdesk: there is no whole backup of a Paperdesk ledger: it is no",
        ),
        (["restore", "none"], "paperdesk: none cannot be read: No such file or directory.\n"),
    ],
)
def test_a_backup_that_cannot_be_made_or_read_is_one_line_and_exits_1(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there").write_text("something")

    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith(words)
    assert said.count("\n") == 1
    assert not Path(".paperdesk").exists()


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "serve" in capsys.readouterr().out


def test_help_imports_neither_the_server_nor_the_broker() -> None:
    code = "import sys, paperdesk.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "paperdesk.cli" in loaded
    assert not {"litestar", "uvicorn", "ib_async", "sqlalchemy", "asyncio"} & set(loaded)
