"""The part of the ledger that stops trading, and lets it go on.

Owns: Safety: each halt, flattening and resumption is one commit, and what the ledger does after it
was lost. What that writes is in `stops` and `loss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from paperdesk.desk.ports import Clock, Stopped
from paperdesk.domain.client import SERVICE, Actor
from paperdesk.domain.halt import Halt
from paperdesk.domain.vocabulary import AccountId
from paperdesk.ledger import reading, stops
from paperdesk.ledger.loss import Guard
from paperdesk.ledger.schema import owner
from paperdesk.ledger.transacting import Transacting


class Safety(Transacting):
    """What `SqlLedger` does for whoever wants out, and by itself."""

    _clock: Clock

    async def check_writable(self) -> None:
        """Write something that changes nothing in the end."""
        await self._transact(_write)

    async def halt(self, halt: Halt, *, cancel_working: bool, by: Actor = SERVICE) -> Stopped:
        """Store a halt."""
        return await self._decide(
            "halted",
            halt.since,
            lambda j: stops.halt(j, halt, cancel_working=cancel_working, by=by),
            account=halt.account,
        )

    async def flatten(self, halt: Halt, by: Actor) -> Stopped:
        """Store a halt in the place of the account's own; end all its orders but what closes."""
        return await self._decide(
            "flattened", halt.since, lambda j: stops.flatten(j, halt, by), account=halt.account
        )

    async def resume(
        self,
        account: AccountId | None,
        by: Actor,
        reason: str,
        at: datetime,
        *,
        reduce_only: bool = False,
    ) -> None:
        """Lift halts, or put a milder one in their place."""
        await self._decide(
            "resumed",
            at,
            lambda j: stops.resume(j, account, by, reason, reduce_only=reduce_only),
            account=account,
        )

    async def halts(self) -> list[Halt]:
        """Return the halts that stand."""
        return await self._read(reading.halts)

    def guard(self, accounts: Sequence[AccountId], after: timedelta) -> None:
        """Halt these accounts from now on, where nothing could be written for so long."""
        self._owned.loss.guard = Guard(tuple(accounts), after, self._clock)

    async def mend(self) -> Sequence[Stopped]:
        """Write where something failed; return what was halted since this was asked."""
        if self._owned.loss.is_doubted:
            await self.check_writable()
        halted = self._owned.loss.take()
        if halted:
            self.on_told()
        return halted


def _write(connection: sa.Connection) -> None:
    """Change a row and change it back: SQLite writes no page to which nothing was done."""
    for _ in range(2):
        connection.execute(owner.update().values(epoch=-owner.c.epoch))
