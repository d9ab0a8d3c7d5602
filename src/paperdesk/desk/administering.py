"""What an administrator asks of the service: keys, limits, and who changed what.

Owns: Administrator, and how far an administrator reaches: nobody gives away, changes or sees more
than its own key may. Trades nothing. Knows nothing of how a key is presented.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from paperdesk.desk.ports import Administration, AuditFilter, Clock, Page, Random
from paperdesk.desk.rules import Rulebook
from paperdesk.domain.audit import Action, AuditEntry
from paperdesk.domain.client import RESERVED, Client
from paperdesk.domain.keys import (
    ID_DIGITS,
    SECRET_BITS,
    ApiKey,
    KeyGrant,
    NewKey,
    digest_of,
    text_of,
)
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId, ClientName, KeyId, Scope
from paperdesk.errors import BadRequest, NotFound


def make_key(grant: KeyGrant, random: Random, *, at: datetime, by: str) -> NewKey:
    """Draw a new key."""
    key_id = KeyId(random.token_hex(ID_DIGITS))
    text = text_of(key_id, int(random.token_hex(SECRET_BITS // 4), 16))
    return NewKey(text, ApiKey(key_id, digest_of(text.encode()), grant, at, by))


class Administrator:
    """The use cases of people who say who may do what."""

    def __init__(
        self,
        administration: Administration,
        rulebook: Rulebook,
        *,
        accounts: frozenset[AccountId],
        configured: Sequence[Client],
        clock: Clock,
        random: Random,
        on_keys_changed: Callable[[], None],
    ) -> None:
        self._administration = administration
        self._rulebook = rulebook
        self._accounts = accounts
        self._configured = tuple(configured)
        self._clock = clock
        self._random = random
        self._on_keys_changed = on_keys_changed

    def now(self) -> datetime:
        """Return the time by which keys are judged."""
        return self._clock.now()

    # -- keys ------------------------------------------------------------------------------
    def configured(self, client: Client) -> tuple[Client, ...]:
        """Return the clients of the configuration that the caller reaches."""
        return tuple(c for c in self._configured if c.accounts <= client.accounts)

    async def keys(self, client: Client) -> tuple[ApiKey, ...]:
        """Return the keys that the caller reaches, oldest first."""
        found = await self._administration.keys()
        return tuple(key for key in found if self._reaches(client, key.grant.accounts))

    async def create_key(self, client: Client, grant: KeyGrant) -> NewKey:
        """Make a key for a new client. Raises BadRequest."""
        self._judge(client, grant)
        made = make_key(grant, self._random, at=self._clock.now(), by=client.name)
        await self._administration.create_key(made.key, client.actor)
        self._on_keys_changed()
        return made

    async def rotate_key(
        self, client: Client, key_id: str, old_ends_in: timedelta | None
    ) -> NewKey:
        """Make a second key for the same client; the old one stays good, for a while or on.

        Raises NotFound, and BadRequest where the old one opens no more.
        """
        old = await self._key(client, key_id)
        now = self._clock.now()
        ends_at = None if old_ends_in is None else now + old_ends_in
        if ends_at is not None and old.grant.expires_at is not None:
            ends_at = min(ends_at, old.grant.expires_at)
        made = make_key(old.grant, self._random, at=now, by=client.name)
        await self._administration.rotate_key(made.key, old.key_id, ends_at, client.actor)
        self._on_keys_changed()
        return made

    async def revoke_key(self, client: Client, key_id: str) -> ApiKey:
        """Let a key open no more; the same a second time. Raises NotFound."""
        old = await self._key(client, key_id)
        await self._administration.revoke_key(old.key_id, client.actor, self._clock.now())
        self._on_keys_changed()
        return await self._key(client, key_id)

    async def _key(self, client: Client, key_id: str) -> ApiKey:
        for key in await self.keys(client):
            if key.key_id == key_id:
                return key
        raise NotFound("This API key reaches no key of that id; /api/v1/keys lists them.")

    def _reaches(self, client: Client, accounts: Collection[AccountId] | None) -> bool:
        """Tell whether the caller may use all of these accounts.

        One that left the configuration is nobody's: who may use all the others may look after it.
        """
        if accounts is None or not self._accounts.issuperset(accounts):
            return self._accounts <= client.accounts
        return client.accounts.issuperset(accounts)

    def _judge(self, client: Client, grant: KeyGrant) -> None:
        """Refuse what nobody may give. Raises BadRequest."""
        if grant.client in RESERVED:
            raise BadRequest.of("name", f"{grant.client} is the service's own: give another")
        if any(known.name == grant.client for known in self._configured):
            raise BadRequest.of(
                "name", f"{grant.client} is a client of the configuration: give another"
            )
        is_known = self._accounts.issuperset(grant.accounts or ())
        if not is_known or not self._reaches(client, grant.accounts):
            choice = ", ".join(sorted(client.accounts & self._accounts))
            raise BadRequest.of("accounts", f"must be among those of your own key: {choice}")
        if grant.symbols is not None and Scope.ADMIN in grant.scopes:
            raise BadRequest.of(
                "symbols", "bounds what a key may trade; scope admin has no such bounds"
            )
        if grant.expires_at is not None and grant.expires_at <= self._clock.now():
            raise BadRequest.of("expires_at", "has passed: give a later time, or none")
        if client.expires_at is not None and (
            grant.expires_at is None or grant.expires_at > client.expires_at
        ):
            words = f"must not be later than your own key's, {client.expires_at.isoformat()}"
            raise BadRequest.of("expires_at", words)

    # -- limits ----------------------------------------------------------------------------
    async def set_limits(
        self, client: Client, account: AccountId, limits: Limits | None
    ) -> Limits:
        """Set the limits of an account, or None for the configuration's; return what holds.

        Nothing leaves against them once this has returned: they are read in the transactions
        that plan and claim.
        """
        await self._administration.set_limits(
            account,
            limits,
            client.actor,
            self._clock.now(),
            configured=self._rulebook.configured_limits(account),
        )
        self._rulebook.take_limits(await self._administration.limits())
        return self._rulebook.limits(account)

    # -- the audit trail -------------------------------------------------------------------
    async def audit(
        self,
        client: Client,
        *,
        account: AccountId | None,
        of_client: ClientName | None,
        action: Action | None,
        since: datetime | None,
        limit: int,
        before: int | None,
    ) -> tuple[tuple[AuditEntry, ...], int | None]:
        """Return a page of the audit trail and where the next one begins.

        What concerns no one account (keys, halts of all) is for a key that may use them all.
        """
        which = AuditFilter(
            accounts=client.accounts if account is None else (account,),
            of_all=account is None and self._accounts <= client.accounts,
            client=of_client,
            action=action,
            since=since,
        )
        found = await self._administration.audit(which, Page(limit + 1, before))
        shown = tuple(found[:limit])
        return shown, shown[-1].number if len(found) > limit else None
