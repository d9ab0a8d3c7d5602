"""The file of a ledger that is new.

Owns: making it once: to migrate takes longer than many a test. Knows nothing of what is written.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import sqlalchemy as sa

from paperdesk.ledger.engine import migrate


@functools.cache
def empty_ledger() -> bytes:
    """Return what a SQLite ledger is after its first start."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        engine = sa.create_engine(f"sqlite:///{path}")
        migrate(engine)
        engine.dispose()
        return path.read_bytes()
