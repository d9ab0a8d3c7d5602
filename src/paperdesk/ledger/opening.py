"""Which database a ledger's URL names.

Owns: the choice between SQLite and PostgreSQL. Knows nothing of what is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from paperdesk.ledger.engine import Owned, told
from paperdesk.ledger.sqlite import open_sqlite, snapshot_of_sqlite


def open_owned(url: str, at: datetime) -> Owned:
    """Open the ledger on the database that the URL names. Raises LedgerUnavailable."""
    if url.startswith("sqlite:"):
        return open_sqlite(url, at)
    # The driver takes a tenth of a second to import: only who uses it pays for it.
    from paperdesk.ledger.postgres import open_postgres  # noqa: PLC0415

    return open_postgres(url, at)


@contextmanager
def snapshot(url: str) -> Iterator[sa.Connection]:
    """Yield a connection that sees one moment of the ledger, whoever owns it meanwhile.

    Raises LedgerUnavailable, also where a question fails.
    """
    if url.startswith("sqlite:"):
        engine = snapshot_of_sqlite(url)
    else:
        from paperdesk.ledger.postgres import snapshot_of_postgres  # noqa: PLC0415 - as above

        engine = snapshot_of_postgres(url)
    try:
        with told(), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
