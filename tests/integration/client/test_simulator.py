"""A service of one's own, and its end."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

import paperdesk
from paperdesk.errors import Unreachable

# As the cells of a notebook: no block holds them together.
LEFT_RUNNING = """
import paperdesk
desk = paperdesk.simulator()
print(desk.place.url, flush=True)
"""


def is_gone(url: str) -> bool:
    with paperdesk.Client(url, "key", retry_seconds=0) as client:
        try:
            client.health()
        except Unreachable:
            return True
    return False


def test_a_simulator_needs_no_block_and_ends_when_it_is_closed() -> None:
    desk = paperdesk.simulator()
    assert desk.health().status == "ok"

    desk.close()
    desk.close()

    assert is_gone(desk.place.url)


def test_a_simulator_that_nobody_refers_to_any_more_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell is run twice, and the name is given to the second one."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    desk = paperdesk.simulator()
    url = desk.place.url
    assert list(tmp_path.iterdir())

    del desk
    gc.collect()

    assert is_gone(url)
    assert not list(tmp_path.iterdir()), "its folder went with it"


def test_a_simulator_ends_with_the_program_that_started_it() -> None:
    program = subprocess.run(
        [sys.executable, "-c", LEFT_RUNNING], capture_output=True, text=True, check=True
    )

    assert is_gone(program.stdout.strip())
