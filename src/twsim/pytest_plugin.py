"""The pytest plugin: a fixture `gateway`, for tests of any kind of client.

Owns: the fixture, its marker `twsim`, and the last frames in the report of a test that
failed. It is imported by every pytest run where twsim is installed, so it imports nothing
of twsim until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from twsim.threaded import ThreadedGateway

FRAMES_SHOWN_MAX: Final = 40
_MARKER: Final = (
    "twsim(**options): options of the `gateway` fixture, as twsim.Gateway takes them; a "
    "class as `clock` is called anew for each test"
)
_running = pytest.StashKey["ThreadedGateway"]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[ThreadedGateway]:
    """A simulated IB Gateway on a free port of 127.0.0.1, fresh for this test.

    It runs on a thread of its own: clients may block, and the test may be asynchronous
    under any plugin, or not at all. `@pytest.mark.twsim(seed=7, clock=ManualClock)` gives
    it the options of `twsim.Gateway`.
    """
    from twsim.threaded import ThreadedGateway  # noqa: PLC0415 - not in others' runs

    options: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("twsim"))):
        options |= mark.kwargs
    if isinstance(options.get("clock"), type):
        options["clock"] = options["clock"]()
    with ThreadedGateway(**options) as running:
        request.node.stash[_running] = running
        yield running


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show what went over the wire where a test with a gateway failed."""
    outcome = yield
    running = item.stash.get(_running, None)
    report = outcome.get_result()
    if running is None or report.when != "call" or not report.failed:
        return
    frames = running.transcript()
    left_off = max(0, len(frames) - FRAMES_SHOWN_MAX)
    lines = [f"({left_off} frames before)"] if left_off else []
    lines += [str(frame) for frame in frames[left_off:]]
    report.sections.append(("twsim: what went over the wire", "\n".join(lines)))
