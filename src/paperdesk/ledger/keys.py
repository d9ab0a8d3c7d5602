"""API keys in the ledger.

Owns: how a key is stored, changed and read, with the row of the audit trail that each change
leaves. Each function runs inside a transaction that its caller opened. Knows nothing of who may
change one.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from paperdesk.domain.audit import Action, State
from paperdesk.domain.client import Actor
from paperdesk.domain.keys import ApiKey, KeyGrant, KeyStatus
from paperdesk.domain.vocabulary import AccountId, ClientName, KeyId, Scope, Symbol
from paperdesk.errors import BadRequest, FieldError
from paperdesk.ledger import trail
from paperdesk.ledger.journal import Journal
from paperdesk.ledger.rows import RowMapping
from paperdesk.ledger.schema import api_keys, key_uses


def every_key(connection: sa.Connection) -> tuple[ApiKey, ...]:
    """Return every key ever made, oldest first."""
    of_key = sa.outerjoin(api_keys, key_uses, api_keys.c.key_id == key_uses.c.key_id)
    rows = connection.execute(
        sa.select(api_keys, key_uses.c.used_at)
        .select_from(of_key)
        .order_by(api_keys.c.created_at, api_keys.c.key_id)
    )
    return tuple(_key_of(row) for row in rows.mappings())


def _key_of(row: RowMapping) -> ApiKey:
    accounts, symbols = row["accounts"], row["symbols"]
    return ApiKey(
        key_id=KeyId(row["key_id"]),
        sha256=row["sha256"],
        grant=KeyGrant(
            client=ClientName(row["client"]),
            scopes=frozenset(map(Scope, row["scopes"])),
            accounts=None if accounts is None else frozenset(map(AccountId, accounts)),
            symbols=None if symbols is None else frozenset(map(Symbol, symbols)),
            expires_at=row["expires_at"],
        ),
        created_at=row["created_at"],
        created_by=row["created_by"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
        last_used_at=row["used_at"],
    )


def create(journal: Journal, key: ApiKey, by: Actor) -> None:
    """Store a new key. Raises BadRequest where a key of its client opens still."""
    taken = any(
        other.grant.client == key.grant.client and other.status(journal.at) is KeyStatus.ACTIVE
        for other in every_key(journal.connection)
    )
    if taken:
        words = "has a key already: rotate that one, or give another name"
        raise BadRequest(
            f"name: {key.grant.client} {words}.", errors=(FieldError("name", words),)
        )
    _insert(journal, key)
    _note(journal, by, Action.CREATE_KEY, before=None, after=_state(key))


def rotate(
    journal: Journal, key: ApiKey, old: KeyId, old_ends_at: datetime | None, by: Actor
) -> None:
    """Store a new key beside an old one, which may get an end. Raises BadRequest."""
    before = _key(journal.connection, old)
    status = before.status(journal.at)
    if status is not KeyStatus.ACTIVE:
        words = f"{old} is {status}: create a key for its client instead"
        raise BadRequest.of("key_id", words)
    _insert(journal, key)
    if old_ends_at is not None:
        journal.update(api_keys, {"key_id": old}, {"expires_at": old_ends_at})
    after = {"new": _state(key), "old": _state(_key(journal.connection, old))}
    _note(journal, by, Action.ROTATE_KEY, before=_state(before), after=after)


def revoke(journal: Journal, key_id: KeyId, by: Actor) -> None:
    """Let a key open no more; nothing changes where it was revoked already."""
    before = _key(journal.connection, key_id)
    if before.revoked_at is not None:
        return
    journal.update(
        api_keys, {"key_id": key_id}, {"revoked_at": journal.at, "revoked_by": by.name}
    )
    after = _state(_key(journal.connection, key_id))
    _note(journal, by, Action.REVOKE_KEY, before=_state(before), after=after)


def _key(connection: sa.Connection, key_id: KeyId) -> ApiKey:
    return next(key for key in every_key(connection) if key.key_id == key_id)


def _insert(journal: Journal, key: ApiKey) -> None:
    grant = key.grant
    journal.insert(
        api_keys,
        [
            {
                "key_id": key.key_id,
                "sha256": key.sha256,
                "client": grant.client,
                "scopes": sorted(grant.scopes),
                "accounts": None if grant.accounts is None else sorted(grant.accounts),
                "symbols": None if grant.symbols is None else sorted(grant.symbols),
                "expires_at": grant.expires_at,
                "created_at": key.created_at,
                "created_by": key.created_by,
                "revoked_at": None,
                "revoked_by": None,
            }
        ],
    )


def _state(key: ApiKey) -> State:
    """Return what a key is, for the trail: everything but what opens."""
    grant = key.grant
    return {
        "key_id": key.key_id,
        "client": grant.client,
        "scopes": sorted(grant.scopes),
        "accounts": None if grant.accounts is None else sorted(grant.accounts),
        "symbols": None if grant.symbols is None else sorted(grant.symbols),
        "expires_at": None if grant.expires_at is None else grant.expires_at.isoformat(),
        "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
    }


def _note(
    journal: Journal, by: Actor, action: Action, *, before: State | None, after: State
) -> None:
    trail.note(journal, by, action, account=None, before=before, after=after)
