"""Who may do what: keys, limits set by hand, and the audit trail of both and of all else.

Owns: SqlAdministration, the desk's Administration port on a database. What a transaction does is
in `keys`, `limits` and `trail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from paperdesk.desk.ports import AuditFilter, Page
from paperdesk.domain.audit import Action, AuditEntry, State
from paperdesk.domain.client import Actor
from paperdesk.domain.keys import ApiKey
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId, KeyId
from paperdesk.ledger import keys, trail
from paperdesk.ledger import limits as limiting
from paperdesk.ledger.schema import key_uses
from paperdesk.ledger.transacting import Transacting
from paperdesk.ledger.upsert import upsert


class SqlAdministration(Transacting):
    """The Administration port on SQLite or PostgreSQL."""

    async def keys(self) -> tuple[ApiKey, ...]:
        """Return every key ever made, oldest first."""
        return await self._read(keys.every_key)

    async def create_key(self, key: ApiKey, by: Actor) -> None:
        """Store a new key."""
        await self._decide("key_created", key.created_at, lambda j: keys.create(j, key, by))

    async def rotate_key(
        self, key: ApiKey, old: KeyId, old_ends_at: datetime | None, by: Actor
    ) -> None:
        """Store a new key beside an old one."""
        await self._decide(
            "key_rotated", key.created_at, lambda j: keys.rotate(j, key, old, old_ends_at, by)
        )

    async def revoke_key(self, key_id: KeyId, by: Actor, at: datetime) -> None:
        """Let a key open no more."""
        await self._decide("key_revoked", at, lambda j: keys.revoke(j, key_id, by))

    async def note_uses(self, used: Mapping[KeyId, datetime]) -> None:
        """Keep about when keys were last presented."""

        def write(connection: sa.Connection) -> None:
            for key_id, at in used.items():
                row = {"key_id": key_id, "used_at": at}
                upsert(connection, key_uses, row, change={"used_at": at})

        await self._transact(write)

    async def limits(self) -> dict[AccountId, Limits]:
        """Return the limits that were set by hand and stand."""
        return await self._read(limiting.every_limits)

    async def set_limits(
        self,
        account: AccountId,
        limits: Limits | None,
        by: Actor,
        at: datetime,
        *,
        configured: Limits,
    ) -> None:
        """Set an account's limits."""
        await self._decide(
            "limits_set",
            at,
            lambda j: limiting.set_limits(j, account, limits, by, configured),
            account=account,
        )

    async def note_simulated(self, what: State, by: Actor, at: datetime) -> None:
        """Keep that the simulated gateway was moved by hand."""
        await self._decide(
            "simulated",
            at,
            lambda j: trail.note(j, by, Action.SIMULATE, account=None, after=what),
        )

    async def audit(self, which: AuditFilter, page: Page) -> list[AuditEntry]:
        """Return entries of the audit trail, newest first."""
        return await self._read(lambda c: trail.entries(c, which, page))
