"""Every block of code in the README and in docs/ is run, loaded or parsed, as it stands there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import pytest

from e2e.five_minutes import steps_of
from e2e.processes import COMMANDS
from paperdesk.client import Client
from paperdesk.client.simulating import serving
from paperdesk.config import load_settings
from twsim import FaultPlan, Gateway
from twsim.scenario import Scenario

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ROOT / "tests"
ACCOUNTS: Final = ("DU8730189", "DUP203550")
SCENARIO: Final = "docs/twsim-faults.md"  # its blocks are of a gateway's, not of a service
_BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

# What another test runs: of a page, in a language.
ELSEWHERE: Final = {
    ("README.md", "console"): "e2e/test_five_minutes.py",
    ("docs/administration.md", "sh"): "e2e/test_keys_command.py",
    ("docs/cli.md", "console"): "tidy/test_tidy.py",  # how each command is called: made of them
    ("docs/events.md", "sh"): "e2e/test_pages.py",  # a stream without an end
    ("docs/twsim-examples.md", "python"): "integration/twsim/test_examples.py",
}
# What no test can run, by the beginning of the block; where it is a shell's, it is parsed.
NOT_RUN: Final = {
    "make run ": "a service that ends with Ctrl-C: both lines are typed in the five minutes",
    "tailscale serve": "needs a tailnet",
    "server {\n    listen 443": "nginx's; no nginx here",
    "sudo install -d": "a machine's systemd; its units are judged in tests/unit/deploy",
    "[Service]\nLoadCredential": "a drop-in of systemd's",
    "cd deploy\n": "needs a container engine; compose.yaml is read in tests/unit/deploy",
    "docker compose exec": "needs a container engine",
    "systemctl stop": "a machine's systemd; backup and restore are run by make backup-drill",
    r"\bpdk_": "a pattern for another program",
}


@dataclass(frozen=True)
class Block:
    """A block of code and where it stands."""

    page: str
    language: str
    text: str

    @property
    def is_run(self) -> bool:
        return not any(map(self.text.startswith, NOT_RUN))


def _blocks() -> Iterator[Block]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        page = str(path.relative_to(ROOT))
        for _, language, text in _BLOCK.findall(path.read_text(encoding="utf-8")):
            yield Block(page, language, dedent(text))


BLOCKS: Final = tuple(_blocks())


def here(language: str) -> dict[str, list[str]]:
    """Return the blocks of a language that this module runs, by page."""
    found: dict[str, list[str]] = {}
    for block in BLOCKS:
        if (
            block.language == language
            and block.is_run
            and (block.page, language) not in ELSEWHERE
        ):
            found.setdefault(block.page, []).append(block.text)
    return found


def test_every_block_of_every_page_is_run_by_a_test_or_says_why_not() -> None:
    """A block that nobody runs is the first thing that breaks, and the first one tried."""
    run_here = {"sh", "python", "json", "toml"}
    nobody = [
        block
        for block in BLOCKS
        if block.is_run
        and (block.page, block.language) not in ELSEWHERE
        and block.language not in run_here
        and block.page != SCENARIO
    ]

    assert nobody == []
    for words in NOT_RUN:
        assert any(block.text.startswith(words) for block in BLOCKS), f"{words!r} is gone"
    for (page, _), test in ELSEWHERE.items():
        assert Path(page).stem in (TESTS / test).read_text(encoding="utf-8"), test


# ── Beside a service ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the service runs, and commands are typed."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Client]:
    with serving(folder) as client:
        yield client


@pytest.fixture
def client(service: Client) -> Iterator[Client]:
    """The service, without what the page before has halted or traded."""
    yield service
    service.resume("the next page")
    for account in ACCOUNTS:
        service.resume("the next page", account_id=account)
        held = service.positions(account_id=account)
        nothing = {row.symbol: 0 for row in held} or {"KO": 0}
        service.submit(nothing, account_id=account).wait(timeout=30)


@pytest.mark.parametrize("page", here("sh"))
def test_the_commands_of_a_page_work(client: Client, folder: Path, page: str) -> None:
    """One after the other, in one shell, as a reader types them."""
    typed = "".join(here("sh")[page]).replace("http://127.0.0.1:8000", client.place.url)
    end = "kill $(jobs -p) 2>/dev/null || true"
    done = subprocess.run(
        # Twice: a signal to a child that has not begun its program yet was lost once.
        ["/bin/bash", "-euc", f"trap '{end}; sleep 0.3; {end}' EXIT\n{typed}"],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{COMMANDS}:{os.environ['PATH']}",
            "KEY": client.place.key,
            "PAPERDESK_URL": client.place.url,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert done.returncode == 0, done.stderr
    assert "/problems/" not in done.stdout  # curl takes every answer for a success
    if page == "docs/cli.md":
        assert "✓ on target" in done.stderr
        assert done.stdout.splitlines()[-1] == "2"


def test_the_stream_of_the_page_on_events_opens(client: Client) -> None:
    (typed,) = [
        block.text
        for block in BLOCKS
        if block.page.endswith("events.md") and block.language == "sh"
    ]
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec {typed}".replace("http://127.0.0.1:8000", client.place.url)],
        env=os.environ | {"KEY": client.place.key},
        stdout=subprocess.PIPE,
    ) as curl:
        assert curl.stdout is not None
        first = curl.stdout.readline()
        curl.kill()

    assert first == b"event: stream.ready\n"


@pytest.mark.parametrize("page", [page for page in here("python") if page != SCENARIO])
def test_the_programs_of_a_page_work(
    client: Client, folder: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, in one interpreter, as a reader follows them."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PAPERDESK_URL", client.place.url)
    names: dict[str, Any] = {"__name__": "page"}
    for program in here("python")[page]:
        exec(compile(program, page, "exec"), names)  # noqa: S102 - our own page
    names["c"].close()


# ── Without one ───────────────────────────────────────────────────────────────────────────────


def test_the_two_commands_at_the_top_are_typed_in_the_five_minutes() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = {step.typed for step in steps_of(readme)}
    (top,) = [block for block in BLOCKS if block.text.startswith("make run ")]
    commands = [line.partition("#")[0].strip() for line in top.text.splitlines()]

    assert len(commands) == 2
    assert typed.issuperset(commands)


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "sh" and not block.is_run]
)
def test_commands_that_cannot_be_run_here_are_understood_by_a_shell(block: Block) -> None:
    subprocess.run(["/bin/bash", "-n"], input=block.text, text=True, check=True)


@pytest.mark.parametrize("page", here("toml"))
def test_the_settings_of_a_page_are_ones_that_the_service_takes(
    tmp_path: Path, page: str
) -> None:
    for block in here("toml")[page]:
        path = tmp_path / "paperdesk.toml"
        path.write_text(re.sub('"PUT .*"', f'"{"0" * 64}"', block), encoding="utf-8")
        load_settings(path, {})


def test_every_json_block_is_json() -> None:
    for page, blocks in here("json").items():
        for block in blocks:
            assert json.loads(block), page


def test_the_faults_and_the_scenario_of_the_page_on_faults_are_ones_that_twsim_takes() -> None:
    faults = [block.text for block in BLOCKS if block.page == SCENARIO]
    once, by_rate, scenario = faults

    async def inject() -> None:
        async with Gateway() as gateway:
            exec(once, {"gateway": gateway})  # noqa: S102 - our own page

    asyncio.run(inject())
    exec(by_rate, {"Gateway": Gateway, "FaultPlan": FaultPlan})  # noqa: S102
    assert len(Scenario.load(scenario).steps) == len(scenario.splitlines())
