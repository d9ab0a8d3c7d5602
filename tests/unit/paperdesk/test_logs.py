"""Log lines: for a person on a terminal, JSON elsewhere, never with a secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
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
    root = logging.getLogger()
    handlers = list(root.handlers)
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers


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


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_librarys_warning_is_a_line_like_ours_and_comes_once() -> None:
    stream = io.StringIO()
    configure_logs(ManualClock(NOW), io.StringIO())
    configure_logs(ManualClock(NOW), stream)

    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger("uvicorn.error").warning("Invalid %s request.\n", "HTTP")
    logging.getLogger("uvicorn.error").info("chatter")

    assert lines_of(stream) == [
        {
            "at": "2026-03-09T14:30:00.000+00:00",
            "event": "Invalid HTTP request.",
            "level": "warning",
            "logger": "uvicorn.error",
            "request_id": "r1",
        }
    ]


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_a_librarys_traceback_shows_no_local_variables(stream: io.StringIO) -> None:
    configure_logs(ManualClock(NOW), stream)

    try:
        fail_with(f"hunter{1 + 1}")
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")

    assert "RuntimeError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_a_cancelled_request_is_one_line_without_a_traceback() -> None:
    stream = io.StringIO()
    configure_logs(ManualClock(NOW), stream)
    cancelled = asyncio.CancelledError("the time to stop is over")

    # As uvicorn does for whatever an application raises.
    logging.getLogger("uvicorn.error").log(logging.ERROR, "Exception", exc_info=cancelled)

    (line,) = lines_of(stream)
    assert (line["event"], line["level"]) == ("request.cancelled", "warning")
    assert line["why"] == "the time to stop is over"
    assert "exception" not in line


@pytest.mark.parametrize(
    ("level", "words", "arguments", "said"),
    [
        (35, "between two levels", (), ("warning", "between two levels")),
        (90, "above all levels", (), ("critical", "above all levels")),
        (logging.ERROR, "%d of them", ("x",), ("error", "%d of them")),
        (logging.ERROR, "100 %", (), ("error", "100 %")),
    ],
)
def test_whatever_a_library_logs_becomes_a_line(
    level: int, words: str, arguments: tuple[object, ...], said: tuple[str, str]
) -> None:
    stream = io.StringIO()
    logging.getLogger().handlers.clear()  # pytest's own would refuse what does not fit
    configure_logs(ManualClock(NOW), stream)

    logging.getLogger("a.library").log(level, words, *arguments)

    (line,) = lines_of(stream)
    assert (line["level"], line["event"]) == said
