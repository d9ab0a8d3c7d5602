"""Why a session is down, in words that say what to do.

Owns: the sentences that `/api/v1/accounts` shows for an account that is not connected. Pure.
Knows nothing of when a session ends.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from paperdesk.desk.ports import NotSent

# A gateway is back from its nightly restart within two minutes (tws-facts §4.4).
RESTART_SECONDS: Final = 600.0

_RESTART: Final = "it restarts, as it does every night, or it was stopped"
COMPETING: Final = (
    "another session took its place: log its user in at one place only (IBKR 10197)"
)
TOO_FAST: Final = "it was asked for more than it takes in a second (IBKR 100)"


@dataclass(frozen=True, slots=True)
class Connecting:
    """What is known of an attempt to connect: to whom, how long it may take, what was before.

    `complaint` is what the gateway refused without naming a request. `was_up` tells whether a
    session with it was up until a moment ago.
    """

    name: str
    seconds: float
    complaint: str = ""
    was_up: bool = False


def connecting_failed(attempt: Connecting, problem: OSError | NotSent) -> str:
    """Say why connecting failed."""
    name = attempt.name
    match problem:
        case TimeoutError():
            return f"no answer from {name} within {attempt.seconds:g} s"
        # A name with two addresses makes one OSError of both refusals.
        case OSError() if f"[Errno {errno.ECONNREFUSED}]" in str(problem):
            why = _RESTART if attempt.was_up else "is IB Gateway running and its API port open?"
            return f"connection refused at {name}: {why}"
        case ConnectionError(args=([*reads],)):
            said = complained(attempt.complaint)
            return f"no complete answer from {name}: {', '.join(reads)}{said}"
        case OSError(strerror=str(words)):
            return f"cannot reach {name}: {words}"
    return f"cannot reach {name}: {problem}"


def complained(complaint: str) -> str:
    """Repeat the gateway's words: they name the cause, most often its read-only setting."""
    return f"; it says: {complaint}" if complaint else ""


def closed(name: str, words: str, hint: str | None, *, was_up: bool) -> str:
    """Say that the gateway closed the connection.

    `hint` is what it said just before, `was_up` whether the session was ready.
    """
    is_cut = not words or f"[Errno {errno.ECONNRESET}]" in words
    why = hint or (_RESTART if was_up and is_cut else words)
    return f"{name} closed the connection" + (f": {why}" if why else "")


def nonsense(name: str, fields: Sequence[str], version: int, *, newest: int) -> str | None:
    """Say why nothing that the gateway says can be understood, None where it can."""
    if version > newest:
        return f"{name} answered with a newer protocol than the {newest} that it was asked for"
    return None if fields else f"{name} sent an empty frame"


def id_in_use(name: str, client_id: int) -> str:
    """Say that another program has our client id."""
    return (
        f"client id {client_id} is in use at {name}: "
        "stop the other program, or wait until the gateway notices that it is gone"
    )
