"""The key that the service makes for itself where no other opens.

Owns: the file of its text, which a newcomer reads it from, and when it is made. Its digest is in
the ledger like any other's, so that it is listed, rotated and revoked as they are.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from paperdesk.desk.administering import make_key
from paperdesk.desk.ports import Administration, Random
from paperdesk.domain.client import SERVICE
from paperdesk.domain.keys import (
    ID_DIGITS,
    ApiKey,
    KeyGrant,
    KeyStatus,
    digest_of,
    recognised,
)
from paperdesk.domain.vocabulary import ClientName, KeyId, Scope
from paperdesk.whereabouts import key_in, write_key

LOCAL: Final = KeyGrant(ClientName("local"), frozenset({Scope.ADMIN}))


async def first_key(
    path: Path, administration: Administration, random: Random, at: datetime
) -> str | None:
    """Return the text of the key at `path` where it opens; None where others do.

    Where none opens, that key is taken into the ledger, or made.
    """
    keys = {key.sha256: key for key in await administration.keys()}
    text = key_in(path)
    known = keys.get(digest_of(text.encode()))
    if known is not None and known.status(at) is KeyStatus.ACTIVE:
        return text
    if any(key.status(at) is KeyStatus.ACTIVE for key in keys.values()):
        return None
    if not text or known is not None:  # none was made, or it was revoked
        text = make_key(LOCAL, random, at=at, by=SERVICE.name).text
        write_key(path, text)
    key_id = recognised(text) or KeyId(random.token_hex(ID_DIGITS))
    key = ApiKey(key_id, digest_of(text.encode()), LOCAL, at, SERVICE.name)
    await administration.create_key(key, SERVICE)
    return text
