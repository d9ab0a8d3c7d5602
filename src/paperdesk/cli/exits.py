"""With which code a command ends.

Owns: the table of exit codes, and which error ends in which: a program that runs commands decides
by them what to do. Knows nothing of any one command.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from paperdesk.errors import (
    BadRequest,
    BatchFailed,
    BrokerUnavailable,
    ConfigError,
    Forbidden,
    Halted,
    IdempotencyMismatch,
    NotReady,
    PaperdeskError,
    PayloadTooLarge,
    StillWorking,
    Unauthorized,
    Unreachable,
)


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1  # an error that has no code of its own
    USAGE = 2  # what was asked is wrong, or the user said no: mend it, then try again
    EXCEPTIONS = 3  # it ended, and a target was not reached
    AUTHENTICATION = 4
    HALTED = 5
    UNREACHABLE = 6  # the service or its gateway: try again later
    MARKET_CLOSED = 7  # sent, and resting until the market opens
    STILL_WORKING = 8  # when the time to wait ran out


MEANINGS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "done; where a batch was waited for: on target",
    Exit.FAILED: "an error that has no code of its own",
    Exit.USAGE: "what was asked is wrong (options, configuration, a row), or the user said no",
    Exit.EXCEPTIONS: "ended with exceptions: a target was not reached, or a row was refused",
    Exit.AUTHENTICATION: "the API key is missing, unknown, or lacks the scope",
    Exit.HALTED: "trading is halted",
    Exit.UNREACHABLE: "the service or its gateway cannot be reached",
    Exit.MARKET_CLOSED: "the market is closed: the orders rest until it opens",
    Exit.STILL_WORKING: "still working when the time to wait ran out",
}

OF_ERROR: Final[Mapping[type[PaperdeskError], Exit]] = {
    ConfigError: Exit.USAGE,
    BadRequest: Exit.USAGE,
    PayloadTooLarge: Exit.USAGE,
    IdempotencyMismatch: Exit.USAGE,
    BatchFailed: Exit.EXCEPTIONS,
    Unauthorized: Exit.AUTHENTICATION,
    Forbidden: Exit.AUTHENTICATION,
    Halted: Exit.HALTED,
    Unreachable: Exit.UNREACHABLE,
    BrokerUnavailable: Exit.UNREACHABLE,
    NotReady: Exit.UNREACHABLE,
    StillWorking: Exit.STILL_WORKING,
}


def exit_of(error: PaperdeskError) -> Exit:
    """Return the code for a command that ends in `error`."""
    for kind in type(error).__mro__:
        if kind in OF_ERROR:
            return OF_ERROR[kind]
    return Exit.FAILED
