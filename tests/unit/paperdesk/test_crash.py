"""The named places at which a test kills the process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from paperdesk import crash
from paperdesk.crash import POINTS, crash_point

SOURCE = Path(crash.__file__).parent
PASSES = "from paperdesk.crash import crash_point\n" + "\n".join(
    f'print("{said}", flush=True); crash_point("{name}")'
    for said, name in [("one", "CP07"), ("two", "CP09"), ("three", "CP07"), ("four", "CP10")]
)


def test_every_point_of_the_table_stands_in_the_code_once_for_each_time_it_is_named() -> None:
    passed = Counter(
        name
        for module in SOURCE.rglob("*.py")
        for name in re.findall(r'crash_point\("([^"]*)"\)', module.read_text("utf-8"))
    )

    assert passed == Counter(name.partition(":")[0] for name in POINTS)


def test_a_point_is_passed_by_its_name_and_nothing_else() -> None:
    for module in SOURCE.rglob("*.py"):
        text = module.read_text("utf-8")
        if module.name != "crash.py":
            calls = text.count("crash_point(")
            assert calls == len(re.findall(r'crash_point\("CP\d\d"\)', text)), module.name


def test_the_points_are_those_of_the_reliability_plan_but_the_two_that_are_kept() -> None:
    assert {name.partition(":")[0] for name in POINTS} == {f"CP{n:02}" for n in range(1, 29)}


@pytest.mark.parametrize(
    ("chosen", "printed"),
    [
        ("CP07", ["one"]),
        ("CP07:1", ["one"]),
        ("CP07:2", ["one", "two", "three"]),
        ("CP10", ["one", "two", "three", "four"]),
    ],
)
def test_the_process_is_killed_at_the_chosen_pass(chosen: str, printed: list[str]) -> None:
    done = _passing(chosen)

    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == printed


@pytest.mark.parametrize("chosen", ["", "CP07:3", "CP01"])
def test_nothing_happens_at_a_point_that_was_not_chosen(chosen: str) -> None:
    done = _passing(chosen)

    assert done.returncode == 0
    assert done.stdout.split() == ["one", "two", "three", "four"]


def test_without_the_variable_a_point_is_passed_in_this_process() -> None:
    crash_point("CP01")


def _passing(chosen: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PASSES],
        env=os.environ | {"CRASH_POINT": chosen},
        capture_output=True,
        text=True,
        check=False,
    )
