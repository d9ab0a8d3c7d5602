"""What the benchmarks of the desk say is what they measured."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime
from pathlib import Path

import pytest

DESK = runpy.run_path(str(Path(__file__).parents[3] / "bench/_desk.py"))
TRACE = """\
09:30:00.000250  17 -> placeOrder order_id=1 symbol=AAPL
09:30:00.000400  17 <- openOrder order_id=1
09:30:00.500000   2 -> placeOrder order_id=9
09:30:01.000000  17 -> reqCurrentTime
09:30:01.5"""


def moment(seconds: float) -> float:
    return datetime(2026, 3, 9, 9, 30, tzinfo=UTC).timestamp() + seconds


@pytest.mark.parametrize(
    ("since", "names"),
    [(0, ["placeOrder", "reqCurrentTime"]), (0.5, ["reqCurrentTime"]), (2, [])],
)
def test_a_trace_tells_which_frames_a_client_sent_since_a_moment(
    since: float, names: list[str]
) -> None:
    found = DESK["frames_in"](TRACE, 17, moment(since))

    assert [name for _, name in found] == names


def test_a_trace_tells_when_a_frame_came() -> None:
    ((at, _),) = DESK["frames_in"](TRACE, 2, moment(0))

    assert at == pytest.approx(moment(0.5), abs=1e-5)


def test_a_figure_is_a_median_with_its_ends() -> None:
    assert DESK["spread"]([3, 1, 2], 1, " s") == "2.0 s   (1.0 to 3.0, 3 rounds)"


def test_a_ratio_is_of_two_values_measured_in_the_same_round() -> None:
    assert DESK["ratios"]([2, 9], [1, 3]) == [2, 3]
