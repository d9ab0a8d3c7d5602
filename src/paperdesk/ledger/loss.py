"""A ledger that could not be written for long is halted before anything else is written.

Owns: Loss: since when every write failed, and the halts that the first transaction to succeed then
begins with, so that nothing which is written after it, a claim above all, comes before them. Knows
nothing of why a write failed, or of who finds out that it would succeed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from paperdesk.desk.ports import Clock, Stopped
from paperdesk.domain.client import SERVICE
from paperdesk.domain.halt import Halt
from paperdesk.domain.vocabulary import AccountId, HaltMode
from paperdesk.ledger import stops


@dataclass(frozen=True, slots=True)
class Guard:
    """Which accounts are halted after how long a loss, by which clock."""

    accounts: Sequence[AccountId]
    after: timedelta
    clock: Clock


class Loss:
    """What is known of the ledger's failures. Used by the writing thread, but for what says not.

    Without a guard it halts nothing.
    """

    def __init__(self) -> None:
        self.guard: Guard | None = None  # set once, before anything fails
        self._is_doubted = False
        self._since: datetime | None = None
        self._halted: list[Stopped] = []

    @property
    def is_doubted(self) -> bool:
        """Tell whether a write should be tried: the last one, or a question, failed.

        Any thread may ask.
        """
        return self._is_doubted

    def doubt(self) -> None:
        """Take note of a question that failed: a write might, too. Any thread may call it."""
        self._is_doubted = True

    def begin(self) -> datetime | None:
        """Return when an attempt to write begins: from then on the ledger is lost if it fails."""
        return None if self.guard is None else self.guard.clock.now()

    def failed(self, begun_at: datetime | None) -> None:
        """Take note of an attempt that failed."""
        self._since = self._since or begun_at
        self._is_doubted = True

    def make_up(self, connection: sa.Connection) -> list[Stopped]:
        """Halt, as the first thing in a transaction, where the ledger was lost for too long."""
        guard, since = self.guard, self._since
        if guard is None or since is None:
            return []
        at = guard.clock.now()
        if at - since < guard.after:
            return []
        reason = (
            f"the ledger could not be written for {(at - since).total_seconds():.0f} s, from "
            f"{since.isoformat(timespec='seconds')} on: look at the account before it trades"
        )
        return [
            stops.halt_ourselves(
                connection, Halt(account, HaltMode.ALL, SERVICE.name, at, reason)
            )
            for account in guard.accounts
        ]

    def over(self, halted: Sequence[Stopped]) -> None:
        """Take note of a transaction that succeeded, and of the halts that it began with."""
        self._since = None
        self._is_doubted = False
        self._halted.extend(halted)

    def take(self) -> Sequence[Stopped]:
        """Return once what was halted, to whoever tells of it. Any one thread may ask."""
        # One by one: the writing thread may add to the list meanwhile.
        return [self._halted.pop(0) for _ in range(len(self._halted))]
