"""Orders of which a person said what they came to.

Owns: the step from 0003 to 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step. There is no way back: restore a backup instead."""
    op.add_column(
        "orders",
        sa.Column("is_said", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
