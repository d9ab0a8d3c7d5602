"""How log lines look.

Owns: the one configuration of structlog: a line a person reads on a terminal, JSON elsewhere.
Tracebacks never show local variables: there are keys and bodies among them. What is logged,
and when, is each module's own.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

from paperdesk.desk.ports import Clock


def configure_logs(clock: Clock, stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (standard error), with its time and request id."""
    target = sys.stderr if stream is None else stream

    def stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"at": clock.now().isoformat(timespec="milliseconds"), **event}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamp,
            *_renderers(target),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )


def _renderers(target: TextIO) -> list[Processor]:
    if target.isatty():
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain, timestamp_key="at")]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
