"""What must reach the ledger, over as many failures of it as it takes.

Owns: `insist`. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from paperdesk.errors import LedgerUnavailable

T = TypeVar("T")

RETRY_SECONDS: Final = 0.5

_log = structlog.get_logger("paperdesk.desk")


async def insist(during: str, work: Callable[[], Awaitable[T]]) -> T:
    """Do `work` until the ledger takes it; return what it returns."""
    while True:
        try:
            return await work()
        except LedgerUnavailable as error:
            _log.error("ledger.unavailable", during=during, reason=error.detail)
            await asyncio.sleep(RETRY_SECONDS)
