"""How the scripts of the dashboard get beside ours: hatch_build.py, run in a copy of its folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VENDOR = "src/paperdesk/dashboard/vendor"
# Nothing listens on the port "discard", so that the answer is quick.
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The part of the project that the hook needs."""
    shutil.copy(ROOT / "hatch_build.py", tmp_path)
    shutil.copytree(ROOT / "web", tmp_path / "web")
    return tmp_path


def bring(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "hatch_build.py")],
        env=os.environ | {"npm_config_registry": NOWHERE, "npm_config_cache": str(project)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_without_npm_it_says_what_is_missing_and_why(project: Path) -> None:
    done = bring(project)

    assert done.returncode == 1
    assert "could not be brought from npm; everything else works" in done.stderr
    assert "ECONNREFUSED" in done.stderr
    assert (project / VENDOR / "missing.txt").read_text().strip() == done.stderr.strip()


def test_what_is_there_is_not_asked_for_again(project: Path) -> None:
    shutil.copytree(ROOT / VENDOR, project / VENDOR)

    assert bring(project).returncode == 0


def test_another_lock_is_asked_for_and_what_was_there_stays(project: Path) -> None:
    shutil.copytree(ROOT / VENDOR, project / VENDOR)
    lock = project / "web/package-lock.json"
    lock.write_text(lock.read_text().replace('"license": "MIT"', '"license": "MIT "'))
    done = bring(project)

    assert done.returncode == 1
    assert (project / VENDOR / "preact.js").exists()
    assert not (project / VENDOR / "missing.txt").exists()


def test_the_scripts_name_each_other_by_file() -> None:
    found = {
        name
        for path in (ROOT / VENDOR).glob("*.js")
        for name in re.findall(r"""\b(?:from|import)\s*["']([^"']+)["']""", path.read_text())
    }

    assert found == {"./preact.js", "./preact-hooks.js", "./signals-core.js"}
