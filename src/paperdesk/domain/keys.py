"""API keys: how one is written, recognised and known again.

Owns: the text of a key, its checksum, its digest, and ApiKey, what is kept of one. The text
itself is kept nowhere. Knows nothing of how a key is stored, presented or drawn.

    pdk_3f9a01c7_<secret, 43 characters><checksum, 6 characters>

The eight digits name the key and are no secret: lists show them, and who finds a key somewhere
knows by them which one to revoke. The secret has 256 bits, so that a fast hash of it is enough.
The checksum is CRC-32 over all before it, as GitHub's tokens have one: a scanner tells a key
from what merely looks like one, without asking anybody.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from paperdesk.domain.client import Client, Origin
from paperdesk.domain.vocabulary import AccountId, ClientName, KeyId, Scope, Symbol

ID_DIGITS: Final = 8
SECRET_BITS: Final = 256
SECRET_CHARS: Final = 43  # 62 ** 43 is more than 2 ** 256
CHECKSUM_CHARS: Final = 6  # 62 ** 6 is more than 2 ** 32
PATTERN: Final = re.compile(
    rf"pdk_([0-9a-f]{{{ID_DIGITS}}})_[0-9A-Za-z]{{{SECRET_CHARS + CHECKSUM_CHARS}}}"
)

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def text_of(key_id: KeyId, secret: int) -> str:
    """Return the key with this id and secret, which has at most 256 bits."""
    assert 0 <= secret < 2**SECRET_BITS
    body = f"pdk_{key_id}_{_base62(secret, SECRET_CHARS)}"
    return body + _checksum(body)


def recognised(text: str) -> KeyId | None:
    """Return the id of the key that `text` is; None where it is none, or was cut or mistyped."""
    match = PATTERN.fullmatch(text)
    body, checksum = text[:-CHECKSUM_CHARS], text[-CHECKSUM_CHARS:]
    return KeyId(match[1]) if match and _checksum(body) == checksum else None


def digest_of(presented: bytes) -> str:
    """Return the sha256 in lowercase hex: what is kept of a key."""
    return hashlib.sha256(presented).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM_CHARS)


def _base62(number: int, length: int) -> str:
    written = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        written = _DIGITS[digit] + written
    return written


class KeyStatus(StrEnum):
    """Whether a key opens."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a key is for: whose it is, and what it may do until when.

    `accounts` None is every account, also those configured later; `symbols` None is every
    symbol; `expires_at` None is never.
    """

    client: ClientName
    scopes: frozenset[Scope]
    accounts: frozenset[AccountId] | None = None
    symbols: frozenset[Symbol] | None = None
    expires_at: datetime | None = None

    def client_of(self, key_id: KeyId | None, configured: frozenset[AccountId]) -> Client:
        """Return who calls with the key, of a service with these accounts."""
        accounts = configured if self.accounts is None else self.accounts
        origin = Origin(key_id)
        return Client(self.client, self.scopes, accounts, self.symbols, self.expires_at, origin)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that was made. It stays when it was revoked, with who revoked it."""

    key_id: KeyId
    sha256: str
    grant: KeyGrant
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    last_used_at: datetime | None = None

    def status(self, now: datetime) -> KeyStatus:
        """Tell whether it opens."""
        if self.revoked_at is not None:
            return KeyStatus.REVOKED
        expires_at = self.grant.expires_at
        is_over = expires_at is not None and expires_at <= now
        return KeyStatus.EXPIRED if is_over else KeyStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, and its text, which is told this once."""

    text: str
    key: ApiKey
