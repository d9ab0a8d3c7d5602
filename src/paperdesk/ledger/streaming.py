"""The part of the ledger that is read by listeners, and told what only a session knows.

Owns: Streaming, each method one transaction. What an event is made of is in `telling`, how it is
kept and found in `stream`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from paperdesk.desk.ports import EventFilter, EventPage
from paperdesk.domain.vocabulary import AccountId
from paperdesk.ledger import stream, telling
from paperdesk.ledger.columns import Words
from paperdesk.ledger.transacting import Transacting
from paperdesk.wire.encoding import number
from paperdesk.wire.events import AccountUpdated, ConnectionChanged


class Streaming(Transacting):
    """What `SqlLedger` does for the stream of events."""

    async def events(self, which: EventFilter, after: int) -> EventPage:
        """Return the next events behind a number."""
        return await self._read(lambda c: stream.page(c, which, after))

    async def told_connected(self, accounts: Collection[AccountId]) -> set[AccountId]:
        """Return the accounts that were told to be connected."""
        return await self._read(lambda c: stream.connected(c, accounts))

    async def tell_connection(
        self, account: AccountId, why_down: str | None, at: datetime
    ) -> None:
        """Tell that an account is connected, or why it is not."""
        await self._announce(
            ConnectionChanged(
                account_id=account,
                connected=why_down is None,
                reason=None if why_down is None else Words.cleaned(why_down),
            ),
            at,
        )

    async def tell_net_liquidation(
        self, account: AccountId, value: Decimal, at: datetime
    ) -> None:
        """Tell what an account is worth."""
        body = AccountUpdated(account_id=account, net_liquidation=number(value))
        await self._announce(body, at)

    async def _announce(self, body: ConnectionChanged | AccountUpdated, at: datetime) -> None:
        await self._transact(lambda c: telling.announce(c, body, at))
        self.on_told()
