"""The JSON of API keys: made, listed, rotated, revoked.

Owns: the body of each of these calls with its rules, and the fields of each answer. The text of a
key is in one answer only, that of its making. Knows nothing of who may do it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from paperdesk.domain.client import Client
from paperdesk.domain.keys import ApiKey, KeyGrant, NewKey
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope
from paperdesk.wire import values
from paperdesk.wire.encoding import rfc3339, rfc3339_or_null, sorted_or_null
from paperdesk.wire.parsing import Json, shown
from paperdesk.wire.reading import Breach, Breaches, Members
from paperdesk.wire.values import Entries, SymbolText, Time

OVERLAP_SECONDS_MAX: Final = 366 * 24 * 3600
CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
ACCOUNT: Final = re.compile(r"[A-Z0-9]{1,32}", re.ASCII)

AccountText = Annotated[str, Meta(pattern=f"^{ACCOUNT.pattern}$")]

# ── What comes in ─────────────────────────────────────────────────────────────────────────────


class CreateKeyBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A key for a new client."""

    name: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9._-]{1,64}$", description="The client: whose batches they are."
        ),
    ]
    scopes: (
        Annotated[Entries[Scope], Meta(description="`trade` where none are given.")]
        | UnsetType
        | None
    ) = UNSET
    accounts: (
        Annotated[Entries[AccountText], Meta(description="Every account where none are given.")]
        | UnsetType
        | None
    ) = UNSET
    symbols: (
        Annotated[
            Entries[SymbolText],
            Meta(description="What it may trade; every symbol where none are given."),
        ]
        | UnsetType
        | None
    ) = UNSET
    expires_at: Time | UnsetType | None = UNSET


class RotateKeyBody(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A second key beside a first one."""

    old_ends_in_seconds: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=OVERLAP_SECONDS_MAX,
                description="For how long the first one still opens; without it, until it is "
                "revoked.",
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


def parse_create_key(document: Json) -> KeyGrant:
    """Return what the new key is for. Raises BadRequest."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(CreateKeyBody.__struct_encode_fields__)
    name = body.required("name", _client_name)
    scopes = body.optional("scopes", values.list_of(values.word_of(Scope)))
    accounts = body.optional("accounts", values.list_of(_account))
    symbols = body.optional("symbols", values.list_of(values.symbol))
    expires_at: datetime | None = body.optional("expires_at", values.moment)
    breaches.raise_any()
    assert name is not None
    return KeyGrant(
        client=name,
        scopes=frozenset(scopes or {Scope.TRADE}),
        accounts=None if accounts is None else frozenset(accounts),
        symbols=None if symbols is None else frozenset(symbols),
        expires_at=expires_at,
    )


def parse_rotate_key(document: Json) -> timedelta | None:
    """Return for how long the old key still opens, None for on and on. Raises BadRequest."""
    breaches = Breaches()
    body = Members.of(document, breaches)
    body.refuse_unknown(RotateKeyBody.__struct_encode_fields__)
    seconds = body.optional("old_ends_in_seconds", values.whole_number(0, OVERLAP_SECONDS_MAX))
    breaches.raise_any()
    return None if seconds is None else timedelta(seconds=seconds)


def _client_name(value: Json) -> ClientName:
    name = values.text(value)
    if not CLIENT_NAME.fullmatch(name):
        raise Breach("must be 1 to 64 letters, digits, or any of . _ -")
    return ClientName(name)


def _account(value: Json) -> AccountId:
    name = values.text(value)
    if not ACCOUNT.fullmatch(name):
        raise Breach(f'names "{shown(name)}", which is no account')
    return AccountId(name)


# ── What goes out ─────────────────────────────────────────────────────────────────────────────


class KeyBody(Struct, kw_only=True, frozen=True):
    """A key, without what opens."""

    id: Annotated[
        str | None,
        Meta(description="The eight digits in the key; null for one of the configuration."),
    ]
    name: str
    status: Annotated[str, Meta(description="`active`, `expired` or `revoked`.")]
    scopes: tuple[str, ...]
    accounts: Annotated[tuple[str, ...] | None, Meta(description="null is every account.")]
    symbols: Annotated[tuple[str, ...] | None, Meta(description="null is every symbol.")]
    created_at: Time | None
    created_by: str | None
    expires_at: Time | None
    revoked_at: Time | None
    revoked_by: str | None
    last_used_at: Annotated[Time | None, Meta(description="To about a minute.")]

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> KeyBody:
        """Return the body of `key` as it is at `now`."""
        grant = key.grant
        return cls(
            id=key.key_id,
            name=grant.client,
            status=key.status(now).value,
            scopes=tuple(sorted(grant.scopes)),
            accounts=sorted_or_null(grant.accounts),
            symbols=sorted_or_null(grant.symbols),
            created_at=rfc3339(key.created_at),
            created_by=key.created_by,
            expires_at=rfc3339_or_null(grant.expires_at),
            revoked_at=rfc3339_or_null(key.revoked_at),
            revoked_by=key.revoked_by,
            last_used_at=rfc3339_or_null(key.last_used_at),
        )

    @classmethod
    def configured(cls, client: Client) -> KeyBody:
        """Return the body of a key that the configuration holds."""
        return cls(
            id=None,
            name=client.name,
            status="active",
            scopes=tuple(sorted(client.scopes)),
            accounts=sorted_or_null(client.accounts),
            symbols=None,
            created_at=None,
            created_by="configuration",
            expires_at=None,
            revoked_at=None,
            revoked_by=None,
            last_used_at=None,
        )


class KeysAnswer(Struct, kw_only=True, frozen=True):
    """The keys, those of the configuration first."""

    keys: tuple[KeyBody, ...]

    @classmethod
    def of(
        cls, configured: Iterable[Client], keys: Iterable[ApiKey], now: datetime
    ) -> KeysAnswer:
        """Return the answer for these keys."""
        return cls(
            keys=(
                *(KeyBody.configured(client) for client in configured),
                *(KeyBody.of(key, now) for key in keys),
            )
        )


class NewKeyAnswer(KeyBody, kw_only=True, frozen=True):
    """A key that was just made. Its text is shown here and never again."""

    key: str
    rotated: (
        Annotated[str, Meta(description="The id of the key it stands beside.")] | UnsetType
    ) = UNSET

    @classmethod
    def made(cls, new: NewKey, now: datetime, *, rotated: str | None = None) -> NewKeyAnswer:
        """Return the answer for a new key."""
        body = KeyBody.of(new.key, now)
        known = {name: getattr(body, name) for name in KeyBody.__struct_fields__}
        return cls(key=new.text, rotated=UNSET if rotated is None else rotated, **known)
