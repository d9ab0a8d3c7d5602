"""How log lines look, and what never stands in one.

Owns: the one configuration of structlog: a line a person reads on a terminal, JSON elsewhere,
the way of a library's warnings and of whatever ends the process into it, and the mask that no
line gets around: it is the last step before a line is written. Tracebacks never show local
variables. What is logged, and when, is each module's own; what a secret looks like, `masking`'s.
"""

from __future__ import annotations

import asyncio
import logging
import reprlib
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from paperdesk.desk.ports import Clock
from paperdesk.masking import MASK, is_secret_name, is_suspect, masked, worth_masking

DEPTH_MAX: Final = 8
ENTRIES_MAX: Final = 200  # of one list or mapping: a line is no archive

# It survives whatever cannot say what it is. Nothing is cut before it is masked: half a key
# would not be known again.
_REPR: Final = reprlib.Repr()
_REPR.maxother = _REPR.maxstring = sys.maxsize


def configure_logs(
    clock: Clock, stream: TextIO | None = None, *, secrets: Collection[str] = ()
) -> None:
    """Send every log line to `stream` (standard error), with its time and request id.

    `secrets` are masked wherever they stand, beside all that looks like one.
    """
    target = sys.stderr if stream is None else stream

    def stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"at": clock.now().isoformat(timespec="milliseconds"), **event}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamp,
            structlog.processors.format_exc_info,
            Mask(secrets),
            _renderer(target),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Tolerant(target))),
        cache_logger_on_first_use=False,
    )
    _take_over_libraries()


class _Tolerant:
    """A stream that may end or be full: what cannot be logged must not stop an order."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class Mask:
    """The last step before a line is written: whatever is secret in it is masked."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._known = worth_masking(secrets)

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Return the line without its secrets; most have nothing that looks like one."""
        return self._fields(event, DEPTH_MAX) if self._may_tell(event) else event

    def _may_tell(self, event: EventDict) -> bool:
        texts = []
        for name, value in event.items():
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif not (value is None or kind is int or kind is bool or kind is float):
                return True
            if _is_odd(name):
                return True
        text = "\n".join(texts)
        return is_suspect(text) or any(secret in text for secret in self._known)

    def _fields(self, fields: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept = list(fields.items())[:ENTRIES_MAX]
        return {
            self._text(str(name)): self._named(str(name), value, depth) for name, value in kept
        }

    def _named(self, name: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool) or not is_secret_name(name):
            return self._value(value, depth)
        return MASK

    def _value(self, value: object, depth: int) -> object:
        match value:
            case None | bool() | int() | float() | Decimal() | date():
                return value  # nothing can hide in these
            case str():
                return self._text(value)
            case bytes() | bytearray():
                return self._text(bytes(value).decode("utf-8", "replace"))
            case Mapping() if depth:
                return self._fields(value, depth - 1)
            case list() | tuple() | set() | frozenset() if depth:
                return self._entries(list(value)[:ENTRIES_MAX], depth - 1)
            case _:
                return self._text(_REPR.repr(value))

    def _entries(self, entries: list[Any], depth: int) -> list[object]:
        """Mask a list. A pair may be a name and its value, as headers come."""
        if len(entries) == 2 and isinstance(entries[0], str | bytes):  # noqa: PLR2004 - a pair
            name = self._value(entries[0], depth)
            return [name, self._named(str(name), entries[1], depth)]
        return [self._value(entry, depth) for entry in entries]

    def _text(self, text: str) -> str:
        return masked(text, self._known)


@lru_cache(maxsize=1024)
def _is_odd(name: str) -> bool:
    """Tell whether a field's name calls for a look: a library may make one of anything."""
    return is_secret_name(name) or is_suspect(name)


def take_over_crashes() -> None:
    """Let what ends the process, or what nobody can raise, be a line like any other."""
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    log = structlog.get_logger("paperdesk")
    log.critical("process.died", exc_info=(kind, error, trace))


def _log_unraisable(failed: sys.UnraisableHookArgs) -> None:
    structlog.get_logger("paperdesk").error(
        "exception.unraisable", during=failed.err_msg, exc_info=failed.exc_value
    )


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


def _renderer(target: TextIO) -> Processor:
    if target.isatty():
        plain = structlog.dev.plain_traceback
        return structlog.dev.ConsoleRenderer(exception_formatter=plain, timestamp_key="at")
    return structlog.processors.JSONRenderer()
