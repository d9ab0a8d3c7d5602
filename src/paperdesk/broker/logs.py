"""ib_async's own log lines, kept off the terminal.

Owns: the way from the loggers of ib_async and eventkit into structlog. Knows nothing of what
they mean: what matters of a session is logged by `session`.
"""

from __future__ import annotations

import logging
from typing import Final

import structlog

log = structlog.get_logger(__name__)

LOGGERS: Final = ("ib_async", "eventkit")


class _Forward(logging.Handler):
    """Hands a record on as a debug line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log.debug("ib_async.log", logger=record.name, words=record.getMessage())


def silence_ib_async() -> None:
    """Route ib_async's warnings and errors to our debug log, and drop the rest.

    It logs every order and refused connection at once in several lines of its own format.
    """
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        if not any(isinstance(handler, _Forward) for handler in logger.handlers):
            logger.addHandler(_Forward())
