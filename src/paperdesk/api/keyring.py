"""The keys that open: those of the configuration, and those of the ledger as they are by now.

Owns: KeyRing, how old its knowledge of the ledger's keys may be, and the note of when a key was
last used. Knows nothing of headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from paperdesk.desk.ports import Administration, Clock
from paperdesk.domain.client import Client
from paperdesk.domain.keys import ApiKey, KeyStatus, digest_of
from paperdesk.domain.vocabulary import AccountId, KeyId
from paperdesk.errors import LedgerUnavailable

# A key that was revoked, by whichever process, opens no longer than this.
KNOWN_FOR: Final = timedelta(seconds=2)
# Where the ledger cannot be asked, what was known holds for so long, and nothing opens after it.
BELIEVED_FOR: Final = timedelta(seconds=5)
USES_NOTED_EVERY: Final = timedelta(seconds=60)

_log = structlog.get_logger("paperdesk.keys")


@dataclass(frozen=True, slots=True)
class Key:
    """The sha256 of a key of the configuration, in lowercase hex, and whose it is."""

    client: Client
    sha256: str


class KeyRing:
    """Knows whose key it is.

    A key is found by the digest of the whole of it. Neither how long that takes nor where it
    ends tells anything of a key: who could choose digests could as well guess the key.
    """

    def __init__(
        self,
        configured: Iterable[Key],
        administration: Administration,
        *,
        accounts: frozenset[AccountId],
        clock: Clock,
    ) -> None:
        self._configured = {key.sha256: key.client for key in configured}
        self._administration = administration
        self._accounts = accounts
        self._clock = clock
        self._made: Mapping[str, ApiKey] = {}
        self._known_at: datetime | None = None
        self._asking = asyncio.Lock()
        self._used: dict[KeyId, datetime] = {}
        self._noted_at = clock.now()

    def forget(self) -> None:
        """Ask the ledger before the next key opens: one was made, rotated or revoked."""
        self._known_at = None

    async def client_of(self, presented: bytes) -> Client | None:
        """Return whose key was presented, None where it is nobody's. Raises LedgerUnavailable."""
        digest = digest_of(presented)
        configured = self._configured.get(digest)
        if configured is not None:
            return configured
        await self._know()
        key, now = self._made.get(digest), self._clock.now()
        if key is None or key.status(now) is not KeyStatus.ACTIVE:
            return None
        self._used[key.key_id] = now
        return key.grant.client_of(key.key_id, self._accounts)

    async def _know(self) -> None:
        if self._is_known(KNOWN_FOR):
            return
        async with self._asking:
            if self._is_known(KNOWN_FOR):  # somebody else has asked meanwhile
                return
            asked_at = self._clock.now()
            try:
                keys = await self._administration.keys()
            except LedgerUnavailable:
                if not self._is_known(BELIEVED_FOR):
                    raise
                return
            self._made = {key.sha256: key for key in keys}
            self._known_at = asked_at
            await self._note_uses()

    def _is_known(self, age: timedelta) -> bool:
        return self._known_at is not None and self._clock.now() - self._known_at <= age

    async def _note_uses(self) -> None:
        now = self._clock.now()
        if not self._used or now - self._noted_at < USES_NOTED_EVERY:
            return
        used, self._used, self._noted_at = self._used, {}, now
        try:
            await self._administration.note_uses(used)
        except LedgerUnavailable as error:  # it only helps a person; the next one is noted
            _log.warning("keys.uses_not_noted", reason=error.detail)
