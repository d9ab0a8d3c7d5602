"""The pytest plugin as its users run it: in a pytest of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import twsim

QUIET = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio", "--strict-markers"]

# In the order in which pytest runs them, all in one process.
FILES = {
    "test_1_unused.py": """
import sys

def test_a_run_that_does_not_want_it_does_not_load_it():
    assert "twsim.pytest_plugin" in sys.modules
    assert not {"twsim.gateway", "twsim.threaded", "msgspec"} & set(sys.modules)
""",
    "test_2_own.py": """
import pytest

@pytest.fixture
def gateway():
    return 7

def test_a_fixture_of_the_users_own_wins(gateway):
    assert gateway == 7
""",
    "test_3_options.py": """
import pytest
from twsim import ManualClock

@pytest.mark.twsim(accounts={"DU1000001": 500}, clock=ManualClock)
class TestOptions:
    @pytest.mark.twsim(accounts={"DU1000002": 700})
    def test_the_closest_option_wins(self, gateway):
        gateway.advance(1)
        assert gateway.cash("DU1000002") == 700

    def test_a_clock_is_made_for_each_test(self, gateway):
        assert gateway.clock.now() == ManualClock().now()
        assert gateway.cash("DU1000001") == 500
""",
    "test_4_failing.py": """
import socket

HELLO = b"API" + bytes([0, 0, 0, 0, 9]) + b"v157..178"

def test_it_fails(gateway):
    with socket.create_connection((gateway.host, gateway.port)) as line:
        line.sendall(HELLO)
        line.recv(64)
        gateway.check_position("DU8730189", "AAPL", 100)
""",
}


def test_the_plugin_helps_its_users_and_leaves_others_alone(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *QUIET],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
        timeout=50,
    )

    assert re.search(r"^1 failed, 4 passed in", done.stdout, re.MULTILINE), done.stdout
    assert "DU8730189 holds 0 AAPL, not 100" in done.stdout
    assert "twsim: what went over the wire" in done.stdout
    assert "? S> 178 178|" in done.stdout


def test_the_package_has_the_names_that_it_says() -> None:
    assert all(getattr(twsim, name).__name__ == name for name in twsim.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = twsim.nonsense
