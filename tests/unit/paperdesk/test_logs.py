"""Log lines: for a person on a terminal, JSON elsewhere, never with a secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from makers import NOW
from paperdesk.clock import ManualClock
from paperdesk.logs import configure_logs, take_over_crashes


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


class Ended(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise ValueError


def test_a_stream_that_has_ended_stops_nobody() -> None:
    configure_logs(ManualClock(NOW), Ended())

    structlog.get_logger().info("batch.accepted", targets=1)


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


KEY = "pdk_0123456789abcdef0123456789abcdef01234567"
URL = "postgresql://user:hunter2@host/db"


class Odd:
    """Says what it is only with a secret in it."""

    def __repr__(self) -> str:
        return f"Odd({URL}, {'x' * 5_000}, {KEY})"


class Mute:
    """Cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError(KEY)


SECRETS: list[dict[str, object]] = [
    {"reason": URL},
    {"password": "hunter2"},
    {"X-API-Key": b"hunter2"},
    {"client_secret": 12345678, "why": KEY},
    {"headers": [(b"x-api-key", b"hunter2"), ("authorization", "Bearer hunter2")]},
    {"deep": {"a": [{"b": ({"token": "hunter2"}, URL)}]}},
    {"deepest": [[[[[[[[[[[[KEY]]]]]]]]]]]]},
    {"raw": f"GET /?key=hunter2 {KEY}".encode()},
    {"many": {KEY, URL}},
    {KEY: "as a name"},
    {"odd": Odd(), "mute": Mute()},
    {"error": RuntimeError(f"cannot reach {URL}")},
    {"long": KEY * 10_000},
    {"known": "it was swordfish"},
]


@pytest.mark.parametrize("fields", SECRETS, ids=[next(iter(entry)) for entry in SECRETS])
@pytest.mark.parametrize("kind", [io.StringIO, Terminal], ids=["json", "terminal"])
def test_no_field_of_a_line_shows_a_secret(
    kind: type[io.StringIO], fields: dict[str, object]
) -> None:
    stream = kind()
    configure_logs(ManualClock(NOW), stream, secrets=["swordfish"])
    structlog.get_logger().warning("it.happened", **fields)

    assert "it.happened" in stream.getvalue()
    assert_clean(stream)


def assert_clean(stream: io.StringIO) -> None:
    shown = stream.getvalue()
    assert KEY[4:] not in shown
    assert "hunter2" not in shown
    assert "swordfish" not in shown
    assert "12345678" not in shown


@pytest.mark.parametrize("kind", [io.StringIO, Terminal], ids=["json", "terminal"])
def test_no_traceback_and_no_library_shows_a_secret(kind: type[io.StringIO]) -> None:
    stream = kind()
    configure_logs(ManualClock(NOW), stream, secrets=["swordfish"])
    log = structlog.get_logger()
    with structlog.contextvars.bound_contextvars(request_id=KEY):
        try:
            raise_chained()
        except RuntimeError:
            log.exception("it.failed")
            logging.getLogger("psycopg").exception("connecting to %s failed", URL)
    logging.getLogger("uvicorn").error("%s", {"authorization": "Bearer hunter2"})
    event = f"event {URL}"
    log.info(event)

    assert "Traceback" in stream.getvalue()
    assert_clean(stream)


def open_with(password: str, url: str) -> None:
    raise ValueError(f"{password} does not open {url}")


def raise_chained() -> None:
    try:
        open_with("swordfish", URL)
    except ValueError as error:
        raise RuntimeError(f"X-API-Key: hunter2, {KEY}") from error


def test_what_ends_the_process_is_a_line_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    configure_logs(ManualClock(NOW), stream)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    take_over_crashes()
    try:
        raise_chained()
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)

    (line,) = lines_of(stream)
    assert (line["event"], line["level"]) == ("process.died", "critical")
    assert "RuntimeError" in str(line["exception"])
    assert KEY not in stream.getvalue()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(), inner, max_size=4)
            | st.tuples(inner, inner)
        ),
        max_leaves=12,
    ),
    st.text(),
)
def test_whatever_is_logged_becomes_a_line_without_the_key(value: object, text: str) -> None:
    stream = io.StringIO()
    configure_logs(ManualClock(NOW), stream)
    structlog.get_logger().info("it.happened", value=value, planted=[text, {text: text + KEY}])

    (line,) = lines_of(stream)
    assert line["event"] == "it.happened"
    assert KEY not in stream.getvalue()
