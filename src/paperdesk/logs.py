"""How log lines look.

Owns: the one configuration of structlog: a line a person reads on a terminal, JSON elsewhere,
and the way of a library's warnings into it. Tracebacks never show local variables: there are
keys and bodies among them. What is logged, and when, is each module's own.
"""

from __future__ import annotations

import asyncio
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
    _take_over_libraries()


def _take_over_libraries() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, _Forward) for handler in root.handlers):
        root.addHandler(_Forward(logging.WARNING))


class _Forward(logging.Handler):
    """Hands on, as a line like ours, what a library says through `logging`."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger().bind(logger=record.name)
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, asyncio.CancelledError):
            # A request that outlived the time to stop: no defect, so no traceback.
            log.warning("request.cancelled", why=str(error) or None)
        else:
            # structlog knows the five common levels only.
            level = min(record.levelno // 10 * 10, logging.CRITICAL)
            log.log(level, _words(record), exc_info=error)


def _words(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().strip()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit the words
        return str(record.msg)


def _renderers(target: TextIO) -> list[Processor]:
    if target.isatty():
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain, timestamp_key="at")]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
