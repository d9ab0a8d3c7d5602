"""The durable record of who may do what, as the desk needs it.

Owns: the protocol Administration: keys, limits that were set by hand, and the audit trail. Nothing
but its implementation touches a database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from paperdesk.desk.ports.entries import Page
from paperdesk.domain.audit import Action, AuditEntry, State
from paperdesk.domain.client import Actor
from paperdesk.domain.keys import ApiKey
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId, ClientName, KeyId


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries a listing shows. `of_all`: also what concerns no one account."""

    accounts: Collection[AccountId]
    of_all: bool = False
    client: ClientName | None = None
    action: Action | None = None
    since: datetime | None = None


class Administration(Protocol):
    """Keys, limits and the audit trail. Each method is one transaction.

    What changes is written into the trail in the same transaction. Every method raises
    LedgerUnavailable where the database cannot be read or written; then nothing is stored.
    """

    async def keys(self) -> tuple[ApiKey, ...]:
        """Return every key ever made, oldest first."""

    async def create_key(self, key: ApiKey, by: Actor) -> None:
        """Store a new key. Raises BadRequest where a key of its client opens still."""

    async def rotate_key(
        self, key: ApiKey, old: KeyId, old_ends_at: datetime | None, by: Actor
    ) -> None:
        """Store a new key beside `old`, which stays good, or good until `old_ends_at`.

        Raises BadRequest where `old` does not open any more.
        """

    async def revoke_key(self, key_id: KeyId, by: Actor, at: datetime) -> None:
        """Let a key open no more. Nothing changes where it was revoked already."""

    async def note_uses(self, used: Mapping[KeyId, datetime]) -> None:
        """Keep about when keys were last presented."""

    async def limits(self) -> dict[AccountId, Limits]:
        """Return the limits that were set by hand and stand."""

    async def set_limits(
        self,
        account: AccountId,
        limits: Limits | None,
        by: Actor,
        at: datetime,
        *,
        configured: Limits,
    ) -> None:
        """Set an account's limits; None lets the configuration's hold again."""

    async def note_simulated(self, what: State, by: Actor, at: datetime) -> None:
        """Keep that the simulated gateway was moved by hand."""

    async def audit(self, which: AuditFilter, page: Page) -> list[AuditEntry]:
        """Return entries of the audit trail, newest first."""
