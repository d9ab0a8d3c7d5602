"""Targets of a symbol by their time: which are newer than one that is stale.

Owns: the step from 0001 to 0002.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step. There is no way back: restore a backup instead."""
    op.create_index("ix_targets_symbol_as_of", "targets", ["symbol", "as_of"])
