"""How a method of the ledger becomes one transaction in the right thread.

Owns: Transacting, what every part of the ledger is built on. Knows no table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from paperdesk.desk.ports import UNMETERED, Executor, Meter
from paperdesk.ledger import engine, telling
from paperdesk.ledger.counting import tell
from paperdesk.ledger.journal import Journal

T = TypeVar("T")


class Transacting:
    """An open ledger, the thread that writes it and the one that reads it."""

    def __init__(self, owned: engine.Owned, executor: Executor, readers: Executor) -> None:
        self.meter: Meter = UNMETERED  # who is told what moved, after the commit that moved it
        # Who is called after a commit that told the world something.
        self.on_told: Callable[[], None] = _nobody
        self._owned = owned
        self._executor = executor
        self._readers = readers

    async def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        return await self._executor.run(lambda: self._owned.transact(work))

    async def _read(self, work: Callable[[sa.Connection], T]) -> T:
        return await self._readers.run(lambda: self._owned.read(work))

    async def _decide(
        self, kind: str, at: datetime, work: Callable[[Journal], T], **of: Any
    ) -> T:
        """Run a decision of ours in one transaction, and append it to the history."""

        def whole(connection: sa.Connection) -> tuple[T, Journal]:
            journal = Journal(connection, at)
            result = work(journal)
            telling.tell(journal)
            journal.close(kind, **of)
            return result, journal

        result, journal = await self._transact(whole)
        if journal.is_told:
            self.on_told()
        tell(self.meter, journal)
        return result


def _nobody() -> None:
    """Call nobody."""
