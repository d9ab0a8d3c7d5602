"""Which database a ledger's URL names.

Owns: the choice between SQLite and PostgreSQL. Knows nothing of what is kept.
"""

from __future__ import annotations

from datetime import datetime

from paperdesk.ledger.engine import Owned
from paperdesk.ledger.sqlite import open_sqlite


def open_owned(url: str, at: datetime) -> Owned:
    """Open the ledger on the database that the URL names. Raises LedgerUnavailable."""
    if url.startswith("sqlite:"):
        return open_sqlite(url, at)
    # The driver takes a tenth of a second to import: only who uses it pays for it.
    from paperdesk.ledger.postgres import open_postgres  # noqa: PLC0415

    return open_postgres(url, at)
