"""The commands and the programs of the pages work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import paperdesk
from e2e.processes import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_commands_of_the_page_on_commands_work(tmp_path: Path) -> None:
    with paperdesk.simulator() as client:
        done = subprocess.run(
            ["/bin/bash", "-euc", "".join(blocks("cli.md", "sh"))],
            cwd=tmp_path,
            env=os.environ
            | {
                "PATH": f"{COMMANDS}:{os.environ['PATH']}",
                "PAPERDESK_URL": client.place.url,
                "PAPERDESK_API_KEY": client.place.key,
            },
            capture_output=True,
            text=True,
            check=True,
        )

    assert "✓ on target" in done.stderr
    assert done.stdout.splitlines()[-1] == "2"


def test_the_programs_of_the_page_on_the_sdk_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, in one interpreter, as a reader follows them."""
    monkeypatch.chdir(tmp_path)
    programs = blocks("sdk.md", "python")
    assert len(programs) >= 5
    with paperdesk.simulator() as client:
        monkeypatch.setenv("PAPERDESK_URL", client.place.url)
        monkeypatch.setenv("PAPERDESK_API_KEY", client.place.key)
        names: dict[str, Any] = {"__name__": "page"}
        for program in programs:
            exec(compile(program, "docs/sdk.md", "exec"), names)  # noqa: S102 - our own page
        names["c"].close()
