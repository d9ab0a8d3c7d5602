"""Named places at which a test kills the process.

Owns: `crash_point`, and POINTS, what has happened by the time each is passed (reliability.md
§4.3). The environment variable CRASH_POINT names one, or one and the pass at which it kills
(`CP07:3`); without it nothing happens anywhere, unless a simulated world listens, in which a
process is none of the operating system's. Knows nothing of how a test gets there.

A point is passed on every such occasion, of whatever batch. CP29 and CP30 are kept for a
migration and for a change of owner.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

POINTS: Final[Mapping[str, str]] = {
    "CP01": "a batch was judged and found good; nothing of it is written",
    "CP02": "T0: batch, targets and key are written, not committed",
    "CP03": "T0 is committed; nobody was answered, nothing is planned",
    "CP04": "the headers of an answer have left, its body has not",
    "CP05": "T1: contract and prices are known; nothing is planned",
    "CP06": "T1 is committed; the intents are in no queue",
    "CP07": "the pacer gave tokens; nothing is claimed",
    "CP08": "T2: intents are claimed, not committed",
    "CP09": "T2 is committed; this order's frame is not written",
    "CP10": "one order's frame is written; others of its claim may not be",
    "CP11": "the frames of a claim are written; nothing was heard of them",
    "CP12": "openOrder was received, not committed",
    "CP13": "the first news of our orders is committed; nothing followed from it",
    "CP14": "an execution was received, not committed",
    "CP15": "an execution is committed; nobody was told",
    "CP16": "a commission was received, not committed",
    "CP17": "a correction of an execution was received, not committed",
    "CP18": "a cancel is committed; its frame is in no queue",
    "CP19": "a cancel's frame is written",
    "CP20": "Cancelled is committed; the order is not settled, nothing is planned after it",
    "CP21": "recovery: orders are in doubt; no list is read (before R1)",
    "CP22": "recovery: the open orders are read (after R1)",
    "CP23": "recovery: completed orders and executions are read too (after R3, before R4)",
    "CP24": "recovery: every list is read and committed; nothing is concluded",
    "CP25": "recovery: the order is known not to be there; not committed",
    "CP26": "recovery: that it was never placed is committed; nobody was told",
    "CP27": "start: what had no answer is called unknown; no batch is taken up again",
    "CP28": "a halt is written, not committed",
    "CP28:2": "the halt is committed; nobody was answered, no cancel is in a queue",
}

_NAME, _, _COUNT = os.environ.get("CRASH_POINT", "").partition(":")
_CHOSEN: Final = _NAME
_passes_left = int(_COUNT or 1)
_listener: Callable[[str], None] | None = None


def listen(listener: Callable[[str], None] | None) -> None:
    """Call a function with the name of every point that is passed; None: no more."""
    global _listener  # noqa: PLW0603 - there is one world at a time
    _listener = listener


def crash_point(name: str) -> None:
    """Kill the process here, as a failing machine would, if this point was chosen."""
    global _passes_left  # noqa: PLW0603 - one process, one death
    if _listener is not None:
        _listener(name)
    if name != _CHOSEN:
        return
    _passes_left -= 1
    if _passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
