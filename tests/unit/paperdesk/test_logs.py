"""Log lines: for a person on a terminal, JSON elsewhere, never with a secret."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from makers import NOW
from paperdesk.clock import ManualClock
from paperdesk.logs import configure_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def fail_with(secret: str) -> None:
    raise RuntimeError("a defect near " + "*" * len(secret))


def log_a_failure(stream: io.StringIO) -> str:
    configure_logs(ManualClock(NOW), stream)
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        try:
            fail_with(f"hunter{1 + 1}")
        except RuntimeError:
            structlog.get_logger().exception("it.failed", batch_id="b1")
    return stream.getvalue()


def test_a_line_for_a_machine_is_json_with_time_level_and_ids() -> None:
    line = json.loads(log_a_failure(io.StringIO()))

    assert line["event"] == "it.failed"
    assert (line["request_id"], line["batch_id"]) == ("r1", "b1")
    assert (line["at"], line["level"]) == ("2026-03-09T14:30:00.000+00:00", "error")
    assert "RuntimeError" in line["exception"]


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_a_traceback_shows_no_local_variables(stream: io.StringIO) -> None:
    printed = log_a_failure(stream)

    assert "RuntimeError" in printed
    assert "hunter2" not in printed
