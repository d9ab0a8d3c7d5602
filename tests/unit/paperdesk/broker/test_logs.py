from __future__ import annotations

import logging

import pytest

from paperdesk.broker.logs import LOGGERS, silence_ib_async


@pytest.mark.parametrize("name", LOGGERS)
def test_nothing_of_ib_async_reaches_the_log(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    silence_ib_async()
    logging.getLogger(f"{name}.client").warning("Peer closed connection.")
    logging.getLogger(f"{name}.wrapper").error("an order of theirs")
    logging.getLogger(name).error("an order of theirs")

    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
