"""The commands about the whole ledger: `paperdesk backup`, `paperdesk restore`.

Owns: their options, and what they say at the end. Knows nothing of what is in a backup.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from paperdesk.cli.options import Config
from paperdesk.config import load_settings


def backup(file: Path, /, *, config: Config = None) -> int:
    """Write the ledger, as it is now, to a new file. The service may run meanwhile.

    Parameters
    ----------
    file
        The file to make; it is refused where one is there already.
    """
    settings = load_settings(config, os.environ)
    # Imported here: a database takes long to import, and no other command wants it.
    from paperdesk.clock import SystemClock  # noqa: PLC0415
    from paperdesk.ledger.backup import back_up  # noqa: PLC0415

    summary = back_up(settings.ledger.url, file, SystemClock().now())
    _say(f"{file}: {sum(summary.rows.values()):,} rows of {len(summary.rows)} tables.")
    return 0


def restore(file: Path, /, *, config: Config = None) -> int:
    """Write a backup into an empty ledger, on SQLite or PostgreSQL. No service may run on it.

    All accounts are halted then, and what the backup has unsent is ended: it may have left since.

    Parameters
    ----------
    file
        What `paperdesk backup` wrote, whichever database that was from.
    """
    settings = load_settings(config, os.environ)
    from paperdesk.clock import SystemClock  # noqa: PLC0415 - as above
    from paperdesk.ledger.backup import restore as restore_ledger  # noqa: PLC0415

    summary = restore_ledger(settings.ledger.url, file, SystemClock().now())
    rows = sum(summary.rows.values())
    _say(f"{file}: {rows:,} rows of {len(summary.rows)} tables restored.")
    _say("Everything is halted: start the service, look at what the broker did since, resume.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
