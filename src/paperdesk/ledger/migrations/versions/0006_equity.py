"""Net liquidation values by the minute.

Owns: the step from 0005 to 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step. There is no way back: restore a backup instead."""
    op.create_table(
        "equity",
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("net_liquidation", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "minute", name=op.f("pk_equity")),
    )
