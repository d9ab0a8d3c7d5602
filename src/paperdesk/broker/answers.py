"""What a gateway answers to requests that wait.

Owns: which message is a row of which answer, which one ends it, and the answers that are still
being told. Knows nothing of sockets, or of what a row means.

A list that has no request id (open orders, completed orders, positions) is told to whoever
asked: two requests for one list must never overlap, and a push meanwhile counts as a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from paperdesk.broker.scalars import integer
from paperdesk.desk.ports import LineDown
from paperdesk.domain.reports import ExecutionReport, Report

OPEN_ORDERS: Final = "open orders"
COMPLETED_ORDERS: Final = "completed orders"
POSITIONS: Final = "positions"

# Which field of a message names the request that it answers: rows that are kept as they are
# (tick, contract, symbols), what was decoded (execution), and what ends an answer.
_ROWS: Final[Mapping[str, int]] = {"1": 2, "10": 1, "79": 1}
_REPORTS: Final[Mapping[str, int]] = {"11": 1}
_ENDS: Final[Mapping[str, int]] = {"52": 2, "54": 2, "55": 2, "57": 2, "79": 1}

# The same for lists without an id. An open order is told in two messages.
_LIST_REPORTS: Final[Mapping[str, str]] = {
    "3": OPEN_ORDERS,
    "5": OPEN_ORDERS,
    "61": POSITIONS,
    "101": COMPLETED_ORDERS,
}
_LIST_ENDS: Final[Mapping[str, str]] = {
    "53": OPEN_ORDERS,
    "62": POSITIONS,
    "102": COMPLETED_ORDERS,
}

_ROWS_MAX: Final = 1000  # of a question; what is beyond is not needed
REPORTS_MAX: Final = 50_000  # of a list, where a row less would be a wrong answer


class Refused(Exception):
    """The gateway answered a request with an error."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{words} (IBKR {code})")
        self.code = code


class Late(Exception):
    """The end of an answer did not come in time. Carries the rows that did."""

    def __init__(self, rows: list[tuple[str, ...]], seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.rows = rows


@dataclass(slots=True)
class Answer:
    """What came for a request so far: rows as they are, reports where they were decoded.

    A report is None where its message could not be decoded. An answer that was too long is cut,
    and good for nothing. Executions are only counted: a day may have more of them than memory
    should hold, and whoever listens to the link has each one already.
    """

    done: asyncio.Future[None]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    reports: list[Report | None] = field(default_factory=list)
    executions: int = 0
    is_cut: bool = False

    def report(self, report: Report | None) -> None:
        """Add what a row reports."""
        if isinstance(report, ExecutionReport):
            self.executions += 1
        elif len(self.reports) < REPORTS_MAX:
            self.reports.append(report)
        else:
            self.is_cut = True


class Answers:
    """The answers that are waited for, by request id or by the name of the list."""

    def __init__(self) -> None:
        self._waiting: dict[int | str, Answer] = {}

    @property
    def keys(self) -> list[int | str]:
        """What is waited for."""
        return list(self._waiting)

    @contextmanager
    def waiting(self, key: int | str) -> Iterator[Answer]:
        """Wait for an answer. Raises LineDown where the same one is waited for already."""
        if key in self._waiting:
            raise LineDown(f"{key} is being asked already")
        answer = self._waiting[key] = Answer(asyncio.get_running_loop().create_future())
        try:
            yield answer
        finally:
            del self._waiting[key]

    def take(self, fields: Sequence[str], report: Report | None) -> None:
        """Add a message, and what it reports, to the answer it belongs to; end it where it does."""
        message = fields[0] if fields else ""
        row_of = self._pending(_named(fields, _ROWS))
        if row_of is not None and len(row_of.rows) < _ROWS_MAX:
            row_of.rows.append(tuple(fields))
        listed = self._pending(_LIST_REPORTS.get(message) or _named(fields, _REPORTS))
        if listed is not None:
            listed.report(report)
        ended = self._pending(_LIST_ENDS.get(message) or _named(fields, _ENDS))
        if ended is not None:
            ended.done.set_result(None)

    def refuse(self, request_id: int, code: int, words: str) -> None:
        """End the answer to a request with the gateway's error."""
        answer = self._pending(request_id)
        if answer is not None:
            answer.done.set_exception(Refused(code, words))

    def is_waited_for(self, request_id: int) -> bool:
        """Tell whether a request of that id waits."""
        return request_id in self._waiting

    def fail(self, why: str) -> None:
        """End every answer: the connection is over."""
        for answer in self._waiting.values():
            if not answer.done.done():
                answer.done.set_exception(LineDown(why))

    def _pending(self, key: int | str | None) -> Answer | None:
        answer = None if key is None else self._waiting.get(key)
        return None if answer is None or answer.done.done() else answer


def account_key(account: str) -> str:
    """Return the key under which an account's download is asked: its end names the account."""
    return f"account {account}"


def _named(fields: Sequence[str], table: Mapping[str, int]) -> int | str | None:
    """Return the key of the request that a message names, None for none."""
    at = table.get(fields[0]) if fields else None
    if at is None or len(fields) <= at:
        return None
    if fields[0] == "54":
        return account_key(fields[at])
    try:
        return integer(fields[at])
    except ValueError:
        return None
