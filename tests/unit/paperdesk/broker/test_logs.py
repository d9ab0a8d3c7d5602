from __future__ import annotations

import logging

import pytest
import structlog

from paperdesk.broker.logs import LOGGERS, silence_ib_async


@pytest.mark.parametrize("name", LOGGERS)
def test_ib_asyncs_warnings_become_our_debug_lines(name: str) -> None:
    silence_ib_async()
    with structlog.testing.capture_logs() as lines:
        logging.getLogger(f"{name}.client").warning("Peer closed %s", "connection.")
        logging.getLogger(f"{name}.client").info("chatter")

    assert [(line["event"], line["log_level"]) for line in lines] == [("ib_async.log", "debug")]
    assert lines[0]["words"] == "Peer closed connection."


def test_nothing_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    silence_ib_async()
    silence_ib_async()
    with structlog.testing.capture_logs() as lines:
        logging.getLogger("ib_async.wrapper").error("an order of theirs")

    assert len(lines) == 1
    assert capfd.readouterr() == ("", "")
